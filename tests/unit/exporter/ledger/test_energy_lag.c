// SPDX-License-Identifier: Apache-2.0
/* What a late meter does by the load, and what it did while it told nothing. */
#include "exporter/ledger/energy_lag.h"

#include <math.h>
#include <stdlib.h>

#include "unit_test.h"

enum { SECONDS = 200 };
static const int64_t S = 1000000000;
static const double FACTOR = 2;
enum { BASE = 50 }; /* that it tells without load, in the curve */

static struct energy_lag lag;
static struct energy_curve curve; /* of the load */
static struct energy_curve meter;
static double load[SECONDS]; /* of each second */

/* The meter tells the load of the second before, times the factor. */
static double told(int second)
{
	return second > 0 ? load[second - 1] * FACTOR : 0;
}

static void begin(void)
{
	energy_curve_init(&curve, S, 120 * S);
	energy_curve_init(&meter, S, 120 * S);
	energy_lag_init(&lag, S, &curve);
}

static void add(int second)
{
	energy_curve_add(&curve, second * S, (second + 1) * S, (int64_t)load[second]);
}

/* Up to the beginning of a second; the meter is silent from silent_from on. */
static void play(int until, int silent_from)
{
	begin();
	for (int s = 0; s < until; s++) {
		add(s);
		if (s < silent_from) {
			energy_lag_meter(&lag, s * S, (s + 1) * S, told(s));
			energy_curve_add(&meter, s * S, (s + 1) * S, (int64_t)told(s) + BASE);
		}
		energy_lag_learn(&lag, (s + 1) * S, 0);
	}
}

static void make_load(void)
{
	srandom(5);
	for (int s = 0; s < SECONDS; s++)
		load[s] = 1000 + (double)(random() % 5) * 100;
}

static void nothing_is_said_before_it_is_known(void **state)
{
	double value;

	make_load();
	play(8, 8);
	assert_false(energy_lag_change(&lag, 3 * S, 6 * S, S, &value));
	assert_false(energy_lag_guess(&lag, &meter, 3 * S, 6 * S, &value));
	play(SECONDS, SECONDS);
	/* Before the beginning, and after what was seen. */
	assert_false(energy_lag_change(&lag, S / 2, 6 * S, S, &value));
	assert_false(energy_lag_guess(&lag, &meter, 190 * S, 300 * S, &value));
}

static void what_a_meter_tells_that_follows_nothing_is_not_guessed(void **state)
{
	double value;

	make_load();
	begin();
	for (int s = 0; s < SECONDS; s++) {
		add(s);
		energy_lag_meter(&lag, s * S, (s + 1) * S, (double)(random() % 1000));
		energy_lag_learn(&lag, (s + 1) * S, 0);
	}
	assert_false(energy_lag_guess(&lag, &meter, 180 * S, 190 * S, &value));
}

static void it_should_change_with_the_load(void **state)
{
	double uw;

	make_load();
	load[150] = 1000;
	load[160] = 1400;
	play(SECONDS, SECONDS);
	assert_in_range(lag.lag_ns, S * 9 / 10, S * 11 / 10);
	/* At the end of a second the meter tells the one before. */
	assert_true(energy_lag_change(&lag, 152 * S, 162 * S, S, &uw));
	assert_true(fabs(uw - 400 * FACTOR) < 100);
}

/* A change that is told as the mean of a second may have been in the one before or after. */
static void blurred_changes_are_not_trusted(void **state)
{
	double uw;

	make_load();
	for (int s = 150; s < 160; s++)
		load[s] = s == 150 ? 1300 : 1000;
	play(SECONDS, SECONDS);
	assert_true(energy_lag_change(&lag, 152 * S, 154 * S, S, &uw));
	assert_true(uw < -500);
	lag.blur_ns = S;
	assert_true(energy_lag_change(&lag, 152 * S, 154 * S, S, &uw));
	assert_true(fabs(uw) < 100);
	for (int s = 150; s < 160; s++)
		load[s] = s < 155 ? 1300 : 1000;
	play(SECONDS, SECONDS);
	lag.blur_ns = S;
	assert_true(energy_lag_change(&lag, 154 * S, 161 * S, S, &uw));
	assert_true(uw < -500);
}

static void what_comes_in_late_is_waited_for(void **state)
{
	make_load();
	begin();
	for (int s = 0; s < SECONDS; s++) {
		energy_lag_meter(&lag, s * S, (s + 1) * S, told(s));
		if (s >= 3)
			add(s - 3);
		energy_lag_learn(&lag, (s - 2) * S, 0);
	}
	assert_in_range(lag.lag_ns, S * 9 / 10, S * 11 / 10);
}

static void silence_is_filled_by_the_load(void **state)
{
	double uj, silent = 0;

	make_load();
	for (int s = 171; s < 179; s++)
		load[s] = 5000; /* all of it while nothing is told */
	play(SECONDS, 171);
	for (int s = 171; s < 180; s++)
		silent += told(s) + BASE;
	assert_true(energy_lag_guess(&lag, &meter, 171 * S, 180 * S, &uj));
	assert_true(fabs(uj - silent) < silent * 0.05);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_said_before_it_is_known),
		TEST(what_a_meter_tells_that_follows_nothing_is_not_guessed),
		TEST(it_should_change_with_the_load),
		TEST(blurred_changes_are_not_trusted),
		TEST(what_comes_in_late_is_waited_for),
		TEST(silence_is_filled_by_the_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
