// SPDX-License-Identifier: Apache-2.0
#include "exporter/managers/slurm_devices.h"

#include <errno.h>

#include "basic/macros.h"
#include "tree.h"

static struct slurm_devices d;

#define PARSE(text) slurm_devices_of_environ(SLICE(text), "77", &d)

static void is(struct slice got, const char *wanted)
{
	assert_int_equal(got.n, strlen(wanted));
	assert_memory_equal(got.p ? got.p : "", wanted, got.n);
}

static void names_count_exactly_and_the_first_that_is_well_formed(void **state)
{
	assert_int_equal(PARSE("XSLURM_JOB_GPUS=5\0A=SLURM_JOB_GPUS=6\0SLURM_JOB_GPUS\0"
			       "SLURM_JOB_GPUS=\0SLURM_JOB_GPUS=,\0SLURM_JOB_GPUSX=1\0"
			       "SLURM_JOB_GPUS=0,x,2\0SLURM_JOB_GPUS=3\0SLURM_JOB_ID=77\0"
			       "SLURM_STEP_GPUS=4\0SLURM_SHARDS_ON_NODE=-1\0"
			       "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE=25\0SLURM_SHARDS_ON_NODE=3\0"),
		0);
	is(d.job_gpus, "0,x,2");
	is(d.step_gpus, "4");
	is(d.visible, "");
	assert_true(d.shares_known);
	assert_int_equal(d.shares, 25);
}

static void another_job_s_process_tells_nothing(void **state)
{
	assert_int_equal(PARSE(""), -ENODATA);
	assert_int_equal(PARSE("SLURM_JOB_GPUS=0"), -ENODATA);
	assert_int_equal(PARSE("SLURM_JOB_ID=7\0SLURM_JOB_GPUS=0\0"), -ENODATA);
	assert_int_equal(PARSE("SLURM_JOB_ID=77 \0XSLURM_JOB_ID=77\0"), -ENODATA);
}

static void only_uuids_are_visible_devices(void **state)
{
	assert_int_equal(PARSE("SLURM_JOB_ID=77\0CUDA_VISIBLE_DEVICES=0,1\0"), 0);
	is(d.visible, "");
	assert_int_equal(PARSE("CUDA_VISIBLE_DEVICES=GPU-1,MIG-2\0SLURM_JOB_ID=77"), 0);
	is(d.visible, "GPU-1,MIG-2");
}

/* Processes 1, 2, ... with these environments, and what the job has. */
static uint64_t note;
static struct unit_identity identity;

static int find(const struct tree *t, size_t n)
{
	static const uint64_t pids[] = { 1, 2, 3 };
	const struct unit_facts facts = { .procfs_fd = t->fd, .wants_gpus = true, .note = &note };

	unit_identity_clear(&identity);
	return slurm_devices_find(&facts, "77", pids, n, &identity);
}

#define ENVIRON(t, pid, text) tree_put_bytes(t, pid "/environ", text, sizeof(text) - 1)

static void the_job_s_list_is_better_than_those_of_steps_and_of_cuda(void **state)
{
	struct tree t;

	tree_make(&t);
	note = 0;
	ENVIRON(&t, "1", "SLURM_JOB_ID=77\0CUDA_VISIBLE_DEVICES=GPU-1\0");
	assert_int_equal(find(&t, 3), -EAGAIN);
	assert_int_equal(identity.n_refs, 1);
	assert_int_equal(identity.refs[0].kind, GPU_REF_UUID);
	ENVIRON(&t, "2", "SLURM_JOB_ID=77\0SLURM_STEP_GPUS=1,2\0");
	ENVIRON(&t, "3", "SLURM_JOB_ID=77\0SLURM_STEP_GPUS=2,3\0SLURM_SHARDS_ON_NODE=4\0");
	assert_int_equal(find(&t, 3), -EAGAIN);
	assert_int_equal(identity.n_refs, 3);
	assert_string_equal(identity.refs[2].text, "3");
	assert_int_equal(identity.refs[1].count, 1);
	assert_int_equal(identity.shares, 4);
	ENVIRON(&t, "1", "SLURM_JOB_ID=77\0SLURM_JOB_GPUS=0, 0,5\0");
	assert_int_equal(find(&t, 3), 0);
	assert_int_equal(identity.n_refs, 2);
	assert_string_equal(identity.refs[0].text, "0");
	assert_string_equal(identity.refs[1].text, "5");
	assert_int_equal(identity.shares, 4);
	assert_null(identity.problem);
	tree_done(&t);
}

static void that_nobody_tells_is_said_once_and_late(void **state)
{
	struct tree t;
	int said = 0;

	tree_make(&t);
	note = 0;
	ENVIRON(&t, "1", "SLURM_JOB_ID=77\0");
	for (int i = 0; i < 10; i++) {
		assert_int_equal(find(&t, 3), -EAGAIN);
		said += identity.problem != NULL;
		assert_int_equal(identity.n_refs, 0);
	}
	assert_int_equal(said, 1);
	tree_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_count_exactly_and_the_first_that_is_well_formed),
		cmocka_unit_test(another_job_s_process_tells_nothing),
		cmocka_unit_test(only_uuids_are_visible_devices),
		cmocka_unit_test(the_job_s_list_is_better_than_those_of_steps_and_of_cuda),
		cmocka_unit_test(that_nobody_tells_is_said_once_and_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
