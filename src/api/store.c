// SPDX-License-Identifier: Apache-2.0
#include "api/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "basic/clock.h"
#include "format/json_writer.h"

/* For files beside the database that another program has to let go. */
enum { OPEN_PATIENCE_MS = 5000, OPEN_PAUSE_MS = 50 };

enum { TRIM_BYTES = 4 << 20 }; /* free memory from which on it is returned to the system */

void store_label(const struct store *store, int64_t unix_ms, char text[static TIME_TEXT_MAX])
{
	time_format_ldt(store->zone, unix_ms, text);
}

void store_add_failed(struct store_step_result *result, size_t n, const struct err *first_failure)
{
	if (n && !result->first_failure.code)
		result->first_failure = *first_failure;
	result->failed += n;
}

void store_json_list(struct buffer *out, const struct strings *list)
{
	struct json_writer w = json_writer(out);

	json_writer_open_array(&w);
	for (size_t i = 0; i < list->n; i++)
		json_writer_string(&w, list->v[i]);
	json_writer_close_array(&w);
}

int store_fill_members(struct store *store, struct err *err)
{
	static const int statements[] = { W_FILL_MEMBERS, W_CLEAR_CHANGED };
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(statements); i++) {
		CLEANUP(stmt_resetp)
		struct stmt *q = db_stmt(store->writer, (size_t)statements[i]);

		r = stmt_run(q, err);
	}
	return r;
}

static int open_writer(
	struct store *store, const char *path, const struct store_watch *watch, struct err *err)
{
	int r = db_open(path, DB_READ_WRITE, &store->writer, err);

	return r < 0 ? r : store_upgrade(store, watch, err);
}

static int open_readers(struct store *store, const char *path, struct err *err)
{
	for (size_t i = 0; i < STORE_READERS; i++) {
		int r = db_open(path, DB_READ_ONLY, &store->readers[i], err);

		if (r >= 0)
			r = db_prepare(
				store->readers[i], store_reader_sql, N_READER_STATEMENTS, err);
		if (r < 0)
			return r;
		store->n_free++;
	}
	return 0;
}

static void close_all(struct store *store)
{
	/* Readers first: the last connection to close takes the WAL file along, if it may write. */
	for (size_t i = 0; i < STORE_READERS; i++) {
		db_close(store->readers[i]);
		store->readers[i] = NULL;
	}
	store->n_free = 0;
	db_close(store->writer);
	store->writer = NULL;
}

/* Whether the process may do this; ENOENT is no refusal. */
static bool may_access(const char *path, int mode)
{
	return faccessat(AT_FDCWD, path, mode, AT_EACCESS) == 0 || errno == ENOENT;
}

/* Says which of the files beside the database keeps it from being opened, if one does. */
static int explain(const char *path, int r, struct err *err)
{
	static const char *const suffixes[] = { "-wal", "-shm" };
	char name[PATH_MAX];
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		int n = snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);

		if (n < 0 || n >= (int)sizeof(name) || may_access(name, R_OK | W_OK) ||
			stat(name, &st) < 0)
			continue;
		return err_set(err, -EACCES,
			"database '%s': uid %u may not write '%s', which belongs to uid %u: end the "
			"program that made it (sqlite3, say), or give the file to the owner of the "
			"database; don't remove it while it isn't empty",
			path, (unsigned)geteuid(), name, (unsigned)st.st_uid);
	}
	return r;
}

/*
 * When root opens the database with another program, SQLite makes the files beside it as root's and
 * then gives them to the database's owner, or removes them at the end. In between this process
 * can't open them, or only for reading. That passes.
 */
static bool may_pass(const char *data_dir, const char *path, int r)
{
	return (r == -EROFS || r == -EACCES || r == -ENOENT) && may_access(data_dir, W_OK | X_OK) &&
		may_access(path, R_OK | W_OK);
}

/* Minutes may pass until something is written again, for which the same pages are of little use. */
static void give_back_pages(struct store *store)
{
	if (db_release_cache(store->writer) > TRIM_BYTES)
		(void)malloc_trim(0);
}

