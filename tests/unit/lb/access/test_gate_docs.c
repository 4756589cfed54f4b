// SPDX-License-Identifier: Apache-2.0
/*
 * The examples of docs/load-balancer-queries.md: lines of fenced blocks, "METHOD PATH", parameters
 * ("name=value & name=value", "raw:" as they are, "-" none) and what becomes of them, each after
 * two blanks or more.
 */
#include "gate_case.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "basic/file.h"
#include "basic/macros.h"

enum { FIELDS = 3, DOC_MAX_BYTES = 1 << 20 };

#define S(seconds) ((int64_t)(seconds)*1000)

/* Cuts at two blanks or more. */
static bool next_field(struct slice *rest, struct slice *ret_field)
{
	const char *end;

	*rest = slice_trim(*rest);
	if (!rest->n)
		return false;
	end = memmem(rest->p, rest->n, "  ", 2);
	ret_field->p = rest->p;
	ret_field->n = end ? (size_t)(end - rest->p) : rest->n;
	rest->p += ret_field->n;
	rest->n -= ret_field->n;
	return true;
}

static void encode(struct buffer *out, struct slice params)
{
	while (params.n) {
		const char *end = memmem(params.p, params.n, " & ", 3);
		const struct slice one = { params.p, end ? (size_t)(end - params.p) : params.n };
		const char *equals = memchr(one.p, '=', one.n);
		const size_t skip = end ? one.n + 3 : one.n;

		assert_non_null(equals);
		if (out->len)
			buffer_putc(out, '&');
		buffer_append(out, one.p, (size_t)(equals + 1 - one.p));
		for (const char *c = equals + 1; c < one.p + one.n; c++)
			buffer_printf(out, "%%%02X", (unsigned char)*c);
		params.p += skip;
		params.n -= skip;
	}
}

/* In the words of the document. */
static void say(const char *decided, struct buffer *out)
{
	const char *at = decided, *start = strstr(decided, "&start=");
	char outcome[16], cluster[16], units[64];

	if (strncmp(at, "free", 4) == 0) {
		buffer_puts(out, "free");
	} else if (sscanf(at, "%15s %15s %63s", outcome, cluster, units) == 3 &&
		str_eq(outcome, "bound")) {
		buffer_printf(out, "units %s", units);
		if (!str_eq(cluster, "alpha"))
			buffer_printf(out, " of %s", cluster);
		if (start && atol(start + 7) > 1000)
			buffer_printf(out, " start=%ld", atol(start + 7));
		if (strstr(at, " = {"))
			buffer_puts(out, " answered here");
	} else {
		at = strchr(at, ' ') + 1;
		buffer_append(out, at, strcspn(at, ":"));
	}
}

static void check_line(struct slice line, bool *seen)
{
	static const struct gate_life own[] = { { S(10000), S(20000) } };
	static const struct gate_life foreign[] = { { S(1000), S(5000) } };
	static const struct unit_lives lives[] = { { "900", { own, 1, foreign, 1 } },
		{ NULL, { NULL, 0, NULL, 0 } } };
	static const char *hidden[] = { "rack" };
	const struct setting setting = { .options = { .experimental_functions = true },
		.cluster = { .hidden_labels = { hidden, 1 } },
		.lives = lives };
	struct slice rest = line, fields[FIELDS], method;
	struct buffer params, path, name, decided, said;
	struct asked asked = { NULL, NULL, NULL, NULL, NULL };

	for (size_t i = 0; i < FIELDS; i++)
		if (!next_field(&rest, &fields[i]))
			fail_msg("'%.*s' has no three fields", (int)line.n, line.p);
	buffer_init(&params, 0);
	buffer_init(&path, 0);
	buffer_init(&name, 0);
	buffer_init(&decided, 0);
	buffer_init(&said, 0);
	slice_next(&fields[0], ' ', &method);
	buffer_append(&name, method.p, method.n);
	buffer_append(&path, fields[0].p, fields[0].n);
	if (fields[1].n > 4 && memcmp(fields[1].p, "raw:", 4) == 0)
		buffer_append(&params, fields[1].p + 4, fields[1].n - 4);
	else if (!slice_eq(fields[1], "-"))
		encode(&params, fields[1]);
	asked.method = buffer_text(&name);
	asked.path = buffer_text(&path);
	if (str_eq(asked.method, "POST")) {
		asked.type = FORM_TYPE;
		asked.body = buffer_text(&params);
	} else if (params.len) {
		asked.query = buffer_text(&params);
	}
	gate_case_decide(&asked, &setting, &decided);
	say(buffer_text(&decided), &said);
	if (!slice_eq(fields[2], buffer_text(&said)))
		fail_msg("'%.*s': %s", (int)line.n, line.p, buffer_text(&decided));
	for (size_t i = 0; i < N_GATE_REASONS; i++)
		if (str_eq(buffer_text(&said), gate_reason_name((enum gate_reason)i)))
			seen[i] = true;
	buffer_done(&params);
	buffer_done(&path);
	buffer_done(&name);
	buffer_done(&decided);
	buffer_done(&said);
}

static void the_documents_examples_are_true(void **state)
{
	bool seen[N_GATE_REASONS] = { [GATE_TOO_LARGE] = true /* would not fit a page */ };
	struct slice rest, line;
	struct buffer path, text;
	bool inside = false;
	size_t n = 0;

	buffer_init(&path, 0);
	buffer_init(&text, 0);
	buffer_printf(&path, "%s/docs/load-balancer-queries.md", getenv("CEEMS_SOURCE"));
	assert_return_code(file_read(AT_FDCWD, path.data, DOC_MAX_BYTES, &text), 0);
	rest = (struct slice){ text.data, text.len };
	while (slice_next_line(&rest, &line)) {
		if (slice_eq(line, "```")) {
			inside = !inside;
		} else if (inside) {
			check_line(line, seen);
			n++;
		}
	}
	assert_true(n > 40);
	for (size_t i = 0; i < N_GATE_REASONS; i++)
		if (!seen[i])
			fail_msg("no example is refused as '%s'",
				gate_reason_name((enum gate_reason)i));
	buffer_done(&path);
	buffer_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_documents_examples_are_true),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
