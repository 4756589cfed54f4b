// SPDX-License-Identifier: Apache-2.0
#include "remote/gres_conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "basic/file.h"
#include "unit_test.h"

static struct gres_conf conf;

static int teardown(void **state)
{
	gres_conf_done(&conf);
	return 0;
}

static int read_fixture(void *ctx, struct slice path, struct buffer *text)
{
	char full[512];

	snprintf(full, sizeof(full), "%s/tests/fixtures/gpu/%.*s", getenv("CEEMS_SOURCE"),
		(int)path.n, path.p);
	return file_read(AT_FDCWD, full, GRES_CONF_MAX_BYTES, text);
}

static void parse(const char *text, const char *hostname)
{
	gres_conf_done(&conf);
	assert_int_equal(gres_conf_parse(slice_from(text), hostname, read_fixture, NULL, &conf), 0);
}

static void share_is(size_t i, enum gres_device_kind kind, uint64_t number, uint64_t count)
{
	assert_true(i < conf.n_shares);
	assert_int_equal(conf.shares[i].kind, kind);
	assert_int_equal(conf.shares[i].number, number);
	assert_int_equal(conf.shares[i].count, count);
}

static void rows_of_this_node_are_read_as_slurm_does(void **state)
{
	parse("include gres.conf", "n1.example.org");
	assert_true(conf.sharing);
	assert_int_equal(conf.n_shares, 4);
	share_is(0, GRES_CAP, 30, 8);
	share_is(1, GRES_CAP, 39, 8);
	share_is(2, GRES_CAP, 40, 8);
	share_is(3, GRES_MINOR, 0, 200);
	parse("Include gres.conf", "n3");
	assert_int_equal(conf.n_shares, 1);
	parse("Include gres.conf", "n4");
	assert_false(conf.sharing);
	assert_int_equal(conf.n_shares, 0);
}

/* What 'slurmd -G' of Slurm 22.05 tells of four devices and of two files of them. */
static void counts_are_split_evenly(void **state)
{
	static const uint64_t parts[] = { 7, 7, 8, 8 };

	for (uint64_t i = 0; i < 4; i++) {
		assert_int_equal(gres_even_part(30, i, 4), parts[i]);
		assert_int_equal(gres_even_part(32, i, 4), 8);
		assert_int_equal(gres_even_part(1, i, 4), i == 3);
	}
	assert_int_equal(gres_even_part(UINT64_MAX, 0, 1), UINT64_MAX);
	parse("Name=shard Count=4 File=/dev/nvidia7\n"
	      "Name=shard Count=16 File=/dev/nvidia[0-1]\nName=mps Count=32\n",
		"n1");
	assert_int_equal(conf.n_shares, 4);
	for (size_t i = 1; i < 3; i++) {
		share_is(i, GRES_MINOR, i - 1, 16);
		assert_int_equal(conf.shares[i].nth, i - 1);
		assert_int_equal(conf.shares[i].n, 2);
	}
	assert_int_equal(conf.shares[0].n, 1);
	assert_int_equal(conf.shares[3].n, 0);
}

static void files_are_lists_and_ranges(void **state)
{
	parse("Name=shard Count=2k File=/dev/nvidia[0-1,5],/dev/nvidia7", "n1");
	assert_int_equal(conf.n_shares, 4);
	share_is(0, GRES_MINOR, 0, 2048);
	share_is(2, GRES_MINOR, 5, 2048);
	share_is(3, GRES_MINOR, 7, 2048);
	parse("Name=shard Count=1 File=/dev/nvidia1-2,4", "n1");
	assert_int_equal(conf.n_shares, 3);
	share_is(1, GRES_MINOR, 2, 1);
	share_is(2, GRES_MINOR, 4, 1);
	parse("Name=mps Count=100", "n1");
	assert_int_equal(conf.n_shares, 1);
	share_is(0, GRES_ALL, 0, 100);
}

static void what_shares_nothing_is_left_out(void **state)
{
	static const char *const texts[] = {
		"",
		"Name=gpu Type=shard Count=4",
		"#Name=shard Count=4",
		"AutoDetect=nvml",
		"shard",
		"Include nowhere.conf",
		"Include=",
		"NodeName=n[ Name=shard Count=4",
		"NodeName=x[0-99999999] Name=shard Count=4",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		parse(texts[i], "n1");
		assert_false(conf.sharing);
	}
	parse("Name=shard Count=x\nName=shard File=/dev/nvidia0\n"
	      "Name=shard Count=1 File=/dev/other0,7,/dev/nvidiactl,/dev/nvidia",
		"n1");
	assert_true(conf.sharing);
	assert_int_equal(conf.n_shares, 0);
}

static int read_itself(void *ctx, struct slice path, struct buffer *text)
{
	++*(unsigned *)ctx;
	buffer_puts(text, "Include a\nInclude a\n");
	return 0;
}

static void files_that_include_themselves_end(void **state)
{
	unsigned reads = 0;

	assert_int_equal(gres_conf_parse(SLICE("Include a"), "n1", read_itself, &reads, &conf), 0);
	assert_true(reads <= GRES_CONF_FILES_MAX);
	assert_int_equal(gres_conf_parse(SLICE("Name=shard Count=1 File=/dev/nvidia[0-99999]"),
				 "n1", NULL, NULL, &conf),
		-E2BIG);
	assert_true(conf.n_shares <= GRES_CONF_SHARES_MAX);
}

static void lists_that_are_given_up_cost_too(void **state)
{
	static const char rows[] = "NodeName=x[0-999999] Name=shard Count=4\n"
				   "NodeName=x[0-999999] Name=shard Count=4\n"
				   "NodeName=x[0-999999] Name=shard Count=4\n";

	assert_int_equal(gres_conf_parse(slice_from(rows), "n1", NULL, NULL, &conf), -E2BIG);
	assert_false(conf.sharing);
}

static void capabilities_are_looked_up(void **state)
{
	static const char text[] =
		"config 1\nmonitor 2\ngpu0/gi3/access 30\ngpu0/gi3/ci1/access 31\n"
		"gpuX/gi3/ci1/access 32\n";
	struct mig_minor m;

	assert_int_equal(mig_minors_find(slice_from(text), 31, &m), 0);
	assert_int_equal(m.gpu, 0);
	assert_int_equal(m.gpu_instance, 3);
	assert_int_equal(m.compute_instance, 1);
	assert_int_equal(mig_minors_find(slice_from(text), 30, &m), -ENODATA);
	assert_int_equal(mig_minors_find(slice_from(text), 32, &m), -ENODATA);
	assert_int_equal(mig_minors_find(slice_from(text), 2, &m), -ENODATA);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(rows_of_this_node_are_read_as_slurm_does, teardown),
		cmocka_unit_test_teardown(counts_are_split_evenly, teardown),
		cmocka_unit_test_teardown(files_are_lists_and_ranges, teardown),
		cmocka_unit_test_teardown(what_shares_nothing_is_left_out, teardown),
		cmocka_unit_test_teardown(files_that_include_themselves_end, teardown),
		cmocka_unit_test(lists_that_are_given_up_cost_too),
		cmocka_unit_test(capabilities_are_looked_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
