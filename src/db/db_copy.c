// SPDX-License-Identifier: Apache-2.0
#include "db/db_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

#include "db/db_internal.h"

enum {
	COPY_MODE = 0640,
	/* Written at once, so that the last fsync(2), which nothing interrupts, is short. */
	SYNC_BYTES = 64 << 20,
	PAGE_BYTES = 4096, /* the usual ones */
};

struct copy {
	sqlite3 *from, *to;
	const char *from_path, *to_path;
	int fd; /* of to_path */
};

static void copy_close(struct copy *copy)
{
	sqlite3_close(copy->to);
	sqlite3_close(copy->from);
}

static int fail(const char *path, sqlite3 *handle, int code, struct err *err)
{
	return db_error(path, handle, code, err);
}

/* Nobody else knows the copy yet: no locks, which some file systems lack, and no journal. */
static int open_both(struct copy *copy, struct err *err)
{
	static const int writes = SQLITE_OPEN_READWRITE | SQLITE_OPEN_PRIVATECACHE |
		SQLITE_OPEN_EXRESCODE;
	static const int reads = SQLITE_OPEN_READONLY | SQLITE_OPEN_PRIVATECACHE |
		SQLITE_OPEN_EXRESCODE;
	int code;

	code = sqlite3_open_v2(copy->from_path, &copy->from, reads, NULL);
	if (code != SQLITE_OK)
		return fail(copy->from_path, copy->from, code, err);
	sqlite3_busy_timeout(copy->from, DB_BUSY_TIMEOUT_MS);
	code = sqlite3_open_v2(copy->to_path, &copy->to, writes, "unix-none");
	if (code == SQLITE_OK)
		code = sqlite3_exec(copy->to, "PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF",
			NULL, NULL, NULL);
	return code == SQLITE_OK ? 0 : fail(copy->to_path, copy->to, code, err);
}

/* SQLite keeps both sides' failures with the copy. */
static int fail_copying(const struct copy *copy, int code, struct err *err)
{
	static const int of_the_copy[] = { SQLITE_FULL, SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC,
		SQLITE_IOERR_TRUNCATE };
	const char *path = copy->from_path;

	for (size_t i = 0; i < ARRAY_SIZE(of_the_copy); i++)
		if (code == of_the_copy[i])
			path = copy->to_path;
	return fail(path, copy->to, code, err);
}

static int sync_copy(const struct copy *copy, struct err *err)
{
	if (fsync(copy->fd) < 0)
		return err_errno(err, -errno, "writing '%s'", copy->to_path);
	return 0;
}

static int copy_pages(struct copy *copy, const struct db_copy_pace *pace, struct err *err)
{
	sqlite3_backup *backup;
	int64_t steps = 0;
	int code, r = 0;

	/* The snapshot begins with the first read. */
	code = sqlite3_exec(
		copy->from, "BEGIN; SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
	if (code != SQLITE_OK)
		return fail(copy->from_path, copy->from, code, err);
	backup = sqlite3_backup_init(copy->to, "main", copy->from, "main");
	if (!backup)
		return fail(copy->to_path, copy->to, sqlite3_errcode(copy->to), err);
	while (r >= 0 && (code = sqlite3_backup_step(backup, pace->pages)) == SQLITE_OK) {
		if (pace->sleep(pace->ctx, pace->pause_ms))
			r = err_set(err, -ECANCELED, "copying '%s' was given up", copy->from_path);
		else if (++steps * pace->pages % (SYNC_BYTES / PAGE_BYTES) < pace->pages)
			r = sync_copy(copy, err);
	}
	sqlite3_backup_finish(backup);
	if (r >= 0 && code != SQLITE_DONE)
		r = fail_copying(copy, code, err);
	(void)sqlite3_exec(copy->from, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

int db_copy(const char *from, const char *to, const struct db_copy_pace *pace, struct err *err)
{
	struct copy copy = { .from_path = from, .to_path = to };
	int r;

	copy.fd = open(to, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, COPY_MODE);
	if (copy.fd < 0)
		return err_errno(err, -errno, "creating '%s'", to);
	r = open_both(&copy, err);
	if (r >= 0)
		r = copy_pages(&copy, pace, err);
	copy_close(&copy);
	if (r >= 0)
		r = sync_copy(&copy, err);
	close(copy.fd);
	if (r < 0)
		(void)unlink(to);
	return r;
}
