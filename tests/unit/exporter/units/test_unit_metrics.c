// SPDX-License-Identifier: Apache-2.0
/* Whole answers for whole trees, against tests/golden/slurm/. */
#include "exporter/units/unit_metrics.h"

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

static void two_daemons_with_sluids(void **state)
{
	check("v2-sluid.tree", CGROUP_V2, 0, "v2-sluid.prom");
	assert_int_equal(fixture_logged(&f, "level=WARN"), 0);
}

static void a_hybrid_host_whose_jobs_are_not_in_cpuacct(void **state)
{
	f.active_subsystem = "memory";
	check("hybrid.tree", CGROUP_V1, ALL_SETS, "hybrid.prom");
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
	fixture_open(&f, CGROUP_V1, ALL_SETS, 100);
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

/* "sda r 1 sda w 2 ..." of what the answer says about block devices, by series. */
static const char *blkio(enum cgroup_version version)
{
	static char found[1024];
	struct slice rest, line;
	size_t n = 0;

	unit_table_free(f.table);
	host_root_close(&f.host);
	fixture_open(&f, version, UNIT_FILES_BLKIO, 100);
	fixture_scrape(&f, 0);
	rest = slice_from(fixture_scrape(&f, 0));
	found[0] = '\0';
	while (slice_next_line(&rest, &line)) {
		static const char prefix[] = "ceems_compute_unit_blkio_";
		char name[64], device[64];
		double value;

		if (line.n < sizeof(prefix) || memcmp(line.p, prefix, sizeof(prefix) - 1) != 0)
			continue;
		if (sscanf(line.p + sizeof(prefix) - 1,
			    "%63[^{]{cgrouphostname=\"\",device=\"%63[^\"]\",hostname=\"n1\","
			    "manager=\"slurm\",uuid=\"77\"} %lf",
			    name, device, &value) != 3)
			snprintf(device, sizeof(device), "%.*s", (int)line.n, line.p);
		n += (size_t)snprintf(
			found + n, sizeof(found) - n, "%s %s %g\n", name, device, value);
	}
	return found;
}

static void setup_blkio(enum cgroup_version version)
{
	tree_put(&f.tree, "proc/diskstats", "8 0 sda 1\n8 16 sdb 1\n");
	if (version == CGROUP_V2)
		fixture_job_v2(&f, V2_SCOPE, "job_77", 880, "usage_usec 1\n");
	else
		tree_put(&f.tree, "cgroup/cpuacct/slurm/uid_1/job_77/cgroup.procs", "880\n");
	tree_mkdirs(&f.tree, "proc/880/");
	fixture_open(&f, version, 0, 100);
}

#define V1_BLKIO_OF(name) "cgroup/blkio/slurm/uid_1/job_77/blkio." name

static void block_io_of_v2_is_shown_where_there_is_some(void **state)
{
	setup_blkio(CGROUP_V2);
	assert_string_equal(blkio(CGROUP_V2), "");
	tree_put(&f.tree, V2_SCOPE "/job_77/io.stat",
		"8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n"
		"8:16 rbytes=1 wbytes=2 rios=3 wios=4\n8:32\n");
	assert_string_equal(blkio(CGROUP_V2),
		"read_total_bytes sda 4096\nread_total_bytes sdb 1\n"
		"read_total_requests sda 1\nread_total_requests sdb 3\n"
		"write_total_bytes sdb 2\nwrite_total_requests sdb 4\n");
}

static void unknown_block_devices_share_a_series_of_which_the_last_counts(void **state)
{
	setup_blkio(CGROUP_V2);
	tree_put(&f.tree, V2_SCOPE "/job_77/io.stat", "9:1 rbytes=5\n9:2 rbytes=7\n9:3 wios=0\n");
	blkio(CGROUP_V2);
	assert_null(strstr(buffer_text(&f.text), "blkio"));
	tree_put(&f.tree, V2_SCOPE "/job_77/io.stat", "9:1 rbytes=5\n9:2 rbytes=7\n");
	blkio(CGROUP_V2);
	assert_non_null(strstr(buffer_text(&f.text),
		"read_total_bytes{cgrouphostname=\"\",device=\"\",hostname=\"n1\","
		"manager=\"slurm\",uuid=\"77\"} 7\n"));
}

static void block_io_of_v1_counts_the_groups_below_if_the_kernel_does(void **state)
{
	setup_blkio(CGROUP_V1);
	tree_put(
		&f.tree, V1_BLKIO_OF("throttle.io_serviced"), "8:0 Read 1\n8:0 Write 2\nTotal 3\n");
	tree_put(&f.tree, V1_BLKIO_OF("throttle.io_service_bytes"), "8:0 Read 512\nTotal 512\n");
	assert_string_equal(blkio(CGROUP_V1),
		"read_total_bytes sda 512\nread_total_requests sda 1\n"
		"write_total_requests sda 2\n");
	/* Without rows the recursive files change nothing. */
	tree_put(&f.tree, V1_BLKIO_OF("io_serviced_recursive"), "Total 0\n");
	tree_put(&f.tree, V1_BLKIO_OF("io_service_bytes_recursive"), "Total 0\n");
	assert_string_equal(blkio(CGROUP_V1),
		"read_total_bytes sda 512\nread_total_requests sda 1\n"
		"write_total_requests sda 2\n");
	tree_put(&f.tree, V1_BLKIO_OF("io_service_bytes_recursive"),
		"8:16 Read 99\n8:16 Write 98\n8:16 Sync 5\nTotal 197\n");
	assert_string_equal(
		blkio(CGROUP_V1), "read_total_bytes sdb 99\nwrite_total_bytes sdb 98\n");
	/* The two belong together. */
	tree_remove(&f.tree, V1_BLKIO_OF("io_serviced_recursive"));
	assert_string_equal(blkio(CGROUP_V1),
		"read_total_bytes sda 512\nread_total_requests sda 1\n"
		"write_total_requests sda 2\n");
}

static void garbled_block_io_of_v1_is_an_error_of_the_unit(void **state)
{
	setup_blkio(CGROUP_V1);
	tree_put(&f.tree, V1_BLKIO_OF("throttle.io_serviced"), "8:0 Read 1\n8:0 Write\n");
	assert_string_equal(blkio(CGROUP_V1), "");
	assert_non_null(strstr(buffer_text(&f.text), "ceems_compute_collect_error{"));
}

static void a_hybrid_host_may_count_cpu_time_in_its_v2_mount(void **state)
{
	const char *text;

	setup_blkio(CGROUP_V1);
	tree_put(&f.tree, "cgroup/unified/slurm/uid_1/job_77/cpu.stat",
		"usage_usec 3000000\nuser_usec 2000000\nsystem_usec 1000000\n");
	text = fixture_scrape(&f, 0);
	assert_non_null(strstr(text, "cpu_user_seconds_total{"));
	assert_non_null(strstr(text, "manager=\"slurm\",uuid=\"77\"} 2\n"));
	/* What v1 counts comes first. */
	tree_put(&f.tree, "cgroup/cpuacct/slurm/uid_1/job_77/cpuacct.usage_percpu", "1\n");
	tree_put(&f.tree, "cgroup/cpuacct/slurm/uid_1/job_77/cpuacct.usage", "7000000000\n");
	tree_put(&f.tree, "cgroup/cpuacct/slurm/uid_1/job_77/cpuacct.stat",
		"user 500\nsystem 200\n");
	text = fixture_scrape(&f, 0);
	assert_non_null(strstr(text, "manager=\"slurm\",uuid=\"77\"} 5\n"));
	assert_null(strstr(text, "manager=\"slurm\",uuid=\"77\"} 1\n"));
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
		WITH_HOST(two_daemons_with_sluids),
		WITH_HOST(a_hybrid_host_whose_jobs_are_not_in_cpuacct),
		WITH_HOST(a_hybrid_host_is_read_as_v1),
		WITH_HOST(a_job_that_no_counting_hierarchy_knows_is_an_error),
		WITH_HOST(no_units_are_counted_too),
		WITH_HOST(without_control_groups_there_is_no_data),
		WITH_HOST(an_unreadable_file_costs_its_own_series),
		WITH_HOST(a_huge_file_is_refused_and_the_others_read),
		WITH_HOST(block_io_of_v2_is_shown_where_there_is_some),
		WITH_HOST(unknown_block_devices_share_a_series_of_which_the_last_counts),
		WITH_HOST(block_io_of_v1_counts_the_groups_below_if_the_kernel_does),
		WITH_HOST(garbled_block_io_of_v1_is_an_error_of_the_unit),
		WITH_HOST(a_hybrid_host_may_count_cpu_time_in_its_v2_mount),
		WITH_HOST(a_failure_is_logged_once_until_it_is_mended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
