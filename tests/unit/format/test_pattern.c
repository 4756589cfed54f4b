// SPDX-License-Identifier: Apache-2.0
#include "format/pattern.h"

#include <errno.h>
#include <stdlib.h>

#include "unit_test.h"

static bool matches(const char *text, const char *subject, size_t len)
{
	CLEANUP(pattern_freep) struct pattern *pattern = NULL;
	struct err err;

	assert_int_equal(pattern_new(text, &pattern, &err), 0);
	return pattern_matches(pattern, (struct slice){ subject, len });
}

#define MATCHES(text, subject) matches((text), (subject), sizeof(subject) - 1)

static void a_match_may_stand_anywhere(void **state)
{
	assert_true(MATCHES("th", "eth0"));
	assert_true(MATCHES("", "eth0"));
	assert_true(MATCHES("^eth0$", "eth0"));
	assert_false(MATCHES("^th", "eth0"));
	assert_true(MATCHES("lo|ib\\d+", "ib12"));
	assert_false(MATCHES("^(lo|ib\\d+)$", "ib"));
	assert_true(MATCHES("(?i)LO", "lo"));
	assert_false(MATCHES("LO", "lo"));
	assert_true(MATCHES("[[:alpha:]]\\.5\\z", "br.5"));
	assert_true(MATCHES("(?P<x>a)", "a"));
}

static void it_means_what_re2_means(void **state)
{
	assert_false(MATCHES("^eth0$", "eth0\n"));
	assert_false(MATCHES("\\d", "\xd9\xa3")); /* a digit, but not an ASCII one */
	assert_true(MATCHES("^.$", "\xc3\xbc"));
	assert_true(MATCHES("\\pL", "\xc3\xbc"));
}

static void any_bytes_can_be_matched(void **state)
{
	assert_true(MATCHES("b$", "a\xff\0b"));
	assert_false(MATCHES("c", "a\xff\0b"));
	assert_true(MATCHES("^$", ""));
}

static void a_bad_one_is_refused_with_its_place(void **state)
{
	static const char *const bad[] = { "(", "[a", "a**", "*", "a{2,1}", "\\", "(?z)", "[z-a]",
		"\xff", "\\C", "(?P<n" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct pattern *pattern = NULL;
		struct err err;

		assert_int_equal(pattern_new(bad[i], &pattern, &err), -EINVAL);
		assert_null(pattern);
		assert_non_null(strstr(err.text, "at byte "));
	}
}

static void one_that_takes_too_long_does_not_match(void **state)
{
	static const char subject[] =
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab";

	assert_false(MATCHES("^(a+)+\\1$", subject));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_match_may_stand_anywhere),
		TEST(it_means_what_re2_means),
		TEST(any_bytes_can_be_matched),
		TEST(a_bad_one_is_refused_with_its_place),
		TEST(one_that_takes_too_long_does_not_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
