// SPDX-License-Identifier: Apache-2.0
#include "db/db_check.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "db/db_internal.h"

enum { PROGRESS_STEPS = 1000 };

struct db_check {
	sqlite3 *handle;
	char *path;
	atomic_bool cancelled;
};

static int is_cancelled(void *ctx)
{
	return atomic_load(&((struct db_check *)ctx)->cancelled);
}

int db_check_open(const char *path, struct db_check **ret_check, struct err *err)
{
	static const int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_PRIVATECACHE |
		SQLITE_OPEN_EXRESCODE;
	struct db_check *check = calloc(1, sizeof(*check));
	int r;

	if (check)
		check->path = strdup(path);
	if (!check || !check->path) {
		db_check_close(check);
		return err_errno(err, -ENOMEM, "checking the database '%s'", path);
	}
	r = sqlite3_open_v2(path, &check->handle, flags, NULL);
	if (r != SQLITE_OK) {
		r = db_error(path, check->handle, r, err);
		db_check_close(check);
		return r;
	}
	sqlite3_busy_timeout(check->handle, DB_BUSY_TIMEOUT_MS);
	sqlite3_progress_handler(check->handle, PROGRESS_STEPS, is_cancelled, check);
	*ret_check = check;
	return 0;
}

int db_check_run(struct db_check *check, struct err *err)
{
	sqlite3_stmt *q = NULL;
	int code, r = 0;

	code = sqlite3_prepare_v2(check->handle, "PRAGMA quick_check(1)", -1, &q, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_step(q);
	/* An interrupted check tells of no damage, or of an imagined one. */
	if (is_cancelled(check)) {
		r = err_set(err, -ECANCELED, "checking '%s' was given up", check->path);
	} else if (code == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(q, 0);

		if (!text || strcmp(text, "ok") != 0)
			r = err_set(err, -EUCLEAN,
				"database '%s': it is damaged; stop the server and restore a backup, or "
				"rescue what can be read with sqlite3's .recover command: %s",
				check->path, text ? text : "");
	} else if (code != SQLITE_DONE) {
		r = db_error(check->path, check->handle, code, err);
	}
	sqlite3_finalize(q);
	return r;
}

void db_check_cancel(struct db_check *check)
{
	atomic_store(&check->cancelled, true);
	sqlite3_interrupt(check->handle);
}

void db_check_close(struct db_check *check)
{
	if (!check)
		return;
	sqlite3_close(check->handle);
	free(check->path);
	free(check);
}
