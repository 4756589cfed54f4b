// SPDX-License-Identifier: Apache-2.0
/* Ownership from a database that the API server's own code made, and what may happen to that file.
 */
#include "lb/owners/owners.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sample_store.h"
#include "unit_test.h"

enum { NOBODY = 65534 };

static struct sample_store sample;
static struct arena arena;
static struct owners *owners;
static int64_t now_ns; /* each look at the clock moves it on */
static int64_t step_ns;
static struct log logger = { .fd = -1, .level = LOG_LEVEL_INFO };

static int64_t tick(void *ctx)
{
	now_ns += step_ns;
	return now_ns;
}
static const struct clock clock_ = { tick, tick, NULL };

static void unit(const char *cluster, const char *uuid, const char *project, int start, int end)
{
	char sql[512];

	snprintf(sql, sizeof(sql),
		"INSERT INTO units (cluster_id, uuid, project, started_at, started_at_ts, "
		"ended_at_ts) VALUES ('%s', '%s', '%s', '%d', %d, %d)",
		cluster, uuid, project, start, start, end);
	sample_sql(sample.path, sql);
}

static void project(const char *cluster, const char *name, const char *users)
{
	char sql[512];

	snprintf(sql, sizeof(sql),
		"INSERT INTO projects (cluster_id, name, users) VALUES ('%s', '%s', '%s')", cluster,
		name, users);
	sample_sql(sample.path, sql);
}

static void open_owners(void)
{
	const struct owners_config config = {
		.database = sample.path,
		.keep_ms = 5000,
		.max_answers = 1000,
		.clock = &clock_,
		.log = &logger,
		.cancel_fd = -1,
	};

	assert_int_equal(owners_new(&config, &owners, NULL), 0);
}

static int set_up(void **state)
{
	logger.clock = &clock_;
	now_ns = 1000000000;
	step_ns = 20 * 1000000;
	arena_init(&arena, 4 << 20);
	sample_store_open(&sample);
	project("alpha", "p1", "[\"ines\",\"zoe\"]");
	project("alpha", "p2", "[\"omar\"]");
	project("beta", "p2", "[\"omar\"]");
	project("beta", "p1", "[\"eve\"]");
	unit("alpha", "7001", "p1", 1000, 2000);
	unit("alpha", "7002", "p2", 1000, 0);
	unit("beta", "7001", "p2", 1000, 0);
	sample_sql(sample.path, "INSERT INTO admin_users (name) VALUES ('ops'), ('ceems-int-svc')");
	open_owners();
	return 0;
}

static int tear_down(void **state)
{
	owners_free(owners);
	sample_store_close(&sample);
	arena_done(&arena);
	return 0;
}

static const struct gate_unit_lives *lives;

static int ask(const char *user, const char *cluster, const char *first, const char *second)
{
	const char *v[] = { first, second };
	const struct strings units = { v, second ? 2 : 1 };
	const struct owners_question q = { user, cluster, &units };
	enum owners_verdict verdict;
	int r = owners_try(owners, &q, &arena, &verdict, &lives);

	return r < 0 ? r : (int)verdict;
}

static void members_of_the_units_project_may(void **state)
{
	assert_int_equal(ask("ines", "alpha", "7001", NULL), OWNERS_ALLOW);
	assert_int_equal(lives[0].n, 1);
	assert_int_equal(lives[0].v[0].start_ms, 1000);
	assert_int_equal(lives[0].v[0].end_ms, 2000);
	assert_int_equal(lives[0].n_foreign, 0);
	assert_int_equal(ask("zoe", "alpha", "7001", NULL), OWNERS_ALLOW);
	assert_int_equal(ask("omar", "alpha", "7002", NULL), OWNERS_ALLOW);
	assert_int_equal(lives[0].v[0].end_ms, INT64_MAX);
}

