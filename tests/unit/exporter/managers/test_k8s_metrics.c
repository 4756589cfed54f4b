// SPDX-License-Identifier: Apache-2.0
/* Pods: whole answers for whole trees, against tests/golden/k8s/. */
#include "exporter/managers/k8s_units.h"
#include "golden.h"
#include "unit_fixture.h"

enum { SETS = UNIT_FILES_SWAP | UNIT_FILES_BLKIO, ALL_SETS = SETS | UNIT_FILES_PRESSURE };

static struct unit_fixture f;

static int setup(void **state)
{
	fixture_init(&f);
	f.manager = &k8s_unit_manager;
	return 0;
}

static int teardown(void **state)
{
	fixture_done(&f);
	return 0;
}

/* Twice, as the second answer comes from files that are open already. */
static void check(const char *name, enum cgroup_version version, unsigned sets)
{
	char text[128];

	snprintf(text, sizeof(text), "k8s/%s.tree", name);
	tree_load(&f.tree, text);
	fixture_open(&f, version, sets, 1000);
	snprintf(text, sizeof(text), "k8s/%s.prom", name);
	for (int i = 0; i < 2; i++) {
		fixture_scrape(&f, 0);
		golden_check(text, buffer_text(&f.text), f.text.len);
	}
}

static void systemd_driver_on_v2(void **state)
{
	check("v2-systemd", CGROUP_V2, ALL_SETS);
}

static void cgroupfs_driver_on_v2(void **state)
{
	check("v2-cgroupfs", CGROUP_V2, SETS);
}

static void systemd_driver_on_v1(void **state)
{
	check("v1-systemd", CGROUP_V1, ALL_SETS);
}

static void cgroupfs_driver_on_v1(void **state)
{
	f.active_subsystem = "cpu";
	check("v1-cgroupfs", CGROUP_V1, SETS);
}

static void both_roots_and_hostile_names(void **state)
{
	check("v2-hostile", CGROUP_V2, ALL_SETS);
}

/* With another active hierarchy there are no shares to be read. */
static void shares_come_from_the_active_hierarchy(void **state)
{
	tree_load(&f.tree, "k8s/v1-cgroupfs.tree");
	fixture_open(&f, CGROUP_V1, 0, 1000);
	assert_non_null(strstr(fixture_scrape(&f, 0),
		"ceems_compute_unit_cpus{cgrouphostname=\"\",hostname=\"n1\",manager=\"k8s\",uuid=\"0b6f7a52-aaaa-4bbb-8ccc-dddd00000001\"} 0\n"));
}

static void roots_are_found_when_they_appear(void **state)
{
	fixture_open(&f, CGROUP_V2, 0, 1000);
	assert_non_null(strstr(
		fixture_scrape(&f, 0), "ceems_compute_units{hostname=\"n1\",manager=\"k8s\"} 0"));
	tree_put(&f.tree, "cgroup/kubepods/pod1/cpu.stat",
		"usage_usec 1\nuser_usec 1\nsystem_usec 0\n");
	assert_non_null(strstr(
		fixture_scrape(&f, 0), "ceems_compute_units{hostname=\"n1\",manager=\"k8s\"} 1"));
	tree_put(&f.tree, "cgroup/kubepods.slice/kubepods-pod2.slice/cpu.stat",
		"usage_usec 1\nuser_usec 1\nsystem_usec 0\n");
	assert_non_null(strstr(
		fixture_scrape(&f, 0), "ceems_compute_units{hostname=\"n1\",manager=\"k8s\"} 2"));
	tree_remove(&f.tree, "cgroup/kubepods");
	assert_non_null(strstr(
		fixture_scrape(&f, 0), "ceems_compute_units{hostname=\"n1\",manager=\"k8s\"} 1"));
}

#define TREE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TREE_TEST(systemd_driver_on_v2),
		TREE_TEST(cgroupfs_driver_on_v2),
		TREE_TEST(systemd_driver_on_v1),
		TREE_TEST(cgroupfs_driver_on_v1),
		TREE_TEST(both_roots_and_hostile_names),
		TREE_TEST(shares_come_from_the_active_hierarchy),
		TREE_TEST(roots_are_found_when_they_appear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
