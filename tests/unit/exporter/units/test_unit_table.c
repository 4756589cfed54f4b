// SPDX-License-Identifier: Apache-2.0
/* How the table follows its tree; whole answers are compared in test_unit_metrics.c. */
#include "exporter/units/unit_table.h"

#include <errno.h>
#include <pthread.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "alloc_fail.h"
#include "unit_fixture.h"

#define CPU(us) FIXTURE_CPU(us)
#define JOB(name) V2_SCOPE "/" name
#define PROCS "/step_0/user/task_0/cgroup.procs"

static struct unit_fixture f;
static const struct unit_sample *samples;
static int watch_error; /* of each new watch; 0: it is made */
static size_t watches_made;

/* In place of the C library's. */
int inotify_add_watch(int fd, const char *name, uint32_t mask)
{
	watches_made++;
	if (watch_error) {
		errno = watch_error;
		return -1;
	}
	return (int)syscall(SYS_inotify_add_watch, fd, name, mask);
}

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

static int teardown(void **state)
{
	fixture_done(&f);
	return 0;
}

static size_t sample(void)
{
	size_t n = SIZE_MAX;

	assert_int_equal(unit_table_sample(f.table, &samples, &n), 0);
	return n;
}

static int name_unit(void *ctx, const struct unit_key *key, const struct unit_values *values)
{
	buffer_printf(&f.text, "%s%s ", key->cgrouphostname, key->uuid);
	return 0;
}

/* "77 78 " */
static const char *units(void)
{
	buffer_clear(&f.text);
	assert_true(unit_table_scrape(f.table, name_unit, NULL) >= 0);
	return buffer_text(&f.text);
}

static void a_sample_has_what_the_ledger_needs(void **state)
{
	assert_int_equal(sample(), 2);
	assert_string_equal(samples[0].key.manager, "slurm");
	assert_string_equal(samples[0].key.cgrouphostname, "");
	assert_string_equal(samples[0].key.uuid, "77");
	assert_true(samples[0].cpu_known && samples[0].memory_known);
	assert_int_equal(samples[0].cpu_usage_us, 1000);
	assert_int_equal(samples[0].memory_used_bytes, 1048576);
	assert_int_equal(samples[0].working_set_bytes, 1048576 - 65536);
	assert_int_equal(samples[0].alloc_cpus_milli, 4000);
	assert_int_equal(samples[0].alloc_memory_bytes, 0);
	assert_true(samples[0].born_ns > INT64_C(1600000000000000000));
	assert_int_equal(samples[1].cpu_usage_us, 2000);
	assert_true(samples[0].incarnation != samples[1].incarnation);
}

static void a_sample_sees_new_values_in_kept_files(void **state)
{
	assert_int_equal(sample(), 2);
	tree_put(&f.tree, JOB("job_77/cpu.stat"), CPU("5000"));
	tree_put(&f.tree, JOB("job_77/memory.max"), "2048\n");
	tree_put(&f.tree, JOB("job_77/memory.current"), "100\n");
	assert_int_equal(sample(), 2);
	assert_int_equal(samples[0].cpu_usage_us, 5000);
	assert_int_equal(samples[0].alloc_memory_bytes, 2048);
	assert_int_equal(samples[0].working_set_bytes, 0);
}

static void a_file_that_was_replaced_is_read_anew(void **state)
{
	char path[256];

	assert_int_equal(sample(), 2);
	snprintf(path, sizeof(path), "%s/" JOB("job_77/cpu.stat"), f.tree.path);
	assert_int_equal(file_replace(path, 0644, CPU("7000"), strlen(CPU("7000")), NULL), 0);
	assert_int_equal(sample(), 2);
	assert_int_equal(samples[0].cpu_usage_us, 7000);
}

static void what_cannot_be_read_is_unknown(void **state)
{
	tree_put(&f.tree, JOB("job_77/cpu.stat"), "garbage\n");
	tree_remove(&f.tree, JOB("job_77/memory.stat"));
	assert_int_equal(sample(), 2);
	assert_false(samples[0].cpu_known || samples[0].memory_known);
	assert_int_equal(samples[0].cpu_usage_us, 0);
	assert_true(samples[1].cpu_known && samples[1].memory_known);
}