static void nobody_else_may(void **state)
{
	assert_int_equal(ask("ines", "alpha", "7002", NULL), OWNERS_DENY);
	assert_int_equal(ask("ines", "alpha", "7001", "7002"), OWNERS_DENY);
	assert_int_equal(ask("ines", "alpha", "7001", "9999"), OWNERS_DENY);
	assert_int_equal(ask("ines", "beta", "7001", NULL), OWNERS_DENY);
	assert_int_equal(ask("ines", "gamma", "7001", NULL), OWNERS_DENY);
	assert_int_equal(ask("Ines", "alpha", "7001", NULL), OWNERS_DENY);
	assert_int_equal(ask("ine", "alpha", "7001", NULL), OWNERS_DENY);
	assert_int_equal(ask("%", "alpha", "7001", NULL), OWNERS_DENY);
	assert_int_equal(ask("", "alpha", "7001", NULL), OWNERS_DENY);
	/* In a project of the same name, but of another cluster. */
	assert_int_equal(ask("eve", "alpha", "7001", NULL), OWNERS_DENY);
	assert_int_equal(ask("ops", "alpha", "7001", NULL), OWNERS_DENY);
}

static void projects_of_one_name_are_each_clusters_own(void **state)
{
	unit("beta", "7005", "p1", 1000, 0);
	assert_int_equal(ask("eve", "beta", "7005", NULL), OWNERS_ALLOW);
	assert_int_equal(ask("ines", "beta", "7005", NULL), OWNERS_DENY);
}

static void rows_of_one_unit_do_not_stand_for_another(void **state)
{
	unit("alpha", "7001", "p1", 3000, 4000);
	assert_int_equal(ask("ines", "alpha", "7001", "7002"), OWNERS_DENY);
	assert_int_equal(ask("ines", "alpha", "7001", NULL), OWNERS_ALLOW);
	assert_int_equal(lives[0].n, 2);
}

static void a_recycled_id_tells_both_owners_times(void **state)
{
	unit("alpha", "7001", "p2", 5000, 0);
	assert_int_equal(ask("ines", "alpha", "7001", NULL), OWNERS_ALLOW);
	assert_int_equal(lives[0].n, 1);
	assert_int_equal(lives[0].n_foreign, 1);
	assert_int_equal(lives[0].foreign[0].start_ms, 5000);
	assert_int_equal(ask("omar", "alpha", "7001", NULL), OWNERS_ALLOW);
	assert_int_equal(lives[0].v[0].start_ms, 5000);
	assert_int_equal(lives[0].foreign[0].end_ms, 2000);
}

static void more_than_the_first_projects_are_remembered_right(void **state)
{
	char name[16];

	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "q%d", i);
		project("alpha", name, i % 3 ? "[\"mia\"]" : "[\"bob\"]");
		unit("alpha", "8000", name, 10 + i, 0);
	}
	unit("alpha", "8000", "q1", 100, 0);
	unit("alpha", "8000", "q0", 101, 0);
	assert_int_equal(ask("bob", "alpha", "8000", NULL), OWNERS_ALLOW);
	assert_int_equal(lives[0].n, 15);
	assert_int_equal(lives[0].n_foreign, 27);
}

static void lists_that_are_none_have_nobody(void **state)
{
	project("alpha", "p3", "{\"a\":\"mia\"}");
	unit("alpha", "7003", "p3", 1, 0);
	sample_sql(sample.path,
		"INSERT INTO units (cluster_id, uuid, project) VALUES "
		"('alpha', '7004', NULL), ('alpha', '7005', CAST(X'703100' AS TEXT))");
	assert_int_equal(ask("mia", "alpha", "7003", NULL), OWNERS_DENY);
	assert_int_equal(ask("ines", "alpha", "7004", NULL), OWNERS_DENY);
	assert_int_equal(ask("ines", "alpha", "7005", NULL), OWNERS_DENY);
}

static void administrators_are_those_of_the_table(void **state)
{
	bool admin = false;

	assert_int_equal(owners_is_admin(owners, "ops", false, &admin), 0);
	assert_true(admin);
	assert_int_equal(owners_is_admin(owners, "ines", false, &admin), 0);
	assert_false(admin);
	sample_sql(sample.path, "INSERT INTO admin_users (name) VALUES ('ines')");
	assert_int_equal(owners_is_admin(owners, "ines", false, &admin), 0);
	assert_true(admin);
}

