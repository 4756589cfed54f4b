// SPDX-License-Identifier: Apache-2.0
#include "db/db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/file.h"
#include "db/migrate.h"
#include "unit_test.h"

static char dir[64], path[96];
static struct err err;

static int setup(void **state)
{
	strcpy(dir, "/tmp/ceems-db-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/x.db", dir);
	err = (struct err){ 0 };
	return 0;
}

static int teardown(void **state)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		char name[128];

		snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
		(void)unlink(name);
	}
	assert_int_equal(rmdir(dir), 0);
	return 0;
}

static struct db *open_db(void)
{
	struct db *db = NULL;

	if (db_open(path, DB_READ_WRITE, &db, &err) < 0)
		fail_msg("%s", err.text);
	return db;
}

static void write_file(const char *data, size_t len)
{
	assert_int_equal(file_replace(path, 0640, data, len, NULL), 0);
}

static void a_new_file_is_private_and_in_wal_mode(void **state)
{
	CLEANUP(db_closep) struct db *db = open_db();
	struct stat st;
	int64_t value;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(db_query_i64(db, "PRAGMA synchronous", &value, &err), 0);
	assert_int_equal(value, 2);
	assert_int_equal(db_query_i64(db, "SELECT journal_mode = 'wal' FROM pragma_journal_mode",
				 &value, &err),
		0);
	assert_int_equal(value, 1);
}

static void parameters_and_columns_come_back(void **state)
{
	static const char *const sql[] = { "SELECT ?1, ?2, ?3, ?4" };
	CLEANUP(db_closep) struct db *db = open_db();
	CLEANUP(stmt_resetp) struct stmt *q = NULL;

	assert_int_equal(db_prepare(db, sql, 1, &err), 0);
	q = db_stmt(db, 0);
	stmt_bind_text(q, 1, "it's; DROP TABLE x --");
	stmt_bind_slice(q, 2, (struct slice){ "a\0b", 3 });
	stmt_bind_i64(q, 3, INT64_MIN);
	assert_int_equal(stmt_step(q, &err), 1);
	assert_string_equal(stmt_text(q, 0), "it's; DROP TABLE x --");
	assert_int_equal(stmt_slice(q, 1).n, 3);
	assert_true(stmt_i64(q, 2) == INT64_MIN);
	assert_null(stmt_text(q, 3));
	assert_null(stmt_slice(q, 3).p);
	assert_int_equal(stmt_step(q, &err), 0);
	assert_true(stmt_has_parameter(q, 4));
	assert_false(stmt_has_parameter(q, 5));
}

static void bytes_are_utf8_whatever_the_column_and_the_file_hold(void **state)
{
	static const char *const sql[] = { "SELECT t, 42, NULL, '' FROM x" };
	char command[256];
	struct slice text;

	snprintf(command, sizeof(command),
		"sqlite3 %s \"PRAGMA encoding = 'UTF-16le'; CREATE TABLE x (t TEXT); "
		"INSERT INTO x VALUES ('caf\xc3\xa9')\"",
		path);
	assert_int_equal(system(command), 0);
	CLEANUP(db_closep) struct db *db = open_db();
	assert_int_equal(db_prepare(db, sql, 1, &err), 0);
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(db, 0);
	assert_int_equal(stmt_step(q, &err), 1);
	text = stmt_bytes(q, 0);
	assert_int_equal(text.n, 5);
	assert_memory_equal(text.p, "caf\xc3\xa9", 5);
	assert_true(slice_eq(stmt_bytes(q, 1), "42"));
	assert_null(stmt_bytes(q, 2).p);
	assert_int_equal(stmt_bytes(q, 2).n, 0);
	assert_int_equal(stmt_bytes(q, 3).n, 0);
}

static void a_failed_bind_comes_out_of_the_step(void **state)
{
	static const char *const sql[] = { "SELECT ?1" };
	CLEANUP(db_closep) struct db *db = open_db();
	struct stmt *q;

	assert_int_equal(db_prepare(db, sql, 1, &err), 0);
	q = db_stmt(db, 0);
	stmt_bind_i64(q, 7, 1);
	assert_int_equal(stmt_step(q, &err), -EINVAL);
	assert_non_null(strstr(err.text, "out of range"));
	q = db_stmt(db, 0);
	stmt_bind_i64(q, 1, 1);
	assert_int_equal(stmt_step(q, &err), 1);
	stmt_reset(q);
}

