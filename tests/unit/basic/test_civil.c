// SPDX-License-Identifier: Apache-2.0
#include "basic/civil.h"

#include "unit_test.h"

static bool date(const char *text, struct tm *tm)
{
	struct slice s = slice_from(text);

	return civil_take_date(&s, tm) && s.n == 0;
}

static void days_are_those_of_the_calendar(void **state)
{
	struct tm tm;

	assert_true(date("2031-05-06", &tm));
	assert_int_equal(tm.tm_year, 131);
	assert_int_equal(tm.tm_mon, 4);
	assert_int_equal(tm.tm_mday, 6);
	assert_true(date("2024-02-29", &tm));
	assert_true(date("2000-02-29", &tm));
	assert_true(date("0000-01-01", &tm));
	assert_false(date("1900-02-29", &tm));
	assert_false(date("2023-02-29", &tm));
	assert_false(date("2023-04-31", &tm));
	assert_false(date("2023-00-10", &tm));
	assert_false(date("2023-13-10", &tm));
	assert_false(date("2023-10-00", &tm));
	assert_false(date("2023-1-10", &tm));
	assert_false(date("23-01-10", &tm));
	assert_false(date("2023-01-1", &tm));
	assert_false(date("2023/01/10", &tm));
	assert_false(date("", &tm));
}

static void clock_times_end_before_24_00(void **state)
{
	struct slice s = slice_from("23:59:59x");
	struct tm tm;

	assert_true(civil_take_minute(&s, &tm));
	assert_true(civil_take_second(&s, &tm));
	assert_int_equal(tm.tm_hour, 23);
	assert_int_equal(tm.tm_min, 59);
	assert_int_equal(tm.tm_sec, 59);
	assert_int_equal(s.n, 1);
	s = slice_from("24:00");
	assert_false(civil_take_minute(&s, &tm));
	s = slice_from("10:60");
	assert_false(civil_take_minute(&s, &tm));
	s = slice_from(":60");
	assert_false(civil_take_second(&s, &tm));
	s = slice_from("1:00");
	assert_false(civil_take_minute(&s, &tm));
}

static void fractions_may_be_absent_but_not_empty(void **state)
{
	struct slice s = slice_from(".5Z");
	uint32_t ns;

	assert_true(civil_take_fraction(&s, &ns));
	assert_int_equal(ns, 500000000);
	assert_int_equal(s.n, 1);
	s = slice_from(".1234567899999");
	assert_true(civil_take_fraction(&s, &ns));
	assert_int_equal(ns, 123456789);
	assert_int_equal(s.n, 0);
	s = slice_from("Z");
	assert_true(civil_take_fraction(&s, &ns));
	assert_int_equal(ns, 0);
	s = slice_from(".Z");
	assert_false(civil_take_fraction(&s, &ns));
}

static void offsets_are_east_of_utc(void **state)
{
	struct slice s = slice_from("+05:30");
	int seconds;

	assert_true(civil_take_offset(&s, true, &seconds));
	assert_int_equal(seconds, 19800);
	s = slice_from("-0700");
	assert_true(civil_take_offset(&s, false, &seconds));
	assert_int_equal(seconds, -25200);
	s = slice_from("-0700");
	assert_false(civil_take_offset(&s, true, &seconds));
	s = slice_from("0700");
	assert_false(civil_take_offset(&s, false, &seconds));
	s = slice_from("+2400");
	assert_false(civil_take_offset(&s, false, &seconds));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(days_are_those_of_the_calendar),
		cmocka_unit_test(clock_times_end_before_24_00),
		cmocka_unit_test(fractions_may_be_absent_but_not_empty),
		cmocka_unit_test(offsets_are_east_of_utc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
