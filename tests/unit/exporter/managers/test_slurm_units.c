// SPDX-License-Identifier: Apache-2.0
#include "exporter/managers/slurm_units.h"

#include <errno.h>
#include <stdlib.h>

#include "basic/macros.h"
#include "tree.h"

static struct unit_match match;

static enum unit_path_is classify(enum cgroup_version version, const char *path)
{
	match = (struct unit_match){ 0 };
	return slurm_unit_manager.classify(version, slice_from(path), &match);
}

static void check_unit(
	enum cgroup_version version, const char *path, const char *id, const char *host)
{
	assert_int_equal(classify(version, path), UNIT_PATH_UNIT);
	assert_string_equal(match.id, id);
	assert_string_equal(match.virtual_host, host);
}

static void jobs_of_v2_are_directories_below_a_scope(void **state)
{
	check_unit(CGROUP_V2, "system.slice/slurmstepd.scope/job_51", "51", "");
	check_unit(CGROUP_V2, "system.slice/nodeA_slurmstepd.scope/job_7", "7", "nodeA");
	check_unit(CGROUP_V2, "system.slice/rack_1_b_slurmstepd.scope/job_7", "7", "rack_1_b");
	check_unit(CGROUP_V2, "system.slice/slurm_slurmstepd.scope/job_7", "7", "slurm");
	check_unit(CGROUP_V2, "system.slice/a_slurm_x_slurmstepd.scope/job_7", "7", "a_slurm_x");
	check_unit(CGROUP_V2, "system.slice/node\\x2d1_slurmstepd.scope/job_7", "7", "node-1");
	check_unit(CGROUP_V2, "system.slice/slurmstepd.scope/more/job_007", "007", "");
}

static void jobs_of_v1_are_directories_below_slurm(void **state)
{
	check_unit(CGROUP_V1, "slurm/uid_1007/job_51", "51", "");
	check_unit(CGROUP_V1, "slurm_node2/uid_1007/job_51", "51", "node2");
	check_unit(CGROUP_V1, "slurm_a_b/uid_1007/job_51", "51", "a_b");
	check_unit(CGROUP_V1, "system.slice/slurm/job_1", "1", "");
}

static void what_is_below_a_job_is_no_unit(void **state)
{
	static const char *const v2[] = { "system.slice/slurmstepd.scope/job_51/step_0",
		"system.slice/slurmstepd.scope/job_51/step_0/user/task_0",
		"system.slice/slurmstepd.scope/job_51/step_0/user/job_52",
		"system.slice/slurmstepd.scope/job_51/job_52",
		"system.slice/slurmstepd.scope/step_0/job_52",
		"system.slice/slurmstepd.scope/s5K1KKYAYG5D00/step_0" };

	for (size_t i = 0; i < ARRAY_SIZE(v2); i++)
		assert_int_equal(classify(CGROUP_V2, v2[i]), UNIT_PATH_CHILD);
	assert_int_equal(classify(CGROUP_V1, "slurm/uid_1/job_5/step_batch"), UNIT_PATH_CHILD);
}

static void other_names_are_no_units(void **state)
{
	static const char *const other[] = { "system.slice/slurmstepd.scope/system",
		"system.slice/slurmstepd.scope/job_", "system.slice/slurmstepd.scope/job_5x",
		"system.slice/slurmstepd.scope/xjob_5", "system.slice/slurmstepd.scope/job_-5",
		"system.slice/slurmstepd.scope/job_123456789012345678901",
		"system.slice/slurmstepd.scope/JOB_5", "system.slice/myslurmstepd.scope/job_5",
		"system.slice/other.scope/job_5", "job_5", "", "system.slice/slurmstepd.scope",
		/* SLUIDs of another form */
		"system.slice/slurmstepd.scope/s5K1KKYAYG5D0", "system.slice/slurmstepd.scope/S5K",
		"system.slice/slurmstepd.scope/s5K1KKYAYG5D0I",
		"system.slice/slurmstepd.scope/s5K1KKYAYG5D0u",
		"system.slice/slurmstepd.scope/s5K1KKYAYG5D000" };

	for (size_t i = 0; i < ARRAY_SIZE(other); i++)
		assert_int_equal(classify(CGROUP_V2, other[i]), UNIT_PATH_OTHER);
	assert_int_equal(classify(CGROUP_V1, "slurmd/job_5"), UNIT_PATH_OTHER);
	assert_int_equal(classify(CGROUP_V1, "slurm/s5K1KKYAYG5D00"), UNIT_PATH_OTHER);
	assert_int_equal(classify(CGROUP_V1, "user_slurm/job_5"), UNIT_PATH_OTHER);
}

static void names_that_cannot_be_unescaped_are_left_out(void **state)
{
	assert_int_equal(
		classify(CGROUP_V2, "system.slice/slurmstepd.scope/job_5\\"), UNIT_PATH_CHILD);
	assert_int_equal(
		classify(CGROUP_V2, "system.slice/a\\x2f_slurmstepd.scope/job_5"), UNIT_PATH_CHILD);
	assert_int_equal(classify(CGROUP_V1, "slurm\\q/job_5"), UNIT_PATH_CHILD);
}

