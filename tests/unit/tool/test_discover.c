// SPDX-License-Identifier: Apache-2.0
#include "unit_test.h"

#include <errno.h>
#include <string.h>

#include "basic/macros.h"
#include "tool/tsdb/discover.h"

/* Labels sorted by name, as the TSDB client hands them over. */
#define SERIES(name, job)                                                                \
	{                                                                                \
		.labels = (struct tsdb_label[]){ { "__name__", name }, { "job", job } }, \
		.n_labels = 2                                                            \
	}

static enum power_source source_of(const char *const *names, size_t n)
{
	struct tsdb_series series[8];
	struct tsdb_label labels[8][2];
	struct job_list jobs;
	struct arena arena;
	enum power_source source;

	for (size_t i = 0; i < n; i++) {
		labels[i][0] = (struct tsdb_label){ "__name__", names[i] };
		labels[i][1] = (struct tsdb_label){ "job", "j" };
		series[i] = (struct tsdb_series){ labels[i], 2 };
	}
	arena_init(&arena, 1 << 20);
	assert_int_equal(discover_from_series(series, n, &arena, &jobs), 0);
	assert_int_equal(jobs.n, 1);
	source = job_power_source(&jobs.v[0]);
	arena_done(&arena);
	return source;
}

static void the_first_source_in_order_counts(void **state)
{
	/* From the last to the first: each one more wins over those before. */
	static const char *const names[] = { "ceems_compute_unit_cpu_user_seconds_total",
		"ceems_power_model_watts", "ceems_rapl_package_joules_total",
		"ceems_ipmi_dcmi_current_watts", "ceems_redfish_current_watts",
		"ceems_cray_pm_counters_power_watts", "ceems_energy_meter_joules_total" };
	static const enum power_source sources[] = { POWER_NONE, POWER_MODEL, POWER_RAPL,
		POWER_IPMI, POWER_REDFISH, POWER_CRAY, POWER_LEDGER };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(source_of(names, i + 1), sources[i]);
}

static void series_are_sorted_into_jobs(void **state)
{
	const struct tsdb_series series[] = {
		SERIES("ceems_rapl_package_joules_total", "b"),
		SERIES("amd_gpu_power", "a"),
		SERIES("ceems_rapl_dram_joules_total", "b"),
		SERIES("something_else", "b"),
		{ 0 },
	};
	const struct tsdb_target targets[] = { { "b", 5000 }, { "a", 0 }, { "b", 7000 },
		{ "c", 1 } };
	struct job_list jobs;
	struct arena arena;

	arena_init(&arena, 1 << 20);
	assert_int_equal(discover_from_series(series, ARRAY_SIZE(series), &arena, &jobs), 0);
	discover_intervals(&jobs, targets, ARRAY_SIZE(targets));
	assert_int_equal(jobs.n, 3);
	assert_string_equal(jobs.v[0].name, "b");
	assert_true(jobs.v[0].has[SERIES_RAPL_DRAM]);
	assert_int_equal(jobs.v[0].scrape_interval_ms, 7000); /* the last target */
	assert_int_equal(jobs.v[1].scrape_interval_ms, 0);
	assert_string_equal(jobs.v[2].name, "");
	arena_done(&arena);
}

#define AT(name, job, instance)                                                                  \
	{                                                                                        \
		.labels = (struct tsdb_label[]){ { "__name__", name }, { "instance", instance }, \
			{ "job", job } },                                                        \
		.n_labels = 3                                                                    \
	}

static void gpus_belong_to_the_job_on_whose_hosts_they_are(void **state)
{
	const struct tsdb_series series[] = {
		AT("ceems_compute_unit_gpu_index_flag", "cpu", "n2:9010"),
		AT("ceems_compute_unit_gpu_index_flag", "cpu", "n1:9010"),
		AT("ceems_ipmi_dcmi_current_watts", "cpu", "n1:9010"),
		AT("DCGM_FI_DEV_POWER_USAGE_INSTANT", "elsewhere", "n3:9400"),
		AT("DCGM_FI_DEV_POWER_USAGE_INSTANT", "dcgm", "n2:9400"),
		AT("ceems_rapl_package_joules_total", "dcgm", "n2:9400"),
		AT("amd_gpu_power", "amd", "n1"),
	};
	struct rules_gpus gpus = { 0 };
	struct job_list jobs;
	struct arena arena;

	arena_init(&arena, 1 << 20);
	assert_int_equal(discover_from_series(series, 5, &arena, &jobs), 0);
	assert_int_equal(jobs.v[0].hosts.n, 2);
	assert_string_equal(jobs.v[0].hosts.v[0], "n1");
	assert_ptr_equal(job_find_gpus(&jobs.v[0], &jobs, &gpus), &jobs.v[2]);
	assert_string_equal(gpus.job, "dcgm");
	assert_string_equal(gpus.power, "DCGM_FI_DEV_POWER_USAGE_INSTANT");
	assert_false(gpus.microwatts);
	/* Units without GPUs have none, and of several kinds the last one counts. */
	assert_null(job_find_gpus(&jobs.v[2], &jobs, &gpus));
	assert_int_equal(discover_from_series(series, ARRAY_SIZE(series), &arena, &jobs), 0);
	assert_non_null(job_find_gpus(&jobs.v[0], &jobs, &gpus));
	assert_string_equal(gpus.job, "amd");
	assert_true(gpus.microwatts);
	arena_done(&arena);
}

static void each_series_has_a_name(void **state)
{
	for (int i = 0; i < N_WANTED_SERIES; i++)
		assert_non_null(wanted_series_names[i]);
	for (int i = 0; i < N_RULES_PROFILES; i++) {
		const char *name = wanted_series_names[SERIES_GPU_PROFILES + i];

		assert_string_equal(name + strlen("DCGM_FI_PROF_"), rules_profiles[i]);
	}
}

static void without_memory_there_is_an_error(void **state)
{
	const struct tsdb_series series[] = { SERIES("amd_gpu_power", "a") };
	struct job_list jobs;
	struct arena arena;

	arena_init(&arena, 16);
	assert_int_equal(discover_from_series(series, 1, &arena, &jobs), -ENOMEM);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_source_in_order_counts),
		TEST(series_are_sorted_into_jobs),
		TEST(gpus_belong_to_the_job_on_whose_hosts_they_are),
		TEST(each_series_has_a_name),
		TEST(without_memory_there_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