static void nobody_takes_the_service_accounts_name(void **state)
{
	bool admin = true;

	project("alpha", "p9", "[\"ceems-int-svc\"]");
	unit("alpha", "7009", "p9", 1, 0);
	assert_int_equal(owners_is_admin(owners, "ceems-int-svc", false, &admin), 0);
	assert_false(admin);
	assert_int_equal(ask("ceems-int-svc", "alpha", "7009", NULL), OWNERS_DENY);
}

static void clusters_are_listed(void **state)
{
	struct strings ids = { 0 };

	unit("", "1", "p1", 1, 0);
	assert_int_equal(owners_clusters(owners, &arena, &ids, NULL), 0);
	assert_int_equal(ids.n, 2);
	assert_string_equal(ids.v[0], "alpha");
	assert_string_equal(ids.v[1], "beta");
}

static void answers_are_kept_until_the_database_changes(void **state)
{
	struct owners_stats stats;

	step_ns = 0;
	assert_int_equal(ask("ines", "alpha", "7001", NULL), OWNERS_ALLOW);
	assert_int_equal(ask("ines", "alpha", "7001", NULL), OWNERS_ALLOW);
	assert_int_equal(ask("ines", "alpha", "7002", NULL), OWNERS_DENY);
	owners_stats(owners, &stats);
	assert_int_equal(stats.hits, 1);
	assert_int_equal(stats.misses, 2);
	assert_int_equal(stats.entries, 2);
	sample_sql(sample.path, "UPDATE projects SET users = '[]' WHERE name = 'p1'");
	/* One look in 10 ms, however many ask. */
	now_ns += 9 * 1000000;
	assert_int_equal(ask("ines", "alpha", "7001", NULL), OWNERS_ALLOW);
	now_ns += 1 * 1000000;
	assert_int_equal(ask("ines", "alpha", "7001", NULL), OWNERS_DENY);
}