static void escaped_job_names_are_jobs(void **state)
{
	check_unit(CGROUP_V2, "system.slice/slurmstepd.scope/job\\x5f51", "51", "");
}

static void sluids_are_units_of_v2(void **state)
{
	assert_int_equal(classify(CGROUP_V2, "system.slice/n1_slurmstepd.scope/s5K1KKYAYG5D00"),
		UNIT_PATH_UNIT);
	assert_string_equal(match.id, "s5K1KKYAYG5D00");
	assert_string_equal(match.virtual_host, "n1");
}

static void roots_are_told_by_their_names(void **state)
{
	const struct unit_manager *m = &slurm_unit_manager;

	assert_true(m->is_root(CGROUP_V2, "system.slice/slurmstepd.scope"));
	assert_true(m->is_root(CGROUP_V2, "system.slice/x.slice/n_slurmstepd.scope"));
	assert_false(m->is_root(CGROUP_V2, "system.slice/slurmd.service"));
	assert_true(m->is_root(CGROUP_V1, "slurm_n"));
	assert_true(m->is_root(CGROUP_V1, "system.slice/slurmd.service"));
	assert_false(m->is_root(CGROUP_V1, "system.slice"));
}

static const char *job_of(int (*parse)(struct slice, struct slice *), const char *p, size_t n)
{
	static char text[64];
	struct slice job;
	int r = parse((struct slice){ p, n }, &job);

	if (r < 0) {
		assert_int_equal(r, -EBADMSG);
		return "";
	}
	memcpy(text, job.p, job.n);
	text[job.n] = '\0';
	return text;
}

#define STEPD(literal) job_of(slurm_job_of_stepd, literal, sizeof(literal) - 1)
#define ENVIRON(literal) job_of(slurm_job_of_environ, literal, sizeof(literal) - 1)

static void a_step_daemon_names_its_job_in_its_title(void **state)
{
	assert_string_equal(STEPD("slurmstepd: [51.batch]"), "51");
	assert_string_equal(STEPD("slurmstepd: [51.0]\0\0"), "51");
	assert_string_equal(STEPD("slurmstepd: [51.extern]\0x"), "51");
	assert_string_equal(STEPD("slurmstepd: [51]"), "");
	assert_string_equal(STEPD("slurmstepd: [.0]"), "");
	assert_string_equal(STEPD("slurmstepd: [51.0"), "");
	assert_string_equal(STEPD("slurmstepd: ["), "");
	assert_string_equal(STEPD("slurmstepd: [5x.0]"), "");
	assert_string_equal(STEPD("slurmstepd: [123456789012345678901.0]"), "");
	assert_string_equal(STEPD("/usr/sbin/slurmstepd infinity"), "");
	assert_string_equal(STEPD(" slurmstepd: [51.0]"), "");
	assert_string_equal(STEPD("x\0slurmstepd: [51.0]"), "");
	assert_string_equal(STEPD(""), "");
}

static void the_first_well_formed_variable_names_the_job(void **state)
{
	assert_string_equal(ENVIRON("A=b\0SLURM_JOB_ID=51\0SLURM_JOB_ID=52\0"), "51");
	assert_string_equal(ENVIRON("SLURM_JOB_ID=\0SLURM_JOB_ID=x\0SLURM_JOB_ID=52"), "52");
	assert_string_equal(ENVIRON("XSLURM_JOB_ID=51\0SLURM_JOB_IDX=51\0Y=SLURM_JOB_ID=51"), "");
	assert_string_equal(ENVIRON("SLURM_JOB_ID"), "");
	assert_string_equal(ENVIRON("SLURM_JOB_ID=5 \0"), "");
	assert_string_equal(ENVIRON(""), "");
	assert_string_equal(ENVIRON("\0\0\0"), "");
}

static void the_real_user_is_the_first_of_four(void **state)
{
	uint64_t uid = 42;

	assert_int_equal(
		slurm_real_uid(SLICE("Name:\tx\nUid:\t1000\t0\t0\t0\nGid:\t0\n"), &uid), 0);
	assert_int_equal(uid, 1000);
	assert_int_equal(slurm_real_uid(SLICE("Name:\tUid: 0\n"), &uid), -EBADMSG);
	assert_int_equal(slurm_real_uid(SLICE("Uid:\n"), &uid), -EBADMSG);
	assert_int_equal(slurm_real_uid(SLICE("Uid:\tx\n"), &uid), -EBADMSG);
	assert_int_equal(slurm_real_uid(SLICE(""), &uid), -EBADMSG);
	assert_int_equal(uid, 1000);
}

