// SPDX-License-Identifier: Apache-2.0
#include "exporter/ledger/energy_counter.h"

#include <stdlib.h>

#include "exporter/ledger/energy_floor.h"
#include "unit_test.h"

static const int64_t S_NS = 1000000000;

struct reading {
	struct energy_counter counter;
	struct energy_span span;
	uint64_t energy_uj, late_uj; /* of the last reading */
};

static struct reading begin(uint64_t max_uj, uint64_t value_uj)
{
	struct reading r = { .counter = { .max_uj = max_uj },
		.span = { .now_ns = 100 * S_NS, .max_gap_ns = 60 * S_NS } };

	assert_int_equal(
		energy_counter_read(&r.counter, value_uj, &r.span, &r.energy_uj, &r.late_uj),
		ENERGY_EVENT_NONE);
	assert_int_equal(r.energy_uj, 0);
	return r;
}

static enum energy_event next(struct reading *r, int64_t after_s, uint64_t value_uj)
{
	r->span.now_ns += after_s * S_NS;
	r->energy_uj = r->late_uj = 0;
	return energy_counter_read(&r->counter, value_uj, &r->span, &r->energy_uj, &r->late_uj);
}

static void a_counter_wraps_without_going_backwards(void **state)
{
	struct reading r = begin(262143328850, 262143328800);

	assert_int_equal(next(&r, 1, 99), ENERGY_EVENT_NONE);
	assert_int_equal(r.energy_uj, 150);
	assert_int_equal(r.late_uj, 0);
}

static void an_impossible_step_is_a_restart_and_counts_nothing(void **state)
{
	struct reading r = begin(262143328850, 100000000000);

	/* As a wrap it would be 162 kJ in one second. */
	assert_int_equal(next(&r, 1, 5), ENERGY_EVENT_RESTART);
	assert_int_equal(r.energy_uj, 0);
	assert_int_equal(next(&r, 1, 105), ENERGY_EVENT_NONE);
	assert_int_equal(r.energy_uj, 100);
	assert_int_equal(next(&r, 1, 3000000000), ENERGY_EVENT_RESTART); /* 3 kW */
	assert_int_equal(r.energy_uj, 0);
}

static void a_counter_without_a_range_never_wraps(void **state)
{
	struct reading r = begin(0, 1000);

	assert_int_equal(next(&r, 1, 999), ENERGY_EVENT_RESTART);
	assert_int_equal(r.energy_uj, 0);
}

static void after_a_suspend_a_smaller_value_is_a_restart_and_a_larger_one_late(void **state)
{
	struct reading r = begin(262143328850, 262143328800);

	r.span.slept = true;
	assert_int_equal(next(&r, 1, 99), ENERGY_EVENT_RESTART);
	assert_int_equal(r.energy_uj, 0);
	assert_int_equal(next(&r, 1, 199), ENERGY_EVENT_NONE);
	assert_int_equal(r.energy_uj, 100);
	assert_int_equal(r.late_uj, 100);
}

static void a_frozen_counter_is_told_once_and_again_when_it_moves(void **state)
{
	struct reading r = begin(262143328850, 1000);

	for (int i = 1; i < 30; i++)
		assert_int_equal(next(&r, 1, 1000),
			i == ENERGY_COUNTER_FROZEN_S ? ENERGY_EVENT_FROZEN : ENERGY_EVENT_NONE);
	assert_int_equal(next(&r, 1, 5000), ENERGY_EVENT_MOVES);
	assert_int_equal(r.energy_uj, 4000);
	assert_int_equal(r.late_uj, 0); /* 30 s are bridged */
	assert_int_equal(next(&r, 1, 6000), ENERGY_EVENT_NONE);
}

static void energy_that_gathered_for_too_long_is_late(void **state)
{
	struct reading r = begin(262143328850, 1000);

	assert_int_equal(next(&r, 60, 2000), ENERGY_EVENT_NONE);
	assert_int_equal(r.late_uj, 0);
	assert_int_equal(next(&r, 61, 5000), ENERGY_EVENT_NONE);
	assert_int_equal(r.energy_uj, 3000);
	assert_int_equal(r.late_uj, 3000);
}

/* A true meter behind a counter that wraps and now and then is not read for a while. */
static void random_readings_lose_and_invent_nothing(void **state)
{
	const uint64_t max_uj = 65532610987;
	uint64_t truth_uj = 12345, read_uj = truth_uj, counted_uj = 0;
	struct reading r = begin(max_uj, truth_uj);

	srandom(7);
	for (int i = 0; i < 100000; i++) {
		int64_t after_s = 1 + (random() % 100 ? 0 : random() % 30);

		truth_uj += (uint64_t)(random() % 1500) * 1000000 * (uint64_t)after_s;
		next(&r, after_s, truth_uj % (max_uj + 1));
		counted_uj += r.energy_uj;
	}
	assert_true(counted_uj == truth_uj - read_uj);
}

static void a_floor_is_the_least_power_of_a_quiet_block(void **state)
{
	struct energy_floor f = { 0 };

	for (int i = 0; i < 20; i++) /* 100 W at full load: no floor */
		energy_floor_add(&f, 100000000, 1000000, 4000000, 4000000);
	assert_false(f.known);
	for (int i = 0; i < 10; i++) /* 40 W at 5 % */
		energy_floor_add(&f, 40000000, 1000000, 200000, 4000000);
	assert_true(f.known);
	assert_int_equal(f.power_uw, 40000000);
	for (int i = 0; i < 9; i++)
		energy_floor_add(&f, 30000000, 1000000, 0, 4000000);
	energy_floor_skip(&f); /* a gap: the block begins anew */
	energy_floor_add(&f, 30000000, 1000000, 0, 4000000);
	assert_int_equal(f.power_uw, 40000000);
	for (int i = 0; i < 9; i++)
		energy_floor_add(&f, 30000000, 1000000, 0, 4000000);
	assert_int_equal(f.power_uw, 30000000);
	for (int i = 0; i < 10; i++)
		energy_floor_add(&f, 50000000, 1000000, 0, 4000000);
	assert_int_equal(f.power_uw, 30000000);
}

static void energy_of_a_power_saturates(void **state)
{
	assert_int_equal(energy_of_power(1500000, 2000000), 3000000);
	assert_true(energy_of_power(UINT64_MAX, UINT64_MAX) == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_counter_wraps_without_going_backwards),
		TEST(an_impossible_step_is_a_restart_and_counts_nothing),
		TEST(a_counter_without_a_range_never_wraps),
		TEST(after_a_suspend_a_smaller_value_is_a_restart_and_a_larger_one_late),
		TEST(a_frozen_counter_is_told_once_and_again_when_it_moves),
		TEST(energy_that_gathered_for_too_long_is_late),
		TEST(random_readings_lose_and_invent_nothing),
		TEST(a_floor_is_the_least_power_of_a_quiet_block),
		TEST(energy_of_a_power_saturates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
