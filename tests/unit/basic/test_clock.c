// SPDX-License-Identifier: Apache-2.0
#include "basic/clock.h"

#include <time.h>

#include "unit_test.h"

static void system_clock_agrees_with_the_system(void **state)
{
	const struct clock *clock = clock_system();
	int64_t now = (int64_t)time(NULL) * 1000000000;
	int64_t before = clock_monotonic_ns(clock);

	assert_true(clock_realtime_ns(clock) - now < 5000000000);
	assert_true(clock_realtime_ns(clock) - now > -5000000000);
	assert_true(clock_monotonic_ns(clock) >= before);
	assert_true(before > 0);
}

static int64_t fixed(void *ctx)
{
	return *(int64_t *)ctx;
}

static void another_clock_can_be_handed_in(void **state)
{
	int64_t t = 42;
	const struct clock clock = { fixed, fixed, &t };

	assert_int_equal(clock_realtime_ns(&clock), 42);
	t = -1;
	assert_int_equal(clock_monotonic_ns(&clock), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(system_clock_agrees_with_the_system),
		TEST(another_clock_can_be_handed_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
