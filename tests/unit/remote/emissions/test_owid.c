// SPDX-License-Identifier: Apache-2.0
#include "unit_test.h"

#include <string.h>

#include "remote/emissions/owid.h"

static void every_row_is_sorted_and_plausible(void **state)
{
	assert_int_equal(n_owid_factors, 213);
	for (size_t i = 0; i < n_owid_factors; i++) {
		const struct owid_factor *f = &owid_factors[i];

		assert_int_equal(strlen(f->country_code), 2);
		assert_true(*f->country);
		assert_in_range(f->year, 2000, 2100);
		assert_true(f->gco2_per_kwh >= 0 && f->gco2_per_kwh < 2000);
		if (i > 0)
			assert_true(strcmp(owid_factors[i - 1].country_code, f->country_code) < 0);
	}
}

static void countries_are_found_by_their_two_capitals(void **state)
{
	const struct owid_factor *fr = owid_find("FR");

	assert_non_null(fr);
	assert_string_equal(fr->country, "France");
	assert_true(fr->gco2_per_kwh > 10 && fr->gco2_per_kwh < 100);
	assert_non_null(owid_find("AE"));
	assert_non_null(owid_find(owid_factors[n_owid_factors - 1].country_code));
}

static void unknown_codes_and_zero_values_are_not_found(void **state)
{
	assert_null(owid_find(""));
	assert_null(owid_find("fr"));
	assert_null(owid_find("FRA"));
	assert_null(owid_find("ZZ"));
	assert_null(owid_find("CF")); /* 0 in the table */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_row_is_sorted_and_plausible),
		TEST(countries_are_found_by_their_two_capitals),
		TEST(unknown_codes_and_zero_values_are_not_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
