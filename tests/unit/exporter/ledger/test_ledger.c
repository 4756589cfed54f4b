// SPDX-License-Identifier: Apache-2.0
#include "exporter/ledger/ledger.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alloc_fail.h"
#include "basic/macros.h"
#include "unit_test.h"

enum { SECOND_US = 1000000, MAX_UNITS = 8 };
static const int64_t SECOND_NS = 1000000000;

/* A node of 4 CPUs and 1000 bytes. */
struct bench {
	struct ledger *ledger;
	struct ledger_interval iv;
	struct unit_sample units[MAX_UNITS];
	struct ledger_totals totals;
};

static struct unit_sample unit(const char *uuid, uint64_t cpu_us)
{
	return (struct unit_sample){
		.key = { "slurm", "", uuid },
		.incarnation = 1,
		.cpu_usage_us = cpu_us,
		.cpu_known = true,
		.memory_known = true,
	};
}

static void begin(struct bench *b, enum ledger_policy policy, size_t max_units)
{
	*b = (struct bench){ 0 };
	assert_int_equal(ledger_new(&(struct ledger_config){ .policy = policy,
					    .keep_ended_ns = 10 * SECOND_NS,
					    .max_units = max_units },
				 &b->ledger),
		0);
	b->iv = (struct ledger_interval){
		.present = { true, true, true },
		.node_known = true,
		.node_cpus_milli = 4000,
		.node_memory_bytes = 1000,
		.units = b->units,
		.now_ns = 1000 * SECOND_NS,
		.realtime_ns = 5000 * SECOND_NS,
	};
}

static void book(struct bench *b)
{
	b->iv.now_ns += (int64_t)b->iv.duration_us * 1000;
	b->iv.realtime_ns += (int64_t)b->iv.duration_us * 1000;
	assert_int_equal(ledger_book(b->ledger, &b->iv), 0);
	ledger_totals(b->ledger, &b->totals);
}

/* The first reading: nothing to charge yet. */
static void first(struct bench *b, size_t n_units)
{
	b->iv.duration_us = 0;
	b->iv.n_units = n_units;
	book(b);
	b->iv.duration_us = SECOND_US;
}

static uint64_t energy(const struct bench *b, const char *uuid, enum energy_domain d)
{
	for (size_t i = 0; i < b->totals.n_units; i++)
		if (!strcmp(b->totals.units[i].key.uuid, uuid))
			return b->totals.units[i].energy_uj[d];
	return UINT64_MAX;
}

static void assert_parties(const struct bench *b, enum energy_domain d, uint64_t units,
	uint64_t system, uint64_t idle, uint64_t unattributed)
{
	assert_int_equal(b->totals.party_uj[d][PARTY_UNITS], units);
	assert_int_equal(b->totals.party_uj[d][PARTY_SYSTEM], system);
	assert_int_equal(b->totals.party_uj[d][PARTY_IDLE], idle);
	assert_int_equal(b->totals.party_uj[d][PARTY_UNATTRIBUTED], unattributed);
	assert_int_equal(b->totals.meter_uj[d], units + system + idle + unattributed);
}

static void the_dynamic_part_follows_cpu_time_and_the_static_part_allocation(void **state)
{
	struct bench b;

	begin(&b, LEDGER_POLICY_SPLIT, MAX_UNITS);
	b.units[0] = unit("1", 0);
	b.units[1] = unit("2", 0);
	b.units[0].alloc_cpus_milli = 1000;
	b.units[1].alloc_cpus_milli = 2000;
	first(&b, 2);
	b.units[0].cpu_usage_us = 500000;
	b.units[1].cpu_usage_us = 250000;
	b.iv.node_cpu_busy_us = SECOND_US;
	b.iv.energy_uj[DOMAIN_CPU] = 100;
	b.iv.static_uj[DOMAIN_CPU] = 40;
	book(&b);
	assert_int_equal(energy(&b, "1", DOMAIN_CPU), 30 + 10);
	assert_int_equal(energy(&b, "2", DOMAIN_CPU), 15 + 20);
	assert_parties(&b, DOMAIN_CPU, 75, 15, 10, 0);
	ledger_free(b.ledger);
}

