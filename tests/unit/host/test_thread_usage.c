// SPDX-License-Identifier: Apache-2.0
#include "host/thread_usage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "unit_test.h"

static void four_lines_of_the_file_count(void **state)
{
	uint64_t calls = 0, bytes = 0;

	assert_int_equal(thread_usage_parse_io(
				 SLICE("rchar: 100\nwchar: 20\nsyscr: 3\nsyscw: 4\nread_bytes: 7\n"
				       "write_bytes: 8\ncancelled_write_bytes: 9\n"),
				 &calls, &bytes),
		0);
	assert_int_equal(calls, 7);
	assert_int_equal(bytes, 120);
}

static void anything_else_is_no_such_file(void **state)
{
	static const struct slice bad[] = {
		SLICE(""),
		SLICE("rchar: 1\nwchar: 1\nsyscr: 1\n"),
		SLICE("rchar: 1\nwchar: x\nsyscr: 1\nsyscw: 1\n"),
		SLICE("rchar: -1\nwchar: 1\nsyscr: 1\nsyscw: 1\n"),
		SLICE("rchar 1\nwchar: 1\nsyscr: 1\nsyscw: 1\n"),
		SLICE("rchar: 1\nrchar: 1\nrchar: 1\nrchar: 1\nrchar: 1\n"),
	};
	uint64_t calls = 5, bytes = 6;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(thread_usage_parse_io(bad[i], &calls, &bytes), -EBADMSG);
	assert_int_equal(calls, 5);
	assert_int_equal(bytes, 6);
}

static void read_zeros(int n, size_t size)
{
	static char data[4096];
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	for (int i = 0; i < n; i++)
		assert_int_equal(read(fd, data, size), size);
	close(fd);
}

static void calls_are_counted_exactly_without_the_readings_themselves(void **state)
{
	struct thread_usage before, after, last;
	struct usage_account account = { 0 };
	struct thread_meter meter;

	thread_meter_open(&meter);
	thread_meter_read(&meter, &before);
	if (!before.io_known) {
		thread_meter_close(&meter);
		skip();
	}
	for (int i = 0; i < 5; i++)
		thread_meter_read(&meter, &after);
	assert_int_equal(after.io_calls, before.io_calls);
	assert_int_equal(after.io_bytes, before.io_bytes);
	read_zeros(7, 100);
	thread_meter_read(&meter, &after);
	assert_int_equal(after.io_calls - before.io_calls, 7);
	assert_int_equal(after.io_bytes - before.io_bytes, 700);
	read_zeros(1, 50);
	thread_meter_read(&meter, &last);
	usage_account_add(&account, &before, &after);
	usage_account_add(&account, &after, &last);
	assert_int_equal(account.runs, 2);
	assert_int_equal(account.io_calls, 8);
	assert_int_equal(account.io_bytes, 750);
	assert_true(account.io_known);
	assert_true(account.cpu_ns > 0 && account.cpu_ns == last.cpu_ns - before.cpu_ns);
	thread_meter_close(&meter);
	assert_int_equal(meter.io_fd, -1);
}

static void without_the_file_there_is_cpu_time_alone(void **state)
{
	struct thread_meter meter = { .io_fd = -1 };
	struct thread_usage before, after;
	struct usage_account account = { 0 };

	thread_meter_read(&meter, &before);
	read_zeros(100, 4096);
	thread_meter_read(&meter, &after);
	assert_false(after.io_known);
	assert_true(after.cpu_ns > before.cpu_ns);
	usage_account_add(&account, &before, &after);
	assert_false(account.io_known);
	assert_int_equal(account.runs, 1);
	thread_meter_close(&meter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(four_lines_of_the_file_count),
		TEST(anything_else_is_no_such_file),
		TEST(calls_are_counted_exactly_without_the_readings_themselves),
		TEST(without_the_file_there_is_cpu_time_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
