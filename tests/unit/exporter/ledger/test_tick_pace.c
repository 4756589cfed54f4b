// SPDX-License-Identifier: Apache-2.0
/* When the ledger reads. */
#include "exporter/ledger/tick_pace.h"

#include "unit_test.h"

static const int64_t MS = 1000000;
static struct tick_pace pace;

static void begin(void)
{
	tick_pace_init(&pace, 1000 * MS, 0);
}

static int64_t due_ms(void)
{
	return tick_pace_due_ns(&pace) / MS;
}

static void without_events_it_is_once_an_interval(void **state)
{
	begin();
	assert_int_equal(due_ms(), 1000);
	tick_pace_read(&pace, 1003 * MS);
	assert_int_equal(due_ms(), 2000);
	tick_pace_read(&pace, 2000 * MS);
	assert_int_equal(due_ms(), 3000);
}

static void missed_readings_are_one_long_interval(void **state)
{
	begin();
	tick_pace_read(&pace, 7400 * MS);
	assert_int_equal(due_ms(), 8000);
}

static void the_end_of_a_unit_is_read_at_once_and_its_birth_a_moment_later(void **state)
{
	begin();
	tick_pace_event(&pace, 300 * MS, false);
	assert_int_equal(due_ms(), 300);
	tick_pace_read(&pace, 300 * MS);
	assert_int_equal(due_ms(), 1000);
	tick_pace_event(&pace, 500 * MS, true);
	assert_int_equal(due_ms(), 550);
	tick_pace_event(&pace, 510 * MS, false); /* another one ends in the meantime */
	assert_int_equal(due_ms(), 550);
}

static void nobody_listens_while_an_event_changes_nothing(void **state)
{
	begin();
	assert_true(tick_pace_listens(&pace));
	tick_pace_event(&pace, 300 * MS, true);
	assert_false(tick_pace_listens(&pace)); /* one is due already */
	tick_pace_read(&pace, 350 * MS);
	assert_true(tick_pace_listens(&pace));
	for (int64_t ms = 400; tick_pace_listens(&pace); ms += 50) {
		assert_true(ms < 900);
		tick_pace_event(&pace, ms * MS, false);
		tick_pace_read(&pace, ms * MS);
	}
	assert_false(tick_pace_listens(&pace)); /* no more are allowed */
	assert_int_equal(due_ms(), 1000);
	tick_pace_event(&pace, 900 * MS, false);
	assert_int_equal(due_ms(), 1000);
	tick_pace_read(&pace, 1000 * MS);
	assert_true(tick_pace_listens(&pace));
}

static void readings_are_never_too_close(void **state)
{
	begin();
	tick_pace_event(&pace, 300 * MS, false);
	tick_pace_read(&pace, 300 * MS);
	tick_pace_event(&pace, 310 * MS, false);
	assert_int_equal(due_ms(), 350);
	tick_pace_read(&pace, 980 * MS);
	assert_int_equal(due_ms(), 1030);
	tick_pace_read(&pace, 1030 * MS);
	assert_int_equal(due_ms(), 2000);
}

static void a_storm_of_units_costs_three_readings_an_interval(void **state)
{
	int n = 0, n_before = 0;

	begin();
	for (int64_t ms = 0; ms < 100000; ms += 5) {
		if (ms == 50000)
			n_before = n;
		tick_pace_event(&pace, ms * MS, ms % 10);
		if (ms * MS < tick_pace_due_ns(&pace))
			continue;
		tick_pace_read(&pace, ms * MS);
		n++;
	}
	assert_in_range(n - n_before, 145, 151);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_events_it_is_once_an_interval),
		TEST(missed_readings_are_one_long_interval),
		TEST(the_end_of_a_unit_is_read_at_once_and_its_birth_a_moment_later),
		TEST(nobody_listens_while_an_event_changes_nothing),
		TEST(readings_are_never_too_close),
		TEST(a_storm_of_units_costs_three_readings_an_interval),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