static void wrong_sql_fails_when_it_is_prepared(void **state)
{
	static const char *const sql[] = { "SELECT 1", "SELECT x FROM nowhere" };
	CLEANUP(db_closep) struct db *db = open_db();

	assert_int_equal(db_prepare(db, sql, 2, &err), -EINVAL);
	assert_non_null(strstr(err.text, "nowhere"));
}

static void a_missing_file_is_not_made_for_reading(void **state)
{
	struct db *db = NULL;

	assert_int_equal(db_open(path, DB_READ_ONLY, &db, &err), -ENOENT);
	assert_non_null(strstr(err.text, path));
	assert_int_equal(access(path, F_OK), -1);
	assert_null(db);
}

static void a_missing_directory_is_named(void **state)
{
	struct db *db = NULL;

	assert_int_equal(db_open("/nonexistent/x.db", DB_READ_WRITE, &db, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nonexistent/x.db"));
}

static void garbage_is_told_from_a_database(void **state)
{
	char garbage[8192];
	struct db *db = NULL;

	memset(garbage, 'x', sizeof(garbage));
	write_file(garbage, sizeof(garbage));
	assert_int_equal(db_open(path, DB_READ_WRITE, &db, &err), -EUCLEAN);
	assert_non_null(strstr(err.text, "restore a backup"));
}

static void a_truncated_file_is_told_as_damaged(void **state)
{
	struct db *db = open_db();
	struct stat st;
	int r;

	assert_int_equal(
		db_exec(db, "CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(50000))", &err), 0);
	db_close(db);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size / 2), 0);
	db = NULL;
	r = db_open(path, DB_READ_WRITE, &db, &err);
	if (r >= 0)
		r = db_exec(db, "SELECT length(x) + 0, x FROM t", &err);
	assert_int_equal(r, -EUCLEAN);
	assert_non_null(strstr(err.text, ".recover"));
	db_close(db);
}

static void a_full_database_changes_nothing_and_recovers(void **state)
{
	CLEANUP(db_closep) struct db *db = open_db();
	int64_t n;

	assert_int_equal(db_exec(db, "CREATE TABLE t (x); PRAGMA max_page_count = 8", &err), 0);
	assert_int_equal(db_begin(db, &err), 0);
	assert_int_equal(db_exec(db, "INSERT INTO t VALUES (1)", &err), 0);
	assert_int_equal(db_exec(db, "INSERT INTO t VALUES (zeroblob(100000))", &err), -ENOSPC);
	assert_non_null(strstr(err.text, "make room"));
	db_rollback(db);
	db_rollback(db);
	assert_int_equal(db_query_i64(db, "SELECT count(*) FROM t", &n, &err), 0);
	assert_int_equal(n, 0);
	assert_int_equal(db_exec(db, "PRAGMA max_page_count = 1000", &err), 0);
	assert_int_equal(db_begin(db, &err), 0);
	assert_int_equal(db_exec(db, "INSERT INTO t VALUES (zeroblob(100000))", &err), 0);
	assert_int_equal(db_commit(db, &err), 0);
}

