// SPDX-License-Identifier: Apache-2.0
#include "db/db_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "basic/file.h"

enum {
	STATEMENTS_MAX = 256,
	VALUE_MAX_BYTES = 64 << 20, /* of one text in the database */
	FILE_MODE = 0640,
	WATCH_STEPS = 10000, /* of a statement's program: about a thousand rows */
};

struct stmt {
	struct db *db;
	sqlite3_stmt *handle;
	int bind_error; /* SQLite's code; sticks until reset */
};

struct db {
	sqlite3 *handle;
	char *path;
	struct stmt *stmts;
	size_t n_stmts;
	bool (*watch)(void *ctx);
	void *watch_ctx;
};

static const struct {
	int code; /* SQLite's primary result code */
	int r;
	const char *help;
} errors[] = {
	{ SQLITE_FULL, -ENOSPC, "there is no space left; make room, nothing was changed" },
	{ SQLITE_READONLY, -EROFS,
		"it cannot be written; look at its owner, mode and file system" },
	{ SQLITE_IOERR, -EIO,
		"reading or writing it failed; look at the disk, nothing was changed" },
	{ SQLITE_CORRUPT, -EUCLEAN,
		"it is damaged; stop the server and restore a backup, or rescue "
		"what can be read with sqlite3's .recover command" },
	{ SQLITE_NOTADB, -EUCLEAN,
		"it is no SQLite database or its beginning is damaged; move it away "
		"or restore a backup" },
	{ SQLITE_BUSY, -EBUSY, "another program holds its lock" },
	{ SQLITE_LOCKED, -EBUSY, "another statement holds its lock" },
	{ SQLITE_CONSTRAINT, -EEXIST, NULL },
	{ SQLITE_NOMEM, -ENOMEM, NULL },
	{ SQLITE_TOOBIG, -E2BIG, NULL },
	{ SQLITE_PERM, -EACCES, NULL },
	{ SQLITE_AUTH, -EACCES, NULL },
	{ SQLITE_CANTOPEN, -ENOENT, NULL },
	{ SQLITE_INTERRUPT, -ECANCELED, NULL },
};

int db_error(const char *path, sqlite3 *handle, int code, struct err *err)
{
	const char *text = sqlite3_errmsg(handle), *help = NULL;
	int r = -EINVAL, cause = sqlite3_system_errno(handle);

	/* Bind errors don't reach the connection's message. */
	if ((sqlite3_errcode(handle) & 0xff) != (code & 0xff))
		text = sqlite3_errstr(code);
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		if (errors[i].code == (code & 0xff)) {
			r = errors[i].r;
			help = errors[i].help;
			break;
		}
	}
	if ((code & 0xff) == SQLITE_CANTOPEN && cause > 0)
		return err_errno(err, -cause, "opening the database '%s'", path);
	return err_set(
		err, r, "database '%s': %s%s%s", path, text, help ? ": " : "", help ? help : "");
}

static int fail(const struct db *db, int code, struct err *err)
{
	return db_error(db->path, db->handle, code, err);
}

/* SQLite would take the mode from the umask alone. */
static int create_file(const char *path, struct err *err)
{
	CLEANUP(file_closep)
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, FILE_MODE);

	if (fd < 0)
		return err_errno(err, -errno, "opening the database '%s'", path);
	return 0;
}

static int set_up_writer(struct db *db, struct err *err)
{
	if (sqlite3_db_readonly(db->handle, "main") != 0)
		return err_set(err, -EROFS,
			"database '%s': it cannot be written; look at its owner, mode and file system",
			db->path);
	return db_exec(db,
		"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
		"PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -32768;",
		err);
}

/* SQLite's file URI; what has a meaning there is escaped. */
static char *immutable_uri(const char *path)
{
	static const char prefix[] = "file:", suffix[] = "?immutable=1";
	char *uri = malloc(strlen(path) * 3 + sizeof(prefix) + sizeof(suffix)), *out = uri;

	if (!uri)
		return NULL;
	out = stpcpy(out, prefix);
	for (const char *p = path; *p; p++)
		out += strchr("%?#", *p) ? sprintf(out, "%%%02X", *p) : sprintf(out, "%c", *p);
	strcpy(out, suffix);
	return uri;
}