static void memory_energy_follows_the_working_set_and_the_limit(void **state)
{
	struct bench b;

	begin(&b, LEDGER_POLICY_SPLIT, MAX_UNITS);
	b.units[0] = unit("1", 0);
	b.units[0].working_set_bytes = 100;
	b.units[0].memory_used_bytes = 400;
	b.units[0].alloc_memory_bytes = 500;
	first(&b, 1);
	b.iv.node_memory_used_bytes = 400;
	b.iv.energy_uj[DOMAIN_DRAM] = 120;
	b.iv.static_uj[DOMAIN_DRAM] = 40;
	book(&b);
	assert_int_equal(energy(&b, "1", DOMAIN_DRAM), 20 + 20);
	assert_parties(&b, DOMAIN_DRAM, 40, 60, 20, 0);
	ledger_free(b.ledger);
}

static void the_policy_usage_charges_the_static_part_by_usage_too(void **state)
{
	struct bench b;

	begin(&b, LEDGER_POLICY_USAGE, MAX_UNITS);
	b.units[0] = unit("1", 0);
	b.units[0].alloc_cpus_milli = 4000;
	first(&b, 1);
	b.units[0].cpu_usage_us = 250000;
	b.iv.node_cpu_busy_us = SECOND_US;
	b.iv.energy_uj[DOMAIN_CPU] = 100;
	b.iv.static_uj[DOMAIN_CPU] = 40;
	book(&b);
	assert_parties(&b, DOMAIN_CPU, 25, 75, 0, 0);
	ledger_free(b.ledger);
}

static void the_policy_compat_counts_page_cache_and_heads(void **state)
{
	struct bench b;

	begin(&b, LEDGER_POLICY_COMPAT, MAX_UNITS);
	for (int i = 0; i < 2; i++) {
		b.units[i] = unit(i ? "2" : "1", 0);
		b.units[i].working_set_bytes = 10;
		b.units[i].memory_used_bytes = 300;
	}
	first(&b, 2);
	b.units[0].cpu_usage_us = 250000;
	b.iv.node_cpu_busy_us = SECOND_US;
	b.iv.node_memory_used_bytes = 400; /* less than the units' sum: scaled */
	b.iv.energy_uj[DOMAIN_CPU] = b.iv.energy_uj[DOMAIN_DRAM] = b.iv.energy_uj[DOMAIN_REST] =
		100;
	book(&b);
	assert_int_equal(energy(&b, "1", DOMAIN_CPU), 25);
	assert_int_equal(energy(&b, "2", DOMAIN_CPU), 0);
	assert_parties(&b, DOMAIN_CPU, 25, 75, 0, 0);
	assert_int_equal(energy(&b, "1", DOMAIN_DRAM), 50);
	assert_parties(&b, DOMAIN_DRAM, 100, 0, 0, 0);
	assert_int_equal(energy(&b, "2", DOMAIN_REST), 50);
	assert_parties(&b, DOMAIN_REST, 100, 0, 0, 0);

	b.iv.n_units = 0;
	b.iv.units_cpu_known = true;
	book(&b); /* their last moments */
	b.iv.energy_uj[DOMAIN_REST] = 7;
	book(&b);
	assert_int_equal(b.totals.party_uj[DOMAIN_REST][PARTY_IDLE], 7);
	ledger_free(b.ledger);
}

static void units_that_used_more_than_the_node_are_scaled_down(void **state)
{
	struct bench b;

	begin(&b, LEDGER_POLICY_SPLIT, MAX_UNITS);
	b.units[0] = unit("1", 0);
	b.units[1] = unit("2", 0);
	first(&b, 2);
	b.units[0].cpu_usage_us = 1500000;
	b.units[1].cpu_usage_us = 500000;
	b.iv.node_cpu_busy_us = SECOND_US;
	b.iv.energy_uj[DOMAIN_CPU] = 101;
	book(&b);
	assert_int_equal(energy(&b, "1", DOMAIN_CPU), 75);
	assert_int_equal(energy(&b, "2", DOMAIN_CPU), 26);
	assert_parties(&b, DOMAIN_CPU, 101, 0, 0, 0);
	ledger_free(b.ledger);
}

static void without_units_the_energy_is_the_systems_and_the_static_part_idle(void **state)
{
	struct bench b;

	begin(&b, LEDGER_POLICY_SPLIT, MAX_UNITS);
	first(&b, 0);
	b.iv.node_cpu_busy_us = 1;
	b.iv.energy_uj[DOMAIN_CPU] = 100;
	b.iv.static_uj[DOMAIN_CPU] = 40;
	book(&b);
	assert_parties(&b, DOMAIN_CPU, 0, 60, 40, 0);
	b.iv.node_cpu_busy_us = 0; /* nobody used anything */
	book(&b);
	assert_parties(&b, DOMAIN_CPU, 0, 60, 140, 0);
	ledger_free(b.ledger);
}

