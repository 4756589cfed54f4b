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
	bool wait; /* no part tells anything */
	int64_t known_ns; /* up to when they did */
};

static struct bench b;

static void begin(void)
{
	b = (struct bench){ .now_ns = 1000 * S_NS, .known_ns = 1000 * S_NS };
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
		.node = *node,
	};
	uint64_t exceeded = b.rest.exceeded_uj, unmetered = b.rest.unmetered_uj;

	b.now_ns = in.now_ns;
	if (!b.wait) {
		energy_rest_part(&b.rest, b.known_ns, in.now_ns, parts_uj, b.known_ns < in.from_ns);
		b.known_ns = in.now_ns;
	}
	in.known_ns = MAX(b.known_ns, in.now_ns - 60 * S_NS);
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
	struct node_energy node = { .n = 1 };
	struct meter_segment *seg = &node.segments[0];

	seg->to_ns = b.now_ns + S_NS;
	seg->from_ns = b.told_ns ? b.told_ns : seg->to_ns;
	seg->energy_uj = (uint64_t)((seg->to_ns - seg->from_ns) / 1000) * node_w;
	b.told_ns = seg->to_ns;
	add(1, parts_w * 1000000, &node);
}

static void silent(uint64_t parts_w)
{
	add(1, parts_w * 1000000, &(struct node_energy){ .n = 0 });
}

static void the_rest_is_what_the_parts_do_not_take(void **state)
{
	begin();
	for (int i = 0; i < 106; i++)
		tick(100, 150);
	assert_true(b.booked_uj == UINT64_C(100) * 50000000);
	/* The time after the end, in which the next span is not whole yet. */
	assert_true(energy_rest_pending_uj(&b.rest) == 5 * 50000000);
	assert_true(b.rest.unmetered_uj == 100000000); /* the first second: no meter yet */
	assert_true(b.flow.covered);
}

static void a_deficit_is_made_up_for(void **state)
{
	begin();
	for (int i = 0; i < 26; i++)
		tick(100, 80);
	assert_true(b.flow.settle);
	assert_true(b.booked_uj == 0);
	assert_true(energy_rest_pending_uj(&b.rest) == -400000000 - 100000000);
	for (int i = 0; i < 60; i++)
		tick(100, 130);
	assert_true(b.booked_uj == 55 * 30000000u - 500000000u);
	assert_true(energy_rest_pending_uj(&b.rest) == 5 * 30000000);
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
	for (int i = 0; i < 26; i++)
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

/* What the parts had then is remembered: 300 W. */
static void a_lag_that_was_learned_moves_the_beginning(void **state)
{
	begin();
	for (int i = 0; i < 5; i++)
		silent(300);
	tick(100, 150);
	b.rest.lag.lag_ns = 3 * S_NS;
	for (int i = 0; i < 30 && (i == 0 || !b.flow.settle); i++)
		tick(100, 150);
	assert_true(b.flow.settle);
	assert_true(b.flow.stretch_us == 3000000);
	assert_true(b.flow.back_us == 8000000);
	assert_true(b.flow.fade_us == 10000000);
	/* The parts' 20 s are two of those and 18 others. */
	assert_true(b.booked_uj == 20 * 150000000u - 2 * 300000000u - 18 * 100000000u);
}

/* A step of the parts in the time in which a span fades: what they had before belongs to it. */
static void a_span_fades(void **state)
{
	begin();
	for (int i = 0; i < 106; i++)
		tick(i < 21 ? 100 : 200, i < 21 ? 150 : 250);
	assert_true(b.booked_uj == UINT64_C(100) * 50000000);
	begin();
	for (int i = 0; i < 26; i++)
		tick(100, i < 21 ? 150 : 190);
	assert_true(b.flow.settle);
	/* Of the 40 W that came at its end an eighth of the ten seconds. */
	assert_true(b.booked_uj == UINT64_C(20) * 50000000 + 40000000 * 10 / 8);
}

/* Where within a gap energy flowed is not known: no span ends there. */
static void no_span_ends_in_a_gap(void **state)
{
	begin();
	for (int i = 0; i < 20; i++)
		tick(100, 150);
	b.wait = true;
	for (int i = 0; i < 10; i++)
		tick(0, 150);
	b.wait = false;
	tick(1100, 150);
	for (int i = 0; i < 9; i++) {
		tick(100, 150);
		assert_true(b.booked_uj == 0);
	}
	tick(100, 150);
	assert_true(b.booked_uj == UINT64_C(35) * 50000000);
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
			struct node_energy node = { .n = random() % 3 > 0 };
			struct meter_segment *seg = &node.segments[0];
			double after_s = random() % 50 ? 1 : (double)(random() % 200);

			b.wait = random() % 20 == 0;
			seg->to_ns = b.now_ns + (int64_t)(after_s * 1e9) - random() % S_NS;
			seg->to_ns = MAX(seg->to_ns, b.told_ns);
			seg->from_ns = random() % 50 && b.told_ns ? b.told_ns : seg->to_ns;
			seg->energy_uj = (uint64_t)random() % 700000000;
			if (seg->from_ns == seg->to_ns)
				seg->energy_uj = 0;
			seg->late_uj = random() % 30 ? 0 : seg->energy_uj;
			if (node.n)
				b.told_ns = seg->to_ns;
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
		TEST(a_lag_that_was_learned_moves_the_beginning),
		TEST(a_span_fades),
		TEST(no_span_ends_in_a_gap),
		TEST(noise_tells_no_lag),
		TEST(whatever_comes_the_sums_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
