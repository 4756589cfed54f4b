// SPDX-License-Identifier: Apache-2.0
/* Directories that come and go below others. */
#include "exporter/units/unit_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit_test.h"

static char base[64];
static int base_fd;
static struct unit_watch watch;

static int setup(void **state)
{
	strcpy(base, "/tmp/ceems-watch.XXXXXX");
	assert_non_null(mkdtemp(base));
	base_fd = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(base_fd >= 0);
	assert_int_equal(mkdirat(base_fd, "root", 0755), 0);
	return unit_watch_open(&watch);
}

static int teardown(void **state)
{
	char command[96];

	unit_watch_close(&watch);
	close(base_fd);
	snprintf(command, sizeof(command), "rm -rf %s", base);
	return system(command);
}

static bool readable(void)
{
	return poll(&(struct pollfd){ .fd = watch.fd, .events = POLLIN }, 1, 0) == 1;
}

static void units_that_come_and_go_are_told(void **state)
{
	assert_int_equal(unit_watch_dir(&watch, base_fd, "root"), 0);
	assert_int_equal(unit_watch_dir(&watch, base_fd, "root"), 0); /* once is enough */
	assert_false(readable());
	assert_int_equal(unit_watch_take(&watch), 0);
	assert_int_equal(mkdirat(base_fd, "root/job_1", 0755), 0);
	assert_true(readable());
	assert_int_equal(unit_watch_take(&watch), UNIT_WATCH_CAME);
	assert_int_equal(unit_watch_take(&watch), 0);
	assert_false(readable());
	assert_int_equal(unlinkat(base_fd, "root/job_1", AT_REMOVEDIR), 0);
	assert_int_equal(unit_watch_take(&watch), UNIT_WATCH_WENT);
}

static void files_are_nobody(void **state)
{
	assert_int_equal(unit_watch_dir(&watch, base_fd, "root"), 0);
	close(openat(base_fd, "root/cpu.stat", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	assert_int_equal(unlinkat(base_fd, "root/cpu.stat", 0), 0);
	assert_int_equal(unit_watch_take(&watch), 0);
}

static void the_directory_that_holds_a_unit_is_watched(void **state)
{
	assert_int_equal(mkdirat(base_fd, "root/uid_7", 0755), 0);
	assert_int_equal(mkdirat(base_fd, "root/uid_7/job_1", 0755), 0);
	assert_int_equal(unit_watch_parent(&watch, base_fd, "root/uid_7/job_1"), 0);
	assert_int_equal(unit_watch_parent(&watch, base_fd, "root"), 0); /* the base itself */
	assert_int_equal(renameat(base_fd, "root/uid_7/job_1", base_fd, "job_1"), 0);
	assert_int_equal(unit_watch_take(&watch), UNIT_WATCH_CAME | UNIT_WATCH_WENT);
}

static void a_watch_ends_with_its_directory(void **state)
{
	assert_int_equal(unit_watch_dir(&watch, base_fd, "root"), 0);
	assert_int_equal(unlinkat(base_fd, "root", AT_REMOVEDIR), 0);
	assert_int_equal(unit_watch_take(&watch), 0);
	assert_int_equal(unit_watch_dir(&watch, base_fd, "root"), -ENOENT);
	assert_int_equal(mkdirat(base_fd, "root", 0755), 0);
	assert_int_equal(unit_watch_dir(&watch, base_fd, "root"), 0);
	assert_int_equal(mkdirat(base_fd, "root/job_2", 0755), 0);
	assert_int_equal(unit_watch_take(&watch), UNIT_WATCH_CAME);
}

static void a_storm_is_taken_at_once(void **state)
{
	unsigned n = 0;

	assert_int_equal(unit_watch_dir(&watch, base_fd, "root"), 0);
	for (int i = 0; i < 200; i++) { /* more than one reading */
		assert_int_equal(mkdirat(base_fd, "root/j", 0755), 0);
		assert_int_equal(unlinkat(base_fd, "root/j", AT_REMOVEDIR), 0);
	}
	for (; readable(); n++)
		assert_int_equal(unit_watch_take(&watch), UNIT_WATCH_CAME | UNIT_WATCH_WENT);
	assert_int_equal(n, 1);
}

static void without_a_descriptor_nothing_is_told(void **state)
{
	struct unit_watch none = { .fd = -1 };

	assert_int_equal(unit_watch_dir(&none, base_fd, "root"), 0);
	assert_int_equal(unit_watch_take(&none), 0);
	assert_int_equal(unit_watch_dir(&watch, base_fd, "nothing"), -ENOENT);
}

static void long_paths_are_refused(void **state)
{
	char path[5000];

	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(unit_watch_dir(&watch, base_fd, path), -ENAMETOOLONG);
}

#define WATCH_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WATCH_TEST(units_that_come_and_go_are_told),
		WATCH_TEST(files_are_nobody),
		WATCH_TEST(the_directory_that_holds_a_unit_is_watched),
		WATCH_TEST(a_watch_ends_with_its_directory),
		WATCH_TEST(a_storm_is_taken_at_once),
		WATCH_TEST(without_a_descriptor_nothing_is_told),
		WATCH_TEST(long_paths_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
