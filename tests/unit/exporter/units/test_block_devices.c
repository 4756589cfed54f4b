// SPDX-License-Identifier: Apache-2.0
#include "exporter/units/block_devices.h"

#include "tree.h"

static struct tree tree;
static struct block_devices devices;

static int setup(void **state)
{
	tree_make(&tree);
	block_devices_init(&devices, tree.fd);
	return 0;
}

static int teardown(void **state)
{
	block_devices_done(&devices);
	tree_done(&tree);
	return 0;
}

static void numbers_have_the_names_of_diskstats(void **state)
{
	tree_put(&tree, "diskstats",
		" 253       0 dm-0 1 2 3\n   8       0 sda 1 2\nx 1 bad\n   8      16 sdb\n");
	assert_string_equal(block_devices_name(&devices, 8, 0), "sda");
	assert_string_equal(block_devices_name(&devices, 8, 16), "sdb");
	assert_string_equal(block_devices_name(&devices, 253, 0), "dm-0");
	assert_string_equal(block_devices_name(&devices, 0, 8), "");
}

static void an_unknown_number_reads_once_more_when_that_is_allowed(void **state)
{
	tree_put(&tree, "diskstats", "8 0 sda\n");
	assert_string_equal(block_devices_name(&devices, 8, 16), "");
	tree_put(&tree, "diskstats", "8 0 sda\n8 16 sdb\n");
	assert_string_equal(block_devices_name(&devices, 8, 16), "");
	devices.may_read = true;
	assert_string_equal(block_devices_name(&devices, 8, 0), "sda");
	assert_true(devices.may_read);
	assert_string_equal(block_devices_name(&devices, 8, 16), "sdb");
	assert_false(devices.may_read);
	tree_remove(&tree, "diskstats");
	devices.may_read = true;
	assert_string_equal(block_devices_name(&devices, 8, 32), "");
	assert_string_equal(block_devices_name(&devices, 8, 16), "sdb");
}

static void without_diskstats_no_number_has_a_name(void **state)
{
	assert_string_equal(block_devices_name(&devices, 8, 0), "");
	tree_put(&tree, "diskstats", "");
	devices.may_read = true;
	assert_string_equal(block_devices_name(&devices, 8, 0), "");
}

#define IN_TREE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_TREE(numbers_have_the_names_of_diskstats),
		IN_TREE(an_unknown_number_reads_once_more_when_that_is_allowed),
		IN_TREE(without_diskstats_no_number_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
