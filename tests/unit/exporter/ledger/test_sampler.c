// SPDX-License-Identifier: Apache-2.0
/* The sampling loop on a synthetic node. */
#include "exporter/ledger/sampler.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "exporter/ledger/energy_source.h"
#include "sampler_node.h"

static uint64_t meter(enum energy_domain d)
{
	uint64_t sum = 0;

	for (int p = 0; p < N_ENERGY_PARTIES; p++)
		sum += t.report.totals.party_uj[d][p];
	assert_int_equal(sum, t.report.totals.meter_uj[d]);
	return sum;
}

static void a_server(void)
{
	zone("intel-rapl:0", "package-0\n", 1000);
	zone("intel-rapl:0:0", "core\n", 1);
	zone("intel-rapl:0:1", "dram\n", 50);
	zone("intel-rapl:1", "package-1\n", 2000);
	zone("intel-rapl:1:0", "dram\n", 60);
	zone("intel-rapl:2", "psys\n", 7);
	zone("intel-rapl-mmio:0", "package-0\n", 1000);
}

static void packages_and_drams_count_and_what_contains_them_does_not(void **state)
{
	a_server();
	node_start(NULL);
	assert_string_equal(t.report.domains[DOMAIN_CPU].source, "rapl");
	assert_true(t.report.domains[DOMAIN_CPU].measured);
	assert_null(t.report.domains[DOMAIN_REST].source);
	assert_false(t.report.model_on);
	put_energy("intel-rapl:0", 1000 + 10000000);
	put_energy("intel-rapl:0:0", 9000000);
	put_energy("intel-rapl:0:1", 50 + 2000000);
	put_energy("intel-rapl:1", 2000 + 20000000);
	put_energy("intel-rapl:1:0", 60 + 3000000);
	put_energy("intel-rapl:2", 90000000);
	put_energy("intel-rapl-mmio:0", 1000 + 10000000);
	tick(1);
	assert_int_equal(meter(DOMAIN_CPU), 30000000);
	assert_int_equal(meter(DOMAIN_DRAM), 5000000);
	assert_int_equal(t.report.domains[DOMAIN_CPU].covered_us, 1000000);
	assert_int_equal(t.report.domains[DOMAIN_CPU].age_ns, 0);
}

static void a_zone_that_vanishes_and_returns_brings_its_energy_later(void **state)
{
	a_server();
	node_start(NULL);
	put("sys/class/powercap/intel-rapl:0/energy_uj", "");
	for (int i = 0; i < 5; i++) {
		put_energy("intel-rapl:1", 2000 + 1000000 * (uint64_t)(i + 1));
		tick(1);
	}
	assert_int_equal(meter(DOMAIN_CPU), 5000000);
	assert_int_equal(t.report.domains[DOMAIN_CPU].covered_us, 0);
	assert_int_equal(t.report.domains[DOMAIN_CPU].age_ns, 5 * S_NS);
	put_energy("intel-rapl:0", 1000 + 6000000);
	tick(1);
	assert_int_equal(meter(DOMAIN_CPU), 11000000);
	assert_int_equal(t.report.domains[DOMAIN_CPU].covered_us, 6000000);
	assert_int_equal(t.report.domains[DOMAIN_CPU].bridged_us, 5000000);
	assert_int_equal(t.report.totals.party_uj[DOMAIN_CPU][PARTY_UNATTRIBUTED], 0);
}

static void a_zone_whose_file_was_made_anew_is_found_again(void **state)
{
	char old[160], new[160];

	a_server();
	node_start(NULL);
	snprintf(old, sizeof(old), "%s/sys/class/powercap/intel-rapl:0", t.path);
	snprintf(new, sizeof(new), "%s/gone", t.path);
	put("sys/class/powercap/intel-rapl:0/energy_uj", "");
	assert_int_equal(rename(old, new), 0);
	tick(1);
	tick(31); /* looks, and finds nothing */
	zone("intel-rapl:0", "package-0\n", 1000 + 50000000);
	tick(31);
	assert_int_equal(meter(DOMAIN_CPU), 50000000);
	/* More than a minute had gathered. */
	assert_int_equal(t.report.totals.party_uj[DOMAIN_CPU][PARTY_UNATTRIBUTED], 50000000);
}

