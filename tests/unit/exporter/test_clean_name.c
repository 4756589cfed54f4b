// SPDX-License-Identifier: Apache-2.0
#include "exporter/clean_name.h"

#include <string.h>

#include "basic/macros.h"
#include "unit_test.h"

static void names_are_cleaned(void **state)
{
	static const char *const cases[][2] = { { "Node-A.1", "Node_A_1" }, { "", "" },
		{ "a_b__c", "a_b__c" }, { "a-_-b", "a_b" }, { "..", "_" },
		{ "\xc3\xa4"
		  "1",
			"_1" },
		{ "package-0-die-1", "package_0_die_1" } };
	char text[64];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		strcpy(text, cases[i][0]);
		clean_name(text);
		assert_string_equal(text, cases[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_are_cleaned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
