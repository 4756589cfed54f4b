// SPDX-License-Identifier: Apache-2.0
/* What a late meter does by the load, and what it did while it told nothing. */
#include "exporter/ledger/energy_lag.h"

#include <math.h>
#include <stdlib.h>

#include "unit_test.h"

enum { SECONDS = 200 };
static const int64_t S = 1000000000;
static const double FACTOR = 2;

static struct energy_lag lag;
static double load[SECONDS]; /* of each second */

/* The meter tells the load of the second before, times the factor. */
static double told(int second)
{
	return second > 0 ? load[second - 1] * FACTOR : 0;
}

/* Up to the beginning of a second; the meter is silent from silent_from on. */
static void play(int until, int silent_from)
{
	energy_lag_init(&lag, S);
	energy_lag_add(&lag, 0, 0);
	for (int s = 0; s < until; s++) {
		energy_lag_add(&lag, (s + 1) * S, load[s]);
		if (s < silent_from)
			energy_lag_meter(&lag, s * S, (s + 1) * S, told(s));
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
	assert_false(energy_lag_bend(&lag, 3 * S, 6 * S, S, &value));
	play(SECONDS, SECONDS);
	/* Before what is remembered, and after what was seen. */
	assert_false(energy_lag_change(&lag, S / 2, 6 * S, S, &value));
	assert_false(energy_lag_bend(&lag, 190 * S, 300 * S, S, &value));
}

static void a_meter_that_follows_nothing_is_not_bent(void **state)
{
	double value;

	make_load();
	energy_lag_init(&lag, S);
	energy_lag_add(&lag, 0, 0);
	for (int s = 0; s < SECONDS; s++) {
		energy_lag_add(&lag, (s + 1) * S, load[s]);
		energy_lag_meter(&lag, s * S, (s + 1) * S, (double)(random() % 1000));
	}
	assert_false(energy_lag_bend(&lag, 180 * S, 190 * S, S, &value));
}

static void it_should_change_with_the_load(void **state)
{
	double uw;

	make_load();
	load[150] = 1000;
	load[160] = 1400;
	play(SECONDS, SECONDS);
	assert_in_range(lag.lag_ns, S * 9 / 10, S * 11 / 10);
	/* At the middle of a second the meter tells the one before. */
	assert_true(energy_lag_change(&lag, 151 * S + S / 2, 161 * S + S / 2, S, &uw));
	assert_true(fabs(uw - 400 * FACTOR) < 100);
}

static void silence_is_filled_by_the_load(void **state)
{
	double uj, silent = 0, line;

	make_load();
	for (int s = 171; s < 179; s++)
		load[s] = 5000; /* all of it while nothing is told */
	load[169] = load[170] = load[179] = load[180] = 1000;
	play(SECONDS, 171);
	for (int s = 171; s < 181; s++)
		silent += told(s);
	line = 10 * 1000 * FACTOR;
	assert_true(energy_lag_bend(&lag, 171 * S, 181 * S, S, &uj));
	assert_true(fabs(line + uj - silent) < silent * 0.05);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_said_before_it_is_known),
		TEST(a_meter_that_follows_nothing_is_not_bent),
		TEST(it_should_change_with_the_load),
		TEST(silence_is_filled_by_the_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
