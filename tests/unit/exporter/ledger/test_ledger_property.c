// SPDX-License-Identifier: Apache-2.0
/*
 * Random intervals: units that are born, die, come back, lie about their usage; energies from
 * nothing to absurd; clocks that step. After each one the books must balance to the microjoule.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "basic/macros.h"
#include "exporter/ledger/ledger.h"
#include "exporter/ledger/split.h"
#include "unit_test.h"

enum { INTERVALS = 100000, IDS = 40, DEVICES = 3 };

static uint64_t seed;

static uint64_t random_u64(void)
{
	/* splitmix64 */
	uint64_t z = seed += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static uint64_t below(uint64_t limit)
{
	return random_u64() % limit;
}

static bool one_in(uint64_t n)
{
	return below(n) == 0;
}

/* Mostly sensible, sometimes 0, sometimes anything. */
static uint64_t amount(uint64_t usual)
{
	if (one_in(50))
		return random_u64();
	return one_in(10) ? 0 : below(usual);
}

static void shares_of_any_weights_sum_to_the_amount(void **state)
{
	seed = 1;
	for (int i = 0; i < INTERVALS; i++) {
		split_weight weights[8], whole = 0;
		uint64_t total = random_u64() >> below(64), sum = 0;
		struct split split;

		for (size_t k = 0; k < ARRAY_SIZE(weights); k++) {
			weights[k] = ((split_weight)random_u64() << 60 | random_u64()) >>
				below(124);
			whole += weights[k];
		}
		whole += one_in(2) ? 1 : (split_weight)random_u64() << below(50);
		split_begin(&split, total, whole);
		for (size_t k = 0; k < ARRAY_SIZE(weights); k++) {
			uint64_t share = split_next(&split, weights[k]);
			double ideal = (double)total * ((double)weights[k] / (double)whole);

			sum += share;
			assert_true((double)share <= ideal + 2 + (double)total * 1e-9);
			assert_true((double)share >= ideal - 2 - (double)total * 1e-9);
		}
		assert_true(sum <= total);
		assert_true(sum + split_rest(&split) == total);
	}
}

struct world {
	struct ledger *ledger;
	struct ledger_interval iv;
	struct unit_sample all[IDS], shown[IDS * 2];
	bool alive[IDS];
	char names[IDS][8];
	struct ledger_device devices[DEVICES];
	struct gpu_holder holders[DEVICES][IDS];
	uint64_t meter_uj[N_ENERGY_DOMAINS], forgotten_uj[N_ENERGY_DOMAINS];
	struct ledger_totals before;
	struct ledger_unit_total units_before[IDS * 4];
};

static void change_units(struct world *w)
{
	w->iv.n_units = 0;
	for (int i = 0; i < IDS; i++) {
		struct unit_sample *s = &w->all[i];

		if (one_in(20)) {
			w->alive[i] = !w->alive[i];
			s->incarnation += one_in(2);
			if (one_in(2))
				s->cpu_usage_us = amount(2000000);
			s->born_ns = one_in(3) ? 0 : w->iv.realtime_ns - (int64_t)below(3000000000);
		}
		if (!w->alive[i])
			continue;
		s->cpu_usage_us += amount(2000000);
		s->working_set_bytes = amount(1ull << 36);
		s->memory_used_bytes = amount(1ull << 37);
		s->alloc_cpus_milli = one_in(20) ? amount(64000) : s->alloc_cpus_milli;
		s->alloc_memory_bytes = one_in(20) ? amount(1ull << 36) : s->alloc_memory_bytes;
		s->cpu_known = !one_in(20);
		s->memory_known = !one_in(20);
		w->shown[w->iv.n_units++] = *s;
		if (one_in(100)) /* the same name twice */
			w->shown[w->iv.n_units++] = *s;
	}
}

static void change_devices(struct world *w)
{
	for (size_t d = 0; d < DEVICES; d++) {
		struct ledger_device *device = &w->devices[d];

		*device = (struct ledger_device){ .slot = d,
			.holders = w->holders[d],
			.use_known = !one_in(5),
			.use_ppm = (uint32_t)amount(1000000),
			.drawn = one_in(2),
			.settle = one_in(2),
			.part_ppm = (uint32_t)amount(1000000) };
		for (int i = 0; i < IDS; i++) {
			if (!w->alive[i] || !one_in(6))
				continue;
			w->holders[d][device->n_holders++] = (struct gpu_holder){
				.key = w->all[i].key,
				.part_ppm = (uint32_t)amount(300000),
				.use_known = !one_in(10),
				.use_ppm = (uint32_t)amount(300000),
			};
		}
		if (!device->settle)
			continue;
		device->energy_uj = one_in(8) ? 0 : below(700000000);
		device->static_uj = amount(device->energy_uj + 1);
		device->late_uj = one_in(20) ? amount(device->energy_uj + 1) : 0;
		w->meter_uj[DOMAIN_GPU] += device->energy_uj;
	}
	w->iv.devices = w->devices;
	w->iv.n_devices = one_in(10) ? 0 : DEVICES;
	for (size_t d = 0; !w->iv.n_devices && d < DEVICES; d++)
		w->meter_uj[DOMAIN_GPU] -= w->devices[d].energy_uj;
}

static void change_backlog(struct world *w, int d)
{
	struct ledger_backlog *b = &w->iv.backlog[d];

	*b = (struct ledger_backlog){ .open = !one_in(20) };
	if (!one_in(5))
		return;
	b->settle = true;
	b->again = one_in(4);
	b->stretch_us = one_in(10) ? random_u64() : 0;
	b->back_us = one_in(20) ? random_u64() : below(9000000);
	b->energy_uj = one_in(8) ? 0 : below(4000000000);
	b->static_uj = amount(b->energy_uj + 1);
	b->late_uj = one_in(10) ? amount(b->energy_uj + 1) : 0;
}

