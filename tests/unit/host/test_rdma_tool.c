// SPDX-License-Identifier: Apache-2.0
#include "host/rdma_tool.h"

#include "basic/macros.h"
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

static void name_of_a_process_is_no_field(void **state)
{
	struct slice rest = SLICE(
		"link mlx5_2/1 cntn 4 pid 7 comm  rx_write_requests 5\n"
		"link mlx5_2/1 cntn 4 pid 7 comm a rx_write_requests rx_write_requests 5\n");
	struct rdma_row row;
	uint64_t value;

	for (int i = 0; i < 2; i++) {
		assert_true(rdma_row_next(&rest, &row));
		assert_true(rdma_row_value(&row, "rx_write_requests", &value) && value == 5);
	}
}

/* As iproute2 6.1 printed it; names were set by prctl(2). */
static void json_has_rows_whatever_processes_are_called(void **state)
{
	const struct slice output = SLICE(
		"[{\"ifindex\":0,\"ifname\":\"mlx5_2\",\"mrn\":7,\"mrlen\":4096,\"pdn\":3,\"pid\":880,"
		"\"comm\":\"\xff\x80 \x01'\"},"
		"{\"ifindex\":0,\"ifname\":\"mlx5_2\",\"port\":1,\"cntn\":4,\"qp-type\":\"RC\",\"pid\":12,"
		"\"comm\":\"\\\"}\\\\\",\"rx_write_requests\":5,\"lqpn\":[178,{}]},"
		"{\"ifname\":\"mlx5_2\",\"comm\":\"\\ndev a pid 9\\\",\\\"p\",\"x\":{\"pid\":4}} ,\n"
		"{ \"ifname\" : \"mlx5_3\" , \"comm\" : \"\", \"pid\" : 13 }\n]\n");
	struct slice rest = output;
	struct rdma_row row;
	uint64_t value;

	assert_true(rdma_is_json(output));
	assert_true(rdma_object_next(&rest, &row));
	assert_true(slice_eq(row.device, "mlx5_2") && row.port.n == 0);
	assert_true(rdma_row_value(&row, "mrlen", &value) && value == 4096);
	assert_true(rdma_row_value(&row, "pid", &value) && value == 880);
	assert_true(rdma_object_next(&rest, &row));
	assert_true(slice_eq(row.port, "1"));
	assert_true(rdma_row_value(&row, "pid", &value) && value == 12);
	assert_true(rdma_row_value(&row, "rx_write_requests", &value) && value == 5);
	assert_false(rdma_row_value(&row, "lqpn", &value));
	assert_true(rdma_object_next(&rest, &row));
	assert_false(rdma_row_value(&row, "pid", &value));
	assert_true(rdma_object_next(&rest, &row));
	assert_true(slice_eq(row.device, "mlx5_3"));
	assert_true(rdma_row_value(&row, "pid", &value) && value == 13);
	assert_false(rdma_object_next(&rest, &row));
}

static void broken_json_has_no_rows(void **state)
{
	static const char *const outputs[] = { "", "[", "[]", "[{}]", "[{\"ifname\":\"a\"",
		"[{\"ifname\":\"a]}", "[{\"ifname\":7}]", "[{\"ifname\":\"A\"}]", "[{\"ifname\"}]",
		"[{\"ifname\":}]", "[{ifname:\"a\"}]", "[{\"ifname\":\"a\",\"port\":\"x\"}]",
		"[\"{\\\"ifname\\\":\\\"a\\\"}\"]", "[{\"x\":{\"ifname\":\"a\"}}]",
		"[{\"ifname\":\"a\\\"}", "[{\"ifname\":\"" };

	for (size_t i = 0; i < ARRAY_SIZE(outputs); i++) {
		struct slice rest = slice_from(outputs[i]);
		struct rdma_row row;

		if (rdma_object_next(&rest, &row))
			fail_msg("'%s' has a row", outputs[i]);
	}
	assert_false(rdma_is_json(SLICE("")));
	assert_false(rdma_is_json(SLICE("dev a pid 1\n")));
	assert_false(rdma_is_json(SLICE("\n{\"a\":1}")));
	assert_true(rdma_is_json(SLICE(" \n[ ]")));
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
		TEST(name_of_a_process_is_no_field),
		TEST(json_has_rows_whatever_processes_are_called),
		TEST(broken_json_has_no_rows),
		TEST(modes_of_both_forms_are_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
