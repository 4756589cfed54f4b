// SPDX-License-Identifier: Apache-2.0
#include "format/promql/promql.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "promql_case.h"
#include "unit_test.h"

enum { LINE_MAX_BYTES = 1024 };

/* <LF>, <U+XXXX> and <0xNN> as their bytes. */
static size_t expand(const char *in, size_t n, char *out)
{
	size_t len = 0;

	for (size_t i = 0; i < n;) {
		unsigned value;

		if (strncmp(in + i, "<LF>", 4) == 0) {
			out[len++] = '\n';
			i += 4;
		} else if (sscanf(in + i, "<0x%2x>", &value) == 1) {
			out[len++] = (char)value;
			i += 6;
		} else if (sscanf(in + i, "<U+%4x>", &value) == 1) {
			if (value < 0x800) {
				out[len++] = (char)(0xc0 | value >> 6);
			} else {
				out[len++] = (char)(0xe0 | value >> 12);
				out[len++] = (char)(0x80 | (value >> 6 & 0x3f));
			}
			out[len++] = (char)(0x80 | (value & 0x3f));
			i += 8;
		} else {
			out[len++] = in[i++];
		}
	}
	return len;
}

static void check_example(const char *line)
{
	static const struct promql_options options[] = {
		{ .level = PROMQL_NEWEST },
		{ .level = PROMQL_NEWEST,
			.no_experimental_functions = true,
			.no_fill_modifiers = true },
		{ .level = PROMQL_2_42 },
	};
	const char *end = strstr(line, " ;; ");
	char text[LINE_MAX_BYTES];
	size_t n = expand(line + 8, (size_t)(end - line - 8), text);

	for (size_t i = 0; i < 3; i++) {
		const bool expected = line[i * 2] == 'A' && !strstr(end, "we refuse)");
		struct err err = { 0 };
		const char *printed = promql_case_options(
			(struct slice){ text, n }, &options[i], &err);

		if (expected != !!printed && !(expected && strstr(end, "we refuse info")))
			fail_msg("%.*s with options %zu: %s", (int)n, text, i,
				printed ? printed : err.text);
	}
}

static void examples_are_accepted_and_rejected_as_prometheus_does(void **state)
{
	char path[4096], line[LINE_MAX_BYTES];
	unsigned n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/tests/fixtures/promql/examples.txt",
		getenv("CEEMS_SOURCE"));
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (line[0] == '#')
			continue;
		check_example(line);
		n++;
	}
	fclose(f);
	assert_true(n >= 93);
}

static void canonical_texts_are_these(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ " m ", "m" },
		{ "m{}", "m" },
		{ "{__name__=\"m\",a='x'}", "m{a=\"x\"}" },
		{ "{__name__=\"on\"}", "{__name__=\"on\"}" },
		{ "{\"a.b\", `x y`=~\"1\"}", "{__name__=\"a.b\",\"x y\"=~\"1\"}" },
		{ "{__name__=\"a\",__name__=\"b\"}", "{__name__=\"a\",__name__=\"b\"}" },
		{ "m{a=\"q\\\"\\n\\t\\x01\\u00e9\\\\\"}", "m{a=\"q\\\"\\n\\t\\x01\xc3\xa9\\\\\"}" },
		{ "m{a=\"\\ufffd\"}", "m{a=\"\\ufffd\"}" },
		{ "- - 1", "1" },
		{ "- m", "-m" },
		{ "-a^2", "-a ^ 2" },
		{ "2 ^ -1 * 3", "2 ^ -1 * 3" },
		{ "a==b==c", "a == b == c" },
		{ "1_000 + 0x1F + 017", "1000 + 31 + 15" },
		{ "5m", "300" },
		{ "inf + NaN", "Inf + NaN" },
		{ "m[90m]", "m[1h30m]" },
		{ "m[36h]", "m[1d12h]" },
		{ "m[0.0001]", "m[0.0001]" },
		{ "m[1.5]", "m[1s500ms]" },
		{ "m [ 5m ] offset -1h @ 1.5", "m[5m] @ 1.500 offset -1h" },
		{ "m offset 0", "m" },
		{ "m @ end() offset 5m", "m @ end() offset 5m" },
		{ "m @ -0.25", "m @ -0.250" },
		{ "m offset (5m) + 3", "m offset +((5m) + 3s)" },
		{ "m offset -(5m) * 2", "m offset -(5m) * 2" },
		{ "m offset - -5m + 3", "m offset +(5m + 3s)" },
		{ "m offset step() + 3", "m offset +(step()) + 3" },
		{ "m[max_of(step(),1m)+2*range()]", "m[max_of(step(), 1m) + 2s * range()]" },
		{ "sum(rate(m[5m])) BY (a,)", "sum by (a) (rate(m[5m]))" },
		{ "sum by () (m)", "sum(m)" },
		{ "sum without () (m)", "sum without () (m)" },
		{ "topk(3, m)", "topk(3, m)" },
		{ "avg by (\"without\", `node.id`) (m)", "avg by (\"without\", \"node.id\") (m)" },
		{ "a * on (x) group_left b", "a * on (x) group_left () b" },
		{ "a * ignoring () b", "a * b" },
		{ "a * ignoring () group_right (y) b", "a * ignoring () group_right (y) b" },
		{ "a > bool 1", "a > bool 1" },
		{ "m + on () 1", "m + 1" },
		{ "a + fill(1) b", "a + fill (1) b" },
		{ "a + fill_right(-1) fill_left(2m) b", "a + fill_left (120) fill_right (-1) b" },
		{ "max_over_time(sum(m)[1h:1m] offset 1d)",
			"max_over_time(sum(m)[1h:1m] offset 1d)" },
		{ "m[5m:]", "m[5m:]" },
		{ "rate(m[5m] anchored)", "rate(m[5m] anchored)" },
		{ "info(m, {})", "info(m, {})" },
		{ "info({\"m\"}, {\"n\"})", "info(m, {__name__=\"n\"})" },
		{ "(((m)))", "(((m)))" },
		{ "m # note\n", "m" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *out = promql_case(cases[i].in);

		if (!out || strcmp(out, cases[i].out) != 0)
			fail_msg("'%s' became '%s', not '%s'", cases[i].in, out ? out : "nothing",
				cases[i].out);
		char copy[LINE_MAX_BYTES];

		snprintf(copy, sizeof(copy), "%s", out);
		assert_string_equal(promql_case(copy), cases[i].out);
	}
}