static void without_the_nodes_usage_the_energy_is_unattributed(void **state)
{
	struct bench b;

	begin(&b, LEDGER_POLICY_SPLIT, MAX_UNITS);
	b.units[0] = unit("1", 0);
	first(&b, 1);
	b.iv.energy_uj[DOMAIN_CPU] = 100;
	b.iv.node_known = false;
	book(&b);
	assert_parties(&b, DOMAIN_CPU, 0, 0, 0, 100);
	/* Two seconds of use were read, one of them belongs to the interval that is known again. */
	b.iv.node_known = true;
	b.iv.node_cpu_busy_us = SECOND_US;
	b.units[0].cpu_usage_us = SECOND_US;
	book(&b);
	assert_parties(&b, DOMAIN_CPU, 50, 50, 0, 100);
	ledger_free(b.ledger);
}

static void late_energy_is_unattributed(void **state)
{
	struct bench b;

	begin(&b, LEDGER_POLICY_SPLIT, MAX_UNITS);
	first(&b, 0);
	b.iv.energy_uj[DOMAIN_CPU] = 100;
	b.iv.late_uj[DOMAIN_CPU] = 70;
	b.iv.static_uj[DOMAIN_CPU] = 50; /* more than is left */
	b.iv.node_cpu_busy_us = 1;
	book(&b);
	assert_parties(&b, DOMAIN_CPU, 0, 0, 30, 70);
	ledger_free(b.ledger);
}

static void a_unit_that_was_there_at_the_start_does_not_pay_for_its_past(void **state)
{
	struct bench b;

	begin(&b, LEDGER_POLICY_SPLIT, MAX_UNITS);
	b.units[0] = unit("1", 3600ull * SECOND_US);
	first(&b, 1);
	b.iv.node_cpu_busy_us = SECOND_US;
	b.iv.energy_uj[DOMAIN_CPU] = 100;
	book(&b);
	assert_parties(&b, DOMAIN_CPU, 0, 100, 0, 0);
	ledger_free(b.ledger);
}

static void a_new_unit_pays_for_all_that_it_used_since_its_birth(void **state)
{
	struct bench b;

	begin(&b, LEDGER_POLICY_SPLIT, MAX_UNITS);
	first(&b, 0);
	b.units[0] = unit("1", 400000);
	b.units[0].alloc_cpus_milli = 1000;
	b.iv.n_units = 1;
	b.iv.node_cpu_busy_us = SECOND_US;
	b.iv.energy_uj[DOMAIN_CPU] = 200;
	b.iv.static_uj[DOMAIN_CPU] = 100;
	/* Born 800 ms before the end of this interval: 0.8 s of one CPU of four. */
	b.units[0].born_ns = b.iv.realtime_ns + SECOND_NS / 5;
	book(&b);
	assert_int_equal(energy(&b, "1", DOMAIN_CPU), 40 + 20);
	assert_int_equal(b.totals.units[0].start_realtime_ns, b.iv.realtime_ns);
	ledger_free(b.ledger);
}

static void a_unit_that_is_seen_late_pays_for_this_interval_only(void **state)
{
	struct bench b;

	begin(&b, LEDGER_POLICY_SPLIT, MAX_UNITS);
	first(&b, 0);
	b.units[0] = unit("old", 100ull * SECOND_US);
	b.units[0].born_ns = b.iv.realtime_ns + SECOND_NS - 200 * SECOND_NS;
	b.units[1] = unit("unborn", 100ull * SECOND_US); /* and no word about its birth */
	b.iv.n_units = 2;
	b.iv.node_cpu_busy_us = SECOND_US;
	b.iv.energy_uj[DOMAIN_CPU] = 100;
	book(&b);
	assert_int_equal(energy(&b, "old", DOMAIN_CPU), 50);
	assert_int_equal(energy(&b, "unborn", DOMAIN_CPU), 0);
	ledger_free(b.ledger);
}

