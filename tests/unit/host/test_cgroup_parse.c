// SPDX-License-Identifier: Apache-2.0
#include "host/cgroup_parse.h"

#include <errno.h>
#include <stdlib.h>

#include "unit_test.h"

static const char *const keys[] = { "usage_usec", "user_usec" };

static int keyed(const char *text, uint64_t values[2], uint32_t *found)
{
	return cgroup_parse_keyed(slice_from(text), keys, 2, values, found);
}

static void keyed_files_give_the_wanted_keys_in_any_order(void **state)
{
	uint64_t v[2];
	uint32_t found;

	assert_int_equal(
		keyed("nice_usec 5\nuser_usec 18446744073709551615\nusage_usec 7\n", v, &found), 0);
	assert_int_equal(v[0], 7);
	assert_true(v[1] == UINT64_MAX);
	assert_int_equal(found, 3);
	assert_int_equal(keyed("user_usec 1", v, &found), 0);
	assert_int_equal(v[0], 0);
	assert_int_equal(v[1], 1);
	assert_int_equal(found, 2);
	assert_int_equal(keyed("", v, NULL), 0);
	assert_int_equal(v[1], 0);
}

static void a_keyed_file_with_one_bad_line_is_refused_whole(void **state)
{
	static const char *const bad[] = { "usage_usec\n", "usage_usec 1 2\n", "usage_usec x\n",
		"usage_usec 0x1\n", "usage_usec 18446744073709551616\n", "usage_usec 1\n\n",
		"other \n", "usage_usec 1\nuser_usec 1.5\n", "usage_usec -\n", "max max\n" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		uint64_t v[2] = { 42, 42 };

		assert_int_equal(keyed(bad[i], v, NULL), -EBADMSG);
		assert_int_equal(v[0], 42);
	}
}

static void negative_numbers_count_as_zero(void **state)
{
	uint64_t v[2];

	assert_int_equal(keyed("usage_usec -5\n", v, NULL), 0);
	assert_int_equal(v[0], 0);
	assert_int_equal(cgroup_parse_number(SLICE("-1\n"), &v[0]), 0);
	assert_int_equal(v[0], 0);
}

