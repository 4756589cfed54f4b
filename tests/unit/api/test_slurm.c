// SPDX-License-Identifier: Apache-2.0
/* The SLURM manager against scripts that stand in for sacct and sacctmgr. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/manager.h"
#include "api/metric_map.h"
#include "basic/buffer.h"
#include "basic/file.h"
#include "unit_test.h"

#define JOB                                                                    \
	"70113|gpu|normal|astro|staff|501|mira|1207|2031-04-09T06:00:00+0000|" \
	"2031-04-09T08:10:00+0200|Unknown|00:10:00|600|0:0|RUNNING|"           \
	"billing=8,cpu=8,gres/gpu:h2=2,gres/gpu=2,mem=16G,node=1|gn08|sim|/home/mira"

static char dir[] = "/tmp/ceems-test.XXXXXX";
static struct arena arena;
static struct timezone_ *zone;
static struct config_map no_variables;

/* 06:00 to 06:20 UTC; ended jobs are listed from 05:55 on. */
static const struct window window = { 1933480500000, 1933480800000, 1933482000000 };

static char *path(const char *name)
{
	return arena_printf(&arena, "%s/%s", dir, name);
}

static void put_script(const char *name, const char *body)
{
	FILE *f = fopen(path(name), "w");

	assert_non_null(f);
	fprintf(f, "#!/bin/bash\ncd '%s'\n%s\n", dir, body);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path(name), 0755), 0);
}

static const char *get_file(const char *name)
{
	struct buffer buf = { 0 };
	const char *text;

	file_read(AT_FDCWD, path(name), 1 << 20, &buf);
	text = arena_strdup(&arena, buffer_text(&buf));
	buffer_done(&buf);
	return text;
}

static int group_setup(void **state)
{
	struct err err;

	arena_init(&arena, 1 << 30);
	assert_non_null(mkdtemp(dir));
	return timezone_new("Europe/Paris", &zone, &err);
}

