// SPDX-License-Identifier: Apache-2.0
#include "lb/owners/user_list.h"
#include "unit_test.h"

static void names_are_found_whole(void **state)
{
	const struct slice list = SLICE(" [ \"mira\", \"otto b\" ,\"\"]\n");

	assert_true(user_list_has(list, "mira"));
	assert_true(user_list_has(list, "otto b"));
	assert_true(user_list_has(list, ""));
	assert_false(user_list_has(list, "mir"));
	assert_false(user_list_has(list, "mira2"));
	assert_false(user_list_has(list, "Mira"));
	assert_false(user_list_has(list, "\"mira\""));
}

static void escapes_are_decoded(void **state)
{
	const struct slice list = SLICE("[\"a\\u003cb\",\"q\\\"x\",\"n\\u0000\",\"e\\\\\"]");

	assert_true(user_list_has(list, "a<b"));
	assert_true(user_list_has(list, "q\"x"));
	assert_true(user_list_has(list, "e\\"));
	assert_false(user_list_has(list, "a\\u003cb"));
	assert_false(user_list_has(list, "n"));
	assert_false(user_list_has(list, "x"));
}

static void what_is_no_list_of_names_has_nobody(void **state)
{
	static const char *const texts[] = { "", "null", "[", "[]", "\"mira\"", "mira",
		"{\"mira\":\"mira\"}", "[\"mira\"", "[\"mira\",", "[\"mira\",]", "[\"mira\"]x",
		"[\"mira\",1]", "[\"mira\",null]", "[[\"mira\"]]", "[\"mira\" \"otto\"]", "[\"mira",
		"[\"mira\\\"]", "[,\"mira\"]" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_false(user_list_has(slice_from(texts[i]), "mira"));
	assert_false(user_list_has((struct slice){ NULL, 0 }, "mira"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_are_found_whole),
		TEST(escapes_are_decoded),
		TEST(what_is_no_list_of_names_has_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
