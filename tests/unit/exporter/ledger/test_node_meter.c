// SPDX-License-Identifier: Apache-2.0
/* Powers and counters as energy, and which of several meters tells it. */
#include "exporter/ledger/node_meter.h"

#include <errno.h>

#include "unit_test.h"

static const int64_t S_NS = 1000000000;

/* A meter of 100 W that is read when the test says so. */
struct fake {
	struct power_meter meter;
	struct power_reading reading;
	int error;
};

static int read_fake(void *ctx, struct power_reading *ret_reading)
{
	struct fake *fake = ctx;

	if (fake->error)
		return fake->error;
	*ret_reading = fake->reading;
	return 0;
}

struct bench {
	struct fake fakes[2];
	struct node_meter node;
	struct energy_span span;
	struct node_energy energy;
	uint64_t sum_uj, late_uj;
	int64_t told_ns; /* to which moment it was told */
	int64_t unknown_ns; /* time of which nothing was told */
};

static struct bench b;

static void begin(enum power_meter_source first, enum power_meter_source second)
{
	const struct power_meter *meters[2];

	b = (struct bench){ .span = { .now_ns = 1000 * S_NS, .max_gap_ns = 60 * S_NS } };
	for (int i = 0; i < 2; i++) {
		b.fakes[i].meter = (struct power_meter){
			.source = i ? second : first, .read = read_fake, .ctx = &b.fakes[i]
		};
		b.fakes[i].error = -ENODATA;
		meters[i] = &b.fakes[i].meter;
	}
	node_meter_init(&b.node, meters, 2, 50000, NULL);
}

static void take(void)
{
	node_meter_ask(&b.node);
	node_meter_read(&b.node, &b.span, &b.energy);
	for (size_t i = 0; i < b.energy.n; i++) {
		const struct meter_segment *seg = &b.energy.segments[i];

		assert_true(seg->from_ns <= seg->to_ns);
		if (b.told_ns) {
			assert_true(seg->from_ns >= b.told_ns);
			b.unknown_ns += seg->from_ns - b.told_ns;
		}
		b.told_ns = seg->to_ns;
		b.sum_uj += seg->energy_uj;
		b.late_uj += seg->late_uj;
	}
}

static void power(int i, uint64_t watts)
{
	b.fakes[i].error = 0;
	b.fakes[i].reading = (struct power_reading){
		.sample_ns = b.span.now_ns, .power_known = true, .power_uw = watts * 1000000
	};
}

static void counter(int i, uint64_t uj)
{
	b.fakes[i].error = 0;
	b.fakes[i].reading = (struct power_reading){
		.sample_ns = b.span.now_ns, .energy_known = true, .energy_uj = uj
	};
}

static void after(double s)
{
	b.span.now_ns += (int64_t)(s * 1e9);
}

static void a_power_is_the_mean_of_the_time_before(void **state)
{
	begin(POWER_METER_IPMI, POWER_METER_HWMON);
	power(0, 100);
	take();
	for (int i = 0; i < 3; i++) {
		after(i == 1 ? 1.4 : 0.7);
		power(0, i == 1 ? 300 : 100);
		take();
	}
	assert_int_equal(b.sum_uj, 70000000 + 420000000 + 70000000);
	assert_true(b.energy.segments[0].line_ns == 0);
}

static void powers_are_joined_by_straight_lines(void **state)
{
	begin(POWER_METER_IPMI, POWER_METER_HWMON);
	power(0, 100);
	take();
	assert_int_equal(b.sum_uj, 0);
	after(2);
	take(); /* nothing new */
	assert_int_equal(b.energy.n, 0);
	after(2);
	power(0, 200);
	take();
	/* Three seconds in which it rises, and the second that it is the mean of. */
	assert_int_equal(b.sum_uj, 450000000 + 200000000);
	assert_true(b.energy.segments[0].line_ns == 3 * S_NS);
	assert_true(b.node.active->meter == &b.fakes[0].meter);
	assert_true(node_meter_resolution_ns(&b.node) == 4 * S_NS);
}