static void a_node_without_sensors_has_the_power_model(void **state)
{
	node_start(&(struct sampler_config){ .model_idle_uw = 10000000, .model_max_uw = 30000000 });
	assert_string_equal(t.report.domains[DOMAIN_CPU].source, "power_model");
	assert_false(t.report.domains[DOMAIN_CPU].measured);
	t.busy_ticks = 50; /* half a second of one of two CPUs */
	tick(1);
	assert_true(t.report.model_on);
	assert_int_equal(t.report.model_uw, 15000000);
	assert_int_equal(meter(DOMAIN_CPU), 15000000);
	/* The idle power is the static part: nobody allocated anything. */
	assert_int_equal(t.report.totals.party_uj[DOMAIN_CPU][PARTY_IDLE], 10000000);
	assert_int_equal(t.report.totals.party_uj[DOMAIN_CPU][PARTY_SYSTEM], 5000000);
	assert_int_equal(t.report.domains[DOMAIN_CPU].static_uw, 10000000);
}

static void the_power_models_defaults_grow_with_the_cpus(void **state)
{
	node_start(NULL);
	tick(1);
	assert_int_equal(t.report.model_uw, 2 * POWER_MODEL_IDLE_UW_PER_CPU);
	t.busy_ticks = 1000; /* more than can be */
	tick(1);
	assert_int_equal(t.report.model_uw, 2 * POWER_MODEL_MAX_UW_PER_CPU);
}

static void a_model_beside_a_sensor_is_shown_but_not_counted(void **state)
{
	a_server();
	node_start(&(struct sampler_config){ .model_mode = POWER_MODEL_ON });
	put_energy("intel-rapl:0", 1000 + 10000000);
	tick(1);
	assert_true(t.report.model_on);
	assert_int_equal(t.report.model_uw, 2 * POWER_MODEL_IDLE_UW_PER_CPU);
	assert_string_equal(t.report.domains[DOMAIN_CPU].source, "rapl");
	assert_int_equal(meter(DOMAIN_CPU), 10000000);
}

static void with_the_model_off_and_no_sensor_the_ledger_is_empty(void **state)
{
	node_start(&(struct sampler_config){ .model_mode = POWER_MODEL_OFF });
	tick(1);
	for (int d = 0; d < N_ENERGY_DOMAINS; d++)
		assert_false(t.report.totals.present[d]);
}

static void a_long_gap_is_bridged_up_to_the_limit_and_unattributed_beyond(void **state)
{
	a_server();
	node_start(NULL);
	put_energy("intel-rapl:0", 1000 + 1000000);
	put_energy("intel-rapl:1", 2001);
	t.busy_ticks += 10;
	tick(30);
	assert_int_equal(meter(DOMAIN_CPU), 1000001);
	assert_int_equal(t.report.totals.party_uj[DOMAIN_CPU][PARTY_UNATTRIBUTED], 0);
	assert_int_equal(t.report.domains[DOMAIN_CPU].bridged_us, 30000000);
	assert_int_equal(t.report.late_ticks, 1);
	put_energy("intel-rapl:0", 1000 + 3000000);
	put_energy("intel-rapl:1", 2002);
	t.busy_ticks += 10;
	tick(90);
	assert_int_equal(t.report.totals.party_uj[DOMAIN_CPU][PARTY_UNATTRIBUTED], 2000001);
	assert_int_equal(t.report.domains[DOMAIN_CPU].covered_us, 30000000);
}

static void after_a_suspend_the_energy_is_unattributed(void **state)
{
	a_server();
	node_start(NULL);
	t.asleep_ns = 3600 * S_NS;
	put_energy("intel-rapl:0", 1000 + 700000);
	tick(1);
	assert_int_equal(t.report.totals.party_uj[DOMAIN_CPU][PARTY_UNATTRIBUTED], 700000);
}

static void without_the_nodes_or_the_units_usage_energy_is_unattributed(void **state)
{
	a_server();
	node_start(NULL);
	put_energy("intel-rapl:0", 1000 + 100);
	t.units_error = -EIO;
	tick(1);
	assert_int_equal(t.report.totals.party_uj[DOMAIN_CPU][PARTY_UNATTRIBUTED], 100);
	t.units_error = 0;
	put_energy("intel-rapl:0", 1000 + 200);
	t.mono_ns += S_NS;
	put("proc/stat", "garbage\n");
	sampler_tick(t.sampler);
	report();
	assert_int_equal(t.report.totals.party_uj[DOMAIN_CPU][PARTY_UNATTRIBUTED], 200);
	put_energy("intel-rapl:0", 1000 + 300);
	t.busy_ticks = 5;
	tick(1);
	assert_int_equal(t.report.totals.party_uj[DOMAIN_CPU][PARTY_SYSTEM], 100);
}

