// SPDX-License-Identifier: Apache-2.0
#include "api/updaters/template.h"

#include <errno.h>
#include <stdlib.h>

#include "unit_test.h"

static const struct template_value values[] = {
	{ "UUIDs", "1|2" },
	{ "Range", "15m0s" },
	{ "ScrapeInterval", "15s" },
};

static void values_are_filled_in(void **state)
{
	static const struct {
		const char *text, *expanded;
	} rows[] = {
		{ "", "" },
		{ "up", "up" },
		{ "m{uuid=~\"{{.UUIDs}}\"}[{{.Range}}:{{.ScrapeInterval}}]",
			"m{uuid=~\"1|2\"}[15m0s:15s]" },
		{ "{{ .Range }}", "15m0s" },
		{ "a \n{{- .Range -}}\t b", "a15m0sb" },
		{ "a {{- .Range }} b", "a15m0s b" },
		{ "a {{ .Range -}} b", "a 15m0sb" },
		{ "{{.Other}}", "<no value>" },
		{ "{{.range}}", "<no value>" },
		{ "{ {.Range} }", "{ {.Range} }" },
		{ "}} {", "}} {" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buffer out = { 0 };
		struct err err;

		assert_int_equal(
			template_expand(rows[i].text, values, ARRAY_SIZE(values), &out, &err), 0);
		assert_string_equal(buffer_text(&out), rows[i].expanded);
		buffer_done(&out);
	}
}

static void other_actions_are_refused_with_a_sentence(void **state)
{
	static const char *const bad[] = { "{{", "{{.Range", "{{.Range}", "{{}}", "{{.}}",
		"{{Range}}", "{{.Range | printf}}", "{{.A.B}}", "{{-.Range}}", "{{.Range-}}",
		"{{ if .Range }}x{{ end }}", "{{/* c */}}", "{{.1}}", "{{. Range}}" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct buffer out = { 0 };
		struct err err = { 0 };

		assert_int_equal(template_expand(bad[i], NULL, 0, &out, &err), -EBADMSG);
		assert_non_null(strstr(err.text, "{{"));
		buffer_done(&out);
	}
}

static void hostile_ids_stay_inside_the_quotes_and_still_match(void **state)
{
	static const char *const ids[] = { "70113", "a\"}) or vector(1)", "x'y`z\\", "p.q*r|s",
		"line\nfeed", "caf\xc3\xa9", "{{.Range}}" };
	struct buffer out = { 0 };

	template_join_ids(ids, ARRAY_SIZE(ids), &out);
	assert_null(strpbrk(buffer_text(&out), "\"'`\\\n(){}[]*+?^$"));
	assert_string_equal(buffer_text(&out),
		"70113|a... or vector.1.|x.y.z.|p.q.r.s|line.feed|caf.|...Range..");
	buffer_done(&out);
}

static void quoted_ids_match_themselves_only(void **state)
{
	static const char *const ids[] = { "a.b", "c\"d", "e\\f", "g\nh", "70113" };
	struct buffer out = { 0 };

	template_quote_ids(ids, ARRAY_SIZE(ids), &out);
	assert_string_equal(buffer_text(&out), "a\\\\.b|c\\\"d|e\\\\\\\\f|g\\nh|70113");
	buffer_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(values_are_filled_in),
		TEST(other_actions_are_refused_with_a_sentence),
		TEST(hostile_ids_stay_inside_the_quotes_and_still_match),
		TEST(quoted_ids_match_themselves_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
