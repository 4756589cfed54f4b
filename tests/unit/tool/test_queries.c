// SPDX-License-Identifier: Apache-2.0
#include "unit_test.h"

#include <errno.h>
#include <string.h>

#include "golden.h"
#include "tool/tsdb/queries.h"

static const char *const providers[] = { "emaps", "owid" };

static void check(const char *golden, const struct queries_found *found, int n)
{
	struct buffer out;

	buffer_init(&out, QUERIES_MAX_BYTES);
	assert_int_equal(queries_write(found, &out), n);
	golden_check(golden, buffer_text(&out), out.len);
	buffer_done(&out);
}

static void all_series_give_all_queries(void **state)
{
	struct queries_found found = { .host_providers = { (const char **)providers, 2 },
		.gpu_providers = { (const char **)providers, 1 } };

	for (int i = 0; i < RECORDED_HOST_ENERGY; i++)
		found.recorded[i] = true;
	check("tool/queries-all.yml", &found, 9);
}

static void a_ledger_gives_energy_and_emissions_from_its_counter(void **state)
{
	struct queries_found found = { .host_providers = { (const char **)providers, 2 } };

	found.recorded[RECORDED_CPU_USAGE] = true;
	found.recorded[RECORDED_HOST_POWER] = true;
	found.recorded[RECORDED_HOST_EMISSIONS] = true;
	found.recorded[RECORDED_HOST_ENERGY] = true;
	check("tool/queries-ledger.yml", &found, 4);
	found.jobs_without_ledger = true;
	check("tool/queries-mixed.yml", &found, 4);
}

static void nothing_found_is_an_empty_map(void **state)
{
	struct queries_found found = { 0 };

	check("tool/queries-none.yml", &found, 0);
}

static void a_strange_provider_stays_inside_its_quotes(void **state)
{
	const char *strange[] = { "a\": {}\n" };
	struct queries_found found = { .host_providers = { strange, 1 } };
	struct buffer out;

	found.recorded[RECORDED_HOST_EMISSIONS] = true;
	buffer_init(&out, 0);
	assert_int_equal(queries_write(&found, &out), 1);
	assert_non_null(strstr(out.data, "    \"a\\\": {}\\n_total\": |-\n"));
	assert_non_null(strstr(out.data, "provider=\"a\\\": {}\\n\""));
	buffer_done(&out);
	buffer_init(&out, 50);
	assert_int_equal(queries_write(&found, &out), -E2BIG);
	buffer_done(&out);
}

static void series_names_are_all_there(void **state)
{
	for (int i = 0; i < N_RECORDED; i++)
		assert_non_null(recorded_names[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_series_give_all_queries),
		TEST(a_ledger_gives_energy_and_emissions_from_its_counter),
		TEST(nothing_found_is_an_empty_map),
		TEST(a_strange_provider_stays_inside_its_quotes),
		TEST(series_names_are_all_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
