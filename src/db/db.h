// SPDX-License-Identifier: Apache-2.0
/*
 * A thin layer over SQLite: connections with a table of statements that are all prepared when the
 * connection opens, errors as -errno with a sentence. A connection is used by one thread at a time.
 *
 * Error codes: -ENOSPC (disk or page limit full), -EROFS, -EIO, -EBUSY (locked for longer than the
 * busy time-out), -EUCLEAN (the file is no database or is damaged), -EEXIST (a constraint),
 * -ENOMEM, -E2BIG, -EACCES, -ENOENT, -ECANCELED (db_set_watch()), -EINVAL (wrong SQL).
 */
#ifndef CEEMS_DB_DB_H
#define CEEMS_DB_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/err.h"
#include "basic/macros.h"
#include "basic/str.h"

struct db;
struct stmt; /* belongs to its connection */

enum { DB_BUSY_TIMEOUT_MS = 5000 };

enum db_mode {
	DB_READ_ONLY, /* the file must exist */
	DB_READ_WRITE, /* created (mode 0640) if it doesn't; WAL, every commit is synced */
	/*
	 * A file that nobody writes meanwhile, which is the caller's to see to: no locks, no files
	 * beside it. For a database in WAL mode that was closed well, in a directory where this
	 * process may not create the files that SQLite wants for reading it.
	 */
	DB_IMMUTABLE,
};

int db_open(const char *path, enum db_mode mode, struct db **ret_db, struct err *err);
/* How long a lock is waited for: DB_BUSY_TIMEOUT_MS if it isn't set. */
void db_set_busy_timeout(struct db *db, int timeout_ms);
/* After how many pages of the WAL a commit writes them to the database, as far as readers let it.
 */
void db_set_wal_autocheckpoint(struct db *db, int pages);
/*
 * Calls fn now and then while a statement goes through many rows, in the statement's thread. true
 * ends the statement with -ECANCELED. fn may not use the connection; NULL: nobody is called.
 */
void db_set_watch(struct db *db, bool (*fn)(void *ctx), void *ctx);
void db_close(struct db *db);
DEFINE_CLEANUP(struct db *, db_close);

/* Gives back the memory of pages that were read; returns how many bytes there were of them. */
int64_t db_release_cache(struct db *db);

/* Runs statements without parameters or results. */
int db_exec(struct db *db, const char *sql, struct err *err);

/* Prepares statements 0 to n - 1, once per connection. The texts are borrowed. */
int db_prepare(struct db *db, const char *const *sql, size_t n, struct err *err);

/* A prepared statement, reset and without bindings. Give it back with stmt_reset(). */
struct stmt *db_stmt(struct db *db, size_t index);
void stmt_reset(struct stmt *q);
DEFINE_CLEANUP(struct stmt *, stmt_reset);

/*
 * Parameters count from 1 and are copied; text may be NULL. A failure to bind sticks and comes out
 * of stmt_step().
 */
void stmt_bind_text(struct stmt *q, int index, const char *text);
void stmt_bind_slice(struct stmt *q, int index, struct slice text);
void stmt_bind_i64(struct stmt *q, int index, int64_t value);
void stmt_bind_double(struct stmt *q, int index, double value); /* NaN becomes NULL */

/* Whether the statement has this parameter (?N). */
bool stmt_has_parameter(struct stmt *q, int index);

/* 1: a row is there. 0: the end. */
int stmt_step(struct stmt *q, struct err *err);
/* Steps once, expecting no row. */
int stmt_run(struct stmt *q, struct err *err);

/* Columns count from 0; texts live until the next step. NULL reads as NULL, 0. */
const char *stmt_text(struct stmt *q, int column);
struct slice stmt_slice(struct stmt *q, int column); /* p is NULL for NULL */
/* The same text without a copy of it: no NUL stands behind it, and p may be NULL for "", too. */
struct slice stmt_bytes(struct stmt *q, int column);
int64_t stmt_i64(struct stmt *q, int column);
double stmt_double(struct stmt *q, int column);

/* One integer of one row; no row is -ENODATA. */
int db_query_i64(struct db *db, const char *sql, int64_t *ret_value, struct err *err);

int64_t db_changes(struct db *db); /* rows of the last statement */
int64_t db_last_id(struct db *db); /* id of the row that was inserted last */

/* Transactions. db_rollback() is quiet and may be called when none is open. */
int db_begin(struct db *db, struct err *err); /* takes the write lock at once */
int db_begin_read(struct db *db, struct err *err); /* a snapshot */
int db_commit(struct db *db, struct err *err); /* rolls back when it fails */
void db_rollback(struct db *db);

#endif