/* A process of the scratch procfs. */
static void process(const struct tree *tree, unsigned pid, unsigned uid, const char *cmdline,
	const char *text, size_t text_len)
{
	char path[64], status[128];

	snprintf(path, sizeof(path), "%u/status", pid);
	snprintf(status, sizeof(status), "Name:\tx\nUid:\t%u\t%u\t%u\t%u\n", uid, uid, uid, uid);
	tree_put(tree, path, status);
	snprintf(path, sizeof(path), "%u/cmdline", pid);
	tree_put(tree, path, cmdline);
	snprintf(path, sizeof(path), "%u/environ", pid);
	tree_put_bytes(tree, path, text, text_len);
}

#define PROCESS(tree, pid, uid, cmdline, environ) \
	process(tree, pid, uid, cmdline, environ, sizeof(environ) - 1)

static size_t n_processes;

static size_t list_processes(void *lister, const uint64_t **ret_pids)
{
	static const uint64_t pids[] = { 1, 2, 3, 4 };

	*ret_pids = pids;
	return n_processes;
}

static const char *identify(const struct tree *tree, size_t n)
{
	static struct unit_identity identity;
	uint64_t note = 0;
	const struct unit_facts facts = { .id = "s5K1KKYAYG5D00",
		.procfs_fd = tree->fd,
		.processes = list_processes,
		.note = &note };
	int r;

	n_processes = n;
	unit_identity_clear(&identity);
	r = slurm_unit_manager.identify(NULL, &facts, &identity);
	if (r < 0) {
		assert_int_equal(r, -EAGAIN);
		assert_non_null(identity.problem);
		assert_string_equal(identity.uuid, "");
	}
	return identity.uuid;
}

static void an_honest_step_daemon_beats_every_environment(void **state)
{
	struct tree *tree = *state;

	PROCESS(tree, 1, 1000, "slurmstepd: [666.0]", "SLURM_JOB_ID=666\0");
	PROCESS(tree, 2, 1000, "bash", "SLURM_JOB_ID=666\0");
	PROCESS(tree, 3, 0, "slurmstepd: [51.batch]", "PATH=/\0");
	assert_string_equal(identify(tree, 3), "51");
}

static void a_forged_step_daemon_is_a_process_like_others(void **state)
{
	struct tree *tree = *state;

	PROCESS(tree, 1, 1000, "slurmstepd: [666.0]", "A=1\0");
	PROCESS(tree, 2, 1000, "bash", "SLURM_JOB_ID=51\0");
	assert_string_equal(identify(tree, 2), "51");
}

static void environments_have_to_agree(void **state)
{
	struct tree *tree = *state;

	PROCESS(tree, 1, 1000, "a", "SLURM_JOB_ID=51\0");
	PROCESS(tree, 2, 1000, "b", "NONE=1\0");
	PROCESS(tree, 3, 1000, "c", "X=1\0SLURM_JOB_ID=51\0");
	assert_string_equal(identify(tree, 3), "51");
	PROCESS(tree, 4, 1000, "d", "SLURM_JOB_ID=52\0");
	assert_string_equal(identify(tree, 4), "");
}

static void processes_that_say_nothing_or_vanish_give_no_number(void **state)
{
	struct tree *tree = *state;

	assert_string_equal(identify(tree, 0), "");
	assert_string_equal(identify(tree, 4), "");
	PROCESS(tree, 1, 0, "sshd", "");
	tree_put(tree, "2/status", "garbage");
	assert_string_equal(identify(tree, 4), "");
}

static void an_environment_over_the_limit_says_nothing(void **state)
{
	struct tree *tree = *state;
	size_t len = (8 << 20) + 1;
	char *huge = calloc(1, len);

	memcpy(huge, "SLURM_JOB_ID=51", 15);
	process(tree, 1, 1000, "a", huge, len);
	free(huge);
	assert_string_equal(identify(tree, 1), "");
}

static int setup(void **state)
{
	static struct tree tree;

	tree_make(&tree);
	*state = &tree;
	return 0;
}

static int teardown(void **state)
{
	tree_done(*state);
	return 0;
}

#define IN_TREE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(jobs_of_v2_are_directories_below_a_scope),
		TEST(jobs_of_v1_are_directories_below_slurm),
		TEST(what_is_below_a_job_is_no_unit),
		TEST(other_names_are_no_units),
		TEST(names_that_cannot_be_unescaped_are_left_out),
		TEST(escaped_job_names_are_jobs),
		TEST(sluids_are_units_of_v2),
		TEST(roots_are_told_by_their_names),
		TEST(a_step_daemon_names_its_job_in_its_title),
		TEST(the_first_well_formed_variable_names_the_job),
		TEST(the_real_user_is_the_first_of_four),
		IN_TREE(an_honest_step_daemon_beats_every_environment),
		IN_TREE(a_forged_step_daemon_is_a_process_like_others),
		IN_TREE(environments_have_to_agree),
		IN_TREE(processes_that_say_nothing_or_vanish_give_no_number),
		IN_TREE(an_environment_over_the_limit_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