static void nothing_is_rounded_away(void **state)
{
	begin(POWER_METER_IPMI, POWER_METER_HWMON);
	for (int i = 0; i <= 3000; i++) {
		power(0, 100);
		b.fakes[0].reading.power_uw = 1; /* a third of a microjoule in 333 ms, and so on */
		take();
		after(1.0 / 3);
	}
	assert_in_range(b.sum_uj, 999, 1000);
}

static void a_counter_is_subtracted_and_late_after_a_gap(void **state)
{
	begin(POWER_METER_CRAY, POWER_METER_HWMON);
	counter(0, 5000);
	take();
	after(1);
	counter(0, 9000);
	take();
	assert_int_equal(b.sum_uj, 4000);
	after(61);
	counter(0, 10000);
	take();
	assert_int_equal(b.sum_uj, 5000);
	assert_int_equal(b.late_uj, 1000);
	assert_true(b.unknown_ns == 0);
}

static void between_two_powers_that_are_far_apart_nothing_is_known(void **state)
{
	begin(POWER_METER_IPMI, POWER_METER_HWMON);
	power(0, 100);
	take();
	after(61);
	power(0, 100);
	take();
	assert_int_equal(b.sum_uj, 0);
	assert_true(b.unknown_ns == 61 * S_NS);
	after(1);
	power(0, 100);
	take();
	assert_int_equal(b.sum_uj, 100000000);
}

static void a_megawatt_is_refused_and_counted(void **state)
{
	begin(POWER_METER_IPMI, POWER_METER_HWMON);
	for (int i = 0; i < 5; i++) {
		power(0, i == 2 ? 1000000 : 100);
		take();
		after(1);
	}
	assert_int_equal(b.sum_uj, 400000000);
	assert_int_equal(b.node.meters[0].energy.refused, 1);
}

static void a_counter_that_slips_for_one_reading_loses_nothing(void **state)
{
	begin(POWER_METER_CRAY, POWER_METER_HWMON);
	for (uint64_t i = 0; i < 5; i++) {
		counter(0, i == 2 ? UINT64_C(999999999999999) : 1000 + i * 100000000);
		take();
		after(1);
	}
	assert_int_equal(b.sum_uj, 400000000);
	assert_int_equal(b.node.meters[0].energy.refused, 1);
}

static void a_counter_that_begins_anew_goes_on_from_there(void **state)
{
	begin(POWER_METER_CRAY, POWER_METER_HWMON);
	for (uint64_t i = 0; i < 10; i++) {
		counter(0, (i < 5 ? 77000000000 : 0) + i * 100000000);
		take();
		after(1);
	}
	/* Two readings until it is believed, so two intervals of nine are not known. */
	assert_int_equal(b.sum_uj, 700000000);
	assert_true(b.unknown_ns == 2 * S_NS);
}

static void a_counter_that_is_gone_is_left_for_the_power(void **state)
{
	begin(POWER_METER_CRAY, POWER_METER_HWMON);
	counter(0, 0);
	take();
	for (int i = 0; i < 20; i++) {
		after(1);
		power(0, 100);
		take();
	}
	/* 10 s of waiting, one reading to begin with. */
	assert_int_equal(b.sum_uj, 900000000);
}

/* Two meters at 100 W, read every period; every moment is told once whoever speaks. */
static void play(int seconds, bool first_speaks, bool second_speaks, double period)
{
	for (double s = 0; s < seconds; s += period) {
		after(period);
		if (first_speaks)
			power(0, 100);
		if (second_speaks)
			power(1, 100);
		take();
	}
}

static void another_meter_takes_over_and_no_moment_is_lost_or_counted_twice(void **state)
{
	for (double period = 0.7; period < 3; period += 0.3) {
		int64_t start_ns;

		begin(POWER_METER_HWMON, POWER_METER_REDFISH); /* the second is the better one */
		play(1, true, true, period);
		start_ns = b.told_ns - (int64_t)(b.sum_uj * 10); /* 100 W: 10 ns for 1 uJ */
		play(30, true, true, period);
		assert_true(b.node.active->meter == &b.fakes[1].meter);
		play(40, true, false, period);
		assert_true(b.node.active->meter == &b.fakes[0].meter);
		play(1, true, true, period);
		assert_true(b.node.active->meter == &b.fakes[0].meter); /* not yet */
		play(30, true, true, period);
		assert_true(b.node.active->meter == &b.fakes[1].meter);
		assert_true(b.unknown_ns == 0);
		/* To a microjoule for each change. */
		assert_in_range(b.sum_uj, (uint64_t)(b.told_ns - start_ns) / 10 - 5,
			(uint64_t)(b.told_ns - start_ns) / 10 + 5);
		assert_true(b.node.switches >= 2);
	}
}