/* As another user, since root may write everything. */
static void a_file_that_cannot_be_written_is_refused(void **state)
{
	int status;
	pid_t pid;

	db_close(open_db());
	assert_int_equal(chmod(path, 0444), 0);
	assert_int_equal(chmod(dir, 0555), 0);
	pid = fork();
	if (pid == 0) {
		struct db *db = NULL;
		int r;

		if (getuid() == 0 && setuid(65534) < 0)
			_exit(9);
		r = db_open(path, DB_READ_WRITE, &db, &err);
		_exit(r == -EACCES || r == -EROFS ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(chmod(dir, 0755), 0);
	assert_int_equal(status, 0);
}

static void constraints_have_a_code_of_their_own(void **state)
{
	CLEANUP(db_closep) struct db *db = open_db();

	assert_int_equal(
		db_exec(db, "CREATE TABLE t (x UNIQUE); INSERT INTO t VALUES (1)", &err), 0);
	assert_int_equal(db_exec(db, "INSERT INTO t VALUES (1)", &err), -EEXIST);
}

static void a_query_without_a_row_says_so(void **state)
{
	CLEANUP(db_closep) struct db *db = open_db();
	int64_t value = 7;

	assert_int_equal(db_query_i64(db, "SELECT 1 WHERE 0", &value, &err), -ENODATA);
	assert_int_equal(db_query_i64(db, "SELEC", &value, &err), -EINVAL);
	assert_int_equal(value, 7);
}

static const struct migration steps[] = {
	{ 1, "first", "CREATE TABLE a (x)" },
	{ 2, "second", "CREATE TABLE b (x)" },
	{ 3, "third", "CREATE TABLE c (x); INSERT INTO a VALUES (1)" },
};

static int64_t query(struct db *db, const char *sql)
{
	int64_t value;

	if (db_query_i64(db, sql, &value, &err) < 0)
		fail_msg("%s", err.text);
	return value;
}

static void migrations_run_once_and_in_order(void **state)
{
	CLEANUP(db_closep) struct db *db = open_db();

	assert_int_equal(db_migrate(db, steps, 2, &err), 0);
	assert_int_equal(query(db, "SELECT version FROM schema_migrations"), 2);
	assert_int_equal(db_migrate(db, steps, 3, &err), 0);
	assert_int_equal(db_migrate(db, steps, 3, &err), 0);
	assert_int_equal(query(db, "SELECT version FROM schema_migrations"), 3);
	assert_int_equal(query(db, "SELECT count(*) FROM schema_migrations"), 1);
	assert_int_equal(query(db, "SELECT dirty FROM schema_migrations"), 0);
	assert_int_equal(query(db, "SELECT count(*) FROM a"), 1);
}

static void a_failed_migration_changes_nothing_and_can_be_tried_again(void **state)
{
	CLEANUP(db_closep) struct db *db = open_db();

	assert_int_equal(db_migrate(db, steps, 2, &err), 0);
	assert_int_equal(db_exec(db, "DROP TABLE a", &err), 0);
	assert_int_equal(db_migrate(db, steps, 3, &err), -EINVAL);
	assert_non_null(strstr(err.text, "migration 3 (third)"));
	assert_int_equal(query(db, "SELECT version FROM schema_migrations"), 2);
	assert_int_equal(query(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'c'"), 0);
	assert_int_equal(db_exec(db, "CREATE TABLE a (x)", &err), 0);
	assert_int_equal(db_migrate(db, steps, 3, &err), 0);
}

static void newer_and_dirty_schemas_are_refused(void **state)
{
	CLEANUP(db_closep) struct db *db = open_db();

	assert_int_equal(db_migrate(db, steps, 3, &err), 0);
	assert_int_equal(db_migrate(db, steps, 2, &err), -ENOTSUP);
	assert_non_null(strstr(err.text, "newer program"));
	assert_int_equal(db_exec(db, "UPDATE schema_migrations SET dirty = 1", &err), 0);
	assert_int_equal(db_migrate(db, steps, 3, &err), -EUCLEAN);
	assert_non_null(strstr(err.text, "version = 2, dirty = 0"));
}

int main(void)
{
#define DB_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		DB_TEST(a_new_file_is_private_and_in_wal_mode),
		DB_TEST(parameters_and_columns_come_back),
		DB_TEST(bytes_are_utf8_whatever_the_column_and_the_file_hold),
		DB_TEST(a_failed_bind_comes_out_of_the_step),
		DB_TEST(wrong_sql_fails_when_it_is_prepared),
		DB_TEST(a_missing_file_is_not_made_for_reading),
		DB_TEST(a_missing_directory_is_named),
		DB_TEST(garbage_is_told_from_a_database),
		DB_TEST(a_truncated_file_is_told_as_damaged),
		DB_TEST(a_full_database_changes_nothing_and_recovers),
		DB_TEST(a_file_that_cannot_be_written_is_refused),
		DB_TEST(constraints_have_a_code_of_their_own),
		DB_TEST(a_query_without_a_row_says_so),
		DB_TEST(migrations_run_once_and_in_order),
		DB_TEST(a_failed_migration_changes_nothing_and_can_be_tried_again),
		DB_TEST(newer_and_dirty_schemas_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
