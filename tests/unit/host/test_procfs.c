// SPDX-License-Identifier: Apache-2.0
#include "host/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "unit_test.h"

static int parse_stat(const char *text, struct procfs_cpu_times *times)
{
	return procfs_parse_stat(slice_from(text), times);
}

static void stat_gives_modes_and_the_number_of_cpus(void **state)
{
	struct procfs_cpu_times t;

	assert_int_equal(parse_stat("cpu  10 20 30 40 50 60 70 80 90 100\n"
				    "cpu0 1 2 3 4 5 6 7 8 9 10\ncpu7 1 2 3 4 5 6 7 8 9 10\n"
				    "intr 1 2 3\ncpu9 after the cpu lines\n",
				 &t),
		0);
	assert_int_equal(t.n_cpus, 2);
	for (int i = 0; i < N_CPU_MODES; i++)
		assert_int_equal(t.ticks[i], (i + 1) * 10);
	assert_int_equal(procfs_cpu_busy_us(&t), (10 + 20 + 30 + 60 + 70) * PROCFS_TICK_US);
}

static void stat_of_an_old_kernel_has_fewer_columns(void **state)
{
	struct procfs_cpu_times t;

	assert_int_equal(parse_stat("cpu 1 2 3 4", &t), 0);
	assert_int_equal(t.ticks[CPU_IDLE], 4);
	assert_int_equal(t.ticks[CPU_STEAL], 0);
	assert_int_equal(t.n_cpus, 0);
}

