// SPDX-License-Identifier: Apache-2.0
/* The node's meter against its parts, with and without lag, faults and disagreement. */
#include "exporter/ledger/energy_rest.h"

#include <stdlib.h>

#include "basic/macros.h"
#include "unit_test.h"

static const int64_t S_NS = 1000000000;

struct bench {
	struct energy_rest rest;
	int64_t now_ns, told_ns;
	uint64_t booked_uj, late_uj;
	struct energy_rest_flow flow;
	bool wait;
};

static struct bench b;

static void begin(void)
{
	b = (struct bench){ .now_ns = 1000 * S_NS };
	energy_rest_init(&b.rest, S_NS, 60 * S_NS);
}

static void check(void)
{
	assert_true(
		(int64_t)(b.rest.parts_uj + b.rest.rest_uj - b.rest.meter_uj - b.rest.exceeded_uj -
			b.rest.unmetered_uj) == -energy_rest_pending_uj(&b.rest));
	assert_true(b.rest.rest_uj == b.booked_uj);
}

static void add(double after_s, uint64_t parts_uj, const struct node_energy *node)
{
	struct energy_rest_interval in = {
		.from_ns = b.now_ns,
		.now_ns = b.now_ns + (int64_t)(after_s * 1e9),
		.parts_uj = parts_uj,
		.load = (double)parts_uj,
		.parts_wait = b.wait,
		.node = *node,
	};
	uint64_t exceeded = b.rest.exceeded_uj, unmetered = b.rest.unmetered_uj;

	b.now_ns = in.now_ns;
	energy_rest_add(&b.rest, &in, &b.flow);
	assert_true(b.flow.late_uj <= b.flow.energy_uj);
	b.booked_uj += b.flow.energy_uj;
	b.late_uj += b.flow.late_uj;
	assert_true(b.rest.exceeded_uj >= exceeded && b.rest.unmetered_uj >= unmetered);
	check();
}

/* A second of so many watts, and what the node's meter tells of it. */
static void tick(uint64_t parts_w, uint64_t node_w)
{
	struct node_energy node = { .fresh = true };

	node.segment.to_ns = b.now_ns + S_NS;
	node.segment.from_ns = b.told_ns ? b.told_ns : node.segment.to_ns;
	node.segment.energy_uj = (uint64_t)((node.segment.to_ns - node.segment.from_ns) / 1000) *
		node_w;
	b.told_ns = node.segment.to_ns;
	add(1, parts_w * 1000000, &node);
}

static void silent(uint64_t parts_w)
{
	add(1, parts_w * 1000000, &(struct node_energy){ .fresh = false });
}

static void the_rest_is_what_the_parts_do_not_take(void **state)
{
	begin();
	for (int i = 0; i < 101; i++)
		tick(100, 150);
	assert_true(b.booked_uj == UINT64_C(100) * 50000000);
	assert_true(energy_rest_pending_uj(&b.rest) == 0);
	assert_true(b.rest.unmetered_uj == 100000000); /* the first second: no meter yet */
	assert_true(b.flow.covered);
}

static void a_deficit_is_made_up_for(void **state)
{
	begin();
	for (int i = 0; i < 21; i++)
		tick(100, 80);
	assert_true(b.flow.settle);
	assert_true(b.booked_uj == 0);
	assert_true(energy_rest_pending_uj(&b.rest) == -400000000);
	for (int i = 0; i < 40; i++)
		tick(100, 130);
	assert_true(b.booked_uj == 1200000000u - 400000000u);
	assert_true(energy_rest_pending_uj(&b.rest) == 0);
	assert_true(b.rest.exceeded_uj == 0);
}

static void a_deficit_that_stays_is_a_disagreement(void **state)
{
	begin();
	for (int i = 0; i < 3600; i++)
		tick(100, 90);
	/* 10 W; the last ten minutes and what was there when they began may still be made up for.
	 */
	assert_in_range(b.rest.exceeded_uj, UINT64_C(3600) * 10000000 - UINT64_C(1300) * 10000000,
		UINT64_C(3600) * 10000000);
	assert_true(b.booked_uj == 0);
	/* The meter was mended: its rest is back soon, and not after an hour. */
	for (int i = 0; i < 1800; i++)
		tick(100, 110);
	assert_true(b.booked_uj > 0);
}

static void parts_that_wait_are_waited_for(void **state)
{
	begin();
	for (int i = 0; i < 10; i++)
		tick(100, 150);
	b.wait = true;
	for (int i = 0; i < 25; i++)
		tick(0, 150);
	assert_true(b.booked_uj == 0);
	b.wait = false;
	tick(2600, 150);
	for (int i = 0; i < 60; i++)
		tick(100, 150);
	assert_in_range(b.booked_uj / 1000000, 50 * 60, 50 * 96);
	assert_true(b.rest.deficit_uj == 0);
}

