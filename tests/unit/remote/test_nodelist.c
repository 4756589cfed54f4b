// SPDX-License-Identifier: Apache-2.0
#include "remote/nodelist.h"

#include <errno.h>
#include <stdlib.h>

#include "unit_test.h"

static void lists_expand_to_an_escaped_alternation(void **state)
{
	static const struct {
		const char *list, *regex;
	} rows[] = {
		{ "", "" },
		{ "gn08", "gn08" },
		{ "gn[08-10],login.x", "gn08|gn09|gn10|login\\.x" },
		{ "a[1-2]b[1-2]", "a1b1|a1b2|a2b1|a2b2" },
		{ "n[1-2]-[1,3]", "n1-1|n1-3|n2-1|n2-3" },
		{ "n[1,3-4,007]", "n1|n3|n4|n007" },
		{ "n[099-101]", "n099|n100|n101" },
		{ "n[x]", "" },
		{ "n[5-3]", "" },
		{ "n[]", "" },
		{ "n[1-]", "" },
		{ "n[-2]", "" },
		{ "n[1- 2]", "" },
		{ "n[ 1]", "" },
		{ "n[1-2-3]", "" },
		{ "n[x,2]", "n2" },
		{ "n[1", "n\\[1" },
		{ "n[1,b", "n\\[1|b" },
		{ "n]1", "n\\]1" },
		{ "a,,b,", "a|b" },
		{ ",", "" },
		{ "n[1-2],m[3", "n1|n2|m\\[3" },
		{ "n[1[2]]", "" },
		{ "a+b(c)^$|\\{2}?*", "a\\+b\\(c\\)\\^\\$\\|\\\\\\{2\\}\\?\\*" },
		{ "n[999999999999999999999-1000000000000000000000]", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buffer out = { 0 };

		assert_int_equal(nodelist_to_regex(slice_from(rows[i].list), &out), 0);
		assert_string_equal(buffer_text(&out), rows[i].regex);
		buffer_done(&out);
	}
}

static void text_that_was_there_stays_in_front(void **state)
{
	struct buffer out = { 0 };

	buffer_puts(&out, "x=");
	assert_int_equal(nodelist_to_regex(SLICE("a,b"), &out), 0);
	assert_string_equal(buffer_text(&out), "x=a|b");
	buffer_done(&out);
}

static void lists_over_the_limits_are_refused_and_leave_nothing(void **state)
{
	static const char *const lists[] = {
		"n[0-999999999]",
		"n[0-999][0-999]",
		"a[1-44444444443]b[1-x]",
		"n[1][1][1][1][1][1][1][1][1]",
		"n[0-18446744073709551615]x[18446744073709551615]",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		struct buffer out = { 0 };
		int r;

		buffer_puts(&out, "kept");
		r = nodelist_to_regex(slice_from(lists[i]), &out);
		assert_true(r == -E2BIG || r == 0);
		assert_string_equal(buffer_text(&out), "kept");
		buffer_done(&out);
	}
}

static void names_of_a_kilobyte_and_more_are_refused(void **state)
{
	struct buffer list = { 0 }, out = { 0 };

	for (int i = 0; i < 2000; i++)
		buffer_putc(&list, 'n');
	assert_int_equal(nodelist_to_regex((struct slice){ list.data, list.len }, &out), -E2BIG);
	buffer_puts(&list, "[1-2]");
	assert_int_equal(nodelist_to_regex((struct slice){ list.data, list.len }, &out), -E2BIG);
	buffer_done(&list);
	buffer_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lists_expand_to_an_escaped_alternation),
		TEST(text_that_was_there_stays_in_front),
		TEST(lists_over_the_limits_are_refused_and_leave_nothing),
		TEST(names_of_a_kilobyte_and_more_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