static void given_static_watts_are_used_and_others_learned(void **state)
{
	a_server();
	node_start(&(struct sampler_config){ .static_given = { [DOMAIN_DRAM] = true },
		.static_uw = { [DOMAIN_DRAM] = 2000000 } });
	for (uint64_t i = 1; i <= 11; i++) {
		put_energy("intel-rapl:0", 1000 + i * 40000000);
		put_energy("intel-rapl:1", 2000 + i * 10000000);
		put_energy("intel-rapl:0:1", 50 + i * 3000000);
		put_energy("intel-rapl:1:0", 60 + i);
		t.busy_ticks += 2;
		tick(1);
	}
	assert_true(t.report.domains[DOMAIN_CPU].static_known);
	assert_int_equal(t.report.domains[DOMAIN_CPU].static_uw, 50000000);
	assert_int_equal(t.report.domains[DOMAIN_DRAM].static_uw, 2000000);
	assert_int_equal(t.report.totals.party_uj[DOMAIN_DRAM][PARTY_IDLE], 11 * 2000000);
}

static void a_unit_is_charged_to_its_last_moment(void **state)
{
	node_start(&(struct sampler_config){ .model_idle_uw = 1, .model_max_uw = 20000000 });
	t.n_units = 1;
	t.units[0] = (struct unit_sample){ .key = { "slurm", "", "7" },
		.incarnation = 1,
		.cpu_known = true,
		.alloc_cpus_milli = 1000,
		.cpu_usage_us = 800000,
		.born_ns = t.real_ns + S_NS / 5 };
	t.roots_us = 800000;
	t.busy_ticks = 80;
	tick(1);
	t.n_units = 0;
	t.roots_us = 1200000;
	t.busy_ticks = 120;
	tick(1);
	assert_int_equal(t.report.totals.n_units, 1);
	assert_true(t.report.totals.units[0].ended);
	/* 1.2 s of CPU time at 10 W each. */
	assert_in_range(t.report.totals.units[0].energy_uj[DOMAIN_CPU], 11999990, 12000010);
	assert_true(t.report.totals.units[0].start_realtime_ns == t.real_ns - S_NS);
}

static void a_frozen_zone_is_not_covered_until_it_moves(void **state)
{
	zone("intel-rapl:0", "package-0\n", 1000);
	node_start(NULL);
	for (int i = 0; i < 15; i++)
		tick(1);
	assert_int_equal(t.report.domains[DOMAIN_CPU].covered_us, 9000000);
	assert_int_equal(t.report.domains[DOMAIN_CPU].age_ns, 15 * S_NS);
	put_energy("intel-rapl:0", 5000);
	tick(1);
	assert_int_equal(meter(DOMAIN_CPU), 4000);
	assert_int_equal(t.report.domains[DOMAIN_CPU].covered_us, 16000000);
	assert_int_equal(t.report.domains[DOMAIN_CPU].bridged_us, 6000000);
}

static void the_power_model_catches_up_after_unreadable_ticks(void **state)
{
	node_start(&(struct sampler_config){ .model_idle_uw = 10000000, .model_max_uw = 30000000 });
	t.mono_ns += S_NS;
	put("proc/stat", "garbage\n");
	sampler_tick(t.sampler);
	report();
	assert_int_equal(meter(DOMAIN_CPU), 0);
	t.busy_ticks = 100;
	t.n_units = 1;
	t.units[0] = (struct unit_sample){ .key = { "slurm", "", "7" },
		.incarnation = 1,
		.cpu_known = true,
		.cpu_usage_us = 500000,
		.born_ns = t.real_ns + S_NS / 2 };
	tick(1);
	/* Two seconds of 10 W, and one second of one CPU of two. */
	assert_int_equal(meter(DOMAIN_CPU), 30000000);
	assert_int_equal(t.report.domains[DOMAIN_CPU].covered_us, 2000000);
	/* Half of the second fell into this tick, and the unit used it all. */
	assert_int_equal(t.report.totals.party_uj[DOMAIN_CPU][PARTY_SYSTEM], 0);
	tick(61);
	assert_int_equal(
		t.report.totals.party_uj[DOMAIN_CPU][PARTY_UNATTRIBUTED], UINT64_C(610000000));
}