static sqlite3 *lock_database(void)
{
	sqlite3 *db;

	/* Readers of a database in WAL mode are locked out by this only. */
	sample_sql(sample.path, "PRAGMA journal_mode = DELETE");
	assert_int_equal(sqlite3_open(sample.path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	return db;
}

static void a_locked_database_is_waited_for_then_refuses_then_is_back(void **state)
{
	const char *v[] = { "7001" };
	const struct strings units = { v, 1 };
	const struct owners_question q = { "ines", "alpha", &units };
	enum owners_verdict verdict = OWNERS_ALLOW;
	struct owners_stats stats;
	sqlite3 *db;

	store_close(sample.store);
	sample.store = NULL;
	db = lock_database();
	assert_int_equal(ask("ines", "alpha", "7001", NULL), -EAGAIN);
	step_ns = INT64_C(400) * 1000000;
	assert_int_equal(owners_ask(owners, &q, &arena, &verdict, &lives), 0);
	assert_int_equal(verdict, OWNERS_UNAVAILABLE);
	owners_stats(owners, &stats);
	assert_true(stats.failing);
	step_ns = 1;
	/* It is not waited for again. */
	assert_int_equal(ask("ines", "alpha", "7001", NULL), OWNERS_UNAVAILABLE);
	now_ns += INT64_C(2000) * 1000000;
	assert_int_equal(ask("ines", "alpha", "7001", NULL), OWNERS_UNAVAILABLE);
	sqlite3_close(db);
	now_ns += INT64_C(2000) * 1000000;
	assert_int_equal(ask("ines", "alpha", "7001", NULL), OWNERS_ALLOW);
	owners_stats(owners, &stats);
	assert_false(stats.failing);
}

static void gone_on(void)
{
	now_ns += INT64_C(1100) * 1000000;
}

static void close_store(void)
{
	store_close(sample.store);
	sample.store = NULL;
}

static void a_replaced_database_counts_at_once(void **state)
{
	char other[160];

	close_store();
	assert_int_equal(ask("ines", "alpha", "7001", NULL), OWNERS_ALLOW);
	snprintf(other, sizeof(other), "%s.new", sample.path);
	sample_sql(sample.path, "PRAGMA wal_checkpoint(TRUNCATE)");
	{
		char command[400];

		snprintf(command, sizeof(command), "VACUUM INTO '%s'", other);
		sample_sql(sample.path, command);
	}
	sample_sql(other, "UPDATE projects SET users = '[\"neu\"]'");
	assert_int_equal(rename(other, sample.path), 0);
	assert_int_equal(ask("ines", "alpha", "7001", NULL), OWNERS_DENY);
	assert_int_equal(ask("neu", "alpha", "7001", NULL), OWNERS_ALLOW);
}

static void a_missing_cut_or_foreign_file_refuses_until_it_is_restored(void **state)
{
	char saved[160];
	int fd;

	close_store();
	sample_sql(sample.path, "PRAGMA journal_mode = DELETE");
	snprintf(saved, sizeof(saved), "%s.saved", sample.path);
	assert_int_equal(ask("ines", "alpha", "7001", NULL), OWNERS_ALLOW);
	assert_int_equal(rename(sample.path, saved), 0);
	assert_int_equal(ask("ines", "alpha", "7001", NULL), OWNERS_UNAVAILABLE);
	gone_on();
	fd = open(sample.path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ask("ines", "alpha", "7001", NULL), OWNERS_UNAVAILABLE);
	gone_on();
	assert_int_equal(write(fd,
				 "no database at all, and longer than a header of SQLite's "
				 "hundred bytes, so that it looks at its magic number",
				 105),
		105);
	assert_int_equal(ask("ines", "alpha", "7001", NULL), OWNERS_UNAVAILABLE);
	close(fd);
	gone_on();
	assert_int_equal(rename(saved, sample.path), 0);
	assert_int_equal(ask("ines", "alpha", "7001", NULL), OWNERS_ALLOW);
	assert_int_equal(truncate(sample.path, 5000), 0);
	assert_int_equal(ask("ines", "alpha", "7001", NULL), OWNERS_UNAVAILABLE);
	gone_on();
	assert_int_equal(truncate(sample.path, 0), 0);
	assert_int_equal(ask("ines", "alpha", "7001", NULL), OWNERS_UNAVAILABLE);
}

/* The look for clusters is another thread's, just after one that found all well. */
static void a_database_that_went_when_clusters_were_listed_refuses(void **state)
{
	struct strings ids = { 0 };
	struct err err;
	char saved[160];

	close_store();
	snprintf(saved, sizeof(saved), "%s.saved", sample.path);
	step_ns = 0;
	assert_int_equal(ask("ines", "alpha", "7001", NULL), OWNERS_ALLOW);
	assert_int_equal(rename(sample.path, saved), 0);
	assert_true(owners_clusters(owners, &arena, &ids, &err) < 0);
	assert_int_equal(ask("ines", "alpha", "7001", NULL), OWNERS_UNAVAILABLE);
	gone_on();
	assert_int_equal(rename(saved, sample.path), 0);
	assert_int_equal(ask("ines", "alpha", "7001", NULL), OWNERS_ALLOW);
}

/* As the load balancer's unit sees the directory: no file can be made there. */
static void a_database_that_was_closed_well_can_be_read_in_a_closed_directory(void **state)
{
	int first, second;

	close_store();
	assert_int_equal(chmod(sample.path, 0444), 0);
	assert_int_equal(chmod(sample.dir, 0555), 0);
	if (geteuid() == 0)
		assert_int_equal(seteuid(NOBODY), 0);
	first = ask("ines", "alpha", "7001", NULL);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod(sample.dir, 0755), 0);
	assert_int_equal(chmod(sample.path, 0644), 0);
	/* The server is back, and its first change counts. */
	sample_store_reopen(&sample);
	sample_sql(sample.path, "UPDATE projects SET users = '[]'");
	second = ask("ines", "alpha", "7001", NULL);
	assert_int_equal(first, OWNERS_ALLOW);
	assert_int_equal(second, OWNERS_DENY);
}

static void bare_memory_is_no_permission(void **state)
{
	struct arena small;
	const char *v[] = { "7001" };
	const struct strings units = { v, 1 };
	const struct owners_question q = { "ines", "alpha", &units };
	enum owners_verdict verdict = OWNERS_DENY;

	arena_init(&small, 16);
	assert_int_equal(owners_try(owners, &q, &small, &verdict, &lives), -ENOMEM);
	assert_int_equal(verdict, OWNERS_DENY);
	arena_done(&small);
}

static void a_unit_of_too_many_rows_costs_nobody_an_answer(void **state)
{
	struct owners_stats stats;
	char text[4096];
	ssize_t n;

	logger.fd = memfd_create("log", MFD_CLOEXEC);
	sample_sql(sample.path,
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4100) "
		"INSERT INTO units (cluster_id, uuid, project, started_at, started_at_ts, "
		"ended_at_ts) SELECT 'alpha', '7009', 'p1', i, i, i + 1 FROM n");
	for (int i = 0; i < 3; i++)
		assert_int_equal(ask("ines", "alpha", "7009", NULL), OWNERS_UNAVAILABLE);
	n = pread(logger.fd, text, sizeof(text) - 1, 0);
	text[MAX(n, 0)] = '\0';
	assert_non_null(strstr(text, "more than 4096 rows"));
	assert_null(strstr(strchr(text, '\n') + 1, "more than 4096 rows"));
	close(logger.fd);
	logger.fd = -1;
	owners_stats(owners, &stats);
	assert_false(stats.failing);
	assert_int_equal(ask("omar", "alpha", "7002", NULL), OWNERS_ALLOW);
}

