// SPDX-License-Identifier: Apache-2.0
#include "unit_test.h"

#include <errno.h>
#include <string.h>

#include "alloc_fail.h"
#include "basic/macros.h"
#include "golden.h"
#include "tool/tsdb/rules.h"

static const char *const two_providers[] = { "owid", "rte" };

static const struct rules_settings plain = {
	.pue = 1,
	.eval_interval_ms = 30000,
	.emission = { .provider = "owid", .country_code = "" },
};

static struct rules_settings custom(void)
{
	struct rules_settings s = plain;

	s.pue = 1.25;
	s.emission = (struct rules_emission){
		.factor = 56.04, .provider = "custom", .country_code = ""
	};
	return s;
}

static void render(
	const struct rules_job *job, const struct rules_settings *settings, struct buffer *out)
{
	buffer_init(out, RULES_MAX_BYTES);
	assert_int_equal(rules_write(job, settings, out), 0);
}

static void check(
	const char *golden, const struct rules_job *job, const struct rules_settings *settings)
{
	struct buffer out;

	render(job, settings, &out);
	golden_check(golden, buffer_text(&out), out.len);
	buffer_done(&out);
}

static void rapl_rules_split_package_and_dram(void **state)
{
	const struct rules_job job = { .name = "cpu-nodes",
		.scrape_interval_ms = 15000,
		.source = POWER_RAPL,
		.has_rapl = true,
		.has_dram = true };
	const struct rules_settings s = custom();

	check("tool/rapl.rules", &job, &s);
}

static void rapl_rules_without_dram_still_give_power(void **state)
{
	const struct rules_job job = { .name = "old-nodes",
		.scrape_interval_ms = 30000,
		.source = POWER_RAPL,
		.has_rapl = true };

	check("tool/rapl-no-dram.rules", &job, &plain);
}

static void power_model_rules_say_that_they_are_an_estimate(void **state)
{
	const struct rules_job job = {
		.name = "vms", .scrape_interval_ms = 15000, .source = POWER_MODEL, .has_model = true
	};

	check("tool/model.rules", &job, &plain);
}

static void rules_of_a_meter_split_what_it_reads(void **state)
{
	const struct rules_job ipmi = {
		.name = "bmc", .scrape_interval_ms = 15000, .source = POWER_IPMI, .chassis = ""
	};
	const struct rules_job redfish = { .name = "blades",
		.scrape_interval_ms = 15000,
		.source = POWER_REDFISH,
		.has_rapl = true,
		.has_dram = true,
		.chassis = "Chassis \"1\"" };
	const struct rules_settings s = custom();

	check("tool/ipmi.rules", &ipmi, &s);
	check("tool/redfish.rules", &redfish, &s);
}

static void the_power_of_gpus_is_taken_off_where_the_meter_reads_it(void **state)
{
	struct rules_job job = { .name = "gpu-nodes",
		.scrape_interval_ms = 15000,
		.source = POWER_IPMI,
		.chassis = "",
		.gpus = { "dcgm", "DCGM_FI_DEV_POWER_USAGE_INSTANT", false, true } };

	check("tool/ipmi-gpus.rules", &job, &plain);
	job.gpus = (struct rules_gpus){ "amd", "amd_gpu_power", true, true };
	check("tool/ipmi-amd.rules", &job, &plain);
}

static void check_gpu(
	const char *golden, const struct rules_gpu_job *job, const struct rules_settings *settings)
{
	struct buffer out;

	buffer_init(&out, RULES_MAX_BYTES);
	assert_int_equal(rules_write_gpu(job, settings, &out), 0);
	golden_check(golden, buffer_text(&out), out.len);
	buffer_done(&out);
}

