// SPDX-License-Identifier: Apache-2.0
#include "basic/path.h"

#include <string.h>

#include "unit_test.h"

static void paths_are_cleaned_as_text(void **state)
{
	static const char *const cases[][2] = {
		{ "./sys/", "sys" },
		{ "/sys/", "/sys" },
		{ "", "." },
		{ ".", "." },
		{ "/", "/" },
		{ "//", "/" },
		{ "/..", "/" },
		{ "/../a", "/a" },
		{ "a/..", "." },
		{ "a/../..", ".." },
		{ "../../a", "../../a" },
		{ "../a/..", ".." },
		{ "/a/b/..", "/a" },
		{ "/a/..", "/" },
		{ "a//b/./c/../d", "a/b/d" },
		{ "/a/../../b", "/b" },
		{ "...", "..." },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char clean[64];
		size_t n = path_clean(cases[i][0], clean);

		assert_string_equal(clean, cases[i][1]);
		assert_int_equal(n, strlen(clean));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(paths_are_cleaned_as_text) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