static void stat_without_a_readable_aggregate_is_refused(void **state)
{
	static const char *const bad[] = { "", "\n", "intr 5\n", "cpu0 1 2 3 4\n", "cpu 1 x 3\n",
		"cpu 1 -2 3\n", "cpu 99999999999999999999999\n", "\xff\xfe" };
	struct procfs_cpu_times t = { .n_cpus = 77 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(parse_stat(bad[i], &t), -EBADMSG);
	assert_int_equal(t.n_cpus, 77);
}

static void meminfo_fields_with_a_unit_are_bytes(void **state)
{
	struct slice rest = slice_from(
		"MemTotal:  16 kB\n\n  \nHugePages_Total:   3\nInactive(file): 8 kB");
	struct procfs_meminfo_field f;

	assert_int_equal(procfs_meminfo_next(&rest, &f), 1);
	assert_true(slice_eq(f.name, "MemTotal") && f.in_bytes && f.value == 16384);
	assert_int_equal(procfs_meminfo_next(&rest, &f), 1);
	assert_true(slice_eq(f.name, "HugePages_Total") && !f.in_bytes && f.value == 3);
	assert_int_equal(procfs_meminfo_next(&rest, &f), 1);
	assert_true(slice_eq(f.name, "Inactive(file)") && f.value == 8192);
	assert_int_equal(procfs_meminfo_next(&rest, &f), 0);
}

static void meminfo_lines_of_another_form_are_refused(void **state)
{
	static const char *const bad[] = { "MemTotal:\n", "MemTotal: many kB\n", ": 5\n",
		"MemTotal 5 kB\n", "MemTotal: 5 kB more\n", "MemTotal: 0x10 kB\n" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct slice rest = slice_from(bad[i]);
		struct procfs_meminfo_field f;

		assert_int_equal(procfs_meminfo_next(&rest, &f), -EBADMSG);
	}
}

static void memory_needs_a_total_and_can_do_without_available(void **state)
{
	struct procfs_memory m = { .total_bytes = 7 };

	assert_int_equal(procfs_parse_memory(slice_from("MemFree: 1 kB\n"), &m), -EBADMSG);
	assert_int_equal(procfs_parse_memory(slice_from(""), &m), -EBADMSG);
	assert_int_equal(m.total_bytes, 7);
	assert_int_equal(procfs_parse_memory(slice_from("MemTotal: 9 kB\nMemFree: 1 kB\n"), &m), 0);
	assert_int_equal(m.total_bytes, 9 * 1024);
	assert_int_equal(m.available_bytes, 1024);
	assert_int_equal(
		procfs_parse_memory(
			slice_from("MemTotal: 9 kB\nMemAvailable: 5 kB\nMemFree: 1 kB"), &m),
		0);
	assert_int_equal(m.available_bytes, 5 * 1024);
	assert_int_equal(procfs_parse_memory(slice_from("MemTotal: -9 kB\n"), &m), 0);
	assert_int_equal(m.total_bytes, 0);
}

static void cpuinfo_counts_each_socket_once(void **state)
{
	struct procfs_topology t;
	static const char text[] = "processor\t: 0\nphysical id\t: 0\ncpu cores\t: 2\n\n"
				   "processor\t: 1\nphysical id\t: 0\ncpu cores\t: 2\n\n"
				   "processor\t: 2\nphysical id\t: 5\ncpu cores\t: 4\nflags: a:b\n";

	assert_int_equal(procfs_parse_cpuinfo(slice_from(text), &t), 0);
	assert_int_equal(t.logical, 3);
	assert_int_equal(t.physical, 6);
}

static void cpuinfo_without_sockets_tells_no_cores(void **state)
{
	struct procfs_topology t;

	assert_int_equal(procfs_parse_cpuinfo(slice_from("processor : 0\nBogoMIPS : 50\n"), &t), 0);
	assert_int_equal(t.logical, 1);
	assert_int_equal(t.physical, 0);
	assert_int_equal(procfs_parse_cpuinfo(slice_from(""), &t), 0);
	assert_int_equal(t.logical, 0);
}

static void cpuinfo_with_endless_sockets_is_refused(void **state)
{
	static char text[64 * (PROCFS_SOCKETS_MAX + 1)];
	struct procfs_topology t;
	size_t n = 0;

	for (int i = 0; i <= PROCFS_SOCKETS_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
			"processor: %d\nphysical id: %d\ncpu cores: 1\n", i, i);
	assert_int_equal(procfs_parse_cpuinfo((struct slice){ text, n }, &t), -E2BIG);
}

static void a_kept_file_shows_what_is_in_it_now(void **state)
{
	char path[] = "/tmp/ceems-procfs.XXXXXX";
	int fd = mkstemp(path);
	struct procfs_file file;
	struct slice text;
	char big[10000];

	assert_true(fd >= 0);
	assert_int_equal(procfs_file_open(&file, AT_FDCWD, path), 0);
	assert_int_equal(procfs_file_read(&file, &text), 0);
	assert_int_equal(text.n, 0);
	memset(big, 'x', sizeof(big));
	assert_int_equal(pwrite(fd, big, sizeof(big), 0), sizeof(big));
	assert_int_equal(procfs_file_read(&file, &text), 0);
	assert_int_equal(text.n, sizeof(big));
	assert_memory_equal(text.p, big, sizeof(big));
	assert_int_equal(ftruncate(fd, PROCFS_FILE_MAX_BYTES + 1), 0);
	assert_int_equal(procfs_file_read(&file, &text), -E2BIG);
	procfs_file_close(&file);
	close(fd);
	unlink(path);
	assert_int_equal(procfs_file_open(&file, AT_FDCWD, path), -ENOENT);
}

static void this_machine_is_understood(void **state)
{
	int fd = open("/proc", O_PATH | O_DIRECTORY);
	struct procfs_cpu_times times;
	struct procfs_memory memory;
	struct procfs_file file;

	assert_int_equal(procfs_file_open(&file, fd, "stat"), 0);
	assert_int_equal(procfs_read_stat(&file, &times), 0);
	procfs_file_close(&file);
	assert_int_equal(times.n_cpus, sysconf(_SC_NPROCESSORS_ONLN));
	assert_int_equal(procfs_file_open(&file, fd, "meminfo"), 0);
	assert_int_equal(procfs_read_memory(&file, &memory), 0);
	procfs_file_close(&file);
	assert_true(memory.total_bytes > memory.available_bytes);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(stat_gives_modes_and_the_number_of_cpus),
		TEST(stat_of_an_old_kernel_has_fewer_columns),
		TEST(stat_without_a_readable_aggregate_is_refused),
		TEST(meminfo_fields_with_a_unit_are_bytes),
		TEST(meminfo_lines_of_another_form_are_refused),
		TEST(memory_needs_a_total_and_can_do_without_available),
		TEST(cpuinfo_counts_each_socket_once),
		TEST(cpuinfo_without_sockets_tells_no_cores),
		TEST(cpuinfo_with_endless_sockets_is_refused),
		TEST(a_kept_file_shows_what_is_in_it_now),
		TEST(this_machine_is_understood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
