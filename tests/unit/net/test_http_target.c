// SPDX-License-Identifier: Apache-2.0
#include "unit_test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/http_target.h"

static struct arena arena;

static int start(void **state)
{
	arena_init(&arena, 1 << 20);
	return 0;
}

static int stop(void **state)
{
	arena_done(&arena);
	return 0;
}

static void targets_split_at_the_first_question_mark(void **state)
{
	static const char *const good[][3] = {
		{ "/", "/", NULL },
		{ "/a?b?c", "/a", "b?c" },
		{ "/a?", "/a", "" },
		{ "/%41%2f%3F?%41", "/A/?", "%41" },
		{ "/a+b", "/a+b", NULL },
		{ "http://h/x?y", "/x", "y" },
		{ "HTTPS://h:1", "/", NULL },
		{ "http://h?q", "/", "q" },
		{ "http://h/x?u=http://i/", "/x", "u=http://i/" },
		{ "/\xc3\xa4", "/\xc3\xa4", NULL },
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct http_target t;

		assert_int_equal(http_target_parse(good[i][0], &arena, &t), 0);
		assert_string_equal(t.path, good[i][1]);
		if (good[i][2])
			assert_string_equal(t.query, good[i][2]);
		else
			assert_null(t.query);
	}
}

static void malformed_targets_are_refused(void **state)
{
	static const char *const bad[] = { "", "a", "*", "?a", "/%", "/%4", "/%4g", "/%g4", "/%00",
		"/a b", "/a\n", "/\x7f", "/a?b\r", "ftp://h/", "h:80", "/%%41" };
	struct http_target t;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(http_target_parse(bad[i], &arena, &t), -EBADMSG);
}

static void clean_paths_are_recognised_and_others_cleaned(void **state)
{
	static const char *const paths[][2] = {
		{ "/", "/" },
		{ "/a/b", "/a/b" },
		{ "/a/b/", "/a/b/" },
		{ "/..a/.b/...", "/..a/.b/..." },
		{ "//", "/" },
		{ "/a//b", "/a/b" },
		{ "/a/./b", "/a/b" },
		{ "/a/../b", "/b" },
		{ "/a/..", "/" },
		{ "/a/b/..", "/a/" },
		{ "/a/.", "/a/" },
		{ "/../../a", "/a" },
		{ "/a/b/../../../c/", "/c/" },
		{ "///", "/" },
		{ "//h\\x", "/h%5Cx" },
		{ "//a\"b<c", "/a%22b%3Cc" },
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct buffer location;

		buffer_init(&location, 0);
		http_path_clean(paths[i][0], NULL, &location);
		assert_string_equal(buffer_text(&location), paths[i][1]);
		assert_int_equal(http_path_is_clean(paths[i][0]), i < 4);
		assert_true(http_path_is_clean(buffer_text(&location)));
		buffer_done(&location);
	}
	assert_false(http_path_is_clean("a"));
	assert_false(http_path_is_clean(""));
}

static void parameters_are_decoded_and_bad_ones_left_out(void **state)
{
	static const char text[] = "a=1&&b=%20+&=x&c&d==&e=%0&f=a;b&%00=1&g=%zz&%41=%42&a=2&h=%2";
	static const char *const expected[][2] = { { "a", "1" }, { "b", "  " }, { "", "x" },
		{ "c", "" }, { "d", "=" }, { "A", "B" }, { "a", "2" } };
	struct http_params params = { 0 };

	assert_int_equal(http_params_parse(text, strlen(text), &arena, &params), 0);
	assert_int_equal(params.n, 7);
	for (size_t i = 0; i < params.n; i++) {
		assert_string_equal(params.v[i].name, expected[i][0]);
		assert_string_equal(params.v[i].value, expected[i][1]);
	}
	/* More are appended. */
	assert_int_equal(http_params_parse("z=1", 3, &arena, &params), 0);
	assert_int_equal(params.n, 8);
	assert_string_equal(params.v[7].name, "z");
	assert_int_equal(http_params_parse("", 0, &arena, &params), 0);
	assert_int_equal(params.n, 8);
}

static void memory_is_bounded(void **state)
{
	struct arena small;
	struct http_params params = { 0 };
	struct http_target t;
	char *text = malloc(200001);

	memset(text, '&', 200000);
	text[0] = '/';
	text[200000] = '\0';
	arena_init(&small, 100000);
	assert_int_equal(http_params_parse(text, 200000, &small, &params), -ENOMEM);
	assert_int_equal(http_target_parse(text, &small, &t), -ENOMEM);
	arena_done(&small);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(targets_split_at_the_first_question_mark),
		TEST(malformed_targets_are_refused),
		TEST(clean_paths_are_recognised_and_others_cleaned),
		TEST(parameters_are_decoded_and_bad_ones_left_out),
		TEST(memory_is_bounded),
	};

	return cmocka_run_group_tests_name("http_target", tests, start, stop);
}
