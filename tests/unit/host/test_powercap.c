// SPDX-License-Identifier: Apache-2.0
#include "host/powercap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/file.h"
#include "unit_test.h"

/* A scratch tree in the shape of /sys. */
struct tree {
	char path[64];
	int fd;
};

static int setup(void **state)
{
	static struct tree tree;

	strcpy(tree.path, "/tmp/ceems-powercap.XXXXXX");
	assert_non_null(mkdtemp(tree.path));
	tree.fd = open(tree.path, O_PATH | O_DIRECTORY);
	*state = &tree;
	return 0;
}

static int teardown(void **state)
{
	struct tree *tree = *state;
	char command[128];

	close(tree->fd);
	snprintf(command, sizeof(command), "rm -rf %s", tree->path);
	return system(command);
}

static void put(const struct tree *tree, const char *entry, const char *file, const char *text)
{
	char path[256];
	struct err err;

	snprintf(path, sizeof(path), "%s/class/powercap/%s", tree->path, entry);
	assert_int_equal(file_mkdirs(path, 0755, &err), 0);
	snprintf(path, sizeof(path), "%s/class/powercap/%s/%s", tree->path, entry, file);
	assert_int_equal(file_replace(path, 0644, text, strlen(text), &err), 0);
}

static void zone(const struct tree *tree, const char *entry, const char *name, const char *energy)
{
	put(tree, entry, "name", name);
	put(tree, entry, "max_energy_range_uj", "262143328850\n");
	put(tree, entry, "energy_uj", energy);
}

static void check(const struct powercap_zone *z, const char *entry, const char *name, int64_t index)
{
	assert_string_equal(z->entry, entry);
	assert_string_equal(z->zone, name);
	assert_int_equal(z->index, index);
}

static void a_machine_without_powercap_has_no_data(void **state)
{
	const struct tree *tree = *state;
	struct powercap *p = NULL;

	assert_int_equal(powercap_open(tree->fd, &p), -ENODATA);
	assert_null(p);
	powercap_close(NULL);
}

static void zones_come_in_bytewise_order_with_their_index(void **state)
{
	const struct tree *tree = *state;
	struct powercap *p;
	uint64_t uj;

	put(tree, "intel-rapl", "enabled", "1\n"); /* the control type has no name */
	zone(tree, "intel-rapl:2", "psys\n", "7\n");
	zone(tree, "intel-rapl:10", "package-10\n", "6\n");
	zone(tree, "intel-rapl:0", "package-0\n", "258218293244\n");
	zone(tree, "intel-rapl:0:0", "dram\n", "5\n");
	zone(tree, "intel-rapl:1", "package-1\n", "4\n");
	zone(tree, "intel-rapl:1:0", "dram\n", "3\n");
	assert_int_equal(powercap_open(tree->fd, &p), 0);
	assert_int_equal(p->n, 6);
	check(&p->zones[0], "intel-rapl:0", "package", 0);
	check(&p->zones[1], "intel-rapl:0:0", "dram", 0);
	check(&p->zones[2], "intel-rapl:1", "package", 1);
	check(&p->zones[3], "intel-rapl:10", "package", 10);
	check(&p->zones[4], "intel-rapl:1:0", "dram", 1);
	check(&p->zones[5], "intel-rapl:2", "psys", 0);
	assert_int_equal(powercap_read_energy(&p->zones[0], &uj), 0);
	assert_int_equal(uj, 258218293244);
	assert_int_equal(p->zones[0].max_energy_uj, 262143328850);
	powercap_close(p);
}

static void odd_names_are_zones_of_their_own(void **state)
{
	const struct tree *tree = *state;
	struct powercap *p;

	zone(tree, "a:0", "foo-3\n", "1\n");
	zone(tree, "a:1", "foo\n", "1\n");
	zone(tree, "a:2", "package-0-die-1\n", "1\n");
	zone(tree, "a:3", "package-x\n", "1\n");
	zone(tree, "a:4", "\n", "1\n");
	zone(tree, "a:5", "top-9223372036854775807\n", "1\n");
	zone(tree, "a:6", "top\n", "1\n");
	assert_int_equal(powercap_open(tree->fd, &p), 0);
	assert_int_equal(p->n, 7);
	check(&p->zones[0], "a:0", "foo", 3);
	check(&p->zones[1], "a:1", "foo", 4);
	check(&p->zones[2], "a:2", "package-0-die-1", 0);
	check(&p->zones[3], "a:3", "package-x", 0);
	check(&p->zones[4], "a:4", "", 0);
	check(&p->zones[6], "a:6", "top", INT64_MAX);
	powercap_close(p);
}

