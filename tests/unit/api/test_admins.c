// SPDX-License-Identifier: Apache-2.0
#include "api/admins.h"

#include <errno.h>
#include <stdlib.h>

#include "unit_test.h"

static void logins_of_team_members_are_found(void **state)
{
	struct strings names = { 0 };
	struct arena arena;

	arena_init(&arena, 1 << 20);
	assert_int_equal(admins_parse_members(
				 SLICE("[{\"login\":\"mira\",\"email\":\"m@x\"},{\"login\":\"\"},"
				       "{},7,{\"login\":5},{\"login\":\"zo\\u00e9\"}]"),
				 &arena, &names),
		0);
	assert_int_equal(names.n, 2);
	assert_string_equal(names.v[0], "mira");
	assert_string_equal(names.v[1], "zo\xc3\xa9");
	assert_int_equal(admins_parse_members(SLICE("[]"), &arena, &names), 0);
	assert_int_equal(names.n, 2);
	arena_done(&arena);
}

static void what_is_no_list_is_refused(void **state)
{
	static const char *const bad[] = { "", "{\"message\":\"Unauthorized\"}",
		"[{\"login\":\"a\"}", "<html>", "null", "\"x\"", "[{\"login\":\"a\\u0000b\"}]" };
	struct arena arena;

	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct strings names = { 0 };

		assert_int_equal(
			admins_parse_members(slice_from(bad[i]), &arena, &names), -EBADMSG);
		assert_int_equal(names.n, 0);
	}
	arena_done(&arena);
}

static void a_team_that_is_too_large_is_out_of_memory(void **state)
{
	struct strings names = { 0 };
	struct buffer json = { 0 };
	struct arena arena;

	buffer_putc(&json, '[');
	for (int i = 0; i < 1000; i++)
		buffer_printf(&json, "%s{\"login\":\"user-%d\"}", i ? "," : "", i);
	buffer_putc(&json, ']');
	arena_init(&arena, 4096);
	assert_int_equal(
		admins_parse_members((struct slice){ json.data, json.len }, &arena, &names),
		-ENOMEM);
	arena_done(&arena);
	buffer_done(&json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(logins_of_team_members_are_found),
		TEST(what_is_no_list_is_refused),
		TEST(a_team_that_is_too_large_is_out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
