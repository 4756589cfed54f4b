// SPDX-License-Identifier: Apache-2.0
#include "host/root.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "unit_test.h"

static struct host_root root;
static struct err err;

static int teardown(void **state)
{
	host_root_close(&root);
	return 0;
}

static void what_is_there_is_open_and_clean(void **state)
{
	assert_int_equal(
		host_root_open(&root, "/proc/./", "/sys//", "/proc/self/../self", &err), 0);
	assert_string_equal(root.procfs, "/proc");
	assert_string_equal(root.sysfs, "/sys");
	assert_string_equal(root.cgroupfs, "/proc/self");
	assert_int_equal(root.procfs_error, 0);
	assert_int_equal(root.sysfs_error, 0);
	assert_int_equal(faccessat(root.procfs_fd, "stat", F_OK, 0), 0);
	assert_true(root.cgroupfs_fd >= 0);
}

static void what_is_missing_is_empty_and_stays_so(void **state)
{
	assert_int_equal(
		host_root_open(&root, "/nonexistent", "/dev/null", "/nonexistent", &err), 0);
	assert_int_equal(root.procfs_error, -ENOENT);
	assert_int_equal(root.sysfs_error, -ENOTDIR);
	assert_int_equal(root.cgroupfs_fd, -1);
	assert_int_equal(openat(root.procfs_fd, "stat", O_RDONLY | O_CLOEXEC), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(openat(root.sysfs_fd, "class", O_WRONLY | O_CREAT | O_CLOEXEC, 0600), -1);
	assert_int_equal(errno, ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(what_is_there_is_open_and_clean, teardown),
		cmocka_unit_test_teardown(what_is_missing_is_empty_and_stays_so, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