static void change_node(struct world *w)
{
	struct ledger_interval *iv = &w->iv;

	iv->duration_us = one_in(50) ? amount(600000000) : 1000000 + below(2000);
	iv->now_ns += (int64_t)(iv->duration_us & 0xffffffff) * 1000;
	iv->realtime_ns += (int64_t)(iv->duration_us & 0xffffffff) * 1000;
	if (one_in(500))
		iv->realtime_ns += (int64_t)below(7200000000000) - 3600000000000;
	iv->node_known = !one_in(30);
	iv->node_cpu_busy_us = amount(16000000);
	iv->node_cpus_milli = one_in(100) ? 0 : 16000;
	iv->node_memory_bytes = one_in(100) ? 0 : 1ull << 37;
	iv->node_memory_used_bytes = amount(1ull << 37);
	iv->units_cpu_known = !one_in(4);
	iv->units_cpu_us = amount(16000000);
	if (one_in(30))
		iv->last_scrape_ns = iv->now_ns;
	for (int d = 0; d < N_ENERGY_DOMAINS; d++) {
		if (d == DOMAIN_GPU)
			continue;
		change_backlog(w, d);
		/* A sensor that is frozen or gone brings 0. */
		iv->energy_uj[d] = one_in(8) ? 0 : below(400000000);
		if (one_in(200))
			iv->energy_uj[d] = 262143000000;
		iv->static_uj[d] = amount(iv->energy_uj[d] + 1);
		iv->late_uj[d] = one_in(20) ? amount(iv->energy_uj[d] + 1) : 0;
		iv->present[d] = iv->energy_uj[d] > 0;
	}
}

static const struct ledger_unit_total *same_unit(
	const struct ledger_totals *totals, const struct unit_key *key)
{
	for (size_t i = 0; i < totals->n_units; i++)
		if (!strcmp(totals->units[i].key.uuid, key->uuid))
			return &totals->units[i];
	return NULL;
}

static void check(struct world *w, bool roomy)
{
	struct ledger_totals now;

	ledger_totals(w->ledger, &now);
	for (int d = 0; d < N_ENERGY_DOMAINS; d++) {
		uint64_t parties = 0, units = 0;

		for (int p = 0; p < N_ENERGY_PARTIES; p++) {
			assert_true(now.party_uj[d][p] >= w->before.party_uj[d][p]);
			parties += now.party_uj[d][p];
		}
		assert_true(now.meter_uj[d] == w->meter_uj[d]);
		assert_true(parties == w->meter_uj[d]);
		for (size_t i = 0; i < now.n_units; i++)
			units += now.units[i].energy_uj[d];
		for (size_t i = 0; i < w->before.n_units; i++) {
			const struct ledger_unit_total *u = same_unit(
				&now, &w->before.units[i].key);
			uint64_t had = w->before.units[i].energy_uj[d];

			/* Forgotten and back in one step is a new counter. */
			if (!u || u->start_realtime_ns != w->before.units[i].start_realtime_ns)
				w->forgotten_uj[d] += had;
			else
				assert_true(u->energy_uj[d] >= had);
		}
		/* A holder of a device that isn't known as a unit yet has no series. */
		if (roomy && d != DOMAIN_GPU)
			assert_true(units + w->forgotten_uj[d] == now.party_uj[d][PARTY_UNITS]);
		else
			assert_true(units + w->forgotten_uj[d] <= now.party_uj[d][PARTY_UNITS]);
	}
	w->before = now;
	assert_true(now.n_units <= ARRAY_SIZE(w->units_before));
	if (now.n_units)
		memcpy(w->units_before, now.units, now.n_units * sizeof(*now.units));
	w->before.units = w->units_before;
	/* Keys belong to the ledger; names in this test outlive it. */
	for (size_t i = 0; i < now.n_units; i++)
		for (int k = 0; k < IDS; k++)
			if (!strcmp(w->names[k], now.units[i].key.uuid))
				w->units_before[i].key.uuid = w->names[k];
}

static void random_world(uint64_t world_seed, enum ledger_policy policy, size_t max_units)
{
	static struct world w;

	seed = world_seed;
	w = (struct world){
		.iv = { .units = w.shown, .now_ns = 1000000000, .realtime_ns = 1700000000000000000 }
	};
	assert_int_equal(
		ledger_new(&(struct ledger_config){ policy, 20000000000, max_units, 1000000 },
			&w.ledger),
		0);
	for (int i = 0; i < IDS; i++) {
		snprintf(w.names[i], sizeof(w.names[i]), "%d", i);
		w.all[i].key = (struct unit_key){ "slurm", "", w.names[i] };
		w.alive[i] = one_in(2);
	}
	for (int i = 0; i < INTERVALS / 10; i++) {
		change_node(&w);
		change_units(&w);
		change_devices(&w);
		for (int d = 0; d < N_ENERGY_DOMAINS; d++)
			w.meter_uj[d] += w.iv.energy_uj[d] + w.iv.backlog[d].energy_uj;
		assert_int_equal(ledger_book(w.ledger, &w.iv), 0);
		check(&w, max_units >= IDS);
	}
	ledger_free(w.ledger);
}

static void the_books_balance_after_each_of_100000_intervals(void **state)
{
	for (uint64_t i = 0; i < 10; i++)
		random_world(100 + i, (enum ledger_policy)(i % 3), i < 7 ? 1000 : 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(shares_of_any_weights_sum_to_the_amount),
		TEST(the_books_balance_after_each_of_100000_intervals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
