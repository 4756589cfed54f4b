// SPDX-License-Identifier: Apache-2.0
#include "exporter/meters/ipmi_readings.h"

#include <errno.h>

#include "unit_test.h"

static struct ipmi_readings readings;

static int end(int r, double current, int64_t now_ns)
{
	const struct dcmi_power power = { .watts = { current, 1, 2, 3 } };

	ipmi_readings_begin(&readings);
	return ipmi_readings_end(&readings, r, r < 0 ? NULL : &power, now_ns);
}

static void expect(int64_t oldest_ns, int r, double current, int64_t sample_ns)
{
	struct dcmi_power power = { .watts = { -1 } };
	int64_t sample = -1;

	assert_int_equal(ipmi_readings_get(&readings, oldest_ns, &power, &sample), r);
	assert_float_equal(power.watts[DCMI_CURRENT], current, 0);
	assert_int_equal(sample, sample_ns);
}

static int setup(void **state)
{
	ipmi_readings_init(&readings);
	return 0;
}

static int teardown(void **state)
{
	ipmi_readings_done(&readings);
	return 0;
}

static void before_the_first_reading_there_is_none(void **state)
{
	struct power_reading meter;

	expect(0, -ENODATA, -1, -1);
	assert_int_equal(ipmi_readings_meter(&readings, &meter), -ENODATA);
}

static void last_good_reading_stays_until_it_is_too_old(void **state)
{
	assert_int_equal(end(0, 300, 100), 0);
	expect(100, 0, 300, 100);
	assert_int_equal(end(-EIO, 0, 200), -EIO);
	expect(100, 0, 300, 100);
	expect(101, -ENODATA, -1, -1);
	assert_int_equal(end(0, 310, 300), 0);
	expect(101, 0, 310, 300);
}

static void reading_of_zero_is_left_out_as_a_whole(void **state)
{
	assert_int_equal(end(0, 0, 100), 1);
	expect(0, 1, -1, -1);
	assert_int_equal(end(0, 300, 200), 0);
	assert_int_equal(end(0, 0, 300), 1);
	expect(200, 0, 300, 200);
	expect(201, 1, -1, -1);
	assert_int_equal(end(-EIO, 0, 400), -EIO);
	expect(201, -ENODATA, -1, -1);
}

static void meter_tells_the_last_power_and_its_moment(void **state)
{
	struct power_reading meter = { 0 };

	end(0, 300.5, 100);
	end(-EIO, 0, 200);
	assert_int_equal(ipmi_readings_meter(&readings, &meter), 0);
	assert_int_equal(meter.sample_ns, 100);
	assert_true(meter.power_known);
	assert_false(meter.energy_known);
	assert_int_equal(meter.power_uw, 300500000);
}

static void waiting_is_for_a_reading_that_began_later(void **state)
{
	uint64_t number;

	ipmi_readings_begin(&readings); /* under way: too early to count */
	number = ipmi_readings_next(&readings);
	ipmi_readings_end(&readings, -EIO, NULL, 1);
	ipmi_readings_wait(&readings, number, 1); /* comes back after its time */
	end(-EIO, 0, 2);
	ipmi_readings_wait(&readings, number, 3600000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			before_the_first_reading_there_is_none, setup, teardown),
		cmocka_unit_test_setup_teardown(
			last_good_reading_stays_until_it_is_too_old, setup, teardown),
		cmocka_unit_test_setup_teardown(
			reading_of_zero_is_left_out_as_a_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(
			meter_tells_the_last_power_and_its_moment, setup, teardown),
		cmocka_unit_test_setup_teardown(
			waiting_is_for_a_reading_that_began_later, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
