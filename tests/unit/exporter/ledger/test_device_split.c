// SPDX-License-Identifier: Apache-2.0
/* Energy of GPUs to those who hold and use them, by each policy. */
#include "exporter/ledger/ledger.h"

#include <string.h>

#include "unit_test.h"

enum { SECOND_US = 1000000, HOLDERS = 4 };
static const int64_t SECOND_NS = 1000000000;

struct bench {
	struct ledger *ledger;
	struct ledger_interval iv;
	struct unit_sample units[HOLDERS];
	struct ledger_device device;
	struct gpu_holder holders[HOLDERS];
	struct ledger_totals totals;
};

static struct bench b;

static struct unit_key key(int i)
{
	static const char *const names[HOLDERS] = { "1", "2", "3", "4" };

	return (struct unit_key){ "slurm", "", names[i] };
}

static void book(void)
{
	b.iv.now_ns += (int64_t)b.iv.duration_us * 1000;
	b.iv.realtime_ns += (int64_t)b.iv.duration_us * 1000;
	assert_int_equal(ledger_book(b.ledger, &b.iv), 0);
	ledger_totals(b.ledger, &b.totals);
}

static void begin(enum ledger_policy policy, size_t n_units)
{
	b = (struct bench){ .iv = { .now_ns = SECOND_NS } };
	assert_int_equal(
		ledger_new(&(struct ledger_config){ policy, 10 * SECOND_NS, 3 }, &b.ledger), 0);
	for (int i = 0; i < HOLDERS; i++) {
		b.units[i] =
			(struct unit_sample){ .key = key(i), .incarnation = 1, .cpu_known = true };
		b.holders[i].key = key(i);
	}
	b.iv.present[DOMAIN_GPU] = b.iv.node_known = true;
	b.iv.units = b.units;
	b.iv.n_units = n_units;
	b.iv.devices = &b.device;
	b.iv.n_devices = 1;
	b.iv.realtime_ns = 5000 * SECOND_NS;
	b.device.holders = b.holders;
	b.device.settle = true;
	b.device.part_ppm = LEDGER_WHOLE_PPM;
	b.device.drawn = false;
	b.device.use_known = true;
	book();
	b.iv.duration_us = SECOND_US;
	b.device.energy_uj = 1000;
	b.device.static_uj = 400;
}

static void hold(int i, uint32_t part_percent, uint32_t use_percent)
{
	b.holders[i].part_ppm = part_percent * 10000;
	b.holders[i].use_known = true;
	b.holders[i].use_ppm = use_percent * 10000;
	b.device.n_holders = (size_t)i + 1;
}

static void assert_gpu(uint64_t units, uint64_t system, uint64_t idle, uint64_t unattributed)
{
	const uint64_t *party = b.totals.party_uj[DOMAIN_GPU];

	assert_int_equal(party[PARTY_UNITS], units);
	assert_int_equal(party[PARTY_SYSTEM], system);
	assert_int_equal(party[PARTY_IDLE], idle);
	assert_int_equal(party[PARTY_UNATTRIBUTED], unattributed);
	assert_int_equal(b.totals.meter_uj[DOMAIN_GPU], units + system + idle + unattributed);
	ledger_free(b.ledger);
}

static uint64_t energy(int i)
{
	for (size_t k = 0; k < b.totals.n_units; k++)
		if (!strcmp(b.totals.units[k].key.uuid, key(i).uuid))
			return b.totals.units[k].energy_uj[DOMAIN_GPU];
	return UINT64_MAX;
}

static void slices_pay_by_use_and_for_what_they_hold(void **state)
{
	begin(LEDGER_POLICY_SPLIT, 2);
	hold(0, 50, 30);
	hold(1, 25, 10);
	b.device.use_ppm = 600000; /* a fifth of the device is somebody else's work */
	book();
	assert_int_equal(energy(0), 300 + 200);
	assert_int_equal(energy(1), 100 + 100);
	assert_gpu(700, 200, 100, 0);
}

static void an_idle_gpu_is_its_holders_or_nobodys(void **state)
{
	begin(LEDGER_POLICY_SPLIT, 1);
	hold(0, 100, 0);
	book();
	assert_int_equal(energy(0), 1000);
	b.device.n_holders = 0;
	book();
	assert_gpu(1000, 0, 1000, 0);
}

static void where_use_is_not_known_parts_stand_for_it(void **state)
{
	begin(LEDGER_POLICY_SPLIT, 2);
	hold(0, 50, 0);
	hold(1, 25, 0);
	b.holders[1].use_known = false;
	b.device.use_ppm = 900000;
	book();
	/* 600 by 50 : 25, and of 400 that flow without load what each holds. */
	assert_int_equal(energy(0), 400 + 200);
	assert_int_equal(energy(1), 200 + 100);
	assert_gpu(900, 0, 100, 0);
}

