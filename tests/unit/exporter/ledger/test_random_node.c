// SPDX-License-Identifier: Apache-2.0
/*
 * A random node, tick by tick: zones that wrap, freeze, vanish and come back, units that are born
 * and die between two ticks, ticks that are missed, suspends, a wall clock that steps. What the
 * true meters counted must be on the books, to the microjoule, and the books must balance after
 * each tick.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sampler_node.h"

enum { TICKS = 800, ZONES = 3, JOBS = 12 };

static const uint64_t RANGE_UJ = 262143328850;

struct meter {
	const char *entry;
	enum energy_domain domain;
	uint64_t true_uj, start_uj; /* ever since */
	int frozen, gone; /* for so many ticks more */
};

static struct meter meters[ZONES];
static char names[JOBS][8];
static bool alive[JOBS];
static struct unit_sample jobs[JOBS];

static bool one_in(long n)
{
	return random() % n == 0;
}

static void show(struct meter *m)
{
	char name[128];

	if (m->frozen)
		return;
	snprintf(name, sizeof(name), "sys/class/powercap/%s/energy_uj", m->entry);
	if (m->gone)
		put(name, one_in(2) ? "" : "no number\n");
	else
		put_energy(m->entry, m->true_uj % (RANGE_UJ + 1));
}

static void run_meters(double after_s)
{
	for (int i = 0; i < ZONES; i++) {
		struct meter *m = &meters[i];

		m->true_uj += (uint64_t)((double)(random() % 900) * 1e6 * after_s);
		m->frozen -= m->frozen > 0;
		m->gone -= m->gone > 0;
		if (one_in(100))
			m->frozen = (int)(random() % 15);
		if (one_in(100) && !m->frozen)
			m->gone = (int)(random() % 15);
		show(m);
	}
}

static void run_jobs(double after_s)
{
	t.n_units = 0;
	for (int i = 0; i < JOBS; i++) {
		struct unit_sample *s = &jobs[i];
		uint64_t used = (uint64_t)((double)(random() % 300000) * after_s);

		if (one_in(10)) {
			alive[i] = !alive[i];
			if (alive[i]) {
				s->incarnation++;
				s->cpu_usage_us = 0;
				s->born_ns = one_in(4) ? 0 : t.real_ns + (int64_t)(after_s * 5e8);
			} else {
				t.roots_us += used; /* its last moments */
			}
		}
		if (!alive[i])
			continue;
		t.roots_us += used;
		s->cpu_usage_us += used;
		s->cpu_known = s->memory_known = !one_in(20);
		s->working_set_bytes = (uint64_t)random() % 500000;
		s->alloc_cpus_milli = (uint64_t)random() % 3000;
		t.units[t.n_units++] = *s;
	}
	t.units_error = one_in(50) ? -EIO : 0;
	t.busy_ticks += (uint64_t)((double)(random() % 200) * after_s);
}

static void check_books(const struct ledger_totals *before)
{
	const struct ledger_totals *now = &t.report.totals;

	for (int d = 0; d < N_ENERGY_DOMAINS; d++) {
		uint64_t parties = 0, units = 0;

		for (int p = 0; p < N_ENERGY_PARTIES; p++) {
			assert_true(now->party_uj[d][p] >= before->party_uj[d][p]);
			parties += now->party_uj[d][p];
		}
		assert_true(parties == now->meter_uj[d]);
		for (size_t i = 0; i < now->n_units; i++)
			units += now->units[i].energy_uj[d];
		assert_true(units <= now->party_uj[d][PARTY_UNITS]);
	}
}

static void check_meters(void)
{
	uint64_t expected[N_ENERGY_DOMAINS] = { 0 };

	for (int i = 0; i < ZONES; i++) {
		if (meters[i].frozen || meters[i].gone)
			return;
		expected[meters[i].domain] += meters[i].true_uj - meters[i].start_uj;
	}
	for (int d = 0; d < N_ENERGY_DOMAINS; d++)
		assert_true(t.report.totals.meter_uj[d] == expected[d]);
}

/* A suspend makes a smaller value a restart, so none happens close to a wrap. */
static bool may_sleep(void)
{
	for (int i = 0; i < ZONES; i++)
		if (meters[i].true_uj % (RANGE_UJ + 1) > RANGE_UJ - 200000000000)
			return false;
	return one_in(50);
}

static void what_the_meters_counted_is_on_the_books(void **state)
{
	static const struct meter fresh[ZONES] = {
		{ .entry = "intel-rapl:0", .domain = DOMAIN_CPU, .true_uj = 262000000000 },
		{ .entry = "intel-rapl:1", .domain = DOMAIN_CPU, .true_uj = 5 },
		{ .entry = "intel-rapl:0:0", .domain = DOMAIN_DRAM, .true_uj = 77 },
	};
	struct ledger_totals before;
	size_t checked = 0;

	srandom((unsigned)(uintptr_t)*state);
	memcpy(meters, fresh, sizeof(meters));
	memset(jobs, 0, sizeof(jobs));
	memset(alive, 0, sizeof(alive));
	for (int i = 0; i < ZONES; i++)
		meters[i].start_uj = meters[i].true_uj;
	zone("intel-rapl:0", "package-0\n", meters[0].true_uj);
	zone("intel-rapl:1", "package-1\n", meters[1].true_uj);
	zone("intel-rapl:0:0", "dram\n", meters[2].true_uj);
	for (int i = 0; i < JOBS; i++) {
		snprintf(names[i], sizeof(names[i]), "%d", i);
		jobs[i].key = (struct unit_key){ "slurm", "", names[i] };
	}
	node_start(NULL);
	before = t.report.totals;
	for (int i = 0; i < TICKS; i++) {
		double after_s = one_in(40) ? 1 + (double)(random() % 90) : 1;

		if (may_sleep())
			t.asleep_ns += 600 * S_NS;
		if (one_in(100))
			t.real_ns += (random() % 7200 - 3600) * S_NS;
		run_meters(after_s);
		run_jobs(after_s);
		tick(after_s);
		check_books(&before);
		check_meters();
		before = t.report.totals;
		checked += t.report.totals.n_units;
	}
	assert_true(checked > TICKS);
	assert_true(before.party_uj[DOMAIN_CPU][PARTY_UNITS] > 0);
	assert_true(before.party_uj[DOMAIN_CPU][PARTY_UNATTRIBUTED] > 0);
}

static int prepare(void **state)
{
	void *seed = *state;
	int r = node_setup(state);

	*state = seed;
	return r;
}

#define SEED(n)                                                                                    \
	cmocka_unit_test_prestate_setup_teardown(what_the_meters_counted_is_on_the_books, prepare, \
		node_teardown, (void *)(uintptr_t)(n))

int main(void)
{
	const struct CMUnitTest tests[] = { SEED(1), SEED(2), SEED(3), SEED(4) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
