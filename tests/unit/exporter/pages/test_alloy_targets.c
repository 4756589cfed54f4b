// SPDX-License-Identifier: Apache-2.0
#include "exporter/pages/alloy_targets.h"

#include <pthread.h>
#include <stdatomic.h>

#include "alloc_fail.h"
#include "exporter/managers/k8s_units.h"
#include "unit_fixture.h"

#define CPU "usage_usec 1\nuser_usec 1\nsystem_usec 0\n"
#define TARGET(job, pid)              \
	"{\"targets\":[\"" job "\"]," \
	"\"labels\":{\"__process_pid__\":\"" pid "\",\"service_name\":\"" job "\"}}"

static struct unit_fixture f;
static struct exporter *exporter;
static int64_t now_ns;

static int64_t get_now(void *ctx)
{
	return now_ns;
}
static const struct clock still = { get_now, get_now, NULL };

static int setup(void **state)
{
	const struct exporter_config config = {
		.host = &f.host, .clock = &still, .log = &f.log, .hostname = "n1"
	};

	fixture_init(&f);
	fixture_job_v2(&f, V2_SCOPE, "job_77", 880, CPU);
	fixture_job_v2(&f, V2_SCOPE, "job_8", 881, CPU);
	fixture_open(&f, CGROUP_V2, 0, 1000);
	assert_int_equal(exporter_open(&config, &exporter, NULL), 0);
	return 0;
}

static int teardown(void **state)
{
	exporter_free(exporter);
	fixture_done(&f);
	return 0;
}

static struct alloy_targets *open_targets(const char **env_vars, size_t n, bool self)
{
	const struct alloy_targets_config config = {
		.exporter = exporter,
		.host = &f.host,
		.clock = &still,
		.log = &f.log,
		.env_vars = { env_vars, n },
		.self = self,
	};
	struct alloy_targets *t;

	assert_int_equal(exporter_add_unit_table(exporter, f.table), 0);
	assert_int_equal(alloy_targets_new(&config, &t, NULL), 0);
	return t;
}

static const char *answer(struct alloy_targets *t)
{
	buffer_clear(&f.text);
	now_ns += ALLOY_FRESH_NS;
	assert_int_equal(alloy_targets_write(t, &f.text, NULL), 0);
	return buffer_text(&f.text);
}

static void without_units_there_are_none(void **state)
{
	const struct alloy_targets_config config = { .exporter = exporter };
	struct alloy_targets *t;

	assert_int_equal(alloy_targets_new(&config, &t, NULL), -ENODATA);
}

static void every_process_is_a_target(void **state)
{
	struct alloy_targets *t = open_targets(NULL, 0, false);

	assert_int_equal(alloy_targets_capabilities(&(struct strings){ 0 }), 0);
	assert_string_equal(answer(t), "[" TARGET("77", "880") "," TARGET("8", "881") "]\n");
	tree_put(&f.tree, V2_SCOPE "/job_77/step_0/user/task_0/cgroup.procs", "");
	assert_string_equal(answer(t), "[" TARGET("8", "881") "]\n");
	tree_put(&f.tree, V2_SCOPE "/job_8/step_0/user/task_0/cgroup.procs", "");
	assert_string_equal(answer(t), "[]\n");
	alloy_targets_free(t);
}

static void a_process_in_several_groups_is_one_target(void **state)
{
	struct alloy_targets *t = open_targets(NULL, 0, false);

	tree_put(&f.tree, V2_SCOPE "/job_77/a/cgroup.procs", "881\n880\n881\n");
	tree_put(&f.tree, V2_SCOPE "/job_77/b/cgroup.procs", "880\n");
	assert_string_equal(answer(t),
		"[" TARGET("77", "881") "," TARGET("77", "880") "," TARGET("8", "881") "]\n");
	alloy_targets_free(t);
}

static void jobs_come_instead_of_pods(void **state)
{
	const struct unit_table_config config = {
		.manager = &k8s_unit_manager,
		.host = &f.host,
		.log = &f.log,
		.version = CGROUP_V2,
		.active_subsystem = "cpuacct",
	};
	const struct alloy_targets_config of_pods = {
		.exporter = exporter, .host = &f.host, .clock = &still, .log = &f.log
	};
	struct unit_table *pods;
	struct alloy_targets *t;

	tree_put(&f.tree, "cgroup/kubepods/podab-cd/main/cgroup.procs", "881\n");
	assert_int_equal(unit_table_new(&config, &pods, NULL), 0);
	assert_int_equal(exporter_add_unit_table(exporter, pods), 0);
	assert_int_equal(alloy_targets_new(&of_pods, &t, NULL), 0);
	assert_string_equal(answer(t), "[" TARGET("ab-cd", "881") "]\n");
	alloy_targets_free(t);
	t = open_targets(NULL, 0, false);
	assert_string_equal(answer(t), "[" TARGET("77", "880") "," TARGET("8", "881") "]\n");
	alloy_targets_free(t);
	unit_table_free(pods);
}

