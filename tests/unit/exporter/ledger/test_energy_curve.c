// SPDX-License-Identifier: Apache-2.0
#include "exporter/ledger/energy_curve.h"

#include <stdlib.h>
#include <string.h>

#include "basic/macros.h"
#include "unit_test.h"

static const int64_t S = 1000000000, BIN = 50000000; /* of intervals of a second */
static struct energy_curve curve;

static int setup(void **state)
{
	energy_curve_init(&curve, S, 100 * S);
	assert_int_equal(curve.bin_ns, BIN);
	return 0;
}

static void what_flowed_is_found_where_it_flowed(void **state)
{
	energy_curve_add(&curve, 10 * S, 12 * S, 2000);
	assert_int_equal(energy_curve_between(&curve, 0, 20 * S), 2000);
	assert_int_equal(energy_curve_between(&curve, 10 * S, 11 * S), 1000);
	assert_int_equal(energy_curve_between(&curve, 11 * S, 11 * S + BIN / 2), 25);
	assert_int_equal(energy_curve_between(&curve, 12 * S, 20 * S), 0);
	assert_int_equal(energy_curve_between(&curve, 0, 10 * S), 0);
}

static void what_is_told_later_counts_where_it_flowed(void **state)
{
	energy_curve_add(&curve, 20 * S, 21 * S, 500);
	energy_curve_add(&curve, 10 * S, 15 * S, 5000);
	energy_curve_add(&curve, 12 * S, 13 * S, -400); /* a correction */
	assert_int_equal(energy_curve_between(&curve, 0, 30 * S), 5100);
	assert_int_equal(energy_curve_between(&curve, 12 * S, 13 * S), 600);
	assert_int_equal(energy_curve_between(&curve, 13 * S, 20 * S), 2000);
	assert_int_equal(energy_curve_between(&curve, 20 * S, 21 * S), 500);
}

/* Nothing is lost, whatever ends in the middle of a bin, at its edge, or is no time at all. */
static void every_amount_is_whole(void **state)
{
	static const int64_t spans[][2] = { { 0, 1 }, { 0, 0 }, { 50, 50 }, { 49, 50 }, { 50, 51 },
		{ 3, 7 }, { 50, 100 }, { 50, 99 }, { 1, 1999 }, { 0, 2000 }, { 1234, 1777 } };
	const int64_t ms = 1000000;
	int64_t sum = 0;

	for (size_t i = 0; i < ARRAY_SIZE(spans); i++) {
		energy_curve_add(&curve, S + spans[i][0] * ms, S + spans[i][1] * ms, 1000003);
		sum += 1000003;
		assert_int_equal(energy_curve_between(&curve, S - 1, 4 * S), sum);
	}
}

static void what_is_older_than_the_history_counts_at_its_beginning(void **state)
{
	const int64_t kept = ENERGY_CURVE_BINS * BIN, end = 1000 * S;

	energy_curve_add(&curve, end - S, end, 100);
	energy_curve_add(&curve, 10 * S, 11 * S, 7);
	energy_curve_add(&curve, end - kept - S, end - kept + S, 20);
	assert_int_equal(energy_curve_between(&curve, 0, end - kept), 0);
	assert_int_equal(energy_curve_between(&curve, end - kept + S, end), 100);
	assert_false(energy_curve_knows(&curve, end - kept));
	assert_true(energy_curve_knows(&curve, end - kept + 3 * BIN) || curve.begin_ns > 0);
	assert_true(energy_curve_knows(&curve, end - S));
}

static void a_time_before_the_first_amount_is_not_known(void **state)
{
	assert_false(energy_curve_knows(&curve, 10 * S));
	assert_int_equal(energy_curve_until(&curve, 10 * S), 0);
	energy_curve_add(&curve, 200 * S, 201 * S, 1);
	assert_false(energy_curve_knows(&curve, 200 * S - 1));
	assert_true(energy_curve_knows(&curve, 200 * S));
}

/* The sum runs over 2^64 without a difference being seen. */
static void sums_may_run_over(void **state)
{
	for (int i = 0; i < 40; i++)
		energy_curve_add(&curve, i * S, (i + 1) * S, INT64_MAX / 2);
	assert_true(energy_curve_between(&curve, 39 * S, 40 * S) == INT64_MAX / 2);
}

/* Of an even flow it is the middle's; of a step in the middle, a quarter of half the time's. */
static void a_mean_is_taken_around_a_moment(void **state)
{
	energy_curve_add(&curve, 10 * S, 20 * S, 10000);
	assert_int_equal(energy_curve_mean_until(&curve, 15 * S, 2 * S), 5000);
	assert_int_equal(energy_curve_mean_until(&curve, 15 * S, 0), 5000);
	assert_int_equal(energy_curve_mean_until(&curve, 10 * S, 2 * S), 500);
	assert_int_equal(energy_curve_mean_until(&curve, 20 * S, 2 * S), 9500);
}

/* Beside an account of each bin that forgets nothing. */
static void random_amounts_match_a_plain_account(void **state)
{
	enum { BINS = 6000 };
	static double plain[BINS];

	srand(7);
	memset(plain, 0, sizeof(plain));
	for (int k = 0; k < 3000; k++) {
		int64_t now = 200 + k; /* in bins */
		int64_t from = now - rand() % 150, n = 1 + rand() % 100;
		int64_t amount = rand() % 1000000 - 300000, end = MIN(from + n, now);

		if (from >= end)
			continue;
		energy_curve_add(&curve, from * BIN, end * BIN, amount);
		for (int64_t i = from; i < end; i++)
			plain[i] += (double)amount / (double)(end - from);
		if (k % 10)
			continue;
		for (int t = 0; t < 20; t++) {
			int64_t a = now - rand() % 2000, b = now - rand() % 200;
			double want = 0;

			a = MAX(a, (int64_t)0);
			if (a >= b)
				continue;
			for (int64_t i = a; i < b; i++)
				want += plain[i];
			assert_true(labs(energy_curve_between(&curve, a * BIN, b * BIN) -
					    (int64_t)want) < 3200);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_flowed_is_found_where_it_flowed, setup),
		cmocka_unit_test_setup(what_is_told_later_counts_where_it_flowed, setup),
		cmocka_unit_test_setup(every_amount_is_whole, setup),
		cmocka_unit_test_setup(
			what_is_older_than_the_history_counts_at_its_beginning, setup),
		cmocka_unit_test_setup(a_time_before_the_first_amount_is_not_known, setup),
		cmocka_unit_test_setup(sums_may_run_over, setup),
		cmocka_unit_test_setup(a_mean_is_taken_around_a_moment, setup),
		cmocka_unit_test_setup(random_amounts_match_a_plain_account, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
