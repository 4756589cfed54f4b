// SPDX-License-Identifier: Apache-2.0
/* What the sampling loop makes of units that are seen to come and go between its readings. */
#include "exporter/ledger/sampler.h"

#include <math.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "sampler_node.h"

static void start_with_10_w_static(void)
{
	node_start(&(struct sampler_config){ .static_given = { [DOMAIN_CPU] = true },
		.static_uw = { [DOMAIN_CPU] = 10000000 } });
}

static void went_after(double s)
{
	int64_t at_ns = t.mono_ns + llround(s * 1e9);

	sampler_unit_went(t.sampler, at_ns, at_ns);
}

static void a_unit_that_was_seen_to_go_lived_until_then(void **state)
{
	zone("intel-rapl:0", "package-0\n", 0);
	t.units[0] = (struct unit_sample){ .key = { "slurm", "", "7" },
		.incarnation = 1,
		.cpu_known = true,
		.alloc_cpus_milli = 2000 };
	t.n_units = 1;
	start_with_10_w_static();
	put_energy("intel-rapl:0", 10000000);
	tick(1);
	assert_int_equal(t.report.totals.units[0].energy_uj[DOMAIN_CPU], 10000000);
	/* It used nothing, which tells nothing of its last moment. */
	went_after(0.75);
	t.n_units = 0;
	put_energy("intel-rapl:0", 20000000);
	tick(1);
	assert_int_equal(t.report.totals.units[0].energy_uj[DOMAIN_CPU], 17500000);
}

static void two_units_that_went_at_different_moments_do_not_share_one(void **state)
{
	zone("intel-rapl:0", "package-0\n", 0);
	for (int i = 0; i < 2; i++)
		t.units[i] = (struct unit_sample){ .key = { "slurm", "", i ? "8" : "7" },
			.incarnation = 1,
			.cpu_known = true,
			.alloc_cpus_milli = 1000 };
	t.n_units = 2;
	start_with_10_w_static();
	went_after(0.1);
	went_after(0.9);
	t.n_units = 0;
	put_energy("intel-rapl:0", 10000000);
	tick(1);
	/* Not nine tenths of an interval: nothing is known, and half of it is assumed. */
	assert_int_equal(t.report.totals.units[0].energy_uj[DOMAIN_CPU], 2500000);
	assert_int_equal(t.report.totals.units[1].energy_uj[DOMAIN_CPU], 2500000);
	/* What was seen then says nothing about the next interval. */
	t.n_units = 1;
	put_energy("intel-rapl:0", 20000000);
	tick(1);
	assert_int_equal(t.report.totals.units[0].energy_uj[DOMAIN_CPU], 7500000);
	went_after(0.8);
	t.n_units = 0;
	put_energy("intel-rapl:0", 30000000);
	tick(1);
	assert_int_equal(t.report.totals.units[0].energy_uj[DOMAIN_CPU], 11500000);
}

static void units_that_went_at_about_the_same_moment_lived_until_its_middle(void **state)
{
	zone("intel-rapl:0", "package-0\n", 0);
	t.units[0] = (struct unit_sample){ .key = { "slurm", "", "7" },
		.incarnation = 1,
		.cpu_known = true,
		.alloc_cpus_milli = 2000 };
	t.n_units = 1;
	start_with_10_w_static();
	/* As of events that were not waited for. */
	sampler_unit_went(t.sampler, t.mono_ns + S_NS * 70 / 100, t.mono_ns + S_NS * 80 / 100);
	t.n_units = 0;
	put_energy("intel-rapl:0", 10000000);
	tick(1);
	assert_int_equal(t.report.totals.units[0].energy_uj[DOMAIN_CPU], 7500000);
}

static void a_storm_of_events_wakes_it_no_more_often_than_it_reads(void **state)
{
	struct unit_table *const table = (struct unit_table *)&t;
	struct sampler_config c = { .host = &t.host,
		.clock = clock_system(),
		.ledger = { .max_units = 10 },
		.interval_ns = S_NS / 50,
		.max_gap_ns = S_NS };
	unsigned taken;

	t.watch_fd = eventfd(1, EFD_CLOEXEC); /* nobody empties it */
	assert_true(t.watch_fd > 0);
	assert_int_equal(sampler_open(&c, &t.sampler, NULL), 0);
	assert_int_equal(sampler_start(t.sampler,
				 &(struct sampler_inputs){ .tables = &table, .n_tables = 1 }, NULL),
		0);
	do {
		usleep(1000);
		taken = t.events_taken;
		report();
	} while (t.report.ticks < 40);
	sampler_stop(t.sampler);
	close(t.watch_fd);
	/* When an event comes, and before the reading. */
	assert_in_range(taken, 1, 2 * t.report.ticks);
}

#define TREE_TEST(name) cmocka_unit_test_setup_teardown(name, node_setup, node_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TREE_TEST(a_unit_that_was_seen_to_go_lived_until_then),
		TREE_TEST(two_units_that_went_at_different_moments_do_not_share_one),
		TREE_TEST(units_that_went_at_about_the_same_moment_lived_until_its_middle),
		TREE_TEST(a_storm_of_events_wakes_it_no_more_often_than_it_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