static void a_meter_that_falls_silent_leaves_the_parts_unmetered(void **state)
{
	begin();
	for (int i = 0; i < 31; i++)
		tick(100, 150);
	for (int i = 0; i < 100; i++)
		silent(100);
	assert_true(b.booked_uj == UINT64_C(30) * 50000000);
	assert_true(b.late_uj > 0); /* what was left of the span */
	b.told_ns = 0;
	for (int i = 0; i < 21; i++)
		tick(100, 150);
	assert_true(b.booked_uj == UINT64_C(50) * 50000000);
	/* The second before the first word, and the hundred and one of silence. */
	assert_true(b.rest.unmetered_uj == UINT64_C(102) * 100000000);
}

static void a_counter_that_goes_on_tells_the_silence_later(void **state)
{
	begin();
	for (int i = 0; i < 31; i++)
		tick(100, 150);
	for (int i = 0; i < 100; i++)
		silent(100);
	tick(100, 150); /* its segment is 101 s long */
	assert_true(b.booked_uj == UINT64_C(131) * 50000000);
	assert_true(b.rest.unmetered_uj == 100000000);
	assert_in_range(b.late_uj, UINT64_C(101) * 50000000, UINT64_C(112) * 50000000);
}

/* The node follows its parts after a delay; the meter tells the mean of the second before. */
static void the_lag_is_learned(void **state)
{
	for (int lag_s = 0; lag_s <= 3; lag_s++) {
		uint64_t before_w[4] = { 100, 100, 100, 100 };

		begin();
		srandom(5);
		for (int i = 0; i < 300; i++) {
			uint64_t parts_w = before_w[0];

			if (i > 5 && random() % 4 == 0)
				parts_w = 100 + (uint64_t)random() % 200;
			for (int k = 3; k > 0; k--)
				before_w[k] = before_w[k - 1];
			before_w[0] = parts_w;
			tick(parts_w, before_w[lag_s] + 50);
		}
		assert_in_range(b.rest.lag.lag_ns / 1000000 + 1000, 900 + 1000 * lag_s,
			1100 + 1000 * lag_s);
	}
}

/* The first thing in the span is a short interval with a noisy reading of the parts. */
static void a_lag_that_was_learned_is_not_filled_with_one_short_reading(void **state)
{
	begin();
	tick(100, 150);
	add(0.05, 20000000, &(struct node_energy){ .fresh = false });
	b.rest.lag.lag_ns = 2 * S_NS;
	for (int i = 0; i < 25 && (i == 0 || !b.flow.settle); i++)
		tick(100, 150);
	assert_true(b.flow.settle);
	/* 50 W of about 20 s, and the noise counts for two seconds. */
	assert_in_range(b.booked_uj / 1000000, 950, 1050);
}

static void noise_tells_no_lag(void **state)
{
	begin();
	srandom(7);
	for (int i = 0; i < 500; i++)
		tick(100 + (uint64_t)random() % 100, 300 + (uint64_t)random() % 100);
	assert_true(b.rest.lag.lag_ns == 0);
}

static void whatever_comes_the_sums_hold(void **state)
{
	for (unsigned seed = 1; seed <= 20; seed++) {
		begin();
		srandom(seed);
		for (int i = 0; i < 5000; i++) {
			uint64_t parts_uj = (uint64_t)random() % 500000000;
			struct node_energy node = { .fresh = random() % 3 > 0 };
			double after_s = random() % 50 ? 1 : (double)(random() % 200);

			b.wait = random() % 20 == 0;
			node.segment.to_ns = b.now_ns + (int64_t)(after_s * 1e9) - random() % S_NS;
			node.segment.to_ns = MAX(node.segment.to_ns, b.told_ns);
			node.segment.from_ns = random() % 50 && b.told_ns ? b.told_ns
									  : node.segment.to_ns;
			node.segment.energy_uj = (uint64_t)random() % 700000000;
			if (node.segment.from_ns == node.segment.to_ns)
				node.segment.energy_uj = 0;
			node.segment.late_uj = random() % 30 ? 0 : node.segment.energy_uj;
			if (node.fresh)
				b.told_ns = node.segment.to_ns;
			add(after_s, parts_uj, &node);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_rest_is_what_the_parts_do_not_take),
		TEST(a_deficit_is_made_up_for),
		TEST(a_deficit_that_stays_is_a_disagreement),
		TEST(parts_that_wait_are_waited_for),
		TEST(a_meter_that_falls_silent_leaves_the_parts_unmetered),
		TEST(a_counter_that_goes_on_tells_the_silence_later),
		TEST(the_lag_is_learned),
		TEST(a_lag_that_was_learned_is_not_filled_with_one_short_reading),
		TEST(noise_tells_no_lag),
		TEST(whatever_comes_the_sums_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
