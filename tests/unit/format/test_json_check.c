// SPDX-License-Identifier: Apache-2.0
#include "format/json_check.h"

#include "basic/macros.h"
#include "unit_test.h"

static void values_are_told_from_what_looks_like_them(void **state)
{
	static const char *const valid[] = { "{}", "[]", " [ ] ", "{\"a\":1}",
		"[1,-0,0.5,1e9,2E-3,1e+400]", "\"\\u00e9\\\"\\\\\\/\\b\\f\\n\\r\\t<&>\"",
		"\"caf\xc3\xa9 \xff\"", "{\"a\":{\"b\":[true,false,null]},\"a\":\"\"}",
		"\t{\r\n\"a\" : 1 , \"b\" : [ 2 , 3 ] }" };
	static const char *const invalid[] = { "", " ", "{", "}", "[", "[1,]", "[,1]", "[1 2]",
		"{\"a\"}", "{\"a\":}", "{a:1}", "{\"a\":1,}", "{1:2}", "01", "1.", ".5", "-", "+1",
		"1e", "1e+", "0x1", "NaN", "nul", "truee", "'a'", "\"a", "\"\\", "\"\\x\"",
		"\"\\u12g4\"", "\"\\u123", "\"a\nb\"", "{}{}", "{} x", "[1]]", "\v1", "[}" };

	for (size_t i = 0; i < ARRAY_SIZE(valid); i++)
		if (!json_is_valid(slice_from(valid[i])))
			fail_msg("%s", valid[i]);
	for (size_t i = 0; i < ARRAY_SIZE(invalid); i++)
		if (json_is_valid(slice_from(invalid[i])))
			fail_msg("%s", invalid[i]);
	assert_false(json_is_valid((struct slice){ NULL, 0 }));
	assert_false(json_is_valid((struct slice){ "1\0", 2 }));
	assert_false(json_is_valid((struct slice){ "\"\\\0\"", 4 }));
}

static void depth_has_a_limit(void **state)
{
	char text[2 * JSON_CHECK_DEPTH_MAX + 2];

	memset(text, '[', JSON_CHECK_DEPTH_MAX);
	memset(text + JSON_CHECK_DEPTH_MAX, ']', JSON_CHECK_DEPTH_MAX);
	assert_true(json_is_valid((struct slice){ text, sizeof(text) - 2 }));
	memset(text, '[', JSON_CHECK_DEPTH_MAX + 1);
	memset(text + JSON_CHECK_DEPTH_MAX + 1, ']', JSON_CHECK_DEPTH_MAX + 1);
	assert_false(json_is_valid((struct slice){ text, sizeof(text) }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(values_are_told_from_what_looks_like_them),
		TEST(depth_has_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