static void a_counter_that_goes_back_costs_one_interval(void **state)
{
	struct bench b;

	begin(&b, LEDGER_POLICY_SPLIT, MAX_UNITS);
	b.units[0] = unit("1", 700000);
	first(&b, 1);
	b.iv.node_cpu_busy_us = SECOND_US;
	b.iv.energy_uj[DOMAIN_CPU] = 100;
	b.units[0].cpu_usage_us = 100000;
	book(&b);
	assert_int_equal(energy(&b, "1", DOMAIN_CPU), 0);
	b.units[0].cpu_usage_us = 200000;
	book(&b);
	assert_int_equal(energy(&b, "1", DOMAIN_CPU), 10);
	ledger_free(b.ledger);
}

static void a_job_id_that_is_used_again_continues_its_counter(void **state)
{
	struct bench b;

	begin(&b, LEDGER_POLICY_SPLIT, MAX_UNITS);
	b.units[0] = unit("1", 0);
	first(&b, 1);
	b.iv.node_cpu_busy_us = SECOND_US;
	b.iv.energy_uj[DOMAIN_CPU] = 100;
	b.units[0].cpu_usage_us = 500000;
	book(&b);
	b.units[0].incarnation = 2;
	b.units[0].cpu_usage_us = 600000; /* more than before, but all of it new */
	book(&b);
	assert_int_equal(b.totals.n_units, 1);
	assert_int_equal(energy(&b, "1", DOMAIN_CPU), 50 + 60);
	ledger_free(b.ledger);
}

static void the_last_moments_of_a_unit_are_told_by_its_parents(void **state)
{
	struct bench b;

	begin(&b, LEDGER_POLICY_SPLIT, MAX_UNITS);
	b.units[0] = unit("1", 0);
	b.units[0].alloc_cpus_milli = 1000;
	first(&b, 1);
	b.iv.node_cpu_busy_us = SECOND_US;
	b.iv.energy_uj[DOMAIN_CPU] = 200;
	b.iv.static_uj[DOMAIN_CPU] = 100;
	b.units[0].cpu_usage_us = SECOND_US;
	book(&b);
	assert_int_equal(energy(&b, "1", DOMAIN_CPU), 100 + 25);
	b.iv.n_units = 0;
	b.iv.units_cpu_known = true;
	b.iv.units_cpu_us = 400000;
	book(&b);
	assert_int_equal(energy(&b, "1", DOMAIN_CPU), 125 + 40 + 10);
	assert_true(b.totals.units[0].ended);
	book(&b);
	assert_int_equal(energy(&b, "1", DOMAIN_CPU), 175);
	ledger_free(b.ledger);
}

static void without_parents_new_work_outside_units_is_the_last_moments(void **state)
{
	struct bench b;

	begin(&b, LEDGER_POLICY_USAGE, MAX_UNITS);
	b.units[0] = unit("1", 0);
	first(&b, 1);
	b.iv.energy_uj[DOMAIN_CPU] = 100;
	b.iv.node_cpu_busy_us = 1100000;
	b.units[0].cpu_usage_us = SECOND_US;
	book(&b);
	b.iv.n_units = 0;
	b.iv.node_cpu_busy_us = 500000; /* 0.1 s of it is usual */
	book(&b);
	assert_int_equal(energy(&b, "1", DOMAIN_CPU), 90 + 80);
	ledger_free(b.ledger);
}

static void an_ended_unit_is_shown_for_its_time_and_its_energy_stays(void **state)
{
	struct bench b;

	begin(&b, LEDGER_POLICY_SPLIT, MAX_UNITS);
	b.units[0] = unit("1", 0);
	first(&b, 1);
	b.iv.energy_uj[DOMAIN_CPU] = 100;
	b.iv.node_cpu_busy_us = SECOND_US;
	b.units[0].cpu_usage_us = SECOND_US;
	book(&b);
	b.iv.energy_uj[DOMAIN_CPU] = 0;
	b.iv.n_units = 0;
	for (int i = 0; i < 20; i++) { /* nobody scraped it */
		book(&b);
		assert_int_equal(b.totals.n_units, 1);
	}
	b.iv.last_scrape_ns = b.iv.now_ns;
	book(&b);
	assert_int_equal(b.totals.n_units, 0);
	assert_parties(&b, DOMAIN_CPU, 100, 0, 0, 0);
	ledger_free(b.ledger);
}