static void the_model_does_not_fill_up_a_measurement(void **state)
{
	zone("intel-rapl:0:0", "dram\n", 5);
	node_start(&(struct sampler_config){ .model_mode = POWER_MODEL_ON });
	tick(1);
	assert_true(t.report.model_on);
	assert_null(t.report.domains[DOMAIN_CPU].source);
	assert_string_equal(t.report.domains[DOMAIN_DRAM].source, "rapl");
}

/* --- the meter of the whole node --- */

static struct power_reading node_reading;
static int node_error;

static int read_node(void *ctx, struct power_reading *ret_reading)
{
	*ret_reading = node_reading;
	return node_error;
}

static void offer_node_meter(void)
{
	static const struct power_meter meter = { POWER_METER_REDFISH, read_node, NULL,
		1000000000 };

	node_reading = (struct power_reading){ .sample_ns = 0 };
	node_error = -ENODATA;
	t.meters[0] = &meter;
	t.n_meters = 1;
}

/* A second in which the node's meter tells so many watts. */
static void tick_node(uint64_t watts)
{
	node_error = 0;
	node_reading = (struct power_reading){
		.sample_ns = t.mono_ns + S_NS, .power_known = true, .power_uw = watts * 1000000
	};
	tick(1);
}

static void assert_domains_sum_to_the_node(void)
{
	uint64_t sum = 0;

	for (int d = 0; d < N_ENERGY_DOMAINS; d++)
		sum += meter((enum energy_domain)d);
	assert_true((int64_t)(sum - t.report.node.meter_uj - t.report.node.exceeded_uj -
			    t.report.node.unmetered_uj) == -t.report.node.pending_uj);
}

static void what_the_node_takes_beyond_rapl_is_the_rest(void **state)
{
	a_server();
	offer_node_meter();
	node_start(NULL);
	assert_null(t.report.domains[DOMAIN_REST].source);
	for (uint64_t i = 1; i <= 46; i++) { /* the last 5 s wait for the next span */
		put_energy("intel-rapl:0", 1000 + i * 40000000);
		put_energy("intel-rapl:1", 2000 + i * 30000000);
		put_energy("intel-rapl:0:1", 50 + i * 5000000);
		put_energy("intel-rapl:1:0", 60 + i * 5000000);
		t.busy_ticks += 100;
		tick_node(130);
		assert_domains_sum_to_the_node();
	}
	assert_string_equal(t.report.domains[DOMAIN_REST].source, "redfish");
	assert_true(t.report.domains[DOMAIN_REST].resolution_ns == S_NS);
	assert_true(meter(DOMAIN_REST) == UINT64_C(40) * 50000000);
	assert_true(t.report.node.meter_uj == UINT64_C(45) * 130000000);
	assert_true(t.report.totals.party_uj[DOMAIN_REST][PARTY_SYSTEM] == meter(DOMAIN_REST));
	assert_true(t.report.domains[DOMAIN_REST].covered_us == 40000000);
}

static void without_rapl_the_whole_node_is_rest_and_the_model_is_silent(void **state)
{
	offer_node_meter();
	node_start(&(struct sampler_config){ .model_idle_uw = 10000000, .model_max_uw = 30000000 });
	tick(1);
	/* Nobody has measured anything yet. */
	assert_string_equal(t.report.domains[DOMAIN_CPU].source, "power_model");
	assert_int_equal(meter(DOMAIN_CPU), 10000000);
	for (int i = 0; i < 46; i++) {
		tick_node(200);
		assert_domains_sum_to_the_node();
	}
	assert_null(t.report.domains[DOMAIN_CPU].source);
	assert_int_equal(meter(DOMAIN_CPU), 10000000);
	assert_true(meter(DOMAIN_REST) == UINT64_C(40) * 200000000);
	assert_int_equal(t.report.node.unmetered_uj, 10000000);
	/* It is gone for good, and the estimate does not come back. */
	node_error = -ENODATA;
	for (int i = 0; i < 100; i++)
		tick(1);
	assert_int_equal(meter(DOMAIN_CPU), 10000000);
	assert_string_equal(t.report.domains[DOMAIN_REST].source, "redfish");
	assert_false(t.report.node.active[POWER_METER_REDFISH]);
	assert_true(t.report.domains[DOMAIN_REST].age_ns == 100 * S_NS);
}