static void without_another_meter_the_first_is_waited_for(void **state)
{
	begin(POWER_METER_IPMI, POWER_METER_HWMON);
	play(5, true, false, 1);
	play(40, false, false, 1);
	assert_null(b.node.active);
	play(5, true, false, 1);
	assert_true(b.unknown_ns == 0);
	assert_int_equal(b.sum_uj, 4900000000); /* over the 40 s too: less than the longest gap */
}

static void a_reading_from_the_future_is_not_taken(void **state)
{
	begin(POWER_METER_IPMI, POWER_METER_HWMON);
	power(0, 100);
	b.fakes[0].reading.sample_ns += 1;
	take();
	assert_int_equal(b.energy.n, 0);
	assert_null(b.node.active);
}

/* A load between 100 W and 200 W that both meters follow at once. */
static void follow_load(struct energy_lag *lag, struct energy_curve *load)
{
	energy_curve_init(load, S_NS, 100 * S_NS);
	energy_lag_init(lag, S_NS, load);
	for (uint64_t i = 0; i < 60; i++) {
		uint64_t watts = i / 3 % 2 ? 200 : 100;

		after(1);
		energy_curve_add(
			load, b.span.now_ns - S_NS, b.span.now_ns, (int64_t)watts * 1000000);
		energy_lag_meter(lag, b.span.now_ns - S_NS, b.span.now_ns, (double)watts * 1e6);
		energy_lag_learn(lag, b.span.now_ns, 0);
		power(0, watts);
		power(1, watts);
		b.fakes[0].reading.sample_ns -= S_NS / 2;
		take();
	}
}

static void a_meter_that_looks_stuck_is_believed_before_it_would_be_silent(void **state)
{
	static struct energy_curve load;
	struct energy_lag lag;
	int64_t last_ns;

	begin(POWER_METER_REDFISH, POWER_METER_HWMON);
	b.node.lag = &lag;
	follow_load(&lag, &load);
	last_ns = b.node.meters[0].energy.sample_ns;
	/* By the load it should have gone on to 400 W. It was polled half a second ago. */
	for (int i = 0; i < 20; i++) {
		after(1);
		energy_curve_add(&load, b.span.now_ns - S_NS, b.span.now_ns, 400000000);
		energy_lag_learn(&lag, b.span.now_ns, 0);
		power(0, 200);
		power(1, 400);
		b.fakes[0].reading.sample_ns -= S_NS / 2;
		take();
		assert_true(b.node.active->meter == &b.fakes[0].meter);
		if (i == 5)
			assert_true(b.node.meters[0].energy.sample_ns < last_ns + 3 * S_NS);
	}
	assert_int_equal(b.node.switches, 0);
	assert_true(b.node.meters[0].energy.sample_ns > last_ns + 9 * S_NS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_power_is_the_mean_of_the_time_before),
		TEST(powers_are_joined_by_straight_lines),
		TEST(nothing_is_rounded_away),
		TEST(a_counter_is_subtracted_and_late_after_a_gap),
		TEST(between_two_powers_that_are_far_apart_nothing_is_known),
		TEST(a_megawatt_is_refused_and_counted),
		TEST(a_counter_that_slips_for_one_reading_loses_nothing),
		TEST(a_counter_that_begins_anew_goes_on_from_there),
		TEST(a_counter_that_is_gone_is_left_for_the_power),
		TEST(another_meter_takes_over_and_no_moment_is_lost_or_counted_twice),
		TEST(without_another_meter_the_first_is_waited_for),
		TEST(a_reading_from_the_future_is_not_taken),
		TEST(a_meter_that_looks_stuck_is_believed_before_it_would_be_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
