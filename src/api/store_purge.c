// SPDX-License-Identifier: Apache-2.0
/* Retention (spec api-server.md 3.7): what is too old goes, a part at a time. */
#include <errno.h>
#include <time.h>

#include "api/store_internal.h"

enum { PURGE_ROWS = 2000 /* of one table in one transaction */ };

static const int64_t s_per_day = 24 * 3600;

static int purge_rows(struct store *store, size_t statement, const char *date,
	struct store_purge_result *result, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(store->writer, statement);
	size_t n;
	int r;

	stmt_bind_text(q, 1, date);
	stmt_bind_i64(q, 2, PURGE_ROWS);
	r = stmt_run(q, err);
	if (r < 0)
		return r;
	n = (size_t)db_changes(store->writer);
	result->rows += n;
	result->more |= n == PURGE_ROWS;
	return 0;
}

static int purge_periods(struct store *store, size_t statement, int64_t before_s, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(store->writer, statement);

	stmt_bind_i64(q, 1, before_s);
	return stmt_run(q, err);
}

/* Each statement is a transaction of its own. */
static int purge(struct store *store, int64_t now_s, int64_t before_s, const char *date,
	struct store_purge_result *result, struct err *err)
{
	static const int statements[] = { W_PURGE_UNITS, W_PURGE_USAGE, W_PURGE_DAILY };
	int r;

	r = store_queue_expire(
		store, (before_s - before_s % s_per_day) * 1000, &result->given_up, err);
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(statements); i++)
		r = purge_rows(store, (size_t)statements[i], date, result, err);
	if (r >= 0)
		r = purge_periods(store, W_PURGE_DAYS, before_s - s_per_day, err);
	if (r >= 0)
		r = purge_periods(store, W_PURGE_ESTIMATES, before_s, err);
	if (r >= 0)
		r = purge_periods(store, W_PURGE_QUARTERS,
			MAX(before_s, now_s - USAGE_QUARTERS_KEPT_S) - s_per_day, err);
	return r;
}

int store_purge(struct store *store, int retention_days, int64_t now_ms,
	struct store_purge_result *ret_result, struct err *err)
{
	int64_t now_s = now_ms / 1000, before_s = now_s - retention_days * s_per_day;
	struct store_purge_result result = { 0 };
	time_t before = (time_t)before_s;
	char date[32];
	struct tm tm;
	int r;

	if (!gmtime_r(&before, &tm) || !strftime(date, sizeof(date), "%Y-%m-%d", &tm))
		return err_set(err, -EINVAL, "retention of %d days", retention_days);
	store_lock_writer(store);
	r = purge(store, now_s, before_s, date, &result, err);
	store_unlock_writer(store);
	if (r >= 0)
		*ret_result = result;
	return r;
}