static void units_appear_and_vanish_with_their_directories(void **state)
{
	assert_string_equal(units(), "77 78 ");
	fixture_job_v2(&f, V2_SCOPE, "job_12", 882, CPU("1"));
	assert_string_equal(units(), "12 77 78 ");
	tree_remove(&f.tree, JOB("job_77"));
	assert_string_equal(units(), "12 78 ");
	assert_int_equal(sample(), 2);
}

static void a_directory_made_anew_is_another_incarnation(void **state)
{
	uint64_t before;

	sample();
	before = samples[0].incarnation;
	tree_remove(&f.tree, JOB("job_77"));
	fixture_job_v2(&f, V2_SCOPE, "job_77", 880, CPU("3"));
	assert_int_equal(sample(), 2);
	assert_true(samples[0].incarnation != before);
	assert_int_equal(samples[0].cpu_usage_us, 3);
}

static void keys_outlive_units_until_the_next_sample(void **state)
{
	const struct unit_sample *before;

	assert_int_equal(sample(), 2);
	before = samples;
	tree_remove(&f.tree, JOB("job_77"));
	assert_string_equal(units(), "78 ");
	assert_string_equal(before[0].key.uuid, "77");
	assert_int_equal(sample(), 1);
}

static void a_unit_without_a_process_is_left_out_with_one_warning(void **state)
{
	tree_remove(&f.tree, "proc/880");
	assert_string_equal(units(), "78 ");
	assert_string_equal(units(), "78 ");
	assert_int_equal(fixture_logged(&f, "without processes"), 1);
	assert_int_equal(fixture_logged(&f, "ids=77 count=1"), 1);
	tree_mkdirs(&f.tree, "proc/880/");
	assert_string_equal(units(), "77 78 ");
}

static void a_process_anywhere_in_the_unit_keeps_it(void **state)
{
	assert_string_equal(units(), "77 78 ");
	tree_put(&f.tree, JOB("job_77") PROCS, "");
	assert_string_equal(units(), "78 ");
	tree_put(&f.tree, JOB("job_77/step_1/cgroup.procs"), "0\n1\n880\n");
	assert_string_equal(units(), "77 78 ");
	tree_put(&f.tree, JOB("job_77/step_1/cgroup.procs"), "");
	tree_put(&f.tree, JOB("job_77/cgroup.procs"), "880\n");
	assert_string_equal(units(), "77 78 ");
}

static void a_list_of_processes_that_was_replaced_is_read_anew(void **state)
{
	char path[256];

	assert_string_equal(units(), "77 78 ");
	snprintf(path, sizeof(path), "%s/" JOB("job_77") PROCS, f.tree.path);
	assert_int_equal(file_replace(path, 0644, "", 0, NULL), 0);
	assert_string_equal(units(), "78 ");
}

static void a_unit_whose_processes_ended_is_sampled_once_more(void **state)
{
	assert_int_equal(sample(), 2);
	tree_put(&f.tree, JOB("job_77/cpu.stat"), CPU("1999"));
	tree_put(&f.tree, JOB("job_77") PROCS, "");
	assert_string_equal(units(), "78 ");
	assert_int_equal(sample(), 2);
	assert_int_equal(samples[0].cpu_usage_us, 1999);
	assert_int_equal(sample(), 1);
	assert_int_equal(sample(), 1);
	assert_string_equal(samples[0].key.uuid, "78");
	tree_put(&f.tree, JOB("job_77") PROCS, "880\n");
	assert_int_equal(sample(), 2);
	tree_put(&f.tree, JOB("job_77") PROCS, "");
	assert_int_equal(sample(), 2);
	assert_int_equal(sample(), 1);
}

static void a_job_of_two_hosts_is_two_units_and_alive_by_either(void **state)
{
	fixture_job_v2(&f, "cgroup/system.slice/b_slurmstepd.scope", "job_5", 883, CPU("1"));
	fixture_job_v2(&f, "cgroup/system.slice/a_slurmstepd.scope", "job_5", 884, CPU("1"));
	assert_string_equal(units(), "a5 b5 77 78 ");
	tree_remove(&f.tree, "proc/884");
	assert_string_equal(units(), "a5 b5 77 78 ");
	tree_remove(&f.tree, "proc/883");
	assert_string_equal(units(), "77 78 ");
}

