// SPDX-License-Identifier: Apache-2.0
/* Whole answers for whole trees, against tests/golden/slurm/. */
#include "exporter/unit_metrics.h"

#include "golden.h"
#include "unit_fixture.h"

enum { ALL_SETS = UNIT_FILES_SWAP | UNIT_FILES_PRESSURE };

static struct unit_fixture f;

static int setup(void **state)
{
	fixture_init(&f);
	return 0;
}

static int teardown(void **state)
{
	fixture_done(&f);
	return 0;
}

/* Twice, as the second answer comes from files that are open already. */
static void check(
	const char *fixture, enum cgroup_version version, unsigned sets, const char *golden)
{
	char name[128];

	snprintf(name, sizeof(name), "slurm/%s", fixture);
	tree_load(&f.tree, name);
	fixture_open(&f, version, sets, 1000);
	snprintf(name, sizeof(name), "slurm/%s", golden);
	for (int i = 0; i < 2; i++) {
		fixture_scrape(&f, 0);
		golden_check(name, buffer_text(&f.text), f.text.len);
	}
}

static void two_daemons_on_v1(void **state)
{
	check("v1-two-slurmd.tree", CGROUP_V1, ALL_SETS, "v1-two-slurmd.prom");
}

static void two_daemons_on_v2(void **state)
{
	check("v2-two-slurmd.tree", CGROUP_V2, ALL_SETS, "v2-two-slurmd.prom");
}

static void two_daemons_on_v2_without_the_optional_series(void **state)
{
	check("v2-two-slurmd.tree", CGROUP_V2, 0, "v2-two-slurmd-plain.prom");
}

static void jobs_with_one_fault_each(void **state)
{
	check("v2-mixed.tree", CGROUP_V2, ALL_SETS, "v2-mixed.prom");
	assert_int_equal(fixture_logged(&f, "ids=82,83 count=2"), 1);
	assert_int_equal(fixture_logged(&f, "unit=79"), 10);
	assert_int_equal(fixture_logged(&f, "no process tells"), 2);
}

static void v1_stops_at_the_first_file_that_is_missing(void **state)
{
	check("v1-partial.tree", CGROUP_V1, ALL_SETS, "v1-partial.prom");
}

static void a_hybrid_host_is_read_as_v1(void **state)
{
	tree_load(&f.tree, "slurm/v2-two-slurmd.tree");
	tree_put(&f.tree, "cgroup/unified/slurm/uid_1/job_9/cgroup.procs", "880\n");
	check("v1-two-slurmd.tree", CGROUP_V1, ALL_SETS, "v1-two-slurmd.prom");
}

static void a_job_that_no_counting_hierarchy_knows_is_an_error(void **state)
{
	const char *text;

	tree_put(&f.tree, "cgroup/freezer/slurm/uid_1/job_9/cgroup.procs", "880\n");
	tree_mkdirs(&f.tree, "cgroup/memory/");
	tree_mkdirs(&f.tree, "proc/880/");
	f.active_subsystem = "freezer";
	fixture_open(&f, CGROUP_V1, 0, 100);
	text = fixture_scrape(&f, 0);
	assert_null(strstr(text, "ceems_compute_unit_"));
	assert_non_null(strstr(text, "ceems_compute_units{hostname=\"n1\",manager=\"slurm\"} 1"));
	assert_non_null(strstr(text, "ceems_compute_collect_error{"));
	tree_mkdirs(&f.tree, "cgroup/memory/slurm/uid_1/job_9/");
	text = fixture_scrape(&f, 0);
	assert_non_null(strstr(text, "ceems_compute_unit_memory_used_bytes{"));
	assert_null(strstr(text, "ceems_compute_collect_error"));
}

static void no_units_are_counted_too(void **state)
{
	tree_mkdirs(&f.tree, "cgroup/system.slice/slurmstepd.scope/system/");
	fixture_open(&f, CGROUP_V2, 0, 100);
	assert_string_equal(fixture_scrape(&f, 0),
		"# HELP ceems_compute_units Compute units on this node.\n"
		"# TYPE ceems_compute_units gauge\n"
		"ceems_compute_units{hostname=\"n1\",manager=\"slurm\"} 0\n");
}