static void single_numbers_may_be_max(void **state)
{
	uint64_t v = 42;

	assert_int_equal(cgroup_parse_number(SLICE("1048576\n"), &v), 0);
	assert_int_equal(v, 1048576);
	assert_int_equal(cgroup_parse_number(SLICE("max\n"), &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(cgroup_parse_number(SLICE("18446744073709551615"), &v), 0);
	assert_true(v == UINT64_MAX);
	v = 42;
	assert_int_equal(cgroup_parse_number(SLICE(""), &v), -EBADMSG);
	assert_int_equal(cgroup_parse_number(SLICE("\n"), &v), -EBADMSG);
	assert_int_equal(cgroup_parse_number(SLICE("1 2\n"), &v), -EBADMSG);
	assert_int_equal(cgroup_parse_number(SLICE("maximum\n"), &v), -EBADMSG);
	assert_int_equal(cgroup_parse_number(SLICE("18446744073709551616\n"), &v), -EBADMSG);
	assert_int_equal(v, 42);
}

static unsigned cpus(const char *text)
{
	unsigned n = 12345;
	int r = cgroup_parse_cpus(slice_from(text), &n);

	if (r < 0) {
		assert_int_equal(r, -EBADMSG);
		assert_int_equal(n, 12345);
	}
	return n;
}

static void cpu_lists_are_counted_as_sets(void **state)
{
	assert_int_equal(cpus("0-3,8\n"), 5);
	assert_int_equal(cpus("7\n"), 1);
	assert_int_equal(cpus("0-8191"), 8192);
	assert_int_equal(cpus("0-3,2-5,0"), 6);
	assert_int_equal(cpus(""), 0);
	assert_int_equal(cpus("\n"), 0);
}

static void cpu_lists_of_another_form_are_refused(void **state)
{
	static const char *const bad[] = { "a", "1-", "-1", "3-1", "0-8192", "1,,2", "1,", "1-2-3",
		"0-18446744073709551616", "0-4294967295", "0 1", "0x1" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(cpus(bad[i]), 12345);
}

static void pressure_is_the_total_of_the_line_full(void **state)
{
	uint64_t v = 42;

	assert_int_equal(
		cgroup_parse_pressure(SLICE("some avg10=0.00 avg60=0.10 avg300=0.00 total=77\n"
					    "full avg10=0.00 avg60=0.00 avg300=0.00 total=12345\n"),
			&v),
		0);
	assert_int_equal(v, 12345);
	assert_int_equal(cgroup_parse_pressure(SLICE("some avg10=0.00 total=77\n"), &v), 0);
	assert_int_equal(v, 0);
	assert_int_equal(cgroup_parse_pressure(SLICE(""), &v), 0);
	v = 42;
	assert_int_equal(cgroup_parse_pressure(SLICE("full avg10=0.00\n"), &v), -EBADMSG);
	assert_int_equal(cgroup_parse_pressure(SLICE("full total\n"), &v), -EBADMSG);
	assert_int_equal(cgroup_parse_pressure(SLICE("full total=\n"), &v), -EBADMSG);
	assert_int_equal(cgroup_parse_pressure(SLICE("full total=1e3\n"), &v), -EBADMSG);
	assert_int_equal(v, 42);
}

static void rdma_lines_have_a_device_and_two_values(void **state)
{
	struct slice rest = SLICE("mlx5_0 hca_handle=2 hca_object=2000\n"
				  "bad hca_handle=2\n"
				  "bad hca_handle=2 hca_object=3 more=4\n"
				  "bad hca_object=2 hca_handle=3\n"
				  "bad hca_handle= hca_object=\n"
				  "\n"
				  "ocrdma1 hca_handle=3 hca_object=max");
	struct cgroup_rdma line;

	assert_true(cgroup_rdma_next(&rest, &line));
	assert_true(slice_eq(line.device, "mlx5_0"));
	assert_int_equal(line.handles, 2);
	assert_int_equal(line.objects, 2000);
	assert_true(cgroup_rdma_next(&rest, &line));
	assert_true(slice_eq(line.device, "ocrdma1"));
	assert_int_equal(line.objects, UINT32_MAX);
	assert_false(cgroup_rdma_next(&rest, &line));
}

static void io_lines_have_a_number_and_any_fields(void **state)
{
	struct slice rest = SLICE("8:0 rbytes=90 wbytes=180 rios=3 wios=4 dbytes=0 dios=0\n"
				  "8:16\n"
				  "x:1 rbytes=1\n"
				  "8 rbytes=1\n"
				  "8:1:2 rbytes=1\n"
				  "4294967296:0 rbytes=1\n"
				  "8:32 dbytes=5\n"
				  "253:10 253:5 rios=x wbytes wios=7 rbytes=max rios=-1");
	struct cgroup_io io;

	assert_true(cgroup_io_next(&rest, &io));
	assert_int_equal(io.major, 8);
	assert_int_equal(io.minor, 0);
	assert_int_equal(io.fields, 15);
	assert_int_equal(io.read_bytes, 90);
	assert_int_equal(io.write_bytes, 180);
	assert_int_equal(io.reads, 3);
	assert_int_equal(io.writes, 4);
	assert_true(cgroup_io_next(&rest, &io));
	assert_int_equal(io.major, 253);
	assert_int_equal(io.minor, 10);
	assert_int_equal(io.fields, CGROUP_IO_WRITES);
	assert_int_equal(io.writes, 7);
	assert_int_equal(io.read_bytes, 0);
	assert_false(cgroup_io_next(&rest, &io));
}

static void blkio_rows_have_a_number_an_operation_and_a_value(void **state)
{
	struct slice rest = SLICE("8:0 Read 4096\n8:0 Write -1\n8:0 Total 4096\n252:3 Discard 1\n"
				  "Total 4096\n");
	struct cgroup_blkio row;

	assert_int_equal(cgroup_blkio_next(&rest, &row), 1);
	assert_int_equal(row.major, 8);
	assert_int_equal(row.operation, CGROUP_BLKIO_READ);
	assert_int_equal(row.value, 4096);
	assert_int_equal(cgroup_blkio_next(&rest, &row), 1);
	assert_int_equal(row.operation, CGROUP_BLKIO_WRITE);
	assert_int_equal(row.value, 0);
	assert_int_equal(cgroup_blkio_next(&rest, &row), 1);
	assert_int_equal(row.operation, CGROUP_BLKIO_OTHER);
	assert_int_equal(cgroup_blkio_next(&rest, &row), 1);
	assert_int_equal(row.major, 252);
	assert_int_equal(row.minor, 3);
	assert_int_equal(cgroup_blkio_next(&rest, &row), 0);
}

static void blkio_rows_of_another_form_are_refused(void **state)
{
	static const char *const bad[] = { "8:0 Read\n", "8:0\n", "\n", "8:0 Read 1 2\n",
		"8.0 Read 1\n", ":0 Read 1\n", "8:x Read 1\n", "8:0 Read x\n",
		"8:0 Read 18446744073709551616\n" };
	struct cgroup_blkio row;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct slice rest = slice_from(bad[i]);

		assert_int_equal(cgroup_blkio_next(&rest, &row), -EBADMSG);
	}
}

static void shares_and_weights_become_cpus(void **state)
{
	assert_int_equal(cgroup_weight_to_shares(40), 1024);
	assert_int_equal(cgroup_weight_to_shares(1), 2);
	assert_int_equal(cgroup_weight_to_shares(0), 2);
	assert_int_equal(cgroup_weight_to_shares(10000), 262144);
	assert_int_equal(cgroup_weight_to_shares(UINT64_MAX), 262144);
	assert_int_equal(cgroup_shares_to_milli_cpus(1024), 1000);
	assert_int_equal(cgroup_shares_to_milli_cpus(2), 1);
	assert_int_equal(cgroup_shares_to_milli_cpus(0), 1);
	assert_int_equal(cgroup_shares_to_milli_cpus(102), 99);
	assert_int_equal(cgroup_shares_to_milli_cpus(UINT64_MAX), 256000);
}

static void processes_are_listed_without_those_that_cannot_be_seen(void **state)
{
	struct slice rest = SLICE("0\n12\nx\n-3\n\n 99\n18446744073709551616\n7");
	uint64_t pid;

	assert_true(cgroup_pid_next(&rest, &pid));
	assert_int_equal(pid, 12);
	assert_true(cgroup_pid_next(&rest, &pid));
	assert_int_equal(pid, 99);
	assert_true(cgroup_pid_next(&rest, &pid));
	assert_int_equal(pid, 7);
	assert_false(cgroup_pid_next(&rest, &pid));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keyed_files_give_the_wanted_keys_in_any_order),
		TEST(a_keyed_file_with_one_bad_line_is_refused_whole),
		TEST(negative_numbers_count_as_zero),
		TEST(single_numbers_may_be_max),
		TEST(cpu_lists_are_counted_as_sets),
		TEST(cpu_lists_of_another_form_are_refused),
		TEST(pressure_is_the_total_of_the_line_full),
		TEST(rdma_lines_have_a_device_and_two_values),
		TEST(io_lines_have_a_number_and_any_fields),
		TEST(blkio_rows_have_a_number_an_operation_and_a_value),
		TEST(blkio_rows_of_another_form_are_refused),
		TEST(shares_and_weights_become_cpus),
		TEST(processes_are_listed_without_those_that_cannot_be_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