static void roots_are_found_when_they_appear_and_forgotten_when_they_vanish(void **state)
{
	fixture_open(&f, CGROUP_V2, 0, 1000);
	assert_int_equal(fixture_logged(&f, "no control group of the manager"), 1);
	assert_string_equal(units(), "");
	assert_int_equal(sample(), 0);
	assert_int_equal(fixture_logged(&f, "no control group of the manager"), 1);
	fixture_job_v2(&f, V2_SCOPE, "job_77", 880, CPU("1"));
	assert_string_equal(units(), "77 ");
	assert_int_equal(fixture_logged(&f, "are there now"), 1);
	tree_remove(&f.tree, V2_SCOPE);
	assert_string_equal(units(), "");
	assert_string_equal(units(), "");
	assert_int_equal(fixture_logged(&f, "no control group of the manager"), 2);
	fixture_job_v2(
		&f, "cgroup/system.slice/deep.slice/n_slurmstepd.scope", "job_7", 880, CPU("1"));
	assert_string_equal(units(), "n7 ");
}

static void a_new_root_is_noticed_by_samples_alone(void **state)
{
	size_t n = 0;

	assert_int_equal(sample(), 2);
	fixture_job_v2(&f, "cgroup/system.slice/a_slurmstepd.scope", "job_5", 884, CPU("1"));
	for (int i = 0; i < 10; i++)
		n = sample();
	assert_int_equal(n, 3);
}

static void without_a_mount_there_is_no_data_until_it_comes(void **state)
{
	size_t n;

	tree_remove(&f.tree, "cgroup");
	fixture_open(&f, CGROUP_V1, 0, 1000);
	assert_int_equal(unit_table_scrape(f.table, name_unit, NULL), -ENODATA);
	assert_int_equal(unit_table_sample(f.table, &samples, &n), -ENODATA);
	assert_int_equal(fixture_logged(&f, "no control groups to be seen"), 1);
}

static void the_active_hierarchy_may_come_later(void **state)
{
	fixture_open(&f, CGROUP_V1, 0, 1000);
	assert_int_equal(unit_table_scrape(f.table, name_unit, NULL), -ENODATA);
	tree_put(&f.tree, "cgroup/cpu,cpuacct/slurm/uid_1/job_9/cgroup.procs", "880\n");
	tree_put(&f.tree, "cgroup/cpu,cpuacct/slurm/uid_1/job_9/cpuacct.usage", "5000\n");
	tree_put(&f.tree, "cgroup/cpu,cpuacct/slurm/uid_1/job_9/cpuacct.usage_percpu", "5000\n");
	tree_mkdirs(&f.tree, "proc/880/");
	assert_string_equal(units(), "9 ");
	assert_int_equal(sample(), 1);
	assert_int_equal(samples[0].cpu_usage_us, 5);
}

static void unlimited_memory_of_v1_is_no_allocation(void **state)
{
	tree_load(&f.tree, "slurm/v1-two-slurmd.tree");
	tree_put(&f.tree, "cgroup/memory/slurm_utnode1/uid_1201/job_1/memory.limit_in_bytes",
		"9223372036854771712\n");
	fixture_open(&f, CGROUP_V1, 0, 1000);
	assert_int_equal(sample(), 2);
	assert_int_equal(samples[0].alloc_memory_bytes, 0);
	assert_int_equal(samples[1].alloc_memory_bytes, 314572800);
	assert_int_equal(samples[0].alloc_cpus_milli, 1000);
	assert_true(samples[0].cpu_usage_us > 8000000);
}

static void the_time_of_roots_covers_units_that_ended(void **state)
{
	uint64_t us;

	tree_put(&f.tree, V2_SCOPE "/cpu.stat", CPU("10000"));
	tree_put(&f.tree, "cgroup/system.slice/idle_slurmstepd.scope/cpu.stat", CPU("5"));
	assert_int_equal(unit_table_roots_cpu_usage(f.table, &us), -ENODATA);
	sample();
	assert_int_equal(unit_table_roots_cpu_usage(f.table, &us), 0);
	assert_int_equal(us, 10000);
	tree_put(&f.tree, V2_SCOPE "/cpu.stat", CPU("10500"));
	tree_remove(&f.tree, JOB("job_77"));
	sample();
	assert_int_equal(unit_table_roots_cpu_usage(f.table, &us), 0);
	assert_int_equal(us, 10500);
	/* A root made anew adds to what there was. */
	tree_put(&f.tree, V2_SCOPE "/cpu.stat", CPU("30"));
	sample();
	assert_int_equal(unit_table_roots_cpu_usage(f.table, &us), 0);
	assert_int_equal(us, 10530);
}