static void gpu_rules_join_units_with_each_exporter(void **state)
{
	struct rules_gpu_job job = { .name = "gpus",
		.units = "nodes",
		.scrape_interval_ms = 15000,
		.exporter = GPU_NVIDIA };
	struct rules_settings s = custom();

	check_gpu("tool/nvidia-gpu.rules", &job, &s);
	job.exporter = GPU_AMD_SMI;
	check_gpu("tool/amd-smi-gpu.rules", &job, &s);
	job.exporter = GPU_AMD_DEVICE;
	check_gpu("tool/amd-device-gpu.rules", &job, &s);
	job.exporter = GPU_NVIDIA;
	for (int i = 0; i < N_RULES_PROFILES; i++)
		job.has_profile[i] = true;
	s = plain;
	s.emission.providers = (struct strings){ (const char **)two_providers, 2 };
	s.emission.country_code = "FR";
	check_gpu("tool/nvidia-profiles-gpu.rules", &job, &s);
}

static void cray_rules_use_all_domains(void **state)
{
	const struct rules_job job = {
		.name = "cray", .scrape_interval_ms = 15000, .source = POWER_CRAY, .chassis = ""
	};
	const struct rules_settings s = custom();

	check("tool/cray.rules", &job, &s);
}

static void ledger_rules_use_the_counters_and_providers(void **state)
{
	const struct rules_job job = { .name = "ceems",
		.scrape_interval_ms = 15000,
		.source = POWER_LEDGER,
		.has_rapl = true,
		.has_dram = true,
		.has_model = true,
		.estimated = true };
	struct rules_settings s = plain;

	s.pue = 1.2;
	s.emission.providers = (struct strings){ (const char **)two_providers, 2 };
	s.emission.country_code = "FR";
	check("tool/ledger.rules", &job, &s);
}

static void ledger_rules_carry_a_static_factor(void **state)
{
	const struct rules_job job = {
		.name = "ceems", .scrape_interval_ms = 5000, .source = POWER_LEDGER
	};
	struct rules_settings s = custom();

	s.emission.provider = "owid";
	s.emission.country_code = "FR";
	check("tool/ledger-static.rules", &job, &s);
}

static void a_hostile_job_name_stays_inside_its_quotes(void **state)
{
	const struct rules_job job = { .name = "a\"} or vector(1)\\\n# x: \x01 $PUE é",
		.scrape_interval_ms = 15000,
		.source = POWER_LEDGER };
	const struct rules_settings s = custom();

	check("tool/hostile-name.rules", &job, &s);
}

static void a_limit_on_the_size_is_an_error(void **state)
{
	const struct rules_job job = {
		.name = "j", .scrape_interval_ms = 15000, .source = POWER_RAPL
	};
	struct buffer out;

	buffer_init(&out, 100);
	assert_int_equal(rules_write(&job, &plain, &out), -E2BIG);
	buffer_done(&out);
}

static void every_failed_allocation_is_reported(void **state)
{
	const struct rules_job job = {
		.name = "j", .scrape_interval_ms = 15000, .source = POWER_LEDGER
	};
	const struct rules_settings s = custom();
	size_t n = 0;
	bool failed;

	do {
		struct buffer out;
		int r;

		buffer_init(&out, RULES_MAX_BYTES);
		alloc_fail_at(++n);
		r = rules_write(&job, &s, &out);
		failed = alloc_fail_happened();
		alloc_fail_at(0);
		buffer_done(&out);
		assert_int_equal(r, failed ? -ENOMEM : 0);
	} while (failed);
	assert_true(n > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rapl_rules_split_package_and_dram),
		TEST(rapl_rules_without_dram_still_give_power),
		TEST(power_model_rules_say_that_they_are_an_estimate),
		TEST(rules_of_a_meter_split_what_it_reads),
		TEST(the_power_of_gpus_is_taken_off_where_the_meter_reads_it),
		TEST(gpu_rules_join_units_with_each_exporter),
		TEST(cray_rules_use_all_domains),
		TEST(ledger_rules_use_the_counters_and_providers),
		TEST(ledger_rules_carry_a_static_factor),
		TEST(a_hostile_job_name_stays_inside_its_quotes),
		TEST(a_limit_on_the_size_is_an_error),
		TEST(every_failed_allocation_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