static void what_flows_by_load_is_the_holders_for_as_short_as_they_held_it(void **state)
{
	begin(LEDGER_POLICY_SPLIT, 0);
	b.device.use_ppm = 0;
	b.device.settle = false;
	b.device.energy_uj = 0;
	book();
	/* It came half a second before the end of this interval; the reading is of its end. */
	b.iv.n_units = 1;
	b.units[0].born_ns = b.iv.realtime_ns + SECOND_NS / 2;
	hold(0, 100, 0);
	b.holders[0].use_known = false;
	b.device.settle = true;
	b.device.use_ppm = 900000;
	b.device.energy_uj = 1000;
	book();
	/* All of the load's, and a quarter of what flowed without it in two seconds. */
	assert_int_equal(energy(0), 600 + 100);
	assert_gpu(700, 0, 300, 0);
}

static void a_reading_before_a_unit_came_is_not_its(void **state)
{
	begin(LEDGER_POLICY_SPLIT, 1);
	b.iv.n_units = 0;
	book();
	b.iv.n_units = 1;
	b.units[0].incarnation = 2;
	b.units[0].born_ns = b.iv.realtime_ns + SECOND_NS * 6 / 10;
	hold(0, 100, 0);
	b.holders[0].use_known = false;
	b.device.part_ppm = 500000; /* the reading was half a second ago */
	b.device.energy_uj = 1000;
	book();
	assert_int_equal(energy(0), 0);
	/* It goes on; the next reading is for half a second without it, nearly, and one with it. */
	b.device.part_ppm = LEDGER_WHOLE_PPM;
	b.device.static_uj = 600;
	b.device.energy_uj = 1600;
	book();
	assert_int_equal(energy(0), 1000 + 600 * 14 / 15);
	ledger_free(b.ledger);
}

static void the_policy_usage_looks_at_use_alone(void **state)
{
	begin(LEDGER_POLICY_USAGE, 2);
	hold(0, 50, 30);
	hold(1, 50, 10);
	b.device.use_ppm = 400000;
	book();
	assert_int_equal(energy(0), 750);
	assert_int_equal(energy(1), 250);
	hold(0, 50, 0);
	hold(1, 50, 0);
	b.device.use_ppm = 0;
	book();
	assert_gpu(1000, 0, 1000, 0);
}

static void the_policy_compat_looks_at_parts_alone(void **state)
{
	begin(LEDGER_POLICY_COMPAT, 2);
	hold(0, 50, 90);
	hold(1, 25, 0);
	book();
	assert_int_equal(energy(0), 500);
	assert_int_equal(energy(1), 250);
	assert_gpu(750, 0, 250, 0);
}

static void a_reading_that_comes_later_covers_all_who_held_it_since(void **state)
{
	begin(LEDGER_POLICY_COMPAT, 2);
	b.device.settle = false;
	b.device.energy_uj = 0;
	hold(0, 100, 0);
	book();
	book();
	b.holders[0].key = key(1);
	book();
	b.device.settle = true;
	b.device.energy_uj = 4000;
	b.device.part_ppm = LEDGER_WHOLE_PPM; /* the first second ended before this interval */
	book();
	assert_int_equal(energy(0), 2000);
	assert_int_equal(energy(1), 2000);
	assert_gpu(4000, 0, 0, 0);
}

static void late_energy_is_nobodys(void **state)
{
	begin(LEDGER_POLICY_SPLIT, 1);
	hold(0, 100, 50);
	b.device.use_ppm = 500000;
	b.device.late_uj = 900;
	book();
	assert_gpu(100, 0, 0, 900);
}

static void holders_without_counters_of_their_own_are_in_the_party(void **state)
{
	begin(LEDGER_POLICY_SPLIT, 4); /* one more than has counters */
	hold(0, 50, 20);
	b.holders[0].key = key(3);
	b.device.use_ppm = 200000;
	book();
	assert_int_equal(energy(3), UINT64_MAX);
	assert_gpu(800, 0, 200, 0);
}

static void a_holder_that_ended_gets_what_the_device_used_beyond_the_others(void **state)
{
	begin(LEDGER_POLICY_SPLIT, 2);
	hold(0, 50, 40);
	hold(1, 50, 20);
	b.device.use_ppm = 600000;
	book();
	/* The first one ended in the middle; the device says 40 %, the second still has 20. */
	b.iv.n_units = 1;
	b.units[0] = b.units[1];
	hold(0, 50, 20);
	b.holders[0].key = key(1);
	b.device.use_ppm = 400000;
	b.device.static_uj = 0;
	book();
	assert_int_equal(energy(0), 400 + 200 + 500);
	assert_int_equal(energy(1), 200 + 200 + 500);
	assert_gpu(2000, 0, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(slices_pay_by_use_and_for_what_they_hold),
		TEST(an_idle_gpu_is_its_holders_or_nobodys),
		TEST(where_use_is_not_known_parts_stand_for_it),
		TEST(what_flows_by_load_is_the_holders_for_as_short_as_they_held_it),
		TEST(a_reading_before_a_unit_came_is_not_its),
		TEST(the_policy_usage_looks_at_use_alone),
		TEST(the_policy_compat_looks_at_parts_alone),
		TEST(a_reading_that_comes_later_covers_all_who_held_it_since),
		TEST(late_energy_is_nobodys),
		TEST(holders_without_counters_of_their_own_are_in_the_party),
		TEST(a_holder_that_ended_gets_what_the_device_used_beyond_the_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