static int group_teardown(void **state)
{
	static const char *const names[] = { "sacct", "sacctmgr", "args", "env", "list" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unlink(path(names[i]));
	rmdir(dir);
	timezone_free(zone);
	arena_done(&arena);
	return 0;
}

static int open_with(const char *extra, const char *cli_path, struct config_map variables,
	int cancel_fd, void **ret_state, struct err *err)
{
	struct cluster_config *cluster = ARENA_NEW(&arena, struct cluster_config);
	struct manager_env env = {
		.cluster = cluster, .zone = zone, .clock = clock_system(), .cancel_fd = cancel_fd
	};

	cluster->id = "slurm-0";
	cluster->cli.path = cli_path;
	cluster->cli.environment_variables = variables;
	assert_int_equal(config_parse(extra, strlen(extra), "config.yml", &arena,
				 &cluster->extra_config, err),
		0);
	return manager_slurm.open(&env, ret_state, err);
}

static void *opened(const char *extra)
{
	struct err err;
	void *state = NULL;

	if (open_with(extra, dir, no_variables, -1, &state, &err) < 0)
		fail_msg("%s", err.text);
	return state;
}

static int fetch(void *state, struct unit_list *ret_units, struct err *err)
{
	*ret_units = (struct unit_list){ 0 };
	return manager_slurm.fetch_units(state, &window, &arena, ret_units, err);
}

static double time_of(const struct unit *unit, const char *key)
{
	return metric_map_get(&unit->metrics[TOTAL_TIME_SECONDS], key);
}

static void a_job_becomes_a_unit(void **state)
{
	struct unit_list units;
	struct err err;
	void *slurm;

	put_script("sacct", "[ \"$1\" = --version ] && exit 0; echo '" JOB "'");
	slurm = opened("{}");
	assert_int_equal(fetch(slurm, &units, &err), 0);
	assert_int_equal(units.n, 1);
	assert_string_equal(units.v[0].resource_manager, "slurm");
	assert_string_equal(units.v[0].cluster_id, "slurm-0");
	assert_string_equal(units.v[0].uuid, "70113");
	assert_string_equal(units.v[0].name, "sim");
	assert_string_equal(units.v[0].project, "astro");
	assert_string_equal(units.v[0].groupname, "staff");
	assert_string_equal(units.v[0].username, "mira");
	assert_string_equal(units.v[0].created_at, "2031-04-09T08:00:00+0200");
	assert_string_equal(units.v[0].started_at, "2031-04-09T08:10:00+0200");
	assert_string_equal(units.v[0].ended_at, "Unknown");
	assert_int_equal(units.v[0].created_at_ms, 1933480800000);
	assert_int_equal(units.v[0].started_at_ms, 1933481400000);
	assert_int_equal(units.v[0].ended_at_ms, 0);
	assert_string_equal(units.v[0].elapsed, "00:10:00");
	assert_string_equal(units.v[0].state, "RUNNING");
	assert_string_equal(units.v[0].allocation,
		"{\"billing\":8,\"cpus\":8,\"gpus\":2,\"mem\":17179869184,\"nodes\":1}");
	assert_string_equal(units.v[0].tags,
		"{\"exit_code\":\"0:0\",\"gid\":501,\"nodelist\":\"gn08\",\"nodelistexp\":\"gn08\","
		"\"partition\":\"gpu\",\"qos\":\"normal\",\"uid\":1207,\"workdir\":\"/home/mira\"}");
	assert_true(time_of(&units.v[0], "walltime") == 600);
	assert_true(time_of(&units.v[0], "alloc_cputime") == 4800);
	assert_true(time_of(&units.v[0], "alloc_cpumemtime") == 9830400);
	assert_true(time_of(&units.v[0], "alloc_gputime") == 1200);
	assert_true(time_of(&units.v[0], "alloc_gpumemtime") == 600);
	manager_slurm.close(slurm);
}

static void the_command_lines_and_the_environment_are_the_agreed_ones(void **state)
{
	const char *names[] = { "CLUSTER_VAR", "PATH_TO" }, *texts[] = { "a b", "$x" };
	struct config_map variables = { names, texts, 2 };
	struct user_list users = { 0 };
	struct project_list projects = { 0 };
	struct unit_list units;
	struct err err;
	void *slurm;

	put_script("sacct",
		"[ \"$1\" = --version ] && exit 0; printf '%s\\n' \"$@\" >args; "
		"echo \"$SLURM_TIME_FORMAT,$TZ,$CLUSTER_VAR,$PATH_TO\" >env");
	put_script("sacctmgr", "printf '%s ' \"$@\" >list; echo \"$CLUSTER_VAR\" >env");
	assert_int_equal(open_with("{}", dir, variables, -1, &slurm, &err), 0);
	assert_int_equal(fetch(slurm, &units, &err), 0);
	assert_int_equal(units.n, 0);
	assert_string_equal(get_file("args"),
		"-D\n-X\n--noheader\n--allusers\n--parsable2\n--format\n"
		"jobidraw,partition,qos,account,group,gid,user,uid,submit,start,end,elapsed,"
		"elapsedraw,exitcode,state,alloctres,nodelist,jobname,workdir\n--state\n"
		"CANCELLED,COMPLETED,FAILED,NODE_FAIL,PREEMPTED,TIMEOUT,RUNNING\n--starttime\n"
		"2031-04-09T07:55:00\n--endtime\n2031-04-09T08:20:00\n");
	assert_string_equal(get_file("env"), "%Y-%m-%dT%H:%M:%S%z,Europe/Paris,a b,$x\n");
	assert_false(manager_slurm.lists_late(slurm));
	assert_int_equal(
		manager_slurm.fetch_accounts(slurm, 0, &arena, &users, &projects, &err), 1);
	assert_string_equal(
		get_file("list"), "--parsable2 --noheader list associations format=Account,User ");
	assert_string_equal(get_file("env"), "a b\n");
	manager_slurm.close(slurm);
}

static void a_cluster_of_several_is_named_to_slurm(void **state)
{
	struct user_list users = { 0 };
	struct project_list projects = { 0 };
	struct unit_list units;
	struct err err;
	void *slurm;

	put_script("sacct", "[ \"$1\" = --version ] && exit 0; printf '%s ' \"$@\" >args");
	put_script("sacctmgr", "printf '%s ' \"$@\" >list");
	slurm = opened("slurm_cluster: lab-2");
	assert_int_equal(fetch(slurm, &units, &err), 0);
	assert_non_null(
		strstr(get_file("args"), "--endtime 2031-04-09T08:20:00 --clusters lab-2 "));
	assert_int_equal(
		manager_slurm.fetch_accounts(slurm, 0, &arena, &users, &projects, &err), 1);
	assert_non_null(strstr(get_file("list"), "format=Account,User cluster=lab-2 "));
	manager_slurm.close(slurm);
}

/* A stand-in may know no others than CEEMS 0.10.2 asks for. */
static void genuine_sacct_is_asked_for_all_states(void **state)
{
	struct unit_list units;
	struct err err;
	void *slurm;

	put_script("sacct",
		"[ \"$1\" = --version ] && { echo slurm 24.05.4; exit 0; }; printf '%s ' \"$@\" >args");
	slurm = opened("{}");
	assert_int_equal(fetch(slurm, &units, &err), 0);
	assert_non_null(strstr(get_file("args"),
		"--state CANCELLED,COMPLETED,FAILED,NODE_FAIL,PREEMPTED,TIMEOUT,RUNNING,BOOT_FAIL,"
		"DEADLINE,OUT_OF_MEMORY,REQUEUED,RESIZING,REVOKED,SUSPENDED --starttime"));
	assert_true(manager_slurm.lists_late(slurm));
	manager_slurm.close(slurm);
}

static void genuine_sacct_is_told_a_secret_separator(void **state)
{
	struct unit_list units;
	struct err err;
	void *slurm;

	put_script("sacct",
		"[ \"$1\" = --version ] && { echo slurm-wlm 22.05.8; exit 0; }\n"
		"for a in \"$@\"; do case $a in --delimiter=*) d=${a#*=};; esac; done\n"
		"echo \"$d\" >>list\n"
		"job='" JOB "'; echo \"${job//|/$d}\"\n"
		"evil=$'evil\\n" JOB "'; job=${job/70113/70114}; job=${job//|/$d}\n"
		"echo \"${job/sim/$evil}\"");
	unlink(path("list"));
	slurm = opened("{}");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fetch(slurm, &units, &err), 0);
		assert_int_equal(units.n, 2);
		assert_string_equal(units.v[0].uuid, "70113");
		assert_string_equal(units.v[0].name, "sim");
		assert_string_equal(units.v[1].uuid, "70114");
		assert_string_equal(units.v[1].name, "evil\n" JOB);
	}
	/* Another one each time. */
	assert_int_equal(strlen(get_file("list")), 2 * 19);
	assert_true(strncmp(get_file("list"), get_file("list") + 19, 19) != 0);
	manager_slurm.close(slurm);
}