/*
 * SQLite counts what it allocates below one lock for all connections, which costs every answer some
 * per cent; nobody reads the counts.
 */
static void set_up_library(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

int db_open(const char *path, enum db_mode mode, struct db **ret_db, struct err *err)
{
	CLEANUP(db_closep) struct db *db = calloc(1, sizeof(*db));
	int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int r;

	pthread_once(&once, set_up_library);
	if (!db || !(db->path = strdup(path)))
		return err_errno(err, -ENOMEM, "opening the database '%s'", path);
	if (mode == DB_READ_WRITE) {
		r = create_file(path, err);
		if (r < 0)
			return r;
	}
	flags |= mode == DB_READ_WRITE ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
	if (mode == DB_IMMUTABLE) {
		char *uri = immutable_uri(path);

		r = uri ? sqlite3_open_v2(uri, &db->handle, flags | SQLITE_OPEN_URI, NULL)
			: SQLITE_NOMEM;
		free(uri);
		if (!db->handle)
			return err_errno(err, -ENOMEM, "opening the database '%s'", path);
	} else {
		r = sqlite3_open_v2(path, &db->handle, flags, NULL);
	}
	if (r != SQLITE_OK)
		return fail(db, r, err);
	sqlite3_busy_timeout(db->handle, DB_BUSY_TIMEOUT_MS);
	sqlite3_limit(db->handle, SQLITE_LIMIT_LENGTH, VALUE_MAX_BYTES);
	/* The file is data: its schema must not be able to run anything. */
	sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if (mode == DB_READ_WRITE) {
		r = set_up_writer(db, err);
		if (r < 0)
			return r;
	}
	*ret_db = TAKE(db);
	return 0;
}

void db_set_busy_timeout(struct db *db, int timeout_ms)
{
	sqlite3_busy_timeout(db->handle, timeout_ms);
}

void db_set_wal_autocheckpoint(struct db *db, int pages)
{
	sqlite3_wal_autocheckpoint(db->handle, pages);
}

static int watch(void *ctx)
{
	const struct db *db = ctx;

	return db->watch(db->watch_ctx);
}

void db_set_watch(struct db *db, bool (*fn)(void *ctx), void *ctx)
{
	db->watch = fn;
	db->watch_ctx = ctx;
	sqlite3_progress_handler(db->handle, WATCH_STEPS, fn ? watch : NULL, db);
}

void db_close(struct db *db)
{
	if (!db)
		return;
	for (size_t i = 0; i < db->n_stmts; i++)
		sqlite3_finalize(db->stmts[i].handle);
	free(db->stmts);
	sqlite3_close_v2(db->handle);
	free(db->path);
	free(db);
}

int64_t db_release_cache(struct db *db)
{
	int before = 0, highest;

	(void)sqlite3_db_status(db->handle, SQLITE_DBSTATUS_CACHE_USED, &before, &highest, 0);
	(void)sqlite3_db_release_memory(db->handle);
	return before;
}

int db_exec(struct db *db, const char *sql, struct err *err)
{
	int code = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? 0 : fail(db, code, err);
}

int db_prepare(struct db *db, const char *const *sql, size_t n, struct err *err)
{
	assert(!db->stmts && n <= STATEMENTS_MAX);
	db->stmts = calloc(n, sizeof(*db->stmts));
	if (!db->stmts)
		return err_errno(err, -ENOMEM, "preparing statements for '%s'", db->path);
	db->n_stmts = n;
	for (size_t i = 0; i < n; i++) {
		int code = sqlite3_prepare_v3(db->handle, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
			&db->stmts[i].handle, NULL);

		db->stmts[i].db = db;
		if (code != SQLITE_OK)
			return fail(db, code, err);
	}
	return 0;
}

struct stmt *db_stmt(struct db *db, size_t index)
{
	assert(index < db->n_stmts);
	stmt_reset(&db->stmts[index]);
	return &db->stmts[index];
}

void stmt_reset(struct stmt *q)
{
	if (!q)
		return;
	/* Its result repeats the last step's, which was reported then. */
	(void)sqlite3_reset(q->handle);
	sqlite3_clear_bindings(q->handle);
	q->bind_error = SQLITE_OK;
}

static void bound(struct stmt *q, int code)
{
	if (q->bind_error == SQLITE_OK)
		q->bind_error = code;
}

void stmt_bind_text(struct stmt *q, int index, const char *text)
{
	bound(q, sqlite3_bind_text(q->handle, index, text, -1, SQLITE_TRANSIENT));
}

void stmt_bind_slice(struct stmt *q, int index, struct slice text)
{
	bound(q,
		sqlite3_bind_text64(
			q->handle, index, text.p, text.n, SQLITE_TRANSIENT, SQLITE_UTF8));
}

void stmt_bind_i64(struct stmt *q, int index, int64_t value)
{
	bound(q, sqlite3_bind_int64(q->handle, index, value));
}

void stmt_bind_double(struct stmt *q, int index, double value)
{
	bound(q, sqlite3_bind_double(q->handle, index, value));
}

bool stmt_has_parameter(struct stmt *q, int index)
{
	char name[16];

	snprintf(name, sizeof(name), "?%d", index);
	return sqlite3_bind_parameter_index(q->handle, name) == index;
}

int stmt_step(struct stmt *q, struct err *err)
{
	int code = q->bind_error;

	if (code == SQLITE_OK)
		code = sqlite3_step(q->handle);
	if (code == SQLITE_ROW)
		return 1;
	return code == SQLITE_DONE ? 0 : fail(q->db, code, err);
}

int stmt_run(struct stmt *q, struct err *err)
{
	int r = stmt_step(q, err);

	assert(r <= 0);
	return r;
}

const char *stmt_text(struct stmt *q, int column)
{
	return (const char *)sqlite3_column_text(q->handle, column);
}

struct slice stmt_slice(struct stmt *q, int column)
{
	const char *text = stmt_text(q, column);

	return (struct slice){ text, text ? (size_t)sqlite3_column_bytes(q->handle, column) : 0 };
}

struct slice stmt_bytes(struct stmt *q, int column)
{
	/* First, as it makes UTF-8 of what isn't yet. */
	int n = sqlite3_column_bytes(q->handle, column);

	return (struct slice){ sqlite3_column_blob(q->handle, column), (size_t)n };
}

int64_t stmt_i64(struct stmt *q, int column)
{
	return sqlite3_column_int64(q->handle, column);
}

double stmt_double(struct stmt *q, int column)
{
	return sqlite3_column_double(q->handle, column);
}

int db_query_i64(struct db *db, const char *sql, int64_t *ret_value, struct err *err)
{
	struct stmt q = { .db = db };
	int r = sqlite3_prepare_v2(db->handle, sql, -1, &q.handle, NULL);

	r = r == SQLITE_OK ? stmt_step(&q, err) : fail(db, r, err);
	if (r == 1)
		*ret_value = stmt_i64(&q, 0);
	sqlite3_finalize(q.handle);
	if (r == 0)
		return err_set(err, -ENODATA, "database '%s': no row", db->path);
	return r < 0 ? r : 0;
}

int64_t db_changes(struct db *db)
{
	return sqlite3_changes64(db->handle);
}

int64_t db_last_id(struct db *db)
{
	return sqlite3_last_insert_rowid(db->handle);
}

int db_begin(struct db *db, struct err *err)
{
	return db_exec(db, "BEGIN IMMEDIATE", err);
}

int db_begin_read(struct db *db, struct err *err)
{
	return db_exec(db, "BEGIN", err);
}

int db_commit(struct db *db, struct err *err)
{
	int r = db_exec(db, "COMMIT", err);

	if (r < 0)
		db_rollback(db);
	return r;
}

void db_rollback(struct db *db)
{
	/* After some errors SQLite has rolled back on its own. */
	if (!sqlite3_get_autocommit(db->handle))
		(void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}
