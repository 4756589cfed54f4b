// SPDX-License-Identifier: Apache-2.0
/* How little a steady reading of the table asks of the kernel. */
#include "exporter/units/unit_table.h"

#include <dirent.h>
#include <sys/syscall.h>

#include "unit_fixture.h"

#define CPU(us) FIXTURE_CPU(us)
#define JOB(name) V2_SCOPE "/" name

static struct unit_fixture f;
static const struct unit_sample *samples;
static size_t listings; /* of directories */
static size_t opens;

/* In place of the C library's. */
ssize_t getdents64(int fd, void *to, size_t len)
{
	listings++;
	return syscall(SYS_getdents64, fd, to, len);
}

/* In place of the C library's. */
int openat(int fd, const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	va_start(args, flags);
	if (flags & O_CREAT)
		mode = va_arg(args, mode_t);
	va_end(args);
	opens++;
	return (int)syscall(SYS_openat, fd, path, flags, mode);
}

static int setup(void **state)
{
	fixture_init(&f);
	tree_put(&f.tree, "proc/meminfo", "MemTotal: 8388608 kB\nSwapTotal: 0 kB\n");
	fixture_job_v2(&f, V2_SCOPE, "job_77", 880, CPU("1000"));
	fixture_job_v2(&f, V2_SCOPE, "job_78", 881, CPU("2000"));
	return 0;
}

static int teardown(void **state)
{
	fixture_done(&f);
	return 0;
}

static size_t sample(void)
{
	size_t n = 0;

	listings = 0;
	assert_int_equal(unit_table_sample(f.table, &samples, &n), 0);
	return n;
}

/* Of the samples that don't look for roots. */
static size_t fewest_listings(void)
{
	size_t fewest = SIZE_MAX;

	for (int i = 0; i < 5; i++) {
		assert_int_equal(sample(), 2);
		fewest = MIN(fewest, listings);
	}
	return fewest;
}

static void the_group_with_a_process_is_remembered_without_a_descriptor(void **state)
{
	size_t kept;

	fixture_open(&f, CGROUP_V2, 0, 1000);
	kept = fewest_listings();
	assert_true(kept > 0);
	unit_table_free(f.table);
	host_root_close(&f.host);
	fixture_open(&f, CGROUP_V2, 0, 0);
	assert_int_equal(fewest_listings(), kept);
}

static void its_end_is_noticed_and_another_one_is_found(void **state)
{
	fixture_open(&f, CGROUP_V2, 0, 0);
	assert_int_equal(sample(), 2);
	tree_put(&f.tree, JOB("job_77/step_0/user/task_0/cgroup.procs"), "");
	tree_put(&f.tree, JOB("job_77/step_1/user/task_0/cgroup.procs"), "880\n");
	for (int i = 0; i < 3; i++)
		assert_int_equal(sample(), 2);
	tree_remove(&f.tree, JOB("job_77/step_1"));
	assert_int_equal(sample(), 2); /* once more */
	assert_int_equal(sample(), 1);
	assert_string_equal(samples[0].key.uuid, "78");
}

static void a_limit_that_changes_later_is_noticed_in_16_samples(void **state)
{
	int i = 0;

	fixture_open(&f, CGROUP_V2, 0, 1000);
	for (int k = 0; k < 8; k++)
		assert_int_equal(sample(), 2);
	assert_int_equal(samples[0].alloc_memory_bytes, 0);
	assert_int_equal(samples[0].alloc_cpus_milli, 4000);
	tree_put(&f.tree, JOB("job_77/memory.max"), "2048\n");
	tree_put(&f.tree, JOB("job_77/cpuset.cpus.effective"), "0-7\n");
	do
		assert_int_equal(sample(), 2);
	while (samples[0].alloc_memory_bytes != 2048 && ++i < 16);
	assert_in_range(i, 0, 15);
	assert_int_equal(samples[0].alloc_cpus_milli, 8000);
	assert_int_equal(samples[1].alloc_cpus_milli, 4000);
}

static int ignore(void *ctx, const struct unit_key *key, const struct unit_values *values)
{
	return 0;
}

static void a_scrape_tells_the_next_sample_of_a_limit(void **state)
{
	fixture_open(&f, CGROUP_V2, 0, 1000);
	for (int k = 0; k < 5; k++)
		assert_int_equal(sample(), 2);
	tree_put(&f.tree, JOB("job_77/memory.max"), "2048\n");
	assert_int_equal(unit_table_scrape(f.table, ignore, NULL), 2);
	assert_int_equal(sample(), 2);
	assert_int_equal(samples[0].alloc_memory_bytes, 2048);
}

/* Also those of units that come when the others' files of scrapes have taken all. */
static void what_each_sample_reads_is_kept_before_what_scrapes_read(void **state)
{
	const size_t n = 40;
	size_t fewest = SIZE_MAX;

	fixture_open(&f, CGROUP_V2, UNIT_FILES_PRESSURE, (n + 2) * 4);
	assert_int_equal(unit_table_scrape(f.table, ignore, NULL), 2);
	for (size_t i = 0; i < n; i++) {
		char name[16];

		snprintf(name, sizeof(name), "job_%zu", 100 + i);
		fixture_job_v2(&f, V2_SCOPE, name, 880, CPU("1"));
		if (i == n / 2)
			assert_int_equal(unit_table_scrape(f.table, ignore, NULL), i + 3);
	}
	for (int i = 0; i < 40; i++) {
		if (i == 4) /* in which the files of scrapes leave their places */
			assert_int_equal(unit_table_scrape(f.table, ignore, NULL), n + 2);
		opens = 0;
		assert_int_equal(sample(), n + 2);
		fewest = MIN(fewest, opens);
	}
	/* A list of processes for each unit, the scope, and what is read now and then. */
	assert_in_range(fewest, n + 2, (n + 2) + 12);
}

static void scarce_descriptors_are_for_files(void **state)
{
	size_t fewest = SIZE_MAX;

	fixture_open(&f, CGROUP_V2, 0, 2 * 3);
	for (int i = 0; i < 20; i++) {
		opens = 0;
		assert_int_equal(sample(), 2);
		fewest = MIN(fewest, opens);
	}
	/* The scope, its CPU time, which is not there, and a list of processes for each unit. */
	assert_int_equal(fewest, 1 + 1 + 2);
}

#define TABLE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TABLE(the_group_with_a_process_is_remembered_without_a_descriptor),
		TABLE(its_end_is_noticed_and_another_one_is_found),
		TABLE(a_limit_that_changes_later_is_noticed_in_16_samples),
		TABLE(what_each_sample_reads_is_kept_before_what_scrapes_read),
		TABLE(scarce_descriptors_are_for_files),
		TABLE(a_scrape_tells_the_next_sample_of_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