static void sluids_become_job_numbers_as_soon_as_a_process_tells(void **state)
{
	fixture_job_v2(&f, V2_SCOPE, "s5K1KKYAYG5D00", 990, CPU("1"));
	assert_string_equal(units(), "77 78 s5K1KKYAYG5D00 ");
	assert_int_equal(fixture_logged(&f, "no process tells the job's number"), 1);
	tree_put_bytes(&f.tree, "proc/990/environ", "A=1\0SLURM_JOB_ID=4711", 21);
	units();
	assert_string_equal(units(), "77 78 4711 ");
	/* Remembered for the directory's life. */
	tree_put_bytes(&f.tree, "proc/990/environ", "SLURM_JOB_ID=666", 16);
	assert_string_equal(units(), "77 78 4711 ");
	assert_int_equal(fixture_logged(&f, "no process tells"), 1);
	assert_int_equal(sample(), 3);
	assert_string_equal(samples[2].key.uuid, "4711");
}

static void an_unknown_sluid_is_asked_about_at_growing_intervals(void **state)
{
	fixture_job_v2(&f, V2_SCOPE, "s5K1KKYAYG5D00", 990, CPU("1"));
	for (int i = 0; i < 40; i++)
		sample();
	tree_put(&f.tree, "proc/990/environ", "SLURM_JOB_ID=4711");
	for (int i = 0; i < 40; i++)
		sample();
	assert_string_equal(units(), "77 78 4711 ");
}

static void an_unknown_sluid_is_asked_about_only_so_often(void **state)
{
	fixture_job_v2(&f, V2_SCOPE, "s5K1KKYAYG5D00", 990, CPU("1"));
	for (int i = 0; i < 600; i++)
		sample();
	tree_put(&f.tree, "proc/990/environ", "SLURM_JOB_ID=4711");
	for (int i = 0; i < 600; i++)
		sample();
	assert_string_equal(units(), "77 78 s5K1KKYAYG5D00 ");
	assert_int_equal(fixture_logged(&f, "no process tells"), 1);
}

static void descriptors_stay_within_the_budget(void **state)
{
	unsigned before;

	for (int i = 100; i < 150; i++) {
		char name[16];

		snprintf(name, sizeof(name), "job_%d", i);
		fixture_job_v2(&f, V2_SCOPE, name, 880, CPU("1"));
	}
	before = tree_descriptors();
	fixture_open(&f, CGROUP_V2, UNIT_FILES_SWAP | UNIT_FILES_PRESSURE, 20);
	assert_int_equal(sample(), 52);
	assert_int_equal(sample(), 52);
	fixture_scrape(&f, 0);
	assert_in_range(tree_descriptors(), before, before + 20 + 8);
	assert_int_equal(samples[51].cpu_usage_us, 2000);
}

static int setup_two_jobs(void **state)
{
	setup(state);
	fixture_job_v2(&f, V2_SCOPE, "job_77", 880, CPU("1000"));
	fixture_job_v2(&f, V2_SCOPE, "job_78", 881, CPU("2000"));
	return 0;
}

static void units_that_ended_give_their_descriptors_back(void **state)
{
	unsigned kept;

	fixture_open(&f, CGROUP_V2, 0, 30);
	sample();
	kept = tree_descriptors();
	for (int i = 0; i < 40; i++) {
		fixture_job_v2(&f, V2_SCOPE, "job_5", 882, CPU("1"));
		assert_int_equal(sample(), 3);
		assert_true(tree_descriptors() >= kept + 6);
		tree_remove(&f.tree, JOB("job_5"));
		assert_int_equal(sample(), 2);
		assert_int_equal(tree_descriptors(), kept);
	}
}

static void units_stay_when_the_process_runs_out_of_descriptors(void **state)
{
	struct rlimit before, none;

	assert_int_equal(sample(), 2);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ 3, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(sample(), 2);
		assert_true(samples[0].cpu_known && samples[1].cpu_known);
	}
	assert_string_equal(units(), "77 78 ");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(fixture_logged(&f, "can't be listed"), 1);
	assert_int_equal(fixture_logged(&f, "searching for control groups failed"), 1);
	tree_remove(&f.tree, JOB("job_77"));
	assert_int_equal(sample(), 1);
}