static int open_all(struct store *store, const char *data_dir, const char *path,
	const struct store_watch *watch, struct err *err)
{
	const struct timespec pause = { .tv_nsec = OPEN_PAUSE_MS * 1000000L };
	int64_t until_ns = clock_monotonic_ns(clock_system()) + OPEN_PATIENCE_MS * 1000000L;
	int r;

	for (;;) {
		r = open_writer(store, path, watch, err);
		if (r >= 0)
			r = open_readers(store, path, err);
		if (r >= 0 || !may_pass(data_dir, path, r))
			return r;
		if (clock_monotonic_ns(clock_system()) >= until_ns)
			return explain(path, r, err);
		close_all(store);
		nanosleep(&pause, NULL);
	}
}

int store_open_watched(const char *data_dir, const struct timezone_ *zone,
	const struct store_watch *watch, struct store **ret_store, struct err *err)
{
	CLEANUP(store_closep) struct store *store = calloc(1, sizeof(*store));
	char path[PATH_MAX];
	int n, r;

	if (!store)
		return err_errno(err, -ENOMEM, "opening the store");
	n = snprintf(path, sizeof(path), "%s/ceems.db", data_dir);
	if (n < 0 || (size_t)n >= sizeof(path))
		return err_errno(err, -ENAMETOOLONG, "opening the store in '%s'", data_dir);
	store->zone = zone;
	pthread_mutex_init(&store->write_lock, NULL);
	pthread_mutex_init(&store->read_lock, NULL);
	pthread_cond_init(&store->reader_free, NULL);
	store->locks_made = true;
	r = open_all(store, data_dir, path, watch, err);
	if (r < 0)
		return r;
	give_back_pages(store);
	*ret_store = TAKE(store);
	return 0;
}

int store_open(const char *data_dir, const struct timezone_ *zone, struct store **ret_store,
	struct err *err)
{
	return store_open_watched(data_dir, zone, NULL, ret_store, err);
}

void store_set_wal_autocheckpoint(struct store *store, int pages)
{
	db_set_wal_autocheckpoint(store->writer, pages);
}

void store_close(struct store *store)
{
	if (!store)
		return;
	close_all(store);
	if (store->locks_made) {
		pthread_cond_destroy(&store->reader_free);
		pthread_mutex_destroy(&store->read_lock);
		pthread_mutex_destroy(&store->write_lock);
	}
	free(store);
}

struct db *store_take_reader(struct store *store)
{
	struct db *db;

	pthread_mutex_lock(&store->read_lock);
	while (!store->n_free)
		pthread_cond_wait(&store->reader_free, &store->read_lock);
	db = store->readers[--store->n_free];
	pthread_mutex_unlock(&store->read_lock);
	return db;
}

void store_return_reader(struct store *store, struct db *db)
{
	pthread_mutex_lock(&store->read_lock);
	store->readers[store->n_free++] = db;
	pthread_cond_signal(&store->reader_free);
	pthread_mutex_unlock(&store->read_lock);
}

int store_ping(struct store *store)
{
	struct db *db = store_take_reader(store);
	struct stmt *q = db_stmt(db, R_PING);
	int r = stmt_step(q, NULL);

	stmt_reset(q);
	store_return_reader(store, db);
	return r < 0 ? r : 0;
}

void store_lock_writer(struct store *store)
{
	pthread_mutex_lock(&store->write_lock);
}

void store_unlock_writer(struct store *store)
{
	give_back_pages(store);
	pthread_mutex_unlock(&store->write_lock);
}

int store_watermark(struct store *store, const char *cluster_id, int64_t *ret_ms, struct err *err)
{
	struct stmt *q;
	int r;

	store_lock_writer(store);
	q = db_stmt(store->writer, W_WATERMARK);
	stmt_bind_text(q, 1, cluster_id);
	r = stmt_step(q, err);
	if (r >= 0)
		*ret_ms = r ? stmt_i64(q, 0) : 0;
	stmt_reset(q);
	store_unlock_writer(store);
	return r < 0 ? r : 0;
}
