// SPDX-License-Identifier: Apache-2.0
#include "basic/str.h"

#include <errno.h>
#include <stdio.h>

#include "basic/macros.h"
#include "unit_test.h"

static void comparisons_look_at_all_bytes(void **state)
{
	assert_true(slice_eq(SLICE("abc"), "abc"));
	assert_false(slice_eq(SLICE("abc"), "abcd"));
	assert_false(slice_eq(SLICE("abc\0"), "abc"));
	assert_true(slice_eq((struct slice){ NULL, 0 }, ""));
	assert_true(str_starts("prefix", "pre"));
	assert_false(str_starts("pr", "pre"));
	assert_true(str_ends("a.yml", ".yml"));
	assert_false(str_ends("yml", ".yml"));
	assert_true(str_eq("", ""));
}

static void blanks_are_trimmed_at_both_ends(void **state)
{
	assert_true(slice_eq(slice_trim(SLICE(" \t\r\n\v\fa b\n")), "a b"));
	assert_true(slice_eq(slice_trim(SLICE(" \n ")), ""));
	assert_true(slice_eq(slice_trim(SLICE("")), ""));
}

static void fields_are_cut_at_separators(void **state)
{
	struct slice rest = SLICE("a,,b"), field;

	assert_true(slice_next(&rest, ',', &field));
	assert_true(slice_eq(field, "a"));
	assert_true(slice_next(&rest, ',', &field));
	assert_true(slice_eq(field, ""));
	assert_true(slice_next(&rest, ',', &field));
	assert_true(slice_eq(field, "b"));
	assert_false(slice_next(&rest, ',', &field));
	rest = SLICE("");
	assert_true(slice_next(&rest, ',', &field));
	assert_int_equal(field.n, 0);
	assert_false(slice_next(&rest, ',', &field));
}

static void lines_are_cut_with_and_without_a_last_newline(void **state)
{
	struct slice rest = SLICE("a\n\nb"), line;

	assert_true(slice_next_line(&rest, &line));
	assert_true(slice_eq(line, "a"));
	assert_true(slice_next_line(&rest, &line));
	assert_true(slice_eq(line, ""));
	assert_true(slice_next_line(&rest, &line));
	assert_true(slice_eq(line, "b"));
	assert_false(slice_next_line(&rest, &line));
	rest = SLICE("a\n");
	assert_true(slice_next_line(&rest, &line));
	assert_false(slice_next_line(&rest, &line));
	rest = (struct slice){ NULL, 0 };
	assert_false(slice_next_line(&rest, &line));
}

static void words_are_cut_at_blanks(void **state)
{
	struct slice rest = SLICE("  cpu \t 12 "), word;

	assert_true(slice_next_word(&rest, &word));
	assert_true(slice_eq(word, "cpu"));
	assert_true(slice_next_word(&rest, &word));
	assert_true(slice_eq(word, "12"));
	assert_false(slice_next_word(&rest, &word));
}

static void numbers_are_strict(void **state)
{
	uint64_t u = 7;
	int64_t i = 7;

	assert_int_equal(slice_to_u64(SLICE("0"), &u), 0);
	assert_int_equal(u, 0);
	assert_int_equal(slice_to_u64(SLICE("18446744073709551615"), &u), 0);
	assert_true(u == UINT64_MAX);
	assert_int_equal(slice_to_u64(SLICE("18446744073709551616"), &u), -ERANGE);
	assert_int_equal(slice_to_i64(SLICE("-9223372036854775808"), &i), 0);
	assert_true(i == INT64_MIN);
	assert_int_equal(slice_to_i64(SLICE("9223372036854775807"), &i), 0);
	assert_int_equal(slice_to_i64(SLICE("9223372036854775808"), &i), -ERANGE);
	assert_int_equal(slice_to_i64(SLICE("-9223372036854775809"), &i), -ERANGE);
	for (size_t k = 0; k < 8; k++) {
		static const char *const bad[] = { "", "-", "+1", " 1", "1 ", "0x1", "1a", "--1" };

		assert_int_equal(slice_to_i64(slice_from(bad[k]), &i), -EBADMSG);
		assert_int_equal(slice_to_u64(slice_from(bad[k]), &u), -EBADMSG);
	}
	assert_int_equal(slice_to_u64(SLICE("-1"), &u), -EBADMSG);
	assert_true(i == INT64_MAX);
}

static void fractions_are_strict_too(void **state)
{
	double d = 7;

	assert_int_equal(slice_to_double(SLICE("1.5"), &d), 0);
	assert_true(d == 1.5);
	assert_int_equal(slice_to_double(SLICE("-1e3"), &d), 0);
	assert_true(d == -1000);
	assert_int_equal(slice_to_double(SLICE("1e-999"), &d), 0);
	assert_true(d == 0);
	assert_int_equal(slice_to_double(SLICE("1e999"), &d), -ERANGE);
	for (size_t k = 0; k < 10; k++) {
		static const char *const bad[] = { "", "nan", "inf", "0x1", "1,5", " 1", "1 ", "1e",
			"1.2.3", "." };

		assert_int_equal(slice_to_double(slice_from(bad[k]), &d), -EBADMSG);
	}
	assert_int_equal(slice_to_double(SLICE("1\0"), &d), -EBADMSG);
	assert_true(d == 0);
}

static void every_code_point_is_valid_utf8_and_nothing_else(void **state)
{
	uint32_t back;
	char text[8];

	for (uint32_t code = 0; code < 0x110000; code++) {
		size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
		bool surrogate = code >= 0xd800 && code <= 0xdfff;

		if (n == 1)
			text[0] = (char)code;
		for (size_t i = n - 1; n > 1 && i > 0; i--)
			text[i] = (char)(0x80 | (code >> (6 * (n - 1 - i)) & 0x3f));
		if (n > 1)
			text[0] = (char)((0xf00 >> n & 0xff) | code >> (6 * (n - 1)));
		assert_int_equal(str_utf8_next(text, n, &back), surrogate ? 0 : n);
		if (!surrogate) {
			char again[4];

			assert_int_equal(back, code);
			assert_int_equal(str_utf8_put(again, code), n);
			assert_memory_equal(again, text, n);
		}
		if (n > 1)
			assert_int_equal(str_utf8_next(text, n - 1, &back), 0);
	}
}

static void invalid_utf8_is_found(void **state)
{
	static const char *const bad[] = { "\x80", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\x80",
		"\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80", "\xff", "a\xe2\x82", "\xe2z\xac" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(str_is_utf8(bad[i], strlen(bad[i])));
	assert_true(str_is_utf8("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x94\x8b", 15));
	assert_true(str_is_utf8("a\0b", 3));
	assert_true(str_is_utf8("", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(comparisons_look_at_all_bytes),
		TEST(blanks_are_trimmed_at_both_ends),
		TEST(fields_are_cut_at_separators),
		TEST(lines_are_cut_with_and_without_a_last_newline),
		TEST(words_are_cut_at_blanks),
		TEST(numbers_are_strict),
		TEST(fractions_are_strict_too),
		TEST(every_code_point_is_valid_utf8_and_nothing_else),
		TEST(invalid_utf8_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
