// SPDX-License-Identifier: Apache-2.0
/* Sizes from outside, and what they end in. */
#include "gate_case.h"

#include <errno.h>

#include "basic/macros.h"
#include "format/promql/promql.h"
#include "lb/access/cut.h"

static const struct setting plain = { .options = { .experimental_functions = true } };

static void repeat(struct buffer *out, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buffer_puts(out, text);
}

static void check_get(
	const struct buffer *query, const struct setting *setting, const char *expected)
{
	gate_case_check(&(struct asked)GET(API "query", query->data), setting, expected);
}

static void check_post(const struct buffer *body, const char *expected)
{
	gate_case_check(&(struct asked)POST(API "query", body->data), &plain, expected);
}

static void ids_have_a_length(void **state)
{
	for (int extra = 0; extra < 2; extra++) {
		struct buffer query;

		buffer_init(&query, 0);
		buffer_puts(&query, "query=m{uuid=\"");
		repeat(&query, "x", GATE_UNIT_MAX_BYTES + (size_t)extra);
		buffer_puts(&query, "\"}");
		check_get(&query, &plain, extra ? "403 unbound" : "bound");
		buffer_clear(&query);
		buffer_puts(&query, "query=m{uuid=\"1\",ceems_id=\"");
		repeat(&query, "x", GATE_UNIT_MAX_BYTES + (size_t)extra);
		buffer_puts(&query, "\"}");
		check_get(&query, &plain, extra ? "403 unbound" : "bound");
		buffer_done(&query);
	}
}

static void units_are_counted_once_each(void **state)
{
	for (int extra = 0; extra < 2; extra++) {
		struct buffer body;

		buffer_init(&body, 0);
		buffer_puts(&body, "query=0");
		for (int i = 0; i < GATE_UNITS_MAX + extra; i++) {
			const char *between = i ? "\"}%2Bm{uuid=~\"" : "%2Bm{uuid=~\"";

			buffer_printf(&body, "%s%d", i % 200 ? "|" : between, i);
		}
		/* One that is there already. */
		buffer_puts(&body, "\"}%2Bm{uuid=\"0\"}");
		check_post(&body,
			extra ? "413 too_large: the request names more than 1000 units" : "bound");
		buffer_done(&body);
	}
}

static void bodies_and_urls_have_a_length(void **state)
{
	struct buffer text;

	buffer_init(&text, 0);
	buffer_puts(&text, "query=m{uuid=\"1\"}&x=");
	repeat(&text, "y", GATE_TARGET_MAX_BYTES - text.len);
	check_get(&text, &plain, "bound");
	buffer_putc(&text, 'y');
	check_get(&text, &plain, "413 too_large: the URL has more than 65536 bytes");
	check_post(&text, "bound");
	repeat(&text, "y", GATE_BODY_MAX_BYTES - text.len);
	check_post(&text, "bound");
	buffer_putc(&text, 'y');
	check_post(&text, "413 too_large: the body has more than 1048576 bytes");
	buffer_done(&text);
}

/* Blanks and characters that are escaped make a text longer than it came. */
static void what_goes_on_has_a_length_too(void **state)
{
	struct buffer text;

	buffer_init(&text, 0);
	buffer_puts(&text, "query=m{uuid=\"1\",x=`");
	repeat(&text, "\x01", PROMQL_TEXT_MAX / 2);
	buffer_puts(&text, "`}");
	check_post(&text, "413 too_large: the query is too long");
	buffer_clear(&text);
	buffer_puts(&text, "query=m{uuid=\"1\",x=\"");
	repeat(&text, "(", PROMQL_TEXT_MAX / 2);
	buffer_puts(&text, "\"}");
	check_post(&text, "bound");
	check_get(&text, &plain, "413 too_large: the parameters are too long");
	buffer_clear(&text);
	buffer_puts(&text, "query=");
	repeat(&text, "1%2B", PROMQL_TEXT_MAX / 2);
	buffer_putc(&text, '1');
	check_post(&text, "413 too_large");
	buffer_done(&text);
}

static void matchers_are_counted_with_the_one_that_is_added(void **state)
{
	static const struct setting labelled = { .cluster = { .label = "ceems_id" } };
	struct buffer text;

	buffer_init(&text, 0);
	buffer_puts(&text, "query=m{uuid=\"1\"");
	for (int i = 1; i < PROMQL_MATCHERS_MAX; i++)
		buffer_printf(&text, ",a%d=\"1\"", i);
	buffer_puts(&text, "}");
	check_get(&text, &plain, "bound");
	check_get(&text, &labelled, "413 too_large: a selector has too many matchers");
	buffer_done(&text);
}

static void times_to_cut_are_counted(void **state)
{
	static struct gate_life foreign[CUT_ZONES_MAX / 100 + 1];
	static const struct gate_life own[] = { { 0, 1 } };
	struct unit_lives lives[] = { { "1", { own, 1, foreign, CUT_ZONES_MAX / 100 } },
		{ NULL, { NULL, 0, NULL, 0 } } };
	const struct setting setting = { .lives = lives };
	struct buffer text;

	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++)
		foreign[i] = (struct gate_life){ 1000000 + (int64_t)i * 1000,
			1000500 + (int64_t)i * 1000 };
	buffer_init(&text, 0);
	buffer_puts(&text, "time=999999&query=m{uuid=\"1\"}");
	for (int i = 1; i < 100; i++)
		buffer_puts(&text, "%2Bm{uuid=\"1\"}");
	check_get(&text, &setting, "bound");
	lives[0].lives.n_foreign++;
	check_get(&text, &setting,
		"403 lifetime: too many selectors and units whose ids were used again");
	buffer_done(&text);
}

static void forms_must_not_be_compressed(void **state)
{
	static const char *const encodings[] = { "identity", "Identity", "gzip", "deflate",
		"identity, gzip", "x" };

	for (size_t i = 0; i < ARRAY_SIZE(encodings); i++) {
		const struct asked asked = POST(API "query", "query=m{uuid=\"1\"}");
		struct gate_request request = gate_case_request(&asked);
		struct gate_plan plan;
		struct arena arena;

		arena_init(&arena, GATE_CASE_ARENA_BYTES);
		request.content_encoding = slice_from(encodings[i]);
		assert_int_equal(gate_read(&plain.options, &request, &arena, &plan), 0);
		assert_int_equal(plan.outcome, i < 2 ? GATE_BOUND : GATE_REFUSED);
		if (i >= 2)
			assert_int_equal(plan.refusal.reason, GATE_MALFORMED);
		arena_done(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ids_have_a_length),
		TEST(units_are_counted_once_each),
		TEST(bodies_and_urls_have_a_length),
		TEST(what_goes_on_has_a_length_too),
		TEST(matchers_are_counted_with_the_one_that_is_added),
		TEST(times_to_cut_are_counted),
		TEST(forms_must_not_be_compressed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