static void no_descriptor_at_all_may_be_kept(void **state)
{
	fixture_open(&f, CGROUP_V2, 0, 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(sample(), 2);
		assert_true(samples[1].cpu_known && samples[1].memory_known);
	}
	assert_string_equal(units(), "77 78 ");
}

static void a_closed_table_leaves_no_descriptor(void **state)
{
	unsigned before = tree_descriptors();

	fixture_open(&f, CGROUP_V2, 0, 1000);
	sample();
	fixture_scrape(&f, 0);
	assert_true(tree_descriptors() > before + 10);
	unit_table_free(f.table);
	host_root_close(&f.host);
	assert_int_equal(tree_descriptors(), before);
	fixture_open(&f, CGROUP_V2, 0, 1000);
}

static void a_steady_sample_allocates_nothing(void **state)
{
	sample();
	units();
	for (int i = 0; i < 25; i++) {
		alloc_fail_at(0);
		sample();
		assert_int_equal(alloc_count(), 0);
	}
}

static void samples_survive_every_failing_allocation(void **state)
{
	size_t nth = 0, n;

	do {
		fixture_job_v2(&f, V2_SCOPE, "job_100", 882, CPU("1"));
		fixture_job_v2(&f, V2_SCOPE, "s5K1KKYAYG5D00", 990, CPU("1"));
		fixture_job_v2(
			&f, "cgroup/system.slice/x_slurmstepd.scope", "job_5", 883, CPU("1"));
		tree_put(&f.tree, "proc/990/environ", "SLURM_JOB_ID=4711");
		fixture_open(&f, CGROUP_V2, 0, 1000);
		alloc_fail_at(++nth);
		(void)unit_table_sample(f.table, &samples, &n);
		(void)unit_table_scrape(f.table, name_unit, NULL);
		alloc_fail_at(0);
		for (int i = 0; i < 12; i++)
			n = sample();
		assert_int_equal(n, 5);
		assert_string_equal(samples[0].key.cgrouphostname, "");
		unit_table_free(f.table);
		f.table = NULL;
		host_root_close(&f.host);
	} while (nth < 60);
	fixture_open(&f, CGROUP_V2, 0, 1000);
}

/* Jobs come and go while both callers are at work; the sanitizers watch. */
static void *scrape_on(void *ctx)
{
	for (int i = 0; i < 100; i++)
		assert_true(unit_table_scrape(f.table, name_unit, NULL) >= 0);
	return NULL;
}

static void samples_and_scrapes_run_beside_each_other_while_jobs_come_and_go(void **state)
{
	pthread_t thread;
	size_t total = 0;

	assert_int_equal(pthread_create(&thread, NULL, scrape_on, NULL), 0);
	for (int i = 0; i < 100; i++) {
		size_t n;

		fixture_job_v2(&f, V2_SCOPE, "job_5", 882, CPU("1"));
		n = sample();
		for (size_t k = 0; k < n; k++)
			total += strlen(samples[k].key.uuid);
		tree_remove(&f.tree, JOB("job_5"));
	}
	pthread_join(thread, NULL);
	assert_true(total >= 400);
}

static void a_watched_table_tells_when_units_come_and_go(void **state)
{
	int fd = unit_table_watch(f.table);

	assert_true(fd >= 0);
	assert_int_equal(unit_table_watch(f.table), fd);
	assert_int_equal(sample(), 2);
	assert_int_equal(unit_table_take_events(f.table), 0);
	tree_remove(&f.tree, JOB("job_77"));
	assert_int_equal(unit_table_take_events(f.table), UNIT_WATCH_WENT);
	fixture_job_v2(&f, V2_SCOPE, "job_12", 882, CPU("1"));
	assert_int_equal(unit_table_take_events(f.table), UNIT_WATCH_CAME);
	/* What lies within units is theirs. */
	tree_put(&f.tree, JOB("job_12/step_9/x"), "");
	assert_int_equal(unit_table_take_events(f.table), 0);
	/* A root that appears, and the directories that hold its units. */
	fixture_job_v2(&f, "cgroup/system.slice/x_slurmstepd.scope", "job_5", 883, CPU("1"));
	assert_string_equal(units(), "12 78 x5 ");
	unit_table_take_events(f.table);
	tree_remove(&f.tree, "cgroup/system.slice/x_slurmstepd.scope/job_5");
	assert_int_equal(unit_table_take_events(f.table), UNIT_WATCH_WENT);
}

