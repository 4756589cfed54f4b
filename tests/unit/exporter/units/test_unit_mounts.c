// SPDX-License-Identifier: Apache-2.0
/* How the table follows the mounts that it reads below: gone, back, or others in their place. */
#include "exporter/units/unit_table.h"

#include <errno.h>

#include "unit_fixture.h"

#define CPU(us) FIXTURE_CPU(us)
#define V1_JOB "slurm/uid_1/job_9"

static struct unit_fixture f;
static const struct unit_sample *samples;

static int setup(void **state)
{
	fixture_init_memory(&f);
	return 0;
}

static int setup_v2(void **state)
{
	fixture_two_jobs_v2(&f);
	return 0;
}

static void put_v1(const char *hierarchy, const char *file, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "cgroup/%s/" V1_JOB "/%s", hierarchy, file);
	tree_put(&f.tree, path, text);
}

static void put_v1_memory(const char *hierarchy, const char *usage)
{
	put_v1(hierarchy, "memory.stat", "total_inactive_file 96\n");
	put_v1(hierarchy, "memory.oom_control", "oom_kill_disable 0\n");
	put_v1(hierarchy, "memory.usage_in_bytes", usage);
}

static int setup_v1(void **state)
{
	setup(state);
	put_v1("cpuacct", "cgroup.procs", "880\n");
	put_v1("cpuacct", "cpuacct.usage", "5000000\n");
	put_v1("cpuacct", "cpuacct.usage_percpu", "5000000\n");
	put_v1_memory("memory", "4096\n");
	tree_mkdirs(&f.tree, "proc/880/");
	fixture_open(&f, CGROUP_V1, 0, 1000);
	return 0;
}

static int teardown(void **state)
{
	fixture_done(&f);
	return 0;
}

static void move(const char *from, const char *to)
{
	assert_int_equal(renameat(f.tree.fd, from, f.tree.fd, to), 0);
	host_root_follow(&f.host);
}

static int sample(size_t *ret_n)
{
	*ret_n = 0;
	return unit_table_sample(f.table, &samples, ret_n);
}

static size_t sampled(void)
{
	size_t n;

	assert_int_equal(sample(&n), 0);
	return n;
}

static int name_unit(void *ctx, const struct unit_key *key, const struct unit_values *values)
{
	buffer_printf(&f.text, "%s ", key->uuid);
	return 0;
}

/* "77 78 " */
static const char *units(void)
{
	buffer_clear(&f.text);
	assert_true(unit_table_scrape(f.table, name_unit, NULL) >= 0);
	return buffer_text(&f.text);
}

static void without_the_mount_nothing_is_shown_and_nothing_is_told_to_be_none(void **state)
{
	size_t n, before = tree_descriptors();

	assert_string_equal(units(), "77 78 ");
	assert_int_equal(sampled(), 2);
	move("cgroup", "old");
	assert_int_equal(unit_table_scrape(f.table, name_unit, NULL), -ENODATA);
	assert_int_equal(sample(&n), -ESTALE); /* not -ENODATA: units may go on unseen */
	assert_int_equal(sample(&n), -ESTALE);
	assert_true(tree_descriptors() < before); /* those of the mount, too */
	move("old", "cgroup");
	assert_int_equal(sampled(), 2);
	assert_string_equal(units(), "77 78 ");
}

static void units_of_another_mount_are_others(void **state)
{
	uint64_t incarnation;
	size_t n;

	assert_int_equal(sampled(), 2);
	incarnation = samples[0].incarnation;
	move("cgroup", "old");
	assert_int_equal(sample(&n), -ESTALE);
	fixture_job_v2(&f, V2_SCOPE, "job_77", 880, CPU("9"));
	fixture_job_v2(&f, V2_SCOPE, "job_79", 882, CPU("3"));
	host_root_follow(&f.host);
	assert_int_equal(sampled(), 2);
	assert_string_equal(samples[0].key.uuid, "77");
	assert_int_equal(samples[0].cpu_usage_us, 9);
	assert_true(samples[0].incarnation != incarnation);
	assert_string_equal(units(), "77 79 ");
}

/* Between two readings; nobody saw it gone. */
static void a_mount_that_is_replaced_at_once_is_noticed(void **state)
{
	assert_int_equal(sampled(), 2);
	fixture_job_v2(&f, "new/system.slice/slurmstepd.scope", "job_5", 882, CPU("3"));
	assert_int_equal(renameat(f.tree.fd, "cgroup", f.tree.fd, "old"), 0);
	move("new", "cgroup");
	assert_string_equal(units(), "5 ");
	assert_int_equal(sampled(), 1);
	assert_int_equal(samples[0].cpu_usage_us, 3);
}

static void a_unit_that_is_back_is_the_same(void **state)
{
	uint64_t incarnation;
	size_t n;

	assert_int_equal(sampled(), 2);
	incarnation = samples[1].incarnation;
	move("cgroup", "old");
	assert_int_equal(sample(&n), -ESTALE);
	move("old", "cgroup");
	assert_int_equal(sampled(), 2);
	assert_true(samples[1].incarnation == incarnation);
}

static void the_time_of_roots_is_not_counted_twice(void **state)
{
	uint64_t before, us;

	tree_put(&f.tree, V2_SCOPE "/cpu.stat", CPU("10000"));
	sampled();
	sampled();
	assert_int_equal(unit_table_roots_cpu_usage(f.table, &before), 0);
	move("cgroup", "old");
	move("old", "cgroup");
	sampled();
	assert_int_equal(unit_table_roots_cpu_usage(f.table, &us), -ENODATA);
	sampled();
	assert_int_equal(unit_table_roots_cpu_usage(f.table, &us), 0);
	assert_int_equal(us, before);
	tree_put(&f.tree, V2_SCOPE "/cpu.stat", CPU("10300"));
	sampled();
	assert_int_equal(unit_table_roots_cpu_usage(f.table, &us), 0);
	assert_int_equal(us, before + 300);
}

