// SPDX-License-Identifier: Apache-2.0
/* The store on disks that fail: nothing that was acknowledged is lost, and nothing counts twice. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api_client.h"
#include "faulty_disk.h"
#include "unit_test.h"

enum { WINDOWS = 14, POWER_LOSSES = 40, KILLS = 25 };

static struct sample_store s;
static struct err err;

static int commit(int window)
{
	struct unit_list units = { 0 };
	struct user_list users = { 0 };
	struct project_list projects = { 0 };
	struct store_step_result result;
	int64_t start_s = SAMPLE_T0_S + window * SAMPLE_WINDOW_S;
	struct store_step step = { .cluster_id = "hpc-a",
		.start_ms = start_s * 1000,
		.end_ms = (start_s + SAMPLE_WINDOW_S) * 1000,
		.units = &units,
		.users = &users,
		.projects = &projects,
		.now_ms = (start_s + SAMPLE_WINDOW_S) * 1000 };

	for (int i = 0; i < 12; i++)
		sample_unit(&s, &units, "slurm", arena_printf(&s.arena, "%d", i),
			i % 2 ? "mira" : "otto", "astro", SAMPLE_T0_S, 0);
	/* Some that come and go, so that tables grow. */
	for (int i = 0; i < 8; i++)
		sample_unit(&s, &units, "slurm", arena_printf(&s.arena, "%d-%d", window, i), "eve",
			"bio", start_s + i, start_s + 100 + i);
	sample_account(&s, &users, &projects, "mira", "astro");
	sample_account(&s, &users, &projects, "otto", window % 2 ? "astro" : "bio");
	return store_commit_step(s.store, &step, &result, &err);
}

/* Windows that the database has; everything in it must be of these and no others. */
static int check_whole(void)
{
	int64_t ms = 0;
	char expected[128];
	int windows;

	assert_string_equal(sample_query(s.path, "PRAGMA integrity_check"), "ok");
	if (store_watermark(s.store, "hpc-a", &ms, &err) < 0)
		fail_msg("%s", err.text);
	windows = ms ? (int)((ms / 1000 - SAMPLE_T0_S) / SAMPLE_WINDOW_S) : 0;
	snprintf(expected, sizeof(expected), "%d", windows ? 12 + 8 * windows : 0);
	assert_string_equal(sample_query(s.path, "SELECT count(*) FROM units"), expected);
	snprintf(expected, sizeof(expected), "%g", 5.0 * windows);
	assert_string_equal(
		sample_query(s.path,
			"SELECT printf('%g', coalesce(sum(json_extract(total_cpu_energy_usage_kwh, "
			"'$.total')), 0)) FROM units"),
		expected);
	assert_string_equal(
		sample_query(s.path,
			"SELECT printf('%g', coalesce(sum(json_extract(total_cpu_energy_usage_kwh, "
			"'$.total')), 0)) FROM usage"),
		expected);
	assert_string_equal(
		sample_query(s.path,
			"SELECT printf('%g', coalesce(sum(json_extract(total_cpu_energy_usage_kwh, "
			"'$.total')), 0)) FROM ceems_usage_days"),
		expected);
	snprintf(expected, sizeof(expected), "%d", windows ? 12 + 8 * windows : 0);
	assert_string_equal(
		sample_query(s.path, "SELECT coalesce(sum(num_units), 0) FROM ceems_accounts"),
		expected);
	return windows;
}

static int setup(void **state)
{
	faulty_disk_set(DISK_GOOD, 0);
	sample_store_open(&s);
	return 0;
}

static int teardown(void **state)
{
	faulty_disk_set(DISK_GOOD, 0);
	sample_store_close(&s);
	return 0;
}

static void remove_shared_memory(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s-shm", s.path);
	(void)unlink(path);
}

/* The power goes at all kinds of moments; each time the windows go on from what is there. */
static void no_acknowledged_window_is_lost_with_the_power(void **state)
{
	int acknowledged = 0, stored = 0;

	for (unsigned loss = 0; loss < POWER_LOSSES; loss++) {
		faulty_disk_set(DISK_LOSES_POWER, 1 + loss * 7 % 83);
		while (!faulty_disk_failed() && acknowledged < stored + WINDOWS) {
			int r = commit(acknowledged);

			if (r >= 0)
				acknowledged++;
			else if (!faulty_disk_failed())
				fail_msg("%s", err.text);
		}
		store_close(s.store);
		s.store = NULL;
		faulty_disk_lose(loss);
		remove_shared_memory();
		faulty_disk_set(DISK_GOOD, 0);
		sample_store_reopen(&s);
		stored = check_whole();
		/* The window that was being written may be there or not. */
		assert_in_range(stored, acknowledged, acknowledged + 1);
		acknowledged = stored;
		arena_reset(&s.arena);
	}
	assert_true(stored > 3);
}

