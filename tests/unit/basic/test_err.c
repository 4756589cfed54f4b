// SPDX-License-Identifier: Apache-2.0
#include "basic/err.h"

#include <errno.h>
#include <string.h>

#include "basic/macros.h"
#include "basic/str.h"
#include "unit_test.h"

static struct err err;
static char longer[3000];

static void sentences_are_stored_with_their_code(void **state)
{
	assert_int_equal(err_set(&err, -EINVAL, "unit '%s'", "7"), -EINVAL);
	assert_int_equal(err.code, -EINVAL);
	assert_string_equal(err.text, "unit '7'");
	assert_int_equal(err_errno(&err, -ENOENT, "reading '%s'", "x"), -ENOENT);
	assert_string_equal(err.text, "reading 'x': No such file or directory");
	assert_int_equal(err_prefix(&err, -EIO, "rapl"), -EIO);
	assert_string_equal(err.text, "rapl: reading 'x': No such file or directory");
	assert_int_equal(err.code, -EIO);
}

static void nobody_need_want_them(void **state)
{
	assert_int_equal(err_set(NULL, -EINVAL, "x"), -EINVAL);
	assert_int_equal(err_errno(NULL, -EINVAL, "x"), -EINVAL);
	assert_int_equal(err_prefix(NULL, -EINVAL, "x"), -EINVAL);
}

static void long_sentences_are_cut_with_dots(void **state)
{
	memset(longer, 'x', sizeof(longer) - 1);
	err_set(&err, -EINVAL, "%s", longer);
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
	assert_string_equal(err.text + ERR_TEXT_MAX - 4, "...");
	err_errno(&err, -EINVAL, "%s", longer);
	assert_string_equal(err.text + ERR_TEXT_MAX - 4, "...");
	err_prefix(&err, -EINVAL, "front");
	assert_memory_equal(err.text, "front: xxx", 10);
	assert_string_equal(err.text + ERR_TEXT_MAX - 4, "...");
	err_errno(&err, -EINVAL, "%.*s", ERR_TEXT_MAX - 5, longer);
	assert_string_equal(err.text + ERR_TEXT_MAX - 4, "...");
}

static void no_character_is_cut_in_two(void **state)
{
	/* 2-byte characters at even and odd places, then 4-byte ones at all. */
	static const char *characters[] = { "ė", "\U0001f600" };

	for (size_t c = 0; c < ARRAY_SIZE(characters); c++) {
		for (size_t shift = 0; shift < 4; shift++) {
			const size_t n = strlen(characters[c]);

			memset(longer, 'x', shift);
			for (size_t i = shift; i + n < sizeof(longer); i += n)
				memcpy(longer + i, characters[c], n + 1);
			err_set(&err, -EINVAL, "%s", longer);
			assert_true(str_is_utf8(err.text, strlen(err.text)));
			assert_in_range(strlen(err.text), ERR_TEXT_MAX - 4, ERR_TEXT_MAX - 1);
			assert_string_equal(err.text + strlen(err.text) - 3, "...");
		}
	}
}

static void control_characters_become_blanks(void **state)
{
	err_set(&err, -EINVAL,
		"a\nb\x1b[1m\x7f"
		"c\t");
	assert_string_equal(err.text, "a b [1m c ");
}

static void errno_has_words(void **state)
{
	assert_string_equal(err_name(-EACCES), "Permission denied");
	assert_string_equal(err_name(EACCES), "Permission denied");
	assert_string_equal(err_name(-99999), "Unknown error");
	assert_string_equal(err_name(-E2BIG), "Larger than the limit");
	assert_string_equal(err_name(-EBADMSG), "Malformed contents");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sentences_are_stored_with_their_code),
		TEST(nobody_need_want_them),
		TEST(long_sentences_are_cut_with_dots),
		TEST(no_character_is_cut_in_two),
		TEST(control_characters_become_blanks),
		TEST(errno_has_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