static void without_control_groups_there_is_no_data(void **state)
{
	tree_remove(&f.tree, "cgroup");
	fixture_open(&f, CGROUP_V2, 0, 100);
	assert_string_equal(fixture_scrape(&f, -ENODATA), "");
}

static void an_unreadable_file_costs_its_own_series(void **state)
{
	fixture_job_v2(&f, V2_SCOPE, "job_77", 880, "usage_usec 1\nuser_usec 1\nsystem_usec 0\n");
	fixture_open(&f, CGROUP_V2, 0, 100);
	assert_int_equal(fchmodat(f.tree.fd, V2_SCOPE "/job_77/memory.current", 0, 0), 0);
	assert_int_equal(fchmod(f.tree.fd, 0755), 0);
	if (getuid() == 0)
		assert_int_equal(seteuid(65534), 0);
	fixture_scrape(&f, 0);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	assert_null(strstr(buffer_text(&f.text), "memory_used_bytes"));
	assert_non_null(strstr(buffer_text(&f.text), "ceems_compute_collect_error{"));
	assert_non_null(strstr(buffer_text(&f.text), "memory_rss_bytes{"));
	assert_int_equal(fixture_logged(&f, "Permission denied"), 1);
}

static void a_huge_file_is_refused_and_the_others_read(void **state)
{
	static char huge[UNIT_FILE_MAX_BYTES + 8];

	for (size_t i = 0; i < sizeof(huge); i += 8)
		memcpy(huge + i, "anon 12\n", 8);
	fixture_job_v2(&f, V2_SCOPE, "job_77", 880, "usage_usec 1\nuser_usec 1\nsystem_usec 0\n");
	tree_put_bytes(&f.tree, V2_SCOPE "/job_77/memory.stat", huge, sizeof(huge));
	tree_put_bytes(&f.tree, V2_SCOPE "/job_77/cgroup.procs", huge, sizeof(huge));
	fixture_open(&f, CGROUP_V2, 0, 100);
	fixture_scrape(&f, 0);
	assert_null(strstr(buffer_text(&f.text), "memory_rss_bytes"));
	assert_non_null(strstr(buffer_text(&f.text), "memory_used_bytes{"));
	assert_non_null(strstr(buffer_text(&f.text), "ceems_compute_collect_error{"));
}

static void a_failure_is_logged_once_until_it_is_mended(void **state)
{
	fixture_job_v2(&f, V2_SCOPE, "job_77", 880, "garbage\n");
	fixture_open(&f, CGROUP_V2, 0, 100);
	for (int i = 0; i < 3; i++)
		fixture_scrape(&f, 0);
	assert_int_equal(fixture_logged(&f, "file=cpu.stat"), 1);
	tree_put(&f.tree, V2_SCOPE "/job_77/cpu.stat", "usage_usec 1\n");
	assert_null(strstr(fixture_scrape(&f, 0), "collect_error"));
	tree_put(&f.tree, V2_SCOPE "/job_77/cpu.stat", "garbage\n");
	fixture_scrape(&f, 0);
	assert_int_equal(fixture_logged(&f, "file=cpu.stat"), 2);
}

#define WITH_HOST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_HOST(two_daemons_on_v1),
		WITH_HOST(two_daemons_on_v2),
		WITH_HOST(two_daemons_on_v2_without_the_optional_series),
		WITH_HOST(jobs_with_one_fault_each),
		WITH_HOST(v1_stops_at_the_first_file_that_is_missing),
		WITH_HOST(a_hybrid_host_is_read_as_v1),
		WITH_HOST(a_job_that_no_counting_hierarchy_knows_is_an_error),
		WITH_HOST(no_units_are_counted_too),
		WITH_HOST(without_control_groups_there_is_no_data),
		WITH_HOST(an_unreadable_file_costs_its_own_series),
		WITH_HOST(a_huge_file_is_refused_and_the_others_read),
		WITH_HOST(a_failure_is_logged_once_until_it_is_mended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