static size_t logged(const char *text)
{
	char log[8192];
	ssize_t n = pread(f.log.fd, log, sizeof(log) - 1, 0);
	size_t times = 0;

	assert_true(n >= 0);
	log[n] = '\0';
	for (const char *p = log; (p = strstr(p, text)); p++)
		times++;
	return times;
}

static void a_directory_that_cannot_be_watched_is_told_once(void **state)
{
	watch_error = ENOENT; /* gone again: no fault */
	assert_true(unit_table_watch(f.table) >= 0);
	assert_int_equal(logged("not noticed at once"), 0);
	watch_error = ENOSPC;
	unit_table_watch(f.table);
	fixture_job_v2(&f, V2_SCOPE, "job_5", 882, CPU("1"));
	assert_int_equal(sample(), 3);
	watch_error = 0;
	assert_int_equal(logged("not noticed at once"), 1);
	assert_int_equal(logged("No space left on device"), 1);
}

static void a_unit_that_is_left_out_is_not_watched(void **state)
{
	size_t n, before;

	assert_true(unit_table_watch(f.table) >= 0);
	assert_int_equal(sample(), 2);
	fixture_job_v2(&f, V2_SCOPE, "job_5", 882, CPU("1"));
	before = watches_made;
	alloc_fail_at(1);
	(void)unit_table_sample(f.table, &samples, &n);
	alloc_fail_at(0);
	assert_int_equal(watches_made, before);
	assert_int_equal(sample(), 3);
	assert_int_equal(watches_made, before + 1);
}

#define WITH(test, setup) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(a_sample_has_what_the_ledger_needs, setup_v2),
		WITH(a_sample_sees_new_values_in_kept_files, setup_v2),
		WITH(a_file_that_was_replaced_is_read_anew, setup_v2),
		WITH(what_cannot_be_read_is_unknown, setup_v2),
		WITH(units_appear_and_vanish_with_their_directories, setup_v2),
		WITH(a_watched_table_tells_when_units_come_and_go, setup_v2),
		WITH(a_directory_that_cannot_be_watched_is_told_once, setup_v2),
		WITH(a_unit_that_is_left_out_is_not_watched, setup_v2),
		WITH(a_directory_made_anew_is_another_incarnation, setup_v2),
		WITH(keys_outlive_units_until_the_next_sample, setup_v2),
		WITH(a_unit_without_a_process_is_left_out_with_one_warning, setup_v2),
		WITH(a_process_anywhere_in_the_unit_keeps_it, setup_v2),
		WITH(a_list_of_processes_that_was_replaced_is_read_anew, setup_v2),
		WITH(a_unit_whose_processes_ended_is_sampled_once_more, setup_v2),
		WITH(a_job_of_two_hosts_is_two_units_and_alive_by_either, setup_v2),
		WITH(roots_are_found_when_they_appear_and_forgotten_when_they_vanish, setup),
		WITH(a_new_root_is_noticed_by_samples_alone, setup_v2),
		WITH(without_a_mount_there_is_no_data_until_it_comes, setup),
		WITH(the_active_hierarchy_may_come_later, setup),
		WITH(unlimited_memory_of_v1_is_no_allocation, setup),
		WITH(the_time_of_roots_covers_units_that_ended, setup_v2),
		WITH(sluids_become_job_numbers_as_soon_as_a_process_tells, setup_v2),
		WITH(an_unknown_sluid_is_asked_about_at_growing_intervals, setup_v2),
		WITH(an_unknown_sluid_is_asked_about_only_so_often, setup_v2),
		WITH(descriptors_stay_within_the_budget, setup_two_jobs),
		WITH(units_that_ended_give_their_descriptors_back, setup_two_jobs),
		WITH(units_stay_when_the_process_runs_out_of_descriptors, setup_v2),
		WITH(no_descriptor_at_all_may_be_kept, setup_two_jobs),
		WITH(a_closed_table_leaves_no_descriptor, setup_two_jobs),
		WITH(a_steady_sample_allocates_nothing, setup_v2),
		WITH(samples_survive_every_failing_allocation, setup_two_jobs),
		WITH(samples_and_scrapes_run_beside_each_other_while_jobs_come_and_go, setup_v2),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
