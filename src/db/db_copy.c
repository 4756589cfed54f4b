// SPDX-License-Identifier: Apache-2.0
#include "db/db_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

#include "basic/file.h"
#include "db/db_internal.h"

enum { COPY_MODE = 0640 };

struct copy {
	sqlite3 *from, *to;
	const char *to_path;
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
static int open_both(struct copy *copy, const char *from, struct err *err)
{
	static const int writes = SQLITE_OPEN_READWRITE | SQLITE_OPEN_PRIVATECACHE |
		SQLITE_OPEN_EXRESCODE;
	static const int reads = SQLITE_OPEN_READONLY | SQLITE_OPEN_PRIVATECACHE |
		SQLITE_OPEN_EXRESCODE;
	int code;

	code = sqlite3_open_v2(from, &copy->from, reads, NULL);
	if (code != SQLITE_OK)
		return fail(from, copy->from, code, err);
	sqlite3_busy_timeout(copy->from, DB_BUSY_TIMEOUT_MS);
	code = sqlite3_open_v2(copy->to_path, &copy->to, writes, "unix-none");
	if (code == SQLITE_OK)
		code = sqlite3_exec(copy->to, "PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF",
			NULL, NULL, NULL);
	return code == SQLITE_OK ? 0 : fail(copy->to_path, copy->to, code, err);
}

static int copy_pages(
	struct copy *copy, const char *from, const struct db_copy_pace *pace, struct err *err)
{
	sqlite3_backup *backup;
	int code, r = 0;

	/* The snapshot begins with the first read. */
	code = sqlite3_exec(
		copy->from, "BEGIN; SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
	if (code != SQLITE_OK)
		return fail(from, copy->from, code, err);
	backup = sqlite3_backup_init(copy->to, "main", copy->from, "main");
	if (!backup)
		return fail(copy->to_path, copy->to, sqlite3_errcode(copy->to), err);
	while (r >= 0 && (code = sqlite3_backup_step(backup, pace->pages)) == SQLITE_OK) {
		if (pace->sleep(pace->ctx, pace->pause_ms))
			r = err_set(err, -ECANCELED, "copying '%s' was given up", from);
	}
	sqlite3_backup_finish(backup);
	if (r >= 0 && code != SQLITE_DONE)
		r = fail(from, copy->to, code, err);
	(void)sqlite3_exec(copy->from, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

static int sync_file(const char *path, struct err *err)
{
	CLEANUP(file_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return err_errno(err, -errno, "writing '%s'", path);
	return 0;
}

int db_copy(const char *from, const char *to, const struct db_copy_pace *pace, struct err *err)
{
	struct copy copy = { .to_path = to };
	int fd, r;

	fd = open(to, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, COPY_MODE);
	if (fd < 0)
		return err_errno(err, -errno, "creating '%s'", to);
	close(fd);
	r = open_both(&copy, from, err);
	if (r >= 0)
		r = copy_pages(&copy, from, pace, err);
	copy_close(&copy);
	if (r >= 0)
		r = sync_file(to, err);
	if (r < 0)
		(void)unlink(to);
	return r;
}
