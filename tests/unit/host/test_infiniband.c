// SPDX-License-Identifier: Apache-2.0
#include "host/infiniband.h"

#include "tree.h"

static void the_number_before_the_colon_is_the_state(void **state)
{
	static const char *const odd[] = { "", "4", "ACTIVE", ": ACTIVE", "x: ACTIVE", "-1: DOWN",
		"4 ACTIVE:" };
	uint64_t id;

	assert_int_equal(infiniband_parse_state(SLICE("4: ACTIVE"), &id), 0);
	assert_int_equal(id, 4);
	assert_int_equal(infiniband_parse_state(SLICE("5:LinkUp: x"), &id), 0);
	assert_int_equal(id, 5);
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++)
		assert_int_equal(infiniband_parse_state(slice_from(odd[i]), &id), -EBADMSG);
}

static void a_rate_is_in_gigabits(void **state)
{
	static const char *const odd[] = { "", "fast", "-1 Gb/sec", "nan Gb/sec", "1e308 Gb/sec" };
	double rate;

	assert_int_equal(infiniband_parse_rate(SLICE("2.5 Gb/sec (1X SDR)"), &rate), 0);
	assert_true(rate == 312500000);
	assert_int_equal(infiniband_parse_rate(SLICE("400"), &rate), 0);
	assert_true(rate == 5e10);
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++)
		assert_int_equal(infiniband_parse_rate(slice_from(odd[i]), &rate), -EBADMSG);
}

static int note_device(void *ctx, const char *device, int device_fd)
{
	buffer_printf(ctx, "%s ", device);
	return 0;
}

static int note_port(void *ctx, const char *device, const char *port, int port_fd)
{
	uint64_t id = 0;

	buffer_printf(ctx, "%s/%s=%d ", device, port,
		infiniband_read_state(port_fd, "state", &id) < 0 ? -1 : (int)id);
	return str_eq(port, "9") ? -ECANCELED : 0;
}

static void odd_devices_and_ports_are_left_out(void **state)
{
	struct buffer text = { 0 };
	const struct infiniband_visitor visitor = { note_device, note_port, &text };
	struct arena arena;
	struct tree tree;

	tree_make(&tree);
	arena_init(&arena, 1 << 20);
	assert_int_equal(infiniband_walk(tree.fd, &arena, &visitor), -ENODATA);
	tree_mkdirs(&tree, "class/infiniband/");
	assert_int_equal(infiniband_walk(tree.fd, &arena, &visitor), 0);
	tree_put(&tree, "class/infiniband/b/ports/2/state", "1: DOWN\n");
	tree_put(&tree, "class/infiniband/b/ports/10/state", "DOWN\n");
	tree_put(&tree, "class/infiniband/b/ports/x/state", "1: DOWN\n");
	tree_put(&tree, "class/infiniband/b/ports/3", "a file");
	tree_put(&tree, "class/infiniband/a/ports", "a file");
	tree_put(&tree, "class/infiniband/c", "a file");
	assert_int_equal(symlinkat("gone", tree.fd, "class/infiniband/d"), 0);
	assert_int_equal(infiniband_walk(tree.fd, &arena, &visitor), 0);
	assert_string_equal(buffer_text(&text), "a b b/10=-1 b/2=1 ");
	tree_put(&tree, "class/infiniband/b/ports/9/state", "1: DOWN\n");
	assert_int_equal(infiniband_walk(tree.fd, &arena, &visitor), -ECANCELED);
	tree_remove(&tree, "class/infiniband");
	tree_put(&tree, "class/infiniband", "a file");
	assert_int_equal(infiniband_walk(tree.fd, &arena, &visitor), -ENODATA);
	buffer_done(&text);
	arena_done(&arena);
	tree_done(&tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_number_before_the_colon_is_the_state),
		TEST(a_rate_is_in_gigabits),
		TEST(odd_devices_and_ports_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