static void a_meter_that_never_speaks_leaves_the_model(void **state)
{
	offer_node_meter();
	node_start(NULL);
	for (int i = 0; i < 100; i++)
		tick(1);
	assert_string_equal(t.report.domains[DOMAIN_CPU].source, "power_model");
	assert_true(t.report.domains[DOMAIN_CPU].covered_us == 100000000);
	assert_false(t.report.node.told);
	assert_true(t.report.node.offered[POWER_METER_REDFISH]);
}

static void a_megawatt_for_one_reading_is_not_on_the_books(void **state)
{
	offer_node_meter();
	node_start(NULL);
	for (int i = 0; i < 41; i++)
		tick_node(i == 20 ? 1000000 : 200);
	assert_true(t.report.node.meter_uj == UINT64_C(40) * 200000000);
	assert_domains_sum_to_the_node();
	assert_int_equal(t.report.node.refused[POWER_METER_REDFISH], 1);
}

/* A unit at one CPU that ends: what it gets depends on whether its parents told. */
static uint64_t end_of_unit(uint64_t roots_before, uint64_t roots_after)
{
	node_start(&(struct sampler_config){ .model_idle_uw = 1, .model_max_uw = 20000000 });
	t.n_units = 1;
	t.units[0] = (struct unit_sample){ .key = { "slurm", "", "7" },
		.incarnation = 1,
		.cpu_known = true,
		.cpu_usage_us = 1000000,
		.born_ns = t.real_ns };
	t.roots_us = roots_before;
	t.busy_ticks = 110;
	tick(1);
	t.n_units = 0;
	t.roots_us = roots_after;
	t.busy_ticks += 90; /* 10 are usual */
	tick(1);
	return (t.report.totals.units[0].energy_uj[DOMAIN_CPU] + 500) / 1000;
}

static void parents_whose_counter_went_back_tell_nothing(void **state)
{
	/* By what appeared outside units beyond the usual: 0.8 s. */
	assert_int_equal(end_of_unit(9000000, 0), 18000);
}

static void parents_tell_the_difference_only(void **state)
{
	assert_int_equal(end_of_unit(9000000, 9300000), 13000);
}

static void after_unreadable_units_the_parents_begin_anew(void **state)
{
	node_start(&(struct sampler_config){ .model_idle_uw = 1, .model_max_uw = 20000000 });
	t.n_units = 1;
	t.units[0] = (struct unit_sample){ .key = { "slurm", "", "7" },
		.incarnation = 1,
		.cpu_known = true,
		.born_ns = t.real_ns };
	tick(1);
	t.units_error = -EIO;
	tick(1);
	t.units_error = 0;
	t.n_units = 0;
	t.roots_us = 500000; /* over two intervals: not this one's */
	t.busy_ticks = 100;
	tick(1);
	assert_in_range(t.report.totals.units[0].energy_uj[DOMAIN_CPU], 0, 2);
}

static void without_control_groups_there_are_no_units(void **state)
{
	node_start(&(struct sampler_config){ .model_idle_uw = 10, .model_max_uw = 20000000 });
	t.units_error = -ENODATA;
	t.busy_ticks = 10;
	tick(1);
	assert_int_equal(t.report.totals.party_uj[DOMAIN_CPU][PARTY_UNATTRIBUTED], 0);
	assert_int_equal(t.report.totals.party_uj[DOMAIN_CPU][PARTY_SYSTEM], 999999);
}

static void cpu_time_that_goes_back_is_not_known(void **state)
{
	a_server();
	t.busy_ticks = 500;
	node_start(NULL);
	t.busy_ticks = 400;
	put_energy("intel-rapl:0", 1000 + 100);
	tick(1);
	assert_int_equal(t.report.totals.party_uj[DOMAIN_CPU][PARTY_UNATTRIBUTED], 100);
	t.busy_ticks = 410;
	put_energy("intel-rapl:0", 1000 + 150);
	tick(1);
	assert_int_equal(t.report.totals.party_uj[DOMAIN_CPU][PARTY_SYSTEM], 50);
}