static void errors_name_the_place(void **state)
{
	struct err err = { 0 };

	assert_null(promql_case_options(SLICE("sum(m) +\n  rate(x[5m]"), NULL, &err));
	assert_string_equal(err.text, "2:13: parse error: an unclosed parenthesis");
	assert_null(promql_case_options(SLICE("rate(cpu)"), NULL, &err));
	assert_string_equal(err.text,
		"1:6: parse error: expected a range vector in rate, got an instant vector");
	/* 40 bytes of what was found would end in the middle of a character. */
	assert_null(promql_case_options(SLICE("m{a=\"1\" \"ėėėėėėėėėėėėėėėėėėėėė\"}"), NULL, &err));
	assert_non_null(strstr(err.text, "unexpected '\"ėėėėėėėėėėėėėėėėėėė'...; expected"));
}

static void parse_chain(
	const char *head, const char *piece, const char *tail, unsigned n, int expected)
{
	struct promql_node *node;
	struct buffer text;
	struct arena arena;
	int r;

	buffer_init(&text, 0);
	for (unsigned i = 0; i < n; i++)
		buffer_puts(&text, head);
	buffer_puts(&text, piece);
	for (unsigned i = 0; i < n; i++)
		buffer_puts(&text, tail);
	arena_init(&arena, PROMQL_CASE_BYTES);
	r = promql_parse((struct slice){ text.data, text.len }, NULL, &arena, &node, NULL);
	assert_int_equal(r, expected);
	arena_done(&arena);
	buffer_done(&text);
}

static void nesting_and_size_have_limits(void **state)
{
	parse_chain("(", "m", ")", 150, 0);
	parse_chain("(", "m", ")", 20000, -E2BIG);
	parse_chain("-", "m", "", 20000, -E2BIG);
	parse_chain("", "m", "[1m:]", 2, -EBADMSG); /* a subquery of a range */
	parse_chain("abs(", "m", ")", 10000, -E2BIG);
	parse_chain("", "m", "+m", 20000, -E2BIG);
	parse_chain("", "m", " ", 70000, -E2BIG);
	parse_chain("", "m[1m+", "(", 20000, -EBADMSG);
}

static void selectors_alone_take_nothing_else(void **state)
{
	static const struct {
		const char *text;
		int result;
	} cases[] = {
		{ "m", 0 },
		{ "{a=\"x\"} # note", 0 },
		{ "m{__name__=\"m\"}", 0 },
		{ "sum", 0 },
		{ "{}", -EBADMSG },
		{ "{a=\"\"}", -EBADMSG },
		{ "m offset 5m", -EBADMSG },
		{ "m[5m]", -EBADMSG },
		{ "(m)", -EBADMSG },
		{ "m + m", -EBADMSG },
		{ "sum(m)", -EBADMSG },
		{ "", -EBADMSG },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct promql_node *node;
		struct arena arena;

		arena_init(&arena, PROMQL_CASE_BYTES);
		if (promql_parse_selector(slice_from(cases[i].text), NULL, &arena, &node, NULL) !=
			cases[i].result)
			fail_msg("'%s'", cases[i].text);
		arena_done(&arena);
	}
}

static int count(void *ctx, struct promql_node *node)
{
	unsigned *n = ctx;

	*n += node->kind == PROMQL_NODE_SELECTOR;
	return 0;
}

static void every_selector_is_walked(void **state)
{
	struct promql_node *node;
	struct arena arena;
	unsigned n = 0;

	arena_init(&arena, PROMQL_CASE_BYTES);
	assert_int_equal(promql_parse(SLICE("topk(scalar(a), sum(b + c)) or -((d) or "
					    "max_over_time((e * f)[5m:1m])) or info(g, {h=\"i\"})"),
				 NULL, &arena, &node, NULL),
		0);
	assert_int_equal(promql_walk(node, count, &n), 0);
	assert_int_equal(n, 8);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples_are_accepted_and_rejected_as_prometheus_does),
		cmocka_unit_test(canonical_texts_are_these),
		cmocka_unit_test(errors_name_the_place),
		cmocka_unit_test(nesting_and_size_have_limits),
		cmocka_unit_test(selectors_alone_take_nothing_else),
		cmocka_unit_test(every_selector_is_walked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