/* A process that stores windows until it is killed at its nth write; it tells of each window. */
static int store_until_killed(unsigned n, int first)
{
	int pipe_fds[2], last = first, status;
	pid_t child;

	assert_int_equal(pipe(pipe_fds), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		faulty_disk_set(DISK_KILLS, n);
		if (store_open(s.dir, s.zone, &s.store, &err) < 0)
			_exit(1);
		for (int window = first;; window++)
			if (commit(window) < 0 ||
				write(pipe_fds[1], &window, sizeof(window)) != sizeof(window))
				_exit(1);
	}
	close(pipe_fds[1]);
	for (int window; read(pipe_fds[0], &window, sizeof(window)) == sizeof(window);)
		last = window + 1;
	close(pipe_fds[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return last;
}

static void a_killed_server_goes_on_where_it_was(void **state)
{
	int stored = 0;

	for (unsigned kill = 0; kill < KILLS; kill++) {
		int acknowledged;

		store_close(s.store);
		s.store = NULL;
		acknowledged = store_until_killed(1 + kill * 11 % 97, stored);
		sample_store_reopen(&s);
		stored = check_whole();
		assert_in_range(stored, acknowledged, acknowledged + 1);
		arena_reset(&s.arena);
	}
	assert_true(stored > 0);
}

static void assert_answer(struct api_client *c, const char *target, int status, const char *part)
{
	const char *body = api_client_get(c, "mira", target);

	if (c->status != status || !strstr(body, part))
		fail_msg("%s: %d %s", target, c->status, body);
}

/* Requests are answered with 503 while it lasts, and as ever when it is over. */
static void a_disk_that_cannot_be_read_is_told_by_503(void **state)
{
	static const char *const targets[] = { "/api/v1/units?uuid=101", "/api/v1/usage/global",
		"/api/v1/usage/current", "/api/v1/usage/current?exact", "/api/v1/projects",
		"/api/v1/units/verify?cluster_id=hpc-a&uuid=101" };
	struct api_client c;

	sample_store_fill(&s);
	/* Nothing is left in the connections' memory. */
	sample_store_reopen(&s);
	api_client_init(&c, &s);
	faulty_disk_set(DISK_UNREADABLE, 0);
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		assert_answer(&c, targets[i], 503, "\"errorType\":\"unavailable\"");
		assert_answer(&c, targets[i], 503, "look at the disk");
	}
	assert_answer(&c, "/health", 503, "KO");
	faulty_disk_set(DISK_GOOD, 0);
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
		assert_answer(&c, targets[i], 200, "\"status\":\"success\"");
	assert_answer(&c, "/health", 200, "healthy");
	api_client_done(&c);
}

/* Nothing can be stored, but what is there is shown; then all goes on without a new start. */
static void a_disk_that_cannot_be_written_is_survived(void **state)
{
	static const struct {
		enum faulty_disk_mode mode;
		int r;
		const char *text;
	} cases[] = {
		{ DISK_FULL, -ENOSPC, "make room" },
		{ DISK_READ_ONLY, -EROFS, "look at its owner, mode and file system" },
	};
	struct api_client c;
	int window = 3;

	sample_store_fill(&s);
	api_client_init(&c, &s);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		faulty_disk_set(cases[i].mode, 0);
		assert_int_equal(commit(window), cases[i].r);
		assert_non_null(strstr(err.text, cases[i].text));
		assert_answer(&c, "/api/v1/units?uuid=101", 200, "\"uuid\":\"101\"");
		faulty_disk_set(DISK_GOOD, 0);
		assert_int_equal(commit(window++), 0);
	}
	api_client_done(&c);
}

/* One page in the middle is overwritten. */
static void a_damaged_page_is_told_with_what_to_do(void **state)
{
	static const char garbage[4096] = "damaged";
	struct api_client c;
	const char *page;
	int fd;

	sample_store_fill(&s);
	store_close(s.store);
	s.store = NULL;
	page = sample_query(s.path, "SELECT rootpage FROM sqlite_schema WHERE name = 'users'");
	fd = open(s.path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, garbage, sizeof(garbage), (atoi(page) - 1) * 4096), 4096);
	close(fd);
	sample_store_reopen(&s);
	api_client_init(&c, &s);
	assert_answer(&c, "/api/v1/users", 503, "restore a backup");
	/* What isn't damaged is answered. */
	assert_answer(&c, "/api/v1/units?uuid=101", 200, "\"uuid\":\"101\"");
	api_client_done(&c);
}

int main(void)
{
#define DISK_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		DISK_TEST(no_acknowledged_window_is_lost_with_the_power),
		DISK_TEST(a_killed_server_goes_on_where_it_was),
		DISK_TEST(a_disk_that_cannot_be_read_is_told_by_503),
		DISK_TEST(a_disk_that_cannot_be_written_is_survived),
		DISK_TEST(a_damaged_page_is_told_with_what_to_do),
	};

	faulty_disk_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