static void the_thread_ticks_and_stops(void **state)
{
	struct sampler_config c = { .host = &t.host,
		.clock = clock_system(),
		.ledger = { .max_units = 10 },
		.interval_ns = S_NS / 100,
		.max_gap_ns = S_NS };

	assert_int_equal(sampler_open(&c, &t.sampler, NULL), 0);
	assert_int_equal(
		sampler_start(t.sampler, &(struct sampler_inputs){ .n_tables = 0 }, NULL), 0);
	do {
		usleep(1000);
		report();
	} while (t.report.ticks < 5);
	sampler_stop(t.sampler);
	sampler_stop(t.sampler);
	report();
	assert_true(meter(DOMAIN_CPU) > 0);
}

#define TREE_TEST(name) cmocka_unit_test_setup_teardown(name, node_setup, node_teardown)

/* As a file in sysfs: a reading is of the moment at which it is asked for. */
static int read_now(void *ctx, struct power_reading *ret_reading)
{
	*ret_reading = (struct power_reading){
		.sample_ns = mono_now(), .power_known = true, .power_uw = 100000000
	};
	return 0;
}

static int sample_gpus_now(void *ctx, const struct gpu_sample **ret_samples, size_t *ret_n)
{
	static struct gpu_sample sample = { .uuid = "GPU-1" };

	read_now(NULL, &sample.reading);
	sample.reading.power_uw = 40000000;
	*ret_samples = &sample;
	*ret_n = 1;
	return 0;
}

static void meters_that_are_read_by_the_reading_itself_are_counted(void **state)
{
	static const struct power_meter hwmon = { POWER_METER_HWMON, read_now, NULL, 0 };

	t.step_ns = 50000;
	t.meters[0] = &hwmon;
	t.n_meters = 1;
	t.gpu_sample = sample_gpus_now;
	node_start(NULL);
	for (int i = 0; i < 50; i++)
		tick(1);
	assert_in_range(t.report.node.meter_uj, 4999000000, 5100000000);
	assert_in_range(meter(DOMAIN_GPU), 1999000000, 2100000000);
	assert_true(t.report.totals.meter_uj[DOMAIN_REST] > 1000000000);
	assert_in_range(t.report.domains[DOMAIN_REST].age_ns, 0, S_NS / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TREE_TEST(packages_and_drams_count_and_what_contains_them_does_not),
		TREE_TEST(meters_that_are_read_by_the_reading_itself_are_counted),
		TREE_TEST(a_zone_that_vanishes_and_returns_brings_its_energy_later),
		TREE_TEST(a_zone_whose_file_was_made_anew_is_found_again),
		TREE_TEST(a_node_without_sensors_has_the_power_model),
		TREE_TEST(the_power_models_defaults_grow_with_the_cpus),
		TREE_TEST(a_model_beside_a_sensor_is_shown_but_not_counted),
		TREE_TEST(with_the_model_off_and_no_sensor_the_ledger_is_empty),
		TREE_TEST(a_long_gap_is_bridged_up_to_the_limit_and_unattributed_beyond),
		TREE_TEST(after_a_suspend_the_energy_is_unattributed),
		TREE_TEST(without_the_nodes_or_the_units_usage_energy_is_unattributed),
		TREE_TEST(given_static_watts_are_used_and_others_learned),
		TREE_TEST(a_unit_is_charged_to_its_last_moment),
		TREE_TEST(a_frozen_zone_is_not_covered_until_it_moves),
		TREE_TEST(the_power_model_catches_up_after_unreadable_ticks),
		TREE_TEST(the_model_does_not_fill_up_a_measurement),
		TREE_TEST(parents_whose_counter_went_back_tell_nothing),
		TREE_TEST(parents_tell_the_difference_only),
		TREE_TEST(after_unreadable_units_the_parents_begin_anew),
		TREE_TEST(without_control_groups_there_are_no_units),
		TREE_TEST(cpu_time_that_goes_back_is_not_known),
		TREE_TEST(what_the_node_takes_beyond_rapl_is_the_rest),
		TREE_TEST(without_rapl_the_whole_node_is_rest_and_the_model_is_silent),
		TREE_TEST(a_meter_that_never_speaks_leaves_the_model),
		TREE_TEST(a_megawatt_for_one_reading_is_not_on_the_books),
		TREE_TEST(the_thread_ticks_and_stops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