static void a_scraped_unit_stays_for_its_time_and_an_unscraped_one_for_a_day(void **state)
{
	for (int scraped = 0; scraped < 2; scraped++) {
		int64_t keep_s = scraped ? 10 : LEDGER_KEEP_UNSCRAPED_NS / SECOND_NS;
		struct bench b;

		begin(&b, LEDGER_POLICY_SPLIT, MAX_UNITS);
		b.units[0] = unit("1", 0);
		first(&b, 1);
		b.iv.n_units = 0;
		book(&b);
		b.iv.last_scrape_ns = scraped ? b.iv.now_ns + 1 : 0;
		b.iv.now_ns += (keep_s - 1) * SECOND_NS;
		book(&b);
		assert_int_equal(b.totals.n_units, 1);
		book(&b);
		assert_int_equal(b.totals.n_units, 0);
		ledger_free(b.ledger);
	}
}

static void units_beyond_the_limit_count_for_the_party_only(void **state)
{
	struct bench b;

	begin(&b, LEDGER_POLICY_SPLIT, 1);
	b.units[0] = unit("1", 0);
	b.units[1] = unit("2", 0);
	b.units[2] = unit("3", 0);
	first(&b, 3);
	b.iv.energy_uj[DOMAIN_CPU] = 100;
	b.iv.node_cpu_busy_us = SECOND_US;
	b.units[0].cpu_usage_us = 200000;
	b.units[1].cpu_usage_us = 100000;
	b.units[2].cpu_usage_us = 400000;
	book(&b);
	assert_int_equal(b.totals.n_units, 1);
	assert_int_equal(energy(&b, "1", DOMAIN_CPU), 20);
	assert_parties(&b, DOMAIN_CPU, 70, 30, 0, 0);
	/* The first ends, the second gets its place. */
	b.units[0] = b.units[1];
	b.units[1] = b.units[2];
	b.iv.n_units = 2;
	book(&b);
	book(&b);
	assert_int_equal(b.totals.n_units, 1);
	assert_string_equal(b.totals.units[0].key.uuid, "2");
	ledger_free(b.ledger);
}

static void units_are_sorted_by_their_key(void **state)
{
	struct bench b;

	begin(&b, LEDGER_POLICY_SPLIT, MAX_UNITS);
	b.units[0] = unit("9", 0);
	b.units[1] = unit("10", 0);
	b.units[2] = unit("10", 0);
	b.units[2].key.cgrouphostname = "node2";
	b.units[3] = unit("10", 0); /* a second time: ignored */
	first(&b, 4);
	assert_int_equal(b.totals.n_units, 3);
	assert_string_equal(b.totals.units[0].key.uuid, "10");
	assert_string_equal(b.totals.units[1].key.uuid, "9");
	assert_string_equal(b.totals.units[2].key.cgrouphostname, "node2");
	ledger_free(b.ledger);
}

/*
 * One job at full load on one CPU of four, 3 s long, beside a background of 0.25 CPU; read every
 * second. The node takes 20 W + 10 W per busy CPU; the job's true share is 3 s of 10 W and of a
 * quarter of 20 W.
 */
static double short_job(uint64_t start_us, bool told_by_parents, bool birth_known)
{
	const uint64_t length_us = 3 * SECOND_US;
	uint64_t before_us = 0;
	struct bench b;
	double joules = 0;

	begin(&b, LEDGER_POLICY_SPLIT, MAX_UNITS);
	first(&b, 0);
	for (uint64_t now = SECOND_US; now <= 8 * SECOND_US; now += SECOND_US) {
		uint64_t used = now > start_us ? MIN(now - start_us, length_us) : 0;
		uint64_t busy = used - before_us + SECOND_US / 4;

		b.iv.n_units = used && now < start_us + length_us;
		b.units[0] = unit("1", used);
		b.units[0].alloc_cpus_milli = 1000;
		if (birth_known)
			b.units[0].born_ns = b.iv.realtime_ns + SECOND_NS -
				(int64_t)(now - start_us) * 1000;
		b.iv.units_cpu_known = told_by_parents;
		b.iv.units_cpu_us = used - before_us;
		b.iv.node_cpu_busy_us = busy / 10000 * 10000; /* /proc/stat counts in 10 ms */
		b.iv.static_uj[DOMAIN_CPU] = 20 * SECOND_US;
		b.iv.energy_uj[DOMAIN_CPU] = 20 * SECOND_US + 10 * busy;
		before_us = used;
		book(&b);
	}
	joules = (double)energy(&b, "1", DOMAIN_CPU) / 1e6;
	ledger_free(b.ledger);
	return joules;
}

