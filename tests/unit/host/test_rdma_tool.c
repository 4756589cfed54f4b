// SPDX-License-Identifier: Apache-2.0
#include "host/rdma_tool.h"

#include "unit_test.h"

static void a_row_has_a_device_and_fields(void **state)
{
	struct slice rest = SLICE("dev mlx5_2 mrn 7 mrlen 4096 pdn 3 pid 880 comm app\n"
				  "0/1: other\n"
				  "link mlx5_0/1 cntn 4 type RC pid 12 comm pid 99\n"
				  "    LQPN: <178>\n"
				  "    rx_write_requests 5 rx_read_requests 6\n"
				  "link mlx5_0/2 lqpn 1");
	struct rdma_row row;
	uint64_t value;

	assert_true(rdma_row_next(&rest, &row));
	assert_true(slice_eq(row.device, "mlx5_2") && row.port.n == 0);
	assert_true(rdma_row_value(&row, "mrlen", &value) && value == 4096);
	assert_true(rdma_row_value(&row, "pid", &value) && value == 880);
	assert_false(rdma_row_value(&row, "cqe", &value));
	assert_true(rdma_row_next(&rest, &row));
	assert_true(slice_eq(row.device, "mlx5_0") && slice_eq(row.port, "1"));
	assert_true(rdma_row_value(&row, "pid", &value) && value == 12);
	assert_true(rdma_row_value(&row, "rx_read_requests", &value) && value == 6);
	assert_true(rdma_row_next(&rest, &row));
	assert_true(slice_eq(row.port, "2"));
	assert_false(rdma_row_value(&row, "pid", &value));
	assert_false(rdma_row_next(&rest, &row));
}

static void odd_rows_are_passed_over(void **state)
{
	struct slice rest = SLICE(
		"\n dev a pid 1\ndev\ndev A pid 1\nlink a/x pid 1\nlink a/ pid 1\n"
		"device a pid 1\ndev a pid x\ndev b pid -1\ndev c comm pid 4\n");
	struct rdma_row row;
	uint64_t value;

	for (const char *name = "abc"; *name; name++) {
		assert_true(rdma_row_next(&rest, &row));
		assert_int_equal(row.device.p[0], *name);
		assert_false(rdma_row_value(&row, "pid", &value));
	}
	assert_false(rdma_row_next(&rest, &row));
}

static void modes_of_both_forms_are_known(void **state)
{
	struct slice rest = SLICE("1/1: mlx5_0/1: qp auto off\nlink mlx5_1/1 auto type,pid on\n"
				  "2/1: rxe0/1: qp auto on\nmlx5_2/1\nmlx5_3/1: qp auto\n");
	struct rdma_mode mode;

	assert_true(rdma_mode_next(&rest, &mode));
	assert_true(slice_eq(mode.link, "mlx5_0/1") && !mode.is_on);
	assert_true(rdma_mode_next(&rest, &mode));
	assert_true(slice_eq(mode.link, "mlx5_1/1") && mode.is_on);
	assert_true(rdma_mode_next(&rest, &mode));
	assert_true(slice_eq(mode.link, "mlx5_3/1") && !mode.is_on);
	assert_false(rdma_mode_next(&rest, &mode));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_row_has_a_device_and_fields),
		TEST(odd_rows_are_passed_over),
		TEST(modes_of_both_forms_are_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