static void an_answer_is_kept_for_a_moment(void **state)
{
	struct alloy_targets *t = open_targets(NULL, 0, false);
	char before[256];

	snprintf(before, sizeof(before), "%s", answer(t));
	tree_put(&f.tree, V2_SCOPE "/job_77/step_0/user/task_0/cgroup.procs", "");
	now_ns += ALLOY_FRESH_NS - 1;
	buffer_clear(&f.text);
	assert_int_equal(alloy_targets_write(t, &f.text, NULL), 0);
	assert_string_equal(buffer_text(&f.text), before);
	now_ns += 1;
	buffer_clear(&f.text);
	assert_int_equal(alloy_targets_write(t, &f.text, NULL), 0);
	assert_string_not_equal(buffer_text(&f.text), before);
	alloy_targets_free(t);
}

static void the_exporter_is_one_even_without_units(void **state)
{
	struct alloy_targets *t = open_targets(NULL, 0, true);
	char wanted[256];

	tree_remove(&f.tree, V2_SCOPE "/job_77");
	tree_remove(&f.tree, V2_SCOPE "/job_8");
	snprintf(wanted, sizeof(wanted),
		"[{\"targets\":[\"__internal_ceems_exporter\"],\"labels\":{\"__process_pid__\":"
		"\"%d\",\"service_name\":\"__internal_ceems_exporter\"}}]\n",
		getpid());
	assert_string_equal(answer(t), wanted);
	alloy_targets_free(t);
}

static void processes_opt_in_by_a_variable(void **state)
{
	const char *names[] = { "PROFILE" };
	struct alloy_targets *t = open_targets(names, 1, false);

	assert_true(alloy_targets_capabilities(&(struct strings){ names, 1 }) != 0);
	/* Neither says anything of itself. */
	assert_string_equal(answer(t), "[]\n");
	tree_put(&f.tree, "proc/880/cmdline", "python");
	assert_string_equal(answer(t), "[]\n");
	tree_put_bytes(&f.tree, "proc/880/environ", "A=1\0PROFILE_ME=1\0", 17);
	assert_string_equal(answer(t), "[" TARGET("77", "880") "]\n");
	/* A variable is not enough for what has no command line, or is Slurm's. */
	tree_put(&f.tree, "proc/881/environ", "PROFILE=1");
	assert_string_equal(answer(t), "[" TARGET("77", "880") "]\n");
	tree_put(&f.tree, "proc/881/cmdline", "slurmstepd: [8.0]");
	assert_string_equal(answer(t), "[" TARGET("77", "880") "]\n");
	tree_put(&f.tree, "proc/881/cmdline", "x");
	assert_string_equal(answer(t), "[" TARGET("77", "880") "," TARGET("8", "881") "]\n");
	/* What vanishes meanwhile, or can't be read. */
	tree_remove(&f.tree, "proc/880/environ");
	tree_mkdirs(&f.tree, "proc/880/environ/");
	assert_string_equal(answer(t), "[" TARGET("8", "881") "]\n");
	alloy_targets_free(t);
}

static void an_environment_is_looked_at_up_to_a_limit(void **state)
{
	const char *names[] = { "PROFILE" };
	struct alloy_targets *t = open_targets(names, 1, false);
	char *huge = calloc(1, ALLOY_ENVIRON_MAX_BYTES + 16);

	tree_put(&f.tree, "proc/880/cmdline", "python");
	tree_put(&f.tree, "proc/881/cmdline", "python");
	memcpy(huge + ALLOY_ENVIRON_MAX_BYTES - 8, "PROFILE", 8);
	tree_put_bytes(&f.tree, "proc/880/environ", huge, ALLOY_ENVIRON_MAX_BYTES + 16);
	memset(huge, 0, ALLOY_ENVIRON_MAX_BYTES + 16);
	memcpy(huge + ALLOY_ENVIRON_MAX_BYTES, "PROFILE", 8);
	tree_put_bytes(&f.tree, "proc/881/environ", huge, ALLOY_ENVIRON_MAX_BYTES + 16);
	assert_string_equal(answer(t), "[" TARGET("77", "880") "]\n");
	free(huge);
	alloy_targets_free(t);
}

