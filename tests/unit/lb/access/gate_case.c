// SPDX-License-Identifier: Apache-2.0
#include "gate_case.h"

#include <errno.h>
#include <stdlib.h>

#include "basic/macros.h"

static struct slice maybe(const char *text)
{
	return text ? slice_from(text) : (struct slice){ NULL, 0 };
}

static void put_units(struct buffer *out, const struct strings *units)
{
	for (size_t i = 0; i < units->n; i++)
		buffer_printf(out, "%s%s", i ? "," : " ", units->v[i]);
}

void gate_case_decode(struct buffer *out, struct slice text)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == '%') {
			const char hex[3] = { text.p[i + 1], text.p[i + 2], '\0' };

			c = (char)strtol(hex, NULL, 16);
			i += 2;
		}
		buffer_putc(out, c);
	}
}

static void put_forward(struct buffer *out, const struct gate_forward *f)
{
	buffer_printf(out, " %s %.*s", f->method, (int)f->path.n, f->path.p);
	if (f->query.p)
		buffer_putc(out, '?');
	gate_case_decode(out, f->query);
	if (f->body.p) {
		assert_string_equal(f->content_type, FORM_TYPE);
		buffer_putc(out, ' ');
		gate_case_decode(out, f->body);
	}
	if (f->answer)
		buffer_printf(out, " = %.*s", (int)strcspn(f->answer, "\n"), f->answer);
}

struct gate_request gate_case_request(const struct asked *asked)
{
	return (struct gate_request){
		.kind = GATE_TSDB,
		.method = asked->method,
		.path = maybe(asked->path),
		.query = maybe(asked->query),
		.content_type = maybe(asked->type),
		.body = maybe(asked->body),
		.cluster = "alpha",
		.now_ms = GATE_CASE_NOW_MS,
	};
}

static struct gate_unit_lives lives_of(const struct setting *setting, const char *unit)
{
	static const struct gate_life always = { 0, INT64_MAX };

	for (size_t i = 0; setting->lives && setting->lives[i].unit; i++)
		if (str_eq(setting->lives[i].unit, unit))
			return setting->lives[i].lives;
	return (struct gate_unit_lives){ &always, 1, NULL, 0 };
}

void gate_case_decide(const struct asked *asked, const struct setting *setting, struct buffer *out)
{
	struct gate_unit_lives *lives;
	const struct gate_request request = gate_case_request(asked);
	struct gate_forward forward;
	struct gate_refusal refusal;
	struct gate_plan plan;
	struct arena arena;
	int r;

	arena_init(&arena, GATE_CASE_ARENA_BYTES);
	assert_int_equal(gate_read(&setting->options, &request, &arena, &plan), 0);
	if (plan.outcome != GATE_REFUSED) {
		lives = ARENA_ARRAY(&arena, struct gate_unit_lives, plan.units.n + 1);
		for (size_t i = 0; i < plan.units.n; i++)
			lives[i] = lives_of(setting, plan.units.v[i]);
		r = gate_write(&setting->options, &request, &plan,
			plan.outcome == GATE_BOUND ? lives : NULL, &setting->cluster, &arena,
			&forward, &refusal);
		assert_true(r == 0 || r == -EACCES);
		if (r == 0) {
			buffer_puts(out, plan.outcome == GATE_FREE ? "free " : "bound ");
			buffer_puts(out, plan.cluster);
			put_units(out, &plan.units);
			put_forward(out, &forward);
		} else {
			buffer_printf(out, "%d %s: %s", gate_status(refusal.reason),
				gate_reason_name(refusal.reason), refusal.why);
		}
	} else {
		buffer_printf(out, "%d %s: %s", gate_status(plan.refusal.reason),
			gate_reason_name(plan.refusal.reason), plan.refusal.why);
	}
	arena_done(&arena);
}

void gate_case_check(const struct asked *asked, const struct setting *setting, const char *expected)
{
	struct buffer out;

	buffer_init(&out, 0);
	gate_case_decide(asked, setting, &out);
	if (out.len > strlen(expected) && !strpbrk(expected, ":/"))
		out.data[strlen(expected)] = '\0';
	if (!str_eq(buffer_text(&out), expected))
		print_message("%s %s?%s %s\n", asked->method, asked->path,
			asked->query ? asked->query : "", asked->body ? asked->body : "");
	assert_string_equal(buffer_text(&out), expected);
	buffer_done(&out);
}

void gate_case_check_rows(const struct gate_row *rows, size_t n, const struct setting *setting)
{
	for (size_t i = 0; i < n; i++)
		gate_case_check(&rows[i].asked, setting, rows[i].expected);
}

void gate_case_check_query(const char *path, const char *query, const char *more,
	const struct setting *setting, const char *expected)
{
	struct buffer text;

	buffer_init(&text, 0);
	buffer_puts(&text, "query=");
	for (const char *c = query; *c; c++)
		buffer_printf(&text, "%%%02x", (unsigned char)*c);
	buffer_puts(&text, more);
	gate_case_check(&(struct asked)GET(path, text.data), setting, expected);
	buffer_done(&text);
}