static void one_that_is_replaced_keeps_no_answers(void **state)
{
	struct owners_stats stats;

	assert_int_equal(ask("ines", "alpha", "7001", NULL), OWNERS_ALLOW);
	owners_forget(owners, false);
	assert_int_equal(ask("ines", "alpha", "7001", NULL), OWNERS_ALLOW);
	owners_stats(owners, &stats);
	assert_int_equal(stats.entries, 1);
	owners_forget(owners, true);
	assert_int_equal(ask("ines", "alpha", "7001", NULL), OWNERS_ALLOW);
	owners_stats(owners, &stats);
	assert_int_equal(stats.entries, 0);
}

#define OWNERS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OWNERS_TEST(members_of_the_units_project_may),
		OWNERS_TEST(nobody_else_may),
		OWNERS_TEST(projects_of_one_name_are_each_clusters_own),
		OWNERS_TEST(rows_of_one_unit_do_not_stand_for_another),
		OWNERS_TEST(a_recycled_id_tells_both_owners_times),
		OWNERS_TEST(more_than_the_first_projects_are_remembered_right),
		OWNERS_TEST(lists_that_are_none_have_nobody),
		OWNERS_TEST(administrators_are_those_of_the_table),
		OWNERS_TEST(nobody_takes_the_service_accounts_name),
		OWNERS_TEST(clusters_are_listed),
		OWNERS_TEST(answers_are_kept_until_the_database_changes),
		OWNERS_TEST(a_locked_database_is_waited_for_then_refuses_then_is_back),
		OWNERS_TEST(a_replaced_database_counts_at_once),
		OWNERS_TEST(a_missing_cut_or_foreign_file_refuses_until_it_is_restored),
		OWNERS_TEST(a_database_that_went_when_clusters_were_listed_refuses),
		OWNERS_TEST(a_database_that_was_closed_well_can_be_read_in_a_closed_directory),
		OWNERS_TEST(a_unit_of_too_many_rows_costs_nobody_an_answer),
		OWNERS_TEST(bare_memory_is_no_permission),
		OWNERS_TEST(one_that_is_replaced_keeps_no_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