static void times_are_read_in_each_form(void **state)
{
	static const struct {
		const char *text, *stored;
		int64_t ms;
	} rows[] = {
		{ "2031-04-09T06:10:00+0000", "2031-04-09T08:10:00+0200", 1933481400000 },
		{ "2031-04-09T08:10:00", "2031-04-09T08:10:00+0200", 1933481400000 },
		{ "Unknown", "Unknown", 0 },
		{ "None", "None", 0 },
		{ "", "", 0 },
	};
	struct unit_list units;
	struct err err;
	void *slurm;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		put_script("sacct",
			arena_printf(&arena,
				"[ \"$1\" = --version ] && { echo slurm 24; exit 0; }; echo "
				"'1|p|q|a|g|1|u|1|%s|%s|Unknown|0|0|0:0|RUNNING|cpu=1|n1|x|/'",
				rows[i].text, rows[i].text));
		slurm = opened("{}");
		assert_int_equal(fetch(slurm, &units, &err), 0);
		assert_int_equal(units.n, 1);
		assert_string_equal(units.v[0].started_at, rows[i].stored);
		assert_int_equal(units.v[0].started_at_ms, rows[i].ms);
		manager_slurm.close(slurm);
	}
}

static void genuine_sacct_is_given_room_for_the_offset(void **state)
{
	const char *names[] = { "SLURM_TIME_FORMAT", "TZ" }, *texts[] = { "standard", "UTC" };
	struct unit_list units;
	struct err err;
	void *slurm;

	put_script("sacct",
		"[ \"$1\" = --version ] && { echo slurm 24; exit 0; }; "
		"echo \"$SLURM_TIME_FORMAT,$TZ\" >env; echo \"$*\" >args");
	assert_int_equal(
		open_with("{}", dir, (struct config_map){ names, texts, 2 }, -1, &slurm, &err), 0);
	assert_int_equal(fetch(slurm, &units, &err), 0);
	assert_string_equal(get_file("env"), "standard,UTC\n"); /* as configured */
	assert_non_null(strstr(get_file("args"), ",submit%32,start%32,end%32,"));
	manager_slurm.close(slurm);
}

static void a_failing_sacct_fails_with_its_words(void **state)
{
	struct unit_list units;
	struct err err;
	void *slurm;

	put_script("sacct",
		"[ \"$1\" = --version ] && exit 0; echo '" JOB
		"'; echo 'sacct: error: slurmdbd is away' >&2; exit 1");
	slurm = opened("{}");
	assert_int_equal(fetch(slurm, &units, &err), -EIO);
	assert_int_equal(units.n, 0);
	if (!strstr(err.text, "sacct"))
		fail_msg("%s", err.text);
	manager_slurm.close(slurm);
}

static void a_hanging_sacct_is_ended_after_its_time(void **state)
{
	struct unit_list units;
	struct err err;
	void *slurm;

	put_script("sacct", "[ \"$1\" = --version ] && exit 0; sleep 60 & sleep 60");
	slurm = opened("command_timeout: 300ms");
	assert_int_equal(fetch(slurm, &units, &err), -ETIMEDOUT);
	manager_slurm.close(slurm);
}

