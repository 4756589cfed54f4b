// SPDX-License-Identifier: Apache-2.0
#include "format/promql/re2.h"

#include <errno.h>

#include "format/promql/re2_set.h"
#include "unit_test.h"

static void syntax_is_that_of_re2(void **state)
{
	static const char *const good[] = { "", "a", "a|b", "(a)", "(?:a)*", "a{2}", "a{2,}",
		"a{2,3}?", "a{,3}", "a{x}", "{", "a{007}", "[a-z]", "[]a]", "[^]a]", "[a-]", "[-a]",
		"[a-b-c]", "[[:alpha:]]", "[[:^alpha:]x]", "[[:x]", "\\d\\W\\s", "[\\d-]", "\\pL",
		"\\p{Greek}", "\\P{^Lu}", "\\x41", "\\x{10FFFF}", "\\0", "\\123", "\\Qa+\\E+",
		"(?i)a", "(?im-s:a)", "(?P<n>a)", "(?<n>a)", "(?P<a>x)(?P<a>y)", "^a$", "\\Aa\\z",
		"\\b\\B", "^*", "a??", "a*?", "\\.", "\\_", "\\ ", "(a{500}){2}", "(?)",
		"\xc3\xa9+", "a(?i)+", "a\\Q\\E+", "a*(?i)*", "((a{1000}){0}){2}" };
	static const char *const wrong[] = { "(", ")", "a)", "(a", "*", "a**", "a+*", "a{2}{3}",
		"a{1001}", "a{3,2}", "(a{500}){3}", "[", "[a", "[z-a]", "[a-\\d]", "[[:foo:]]",
		"\\", "\\1", "\\8", "\\C", "\\Z", "\\x4", "\\x{110000}", "\\x{", "\\y", "\\p{Foo}",
		"\\pq", "(?P<>x)", "(?P=a)", "(?=a)", "(?!a)", "(?<=a)", "(?i-)", "(?x)",
		"7001)|(?:.*", "a|*", "(+a)", "{2}", "(?i)*", "|(?i)+", "\\Q\\E+", "\\Qa", "\\Q",
		"((a{1000}){0,}){2}", "a+(?i)+?+" };
	bool empty;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		if (re2_check(slice_from(good[i]), &empty, NULL) < 0)
			fail_msg("'%s' is refused", good[i]);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		const char *reason = NULL;

		if (re2_check(slice_from(wrong[i]), NULL, &reason) >= 0)
			fail_msg("'%s' is taken", wrong[i]);
		assert_non_null(reason);
	}
}

static void empty_matches_are_known(void **state)
{
	static const char *const yes[] = { "", "a*", "a?", "a{0,3}", "a|", "|a", "()", "(a|)", "^$",
		"\\B", "(?:a*b?)+", "(a*){5}", "\\Q\\E", "(?i)", "a|b*|c", "[ab]*?", "\\Qa\\E*",
		"a(?i)*", "a*\\Q\\E" };
	static const char *const no[] = { "a", ".", ".+", "a+", "a|b", "\\b", "[a]", "\\d", "(a*)b",
		"a{1}", "\\Qa\\E", "(?i)x", "\\pL", "\\x00", "\\Qab\\E*", "ab(?i)*" };
	bool empty;

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		assert_int_equal(re2_check(slice_from(yes[i]), &empty, NULL), 0);
		if (!empty)
			fail_msg("'%s' matches the empty string", yes[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(no); i++) {
		assert_int_equal(re2_check(slice_from(no[i]), &empty, NULL), 0);
		if (empty)
			fail_msg("'%s' does not match the empty string", no[i]);
	}
}

/* The members of a pattern, printed; NULL: it is no finite set. */
static const char *set_of(const char *pattern)
{
	static struct buffer out;
	struct re2_set set;
	struct arena arena;
	int r;

	arena_init(&arena, 16 << 20);
	buffer_clear(&out);
	r = re2_set_parse(slice_from(pattern), &arena, &set);
	if (r >= 0)
		re2_set_print(&set, &out);
	arena_done(&arena);
	assert_true(r >= 0 || r == -ERANGE);
	return r < 0 ? NULL : buffer_text(&out);
}

static void finite_sets_of_literals_are_recognised(void **state)
{
	static const struct {
		const char *pattern, *members;
	} cases[] = {
		{ "7001", "7001" },
		{ "7002|7001|7001", "7001|7002" },
		{ "70(01|02)", "7001|7002" },
		{ "70(?:0[1-3])", "7001|7002|7003" },
		{ "a\\.b\\-c\\_d", "a\\.b-c_d" },
		{ "[ab][c-d]", "ac|ad|bc|bd" },
		{ "17|", "|17" },
		{ "()", "" },
		{ "", "" },
		{ "\xc3\xa9[\xc3\xa9x]", "\xc3\xa9x|\xc3\xa9\xc3\xa9" },
		{ "[\\-a]", "-|a" },
		{ "[\x7f]\x7f", "\x7f\x7f" },
		{ "a(b)c[d]e|\\(x\\)y", "\\(x\\)y|abcde" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *members = set_of(cases[i].pattern);

		if (!members || strcmp(members, cases[i].members) != 0)
			fail_msg("'%s' is '%s'", cases[i].pattern, members ? members : "no set");
	}
}

static void anything_else_is_no_finite_set(void **state)
{
	static const char *const patterns[] = { ".", ".*", "a*", "a?", "a+", "a{2}", "^a", "a$",
		"(?i)a", "(?P<n>a)", "[^a]", "\\d", "[\\d]", "[[:alpha:]]", "\\Qa\\E", "\\x41",
		"\\101", "\\t", "\\pL", "a)|(b", "(a", "[a", "]", "}", "[a-]", "[-a]", "[z-a]",
		"[A-z]", "[0-a]", "\\", "\\ ", "\xff", "[]a]", "[]", "a|(b|(", "[\\--a]" };

	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++)
		if (set_of(patterns[i]))
			fail_msg("'%s' is taken for a set", patterns[i]);
}

static void sets_have_limits(void **state)
{
	char text[RE2_SET_PATTERN_MAX + 2];

	assert_non_null(set_of("[0-9][0-9]"));
	assert_null(set_of("[0-9][0-9][0-9]"));
	assert_null(set_of("((((((((((((((((((((a))))))))))))))))))))"));
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_null(set_of(text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(syntax_is_that_of_re2),
		cmocka_unit_test(empty_matches_are_known),
		cmocka_unit_test(finite_sets_of_literals_are_recognised),
		cmocka_unit_test(anything_else_is_no_finite_set),
		cmocka_unit_test(sets_have_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