static void a_job_of_3_s_gets_its_energy_within_5_percent(void **state)
{
	for (uint64_t start = SECOND_US; start < 2 * SECOND_US; start += 12345) {
		for (int how = 0; how < 4; how++) {
			double joules = short_job(start, how & 1, how & 2);

			if (fabs(joules - 45) > 45 * 0.05)
				fail_msg("job from %u us, case %d: %f J instead of 45",
					(unsigned)start, how, joules);
		}
	}
}

static void without_memory_the_interval_is_unattributed_and_the_sums_hold(void **state)
{
	int r = -ENOMEM;

	for (size_t n = 1; r == -ENOMEM; n++) {
		struct bench b;

		begin(&b, LEDGER_POLICY_SPLIT, MAX_UNITS);
		first(&b, 0);
		for (int i = 0; i < 2; i++)
			b.units[i] = unit(i ? "2" : "1", 300000);
		b.iv.n_units = 2;
		b.iv.node_cpu_busy_us = SECOND_US;
		b.iv.energy_uj[DOMAIN_CPU] = 100;
		alloc_fail_at(n);
		r = ledger_book(b.ledger, &b.iv);
		alloc_fail_at(0);
		ledger_totals(b.ledger, &b.totals);
		if (r == -ENOMEM)
			assert_parties(&b, DOMAIN_CPU, 0, 0, 0, 100);
		else
			assert_parties(&b, DOMAIN_CPU, 60, 40, 0, 0);
		book(&b);
		assert_int_equal(b.totals.n_units, 2);
		ledger_free(b.ledger);
	}
	assert_int_equal(r, 0);
}

static void a_tick_allocates_nothing(void **state)
{
	const struct gpu_holder holder = { .key = { "slurm", "", "1" }, .part_ppm = 1000000 };
	struct ledger_device device = { .holders = &holder, .n_holders = 1, .part_ppm = 500000 };
	struct bench b;

	begin(&b, LEDGER_POLICY_SPLIT, MAX_UNITS);
	for (int i = 0; i < 3; i++)
		b.units[i] = unit((const char *[]){ "1", "2", "3" }[i], 0);
	first(&b, 3);
	b.iv.backlog[DOMAIN_REST].open = true;
	b.iv.devices = &device;
	b.iv.n_devices = 1;
	book(&b); /* the holder is new */
	alloc_fail_at(0);
	for (int i = 0; i < 30; i++) {
		device.settle = b.iv.backlog[DOMAIN_REST].settle = i % 3 == 2;
		book(&b);
	}
	assert_int_equal(alloc_count(), 0);
	ledger_free(b.ledger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_dynamic_part_follows_cpu_time_and_the_static_part_allocation),
		TEST(memory_energy_follows_the_working_set_and_the_limit),
		TEST(the_policy_usage_charges_the_static_part_by_usage_too),
		TEST(the_policy_compat_counts_page_cache_and_heads),
		TEST(units_that_used_more_than_the_node_are_scaled_down),
		TEST(without_units_the_energy_is_the_systems_and_the_static_part_idle),
		TEST(without_the_nodes_usage_the_energy_is_unattributed),
		TEST(late_energy_is_unattributed),
		TEST(a_unit_that_was_there_at_the_start_does_not_pay_for_its_past),
		TEST(a_new_unit_pays_for_all_that_it_used_since_its_birth),
		TEST(a_unit_that_is_seen_late_pays_for_this_interval_only),
		TEST(a_counter_that_goes_back_costs_one_interval),
		TEST(a_job_id_that_is_used_again_continues_its_counter),
		TEST(the_last_moments_of_a_unit_are_told_by_its_parents),
		TEST(without_parents_new_work_outside_units_is_the_last_moments),
		TEST(an_ended_unit_is_shown_for_its_time_and_its_energy_stays),
		TEST(a_scraped_unit_stays_for_its_time_and_an_unscraped_one_for_a_day),
		TEST(units_beyond_the_limit_count_for_the_party_only),
		TEST(units_are_sorted_by_their_key),
		TEST(a_job_of_3_s_gets_its_energy_within_5_percent),
		TEST(without_memory_the_interval_is_unattributed_and_the_sums_hold),
		TEST(a_tick_allocates_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