static void bad_files_cost_their_own_value_only(void **state)
{
	static const char *const bad[] = { "", "x\n", "-1\n", "1 2\n",
		"99999999999999999999999999999999999\n" };
	const struct tree *tree = *state;
	struct powercap *p;
	uint64_t value;

	put(tree, "a:0", "name", "package-0\n"); /* no other file */
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char entry[8];

		snprintf(entry, sizeof(entry), "b:%zu", i);
		zone(tree, entry, "psys\n", bad[i]);
		put(tree, entry, "constraint_0_power_limit_uw", bad[i]);
		put(tree, entry, "max_energy_range_uj", bad[i]);
	}
	assert_int_equal(powercap_open(tree->fd, &p), 0);
	assert_int_equal(p->zones[0].energy_fd, -1);
	assert_int_equal(powercap_read_energy(&p->zones[0], &value), -ENOENT);
	assert_int_equal(powercap_read_limit(p, &p->zones[0], &value), -ENOENT);
	for (size_t i = 1; i < p->n; i++) {
		assert_int_equal(p->zones[i].max_energy_uj, 0);
		assert_false(p->zones[i].has_range);
		assert_int_equal(powercap_read_energy(&p->zones[i], &value), -EBADMSG);
		assert_true(powercap_read_limit(p, &p->zones[i], &value) < 0);
	}
	powercap_close(p);
}

static void the_limit_is_that_of_the_longer_window(void **state)
{
	const struct tree *tree = *state;
	struct powercap *p;
	uint64_t uw;

	zone(tree, "a:0", "package-0\n", "1\n");
	put(tree, "a:0", "constraint_0_power_limit_uw", "180000000\n");
	put(tree, "a:0", "constraint_1_power_limit_uw", "220000000\n");
	assert_int_equal(powercap_open(tree->fd, &p), 0);
	assert_int_equal(powercap_read_limit(p, &p->zones[0], &uw), 0);
	assert_int_equal(uw, 180000000);
	put(tree, "a:0", "constraint_0_time_window_us", "976\n");
	put(tree, "a:0", "constraint_1_time_window_us", "999424\n");
	assert_int_equal(powercap_read_limit(p, &p->zones[0], &uw), 0);
	assert_int_equal(uw, 220000000);
	put(tree, "a:0", "constraint_0_time_window_us", "999424\n");
	assert_int_equal(powercap_read_limit(p, &p->zones[0], &uw), 0);
	assert_int_equal(uw, 180000000);
	powercap_close(p);
}

static void a_kept_descriptor_follows_the_counter(void **state)
{
	const struct tree *tree = *state;
	struct powercap *p;
	char path[256];
	uint64_t uj;
	int fd;

	zone(tree, "a:0", "package-0\n", "100\n");
	assert_int_equal(powercap_open(tree->fd, &p), 0);
	snprintf(path, sizeof(path), "%s/class/powercap/a:0/energy_uj", tree->path);
	fd = open(path, O_WRONLY | O_TRUNC);
	assert_int_equal(write(fd, "250\n", 4), 4);
	close(fd);
	assert_int_equal(powercap_read_energy(&p->zones[0], &uj), 0);
	assert_int_equal(uj, 250);
	powercap_close(p);
}

static void a_counter_wraps_without_going_backwards(void **state)
{
	assert_int_equal(powercap_energy_delta(100, 250, 1000), 150);
	assert_int_equal(powercap_energy_delta(100, 100, 1000), 0);
	assert_int_equal(powercap_energy_delta(1000, 0, 1000), 1);
	assert_int_equal(powercap_energy_delta(990, 9, 1000), 20);
	/* a range that is unknown or wrong */
	assert_int_equal(powercap_energy_delta(990, 9, 0), 9);
	assert_int_equal(powercap_energy_delta(2000, 9, 1000), 9);
	assert_int_equal(powercap_energy_delta(UINT64_MAX, 4, UINT64_MAX), 5);
}

int main(void)
{
#define WITH_TREE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH_TREE(a_machine_without_powercap_has_no_data),
		WITH_TREE(zones_come_in_bytewise_order_with_their_index),
		WITH_TREE(odd_names_are_zones_of_their_own),
		WITH_TREE(bad_files_cost_their_own_value_only),
		WITH_TREE(the_limit_is_that_of_the_longer_window),
		WITH_TREE(a_kept_descriptor_follows_the_counter),
		TEST(a_counter_wraps_without_going_backwards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
