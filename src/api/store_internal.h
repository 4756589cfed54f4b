// SPDX-License-Identifier: Apache-2.0
/* What the files of the store share. Nobody else includes this. */
#ifndef CEEMS_API_STORE_INTERNAL_H
#define CEEMS_API_STORE_INTERNAL_H

#include <pthread.h>

#include "api/store.h"
#include "db/db.h"

/* Statements of the writing connection. */
enum {
	W_WATERMARK,
	W_SET_WATERMARK,
	W_LATEST_LABELS,
	W_ADOPT_WATERMARKS,
	W_PURGE_UNITS,
	W_PURGE_USAGE,
	W_PURGE_DAILY,
	W_PURGE_DAYS,
	W_PURGE_QUARTERS,
	W_UNIT,
	W_INSERT_UNIT,
	W_UPDATE_UNIT,
	W_BEGIN_UNIT,
	W_DELETE_UNIT,
	W_USAGE,
	W_INSERT_USAGE,
	W_UPDATE_USAGE,
	W_DAILY,
	W_INSERT_DAILY,
	W_UPDATE_DAILY,
	W_ACCOUNT,
	W_DAY,
	W_PUT_DAY,
	W_QUARTER,
	W_PUT_QUARTER,
	W_PUT_USER,
	W_PUT_PROJECT,
	W_REVOKE_USERS,
	W_REVOKE_PROJECTS,
	W_FILL_MEMBERS,
	W_CLEAR_CHANGED,
	W_PUT_ADMIN,
	W_DELETE_ADMINS,
	W_QUEUE_WINDOW,
	W_QUEUE_LANE,
	W_QUEUE_UNIT,
	W_QUEUE_DELAY,
	W_QUEUE_DONE,
	W_QUEUE_SWEEP_UNITS,
	W_QUEUE_SWEEP_WINDOW,
	W_MISSING,
	W_ADD_MISSING,
	W_SWEEP_MISSING,
	W_UNIT_BY_ID,
	W_UNIT_METRICS,
	W_USAGE_METRICS,
	W_DAILY_METRICS,
	W_EXPIRE_QUEUE,
	W_EXPIRE_UNITS,
	W_EXPIRE_WINDOWS,
	W_CLEAR_MISSING,
	W_COUNT_MISSING,
	W_ADD_BACKFILL,
	W_ADD_ESTIMATES,
	W_ESTIMATE,
	W_NEXT_BACKFILL,
	W_ADVANCE_BACKFILL,
	W_BACKFILLS_OF_UNIT,
	W_BACKFILL_UNITS,
	W_BACKFILL_UNIT,
	W_IS_BACKFILLED,
	W_SET_BACKFILLED,
	W_SWEEP_BACKFILLED,
	W_PURGE_ESTIMATES,
	N_WRITER_STATEMENTS,
};

/* Statements of the reading connections. */
enum {
	R_PING,
	R_WATERMARKS,
	R_BACKLOGS,
	R_QUEUE_OLDEST,
	R_QUEUE_NEWEST,
	R_QUEUE_AT,
	R_QUEUE_LOAD,
	R_QUEUE_LANES,
	R_QUEUE_STATE,
	R_ESTIMATES,
	R_IS_ADMIN,
	R_OWNS_UNITS,
	R_FIND_UNITS_BY_UUID,
	R_FIND_UNITS_OF_USERS,
	R_FIND_UNITS_OF_ALL,
	R_UNIT,
	R_RUNNING_UNITS,
	R_OWNERS,
	R_USAGE_OF_MEMBER,
	R_USAGE_OF_ALL,
	R_UNIT_SOURCES_OF_MEMBER,
	R_UNIT_SOURCES_OF_ALL,
	R_DAILY_SOURCES_OF_MEMBER,
	R_DAILY_SOURCES_OF_ALL,
	R_SHARES_OF_MEMBER,
	R_SHARES_OF_ALL,
	R_USERS_OF_CALLER,
	R_USERS,
	R_ADMINS,
	R_PROJECTS,
	R_CLUSTERS,
	R_STATS_ALL,
	R_STATS_CURRENT,
	N_READER_STATEMENTS,
};

extern const char *const store_writer_sql[N_WRITER_STATEMENTS];
/* Indexes of ours on tables of CEEMS 0.10.2, and what became of older ones; idempotent. */
extern const char *const store_index_sql[];
extern const size_t store_index_sql_count;
extern const char *const store_reader_sql[N_READER_STATEMENTS];

/* Columns of W_UNIT, W_USAGE and W_DAILY: the row's id, then the metrics. */
enum { OLD_ID, OLD_METRICS };

enum { STORE_READERS = 4 };

struct store {
	const struct timezone_ *zone;
	pthread_mutex_t write_lock;
	struct db *writer; /* under write_lock */
	bool backfills; /* there is one that has not ended; under write_lock */
	pthread_mutex_t read_lock;
	pthread_cond_t reader_free;
	struct db *readers[STORE_READERS]; /* free ones are the first n_free, under read_lock */
	size_t n_free;
	bool locks_made;
};

/* The writing connection is its holder's until it is unlocked. */
void store_lock_writer(struct store *store);
void store_unlock_writer(struct store *store);

/* Brings a file up to date that the writer has just opened. watch: NULL, or as for store_open(). */
int store_upgrade(struct store *store, const struct store_watch *watch, struct err *err);

/* A reading connection, waiting for a free one. Give it back. */
struct db *store_take_reader(struct store *store);
void store_return_reader(struct store *store, struct db *db);

/*
 * The queue's part of a step, inside of its transaction; see store_queue.h. Rows by enum
 * missing_kind: id of units, or account for the other two, with the UTC day of daily_usage.
 */
enum missing_kind { MISSING_OF_UNIT, MISSING_OF_USAGE, MISSING_OF_DAY };
int store_queue_begin(struct store *store, const struct store_step *step, int64_t *ret_window_id,
	struct err *err);
int store_queue_unit(struct store *store, const struct store_step *step, int64_t window_id,
	int64_t seq, const struct unit *unit, int64_t unit_id, int64_t account, struct err *err);
/*
 * What waits for a row: weights by metric (0 for those that are no averages), by the lane of each
 * metric (NULL: nothing waits).
 */
int store_queue_missing(struct store *store, const char *const *lanes, enum missing_kind kind,
	int64_t row_id, int64_t day, double ret_missing[static N_UNIT_METRICS], struct err *err);
/* Gives up windows that ended before a time. */
int store_queue_expire(
	struct store *store, int64_t before_ms, size_t *ret_given_up, struct err *err);
/* Brings ceems_members up to date, in a transaction of the writer. */
int store_fill_members(struct store *store, struct err *err);

/* LDT of a time in the store's zone. */
void store_label(const struct store *store, int64_t unix_ms, char text[static TIME_TEXT_MAX]);

/* Rows that could not be stored, n of them may be none. */
void store_add_failed(struct store_step_result *result, size_t n, const struct err *first_failure);

/* ["a","b"] */
void store_json_list(struct buffer *out, const struct strings *list);

#endif