static void without_processes_to_be_seen_no_unit_is_told_to_have_none(void **state)
{
	size_t n;

	assert_string_equal(units(), "77 78 ");
	move("proc", "old");
	assert_int_equal(unit_table_scrape(f.table, name_unit, NULL), -ENODATA);
	assert_int_equal(sample(&n), -ESTALE);
	assert_int_equal(fixture_logged(&f, "without processes"), 0);
	tree_put(&f.tree, "proc/meminfo", "MemTotal: 1024 kB\nSwapTotal: 0 kB\n");
	tree_mkdirs(&f.tree, "proc/881/");
	host_root_follow(&f.host);
	assert_string_equal(units(), "78 ");
	assert_non_null(strstr(fixture_scrape(&f, 0),
		"ceems_compute_unit_memory_total_bytes{cgrouphostname=\"\",hostname=\"n1\","
		"manager=\"slurm\",uuid=\"78\"} 1.048576e+06\n"));
}

static void a_hierarchy_of_v1_that_is_another_is_read_anew(void **state)
{
	assert_int_equal(sampled(), 1);
	assert_int_equal(samples[0].memory_used_bytes, 4096);
	put_v1_memory("new", "8192\n");
	move("cgroup/memory", "old");
	assert_int_equal(sampled(), 1);
	assert_false(samples[0].memory_known);
	move("cgroup/new", "cgroup/memory");
	for (int i = 0; i < 10; i++) /* as often as a new one is looked for */
		assert_int_equal(sampled(), 1);
	assert_true(samples[0].memory_known);
	assert_int_equal(samples[0].memory_used_bytes, 8192);
	assert_int_equal(samples[0].cpu_usage_us, 5000);
}

static void the_active_hierarchy_of_v1_may_go_and_return(void **state)
{
	size_t n;

	assert_int_equal(sampled(), 1);
	move("cgroup/cpuacct", "old");
	assert_int_equal(unit_table_scrape(f.table, name_unit, NULL), -ENODATA);
	assert_int_equal(sample(&n), -ESTALE);
	put_v1("cpu,cpuacct", "cgroup.procs", "880\n");
	put_v1("cpu,cpuacct", "cpuacct.usage", "7000000\n");
	put_v1("cpu,cpuacct", "cpuacct.usage_percpu", "7000000\n");
	assert_int_equal(sampled(), 1);
	assert_int_equal(samples[0].cpu_usage_us, 7000);
}

static void a_controller_that_is_mounted_later_is_found(void **state)
{
	assert_string_equal(units(), "9 ");
	move("cgroup/cpuacct", "old");
	tree_mkdirs(&f.tree, "cgroup/cpuacct/"); /* where it is to be mounted */
	assert_string_equal(units(), "");
	assert_int_equal(unlinkat(f.tree.fd, "cgroup/cpuacct", AT_REMOVEDIR), 0);
	move("old", "cgroup/cpuacct");
	assert_string_equal(units(), "9 ");
}

static void units_are_noticed_in_the_new_mount_too(void **state)
{
	assert_true(unit_table_watch(f.table) >= 0);
	assert_int_equal(sampled(), 2);
	(void)unit_table_take_events(f.table);
	move("cgroup", "old");
	fixture_job_v2(&f, V2_SCOPE, "job_5", 882, CPU("3"));
	host_root_follow(&f.host);
	assert_int_equal(sampled(), 1);
	(void)unit_table_take_events(f.table);
	assert_int_equal(
		unlinkat(f.tree.fd, "old/system.slice/slurmstepd.scope/job_77/cpu.stat", 0), 0);
	tree_remove(&f.tree, "old/system.slice/slurmstepd.scope/job_77");
	assert_int_equal(unit_table_take_events(f.table), 0); /* nobody's business any more */
	tree_mkdirs(&f.tree, V2_SCOPE "/job_6/");
	assert_true(unit_table_take_events(f.table) != 0);
}

static void no_descriptor_is_left_over(void **state)
{
	size_t before, n;

	units();
	before = tree_descriptors();
	for (int i = 0; i < 20; i++) {
		move("cgroup", "old");
		(void)sample(&n);
		move("old", "cgroup");
		assert_int_equal(sampled(), 2);
		assert_string_equal(units(), "77 78 ");
	}
	assert_int_equal(tree_descriptors(), before);
}

#define V2(name) cmocka_unit_test_setup_teardown(name, setup_v2, teardown)
#define V1(name) cmocka_unit_test_setup_teardown(name, setup_v1, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		V2(without_the_mount_nothing_is_shown_and_nothing_is_told_to_be_none),
		V2(units_of_another_mount_are_others),
		V2(a_mount_that_is_replaced_at_once_is_noticed),
		V2(a_unit_that_is_back_is_the_same),
		V2(the_time_of_roots_is_not_counted_twice),
		V2(without_processes_to_be_seen_no_unit_is_told_to_have_none),
		V1(a_hierarchy_of_v1_that_is_another_is_read_anew),
		V1(the_active_hierarchy_of_v1_may_go_and_return),
		V1(a_controller_that_is_mounted_later_is_found),
		V2(units_are_noticed_in_the_new_mount_too),
		V2(no_descriptor_is_left_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