static void too_many_are_cut_with_one_warning(void **state)
{
	enum { EACH = 4096 };
	struct alloy_targets *t = open_targets(NULL, 0, false);
	struct buffer procs = { 0 };
	int proc_fd = openat(f.tree.fd, "proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char path[128];

	for (size_t i = 0; i < EACH; i++) {
		snprintf(path, sizeof(path), "%zu", i + 1000);
		buffer_printf(&procs, "%s\n", path);
		assert_int_equal(symlinkat("880", proc_fd, path), 0);
	}
	close(proc_fd);
	for (size_t i = 0; i <= ALLOY_TARGETS_MAX / EACH; i++) {
		snprintf(path, sizeof(path), V2_SCOPE "/job_%zu/cgroup.procs", i + 100);
		tree_put(&f.tree, path, buffer_text(&procs));
	}
	for (int i = 0; i < 2; i++) {
		size_t n = 0;

		for (const char *p = answer(t); *p; p++)
			n += *p == '[';
		assert_int_equal(n, ALLOY_TARGETS_MAX + 1);
	}
	assert_int_equal(fixture_logged(&f, "too many targets"), 1);
	buffer_done(&procs);
	alloy_targets_free(t);
}

static void a_failure_is_told_and_logged_once(void **state)
{
	struct alloy_targets *t = open_targets(NULL, 0, true);
	struct err err = { 0 };

	/* As if it had not been mounted yet. */
	tree_remove(&f.tree, "cgroup");
	assert_int_equal(host_root_follow(&f.host), 1 << HOST_CGROUPFS);
	unit_table_free(f.table);
	exporter_free(exporter);
	assert_int_equal(
		exporter_open(
			&(struct exporter_config){
				.host = &f.host, .clock = &still, .log = &f.log, .hostname = "" },
			&exporter, NULL),
		0);
	alloy_targets_free(t);
	assert_int_equal(unit_table_new(&(struct unit_table_config){ .manager = f.manager,
						.host = &f.host,
						.log = &f.log,
						.version = CGROUP_V2,
						.active_subsystem = "cpuacct" },
				 &f.table, NULL),
		0);
	t = open_targets(NULL, 0, true);
	for (int i = 0; i < 2; i++)
		assert_int_equal(alloy_targets_write(t, &f.text, &err), -ENODATA);
	assert_non_null(strstr(err.text, "finding the units of slurm"));
	assert_int_equal(f.text.len, 0);
	assert_int_equal(fixture_logged(&f, "finding targets for Alloy failed"), 1);
	alloy_targets_free(t);
}

static void failing_allocations_cost_one_answer(void **state)
{
	const char *names[] = { "PROFILE" };
	struct alloy_targets *t = open_targets(names, 1, true);
	size_t n = 0;
	int r;

	tree_put(&f.tree, "proc/880/cmdline", "python");
	tree_put(&f.tree, "proc/880/environ", "PROFILE=1");
	do {
		buffer_done(&f.text);
		buffer_init(&f.text, 0);
		now_ns += ALLOY_FRESH_NS;
		alloc_fail_at(++n);
		r = alloy_targets_write(t, &f.text, NULL);
	} while (alloc_fail_happened() && n < 1000);
	alloc_fail_at(0);
	assert_true(n > 3 && n < 1000);
	assert_int_equal(r, 0);
	assert_non_null(strstr(answer(t), TARGET("77", "880")));
	alloy_targets_free(t);
}

static void *ask(void *t)
{
	struct buffer body = { 0 };

	for (int i = 0; i < 50; i++) {
		buffer_clear(&body);
		assert_int_equal(alloy_targets_write(t, &body, NULL), 0);
		assert_string_equal(
			buffer_text(&body), "[" TARGET("77", "880") "," TARGET("8", "881") "]\n");
	}
	buffer_done(&body);
	return NULL;
}

static int64_t running_ns(void *ctx)
{
	static _Atomic int64_t n;

	return atomic_fetch_add(&n, ALLOY_FRESH_NS / 4) + ALLOY_FRESH_NS;
}

static void many_may_ask_at_the_same_time(void **state)
{
	static const struct clock running = { running_ns, running_ns, NULL };
	const struct alloy_targets_config config = {
		.exporter = exporter, .host = &f.host, .clock = &running, .log = &f.log
	};
	struct alloy_targets *t;
	pthread_t threads[4];

	assert_int_equal(exporter_add_unit_table(exporter, f.table), 0);
	assert_int_equal(alloy_targets_new(&config, &t, NULL), 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask, t), 0);
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	alloy_targets_free(t);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(without_units_there_are_none),
		WITH(every_process_is_a_target),
		WITH(a_process_in_several_groups_is_one_target),
		WITH(jobs_come_instead_of_pods),
		WITH(an_answer_is_kept_for_a_moment),
		WITH(the_exporter_is_one_even_without_units),
		WITH(processes_opt_in_by_a_variable),
		WITH(an_environment_is_looked_at_up_to_a_limit),
		WITH(too_many_are_cut_with_one_warning),
		WITH(a_failure_is_told_and_logged_once),
		WITH(failing_allocations_cost_one_answer),
		WITH(many_may_ask_at_the_same_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
