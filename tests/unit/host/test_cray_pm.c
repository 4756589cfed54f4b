// SPDX-License-Identifier: Apache-2.0
#include "host/cray_pm.h"

#include <errno.h>

#include "basic/macros.h"
#include "unit_test.h"

static void the_name_of_a_file_tells_its_domain(void **state)
{
	static const struct {
		const char *file, *domain; /* NULL: none */
	} rows[] = {
		{ "energy", "" },
		{ "power_cap", "" },
		{ "temp", "" },
		{ "cpu_energy", "cpu" },
		{ "cpu0_temp", "cpu0" },
		{ "memory_power", "memory" },
		{ "accel3_power_cap", "accel3" },
		{ "accel012energy", "accel012" },
		{ "mycpu_power", "cpu" },
		{ "nic_power", "" },
		{ "cpu__power", "" },
		{ "energy_cpu_power", "" },
		{ "cpu_freq_power", "" },
		{ "cpux0_power", "" },
		{ "freshness", NULL },
		{ "raw_scan_hz", NULL },
		{ "cpu0", NULL },
		{ "accel", NULL },
		{ "tem", NULL },
		{ "", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct slice domain;
		bool found = cray_pm_domain(slice_from(rows[i].file), &domain);

		assert_int_equal(found, rows[i].domain != NULL);
		if (found)
			assert_true(slice_eq(domain, rows[i].domain));
	}
}

static void the_first_word_is_the_value(void **state)
{
	static const char *const odd[] = { "", " ", "W", "-3 C", "1.5 W", "1e3 W", "0x10 J",
		"18446744073709551616 J" };
	uint64_t value;

	assert_int_equal(cray_pm_parse(SLICE("215 W 1615397852013415 us"), &value), 0);
	assert_int_equal(value, 215);
	assert_int_equal(cray_pm_parse(SLICE("18446744073709551615"), &value), 0);
	assert_true(value == UINT64_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++)
		assert_int_equal(cray_pm_parse(slice_from(odd[i]), &value), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_name_of_a_file_tells_its_domain),
		TEST(the_first_word_is_the_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