static void a_stop_ends_a_hanging_sacct(void **state)
{
	int cancel_fd = eventfd(0, EFD_CLOEXEC);
	struct unit_list units;
	struct err err;
	void *slurm;

	put_script("sacct", "sleep 60");
	assert_int_equal(open_with("{}", dir, no_variables, cancel_fd, &slurm, &err), 0);
	eventfd_write(cancel_fd, 1);
	assert_int_equal(fetch(slurm, &units, &err), -ECANCELED);
	manager_slurm.close(slurm);
	close(cancel_fd);
}

static void garbage_gives_no_units(void **state)
{
	struct unit_list units;
	struct err err;
	void *slurm;

	put_script("sacct", "[ \"$1\" = --version ] && exit 0; head -c 300000 /dev/urandom");
	slurm = opened("{}");
	assert_int_equal(fetch(slurm, &units, &err), 0);
	manager_slurm.close(slurm);
}

static void output_without_end_is_refused(void **state)
{
	struct unit_list units;
	struct err err;
	void *slurm;

	put_script("sacct", "[ \"$1\" = --version ] && exit 0; exec yes '" JOB "'");
	slurm = opened("{}");
	assert_int_equal(fetch(slurm, &units, &err), -E2BIG);
	manager_slurm.close(slurm);
}

static void associations_become_users_and_projects(void **state)
{
	struct user_list users = { 0 };
	struct project_list projects = { 0 };
	struct err err;
	void *slurm;

	put_script("sacct", "");
	put_script("sacctmgr",
		"printf '%s\\n' 'root|root' 'astro|' 'bio|mira' 'astro|zoe|x' "
		"'astro|mira' 'astro|mira' '' 'bio' '|li' 'root|li'");
	slurm = opened("{}");
	assert_int_equal(
		manager_slurm.fetch_accounts(slurm, 1933480800000, &arena, &users, &projects, &err),
		1);
	assert_int_equal(users.n, 2);
	assert_string_equal(users.v[0].name, "mira");
	assert_int_equal(users.v[0].projects.n, 2);
	assert_string_equal(users.v[0].projects.v[0], "astro");
	assert_string_equal(users.v[0].projects.v[1], "bio");
	assert_string_equal(users.v[0].last_updated_at, "2031-04-09T08:00:00");
	assert_string_equal(users.v[1].name, "zoe");
	assert_int_equal(projects.n, 2);
	assert_string_equal(projects.v[0].name, "astro");
	assert_int_equal(projects.v[0].users.n, 2);
	assert_string_equal(projects.v[1].users.v[0], "mira");
	manager_slurm.close(slurm);
}

static void a_failing_sacctmgr_is_an_error(void **state)
{
	struct user_list users = { 0 };
	struct project_list projects = { 0 };
	struct err err;
	void *slurm;

	put_script("sacct", "");
	put_script("sacctmgr", "exit 3");
	slurm = opened("{}");
	assert_int_equal(
		manager_slurm.fetch_accounts(slurm, 0, &arena, &users, &projects, &err), -EIO);
	manager_slurm.close(slurm);
}

static void a_wrong_directory_or_setting_fails_the_start(void **state)
{
	struct err err;
	void *slurm;

	assert_int_equal(open_with("{}", "/nonexistent", no_variables, -1, &slurm, &err), -ENOENT);
	assert_int_equal(open_with("{}", path("sacct"), no_variables, -1, &slurm, &err), -ENOTDIR);
	assert_int_equal(
		open_with("command_timeout: 0s", dir, no_variables, -1, &slurm, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "command_timeout must be more than 0s"));
	assert_int_equal(open_with("slurm_cluster: '--help'", dir, no_variables, -1, &slurm, &err),
		-EBADMSG);
	assert_int_equal(
		open_with("rest_version: v0/..", dir, no_variables, -1, &slurm, &err), -EBADMSG);
	assert_int_equal(
		open_with("command_timeout: x", dir, no_variables, -1, &slurm, &err), -EBADMSG);
	setenv("PATH", "/nonexistent", 1);
	assert_int_equal(open_with("{}", "", no_variables, -1, &slurm, &err), -ENOENT);
	assert_non_null(strstr(err.text, "PATH"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_job_becomes_a_unit),
		TEST(the_command_lines_and_the_environment_are_the_agreed_ones),
		TEST(a_cluster_of_several_is_named_to_slurm),
		TEST(genuine_sacct_is_asked_for_all_states),
		TEST(genuine_sacct_is_told_a_secret_separator),
		TEST(times_are_read_in_each_form),
		TEST(genuine_sacct_is_given_room_for_the_offset),
		TEST(a_failing_sacct_fails_with_its_words),
		TEST(a_hanging_sacct_is_ended_after_its_time),
		TEST(a_stop_ends_a_hanging_sacct),
		TEST(garbage_gives_no_units),
		TEST(output_without_end_is_refused),
		TEST(associations_become_users_and_projects),
		TEST(a_failing_sacctmgr_is_an_error),
		TEST(a_wrong_directory_or_setting_fails_the_start),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
