// SPDX-License-Identifier: Apache-2.0
/*
 * Everything that is kept, behind one door. SQLite is the engine (src/db); no SQL stands elsewhere.
 * A store has one writer (the collection loop) and a pool of read-only connections for requests.
 * Every function may be called from any thread.
 * Times: Unix seconds or milliseconds as named; *_at texts in the configured zone (spec
 * api-server.md 3.4).
 */
#ifndef CEEMS_API_STORE_H
#define CEEMS_API_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "api/model.h"
#include "api/timezone.h"
#include "api/usage_periods.h"
#include "basic/buffer.h"
#include "basic/err.h"
#include "basic/str.h"

struct store;

/*
 * Opens or creates {data_dir}/ceems.db, migrates it (any version 0-9). err tells how to mend it.
 * May wait up to five seconds for another program that holds the files beside it.
 * The zone is borrowed until store_close().
 */
int store_open(const char *data_dir, const struct timezone_ *zone, struct store **ret_store,
	struct err *err);
/*
 * The same for who doesn't want to wait unknowingly: a file of another program, or of an older one,
 * with millions of units takes minutes.
 */
struct store_upgrade_step {
	const char *name;
	size_t done, n; /* steps before this one, and in all */
};
struct store_watch {
	void *ctx;
	/*
	 * Called now and then while a step goes through many rows, by the caller's thread. true:
	 * -ECANCELED, the step is undone, and the next opening goes on with it.
	 */
	bool (*cancelled)(void *ctx, const struct store_upgrade_step *step);
};
int store_open_watched(const char *data_dir, const struct timezone_ *zone,
	const struct store_watch *watch, struct store **ret_store, struct err *err);
/* SQLite's wal_autocheckpoint, 1000 pages if it isn't set. Before other threads use the store. */
void store_set_wal_autocheckpoint(struct store *store, int pages);
void store_close(struct store *store);
DEFINE_CLEANUP(struct store *, store_close);

/* 0 if the database answers. For /health. */
int store_ping(struct store *store);

/*
 * Watermarks: the end of the last window that was stored for a cluster, Unix ms, kept in a table of
 * our own beside the compatible usage.last_updated_at. ret_ms is 0 if there is none. Where CEEMS
 * 0.10.2 wrote the file last, the clusters in it answer with max(usage.last_updated_at).
 */
int store_watermark(struct store *store, const char *cluster_id, int64_t *ret_ms, struct err *err);

/* All that are stored, by cluster, for those who tell how old the data is. */
typedef int (*store_watermark_fn)(void *ctx, const char *cluster_id, int64_t end_ms);
int store_get_watermarks(struct store *store, store_watermark_fn fn, void *ctx, struct err *err);

/* Windows that are stored but for the metrics of some updaters (store_queue.h). */
struct store_backlog {
	const char *cluster_id, *lane; /* borrowed for the call */
	int64_t windows, oldest_ms; /* start of the oldest */
};
typedef int (*store_backlog_fn)(void *ctx, const struct store_backlog *backlog);
int store_get_backlogs(struct store *store, store_backlog_fn fn, void *ctx, struct err *err);

/*
 * One collection step of one cluster, in one transaction: all of it or nothing. A row without a
 * start (started_at "N/A") is that of a unit that waits: the unit takes it over when it begins.
 */
struct store_step {
	const char *cluster_id;
	int64_t start_ms, end_ms; /* the window */
	int64_t since_ms; /* with the queue: see struct window */
	const struct unit_list *units; /* those with an empty uuid are left out */
	const struct user_list *users;
	const struct project_list *projects; /* each list may be NULL */
	/* Both lists name all there are: who is missing in one that isn't empty belongs nowhere
	 * now. */
	bool all_accounts;
	int64_t now_ms;
	/* Lanes of updaters whose metrics come later: the window is queued for each
	 * (store_queue.h). */
	const struct strings *queue_lanes;
	/* For each enum unit_metric its lane if windows wait there, else NULL. NULL: none do. */
	const char *const *metric_lanes;
};
struct store_step_result {
	size_t stored, failed; /* rows; a bad row is left out and counted, the rest goes on */
	struct err first_failure; /* why the first of the failed ones was left out */
};
/*
 * -EEXIST: this window, or a part of it, was stored before (exactly-once). -ENOSPC, -EROFS, -EIO,
 * -EBUSY, -EUCLEAN (damaged file): nothing was changed; the call may be repeated.
 */
int store_commit_step(struct store *store, const struct store_step *step,
	struct store_step_result *ret_result, struct err *err);

/*
 * Retention: deletes rows that ended, or were last updated, before so many days of UTC, a part of
 * them at a time. Running units stay. Errors as those of a step.
 */
struct store_purge_result {
	size_t rows;
	size_t given_up; /* windows of the queue that were so old that their units go */
	bool more; /* there may be more: call it again */
};
int store_purge(struct store *store, int retention_days, int64_t now_ms,
	struct store_purge_result *ret_result, struct err *err);

/*
 * Puts usage of units that CEEMS 0.10.2 stored into the tables that store_get_usage_shares() reads
 * (store_backfill.h), a part of them at a time. Errors as those of a step.
 */
struct store_backfill_result {
	size_t units,
		failed; /* failed: totals of units, or what is stored of periods, can't be read */
	bool more;
};
int store_backfill(struct store *store, int64_t now_ms, struct store_backfill_result *ret_result,
	struct err *err);

/*
 * Whether usage of [from_s, to_s) on the clusters (NULL or empty: all) comes from such units: until
 * when (0: it doesn't), and how many units, of whatever cluster, are still to be gone through.
 */
struct store_estimate {
	int64_t until_ms, pending;
};
int store_get_estimate(struct store *store, const struct strings *clusters, int64_t from_s,
	int64_t to_s, struct store_estimate *ret_estimate, struct err *err);

/*
 * Hands out the units of a cluster that have no end in the database, and when each was stored last
 * (Unix ms). They live until each() returns, which may stop the query with -errno.
 */
typedef int (*store_unit_fn)(void *ctx, const struct unit *unit, int64_t seen_ms);
int store_get_running(struct store *store, const char *cluster_id, store_unit_fn each, void *ctx,
	struct err *err);

/* Likewise who owns units of a cluster, whether these run or not. */
typedef int (*store_owner_fn)(void *ctx, const char *project, const char *user);
int store_get_owners(struct store *store, const char *cluster_id, store_owner_fn each, void *ctx,
	struct err *err);

/*
 * Makes the admin table equal to these names (ceems first; a name in both is tagged grafana).
 * grafana NULL means "not known now": the names that are tagged so stay.
 */
int store_set_admins(struct store *store, const struct strings *ceems,
	const struct strings *grafana, int64_t now_ms, struct err *err);

/*
 * Reading. A query hands its rows to a callback, in the order of spec api-server.md 5; the
 * callback returns 0 to go on or -errno to stop the query with it. Columns count as in the
 * descriptions below, which are in the order of the API's objects.
 */
enum store_column_type {
	STORE_TEXT,
	STORE_INT,
	STORE_METRICS, /* metric map text */
	STORE_OBJECT, /* JSON object; NULL unless the stored text is valid JSON */
	STORE_LIST, /* JSON list; likewise */
};

struct store_column {
	const char *name;
	enum store_column_type type;
	bool always; /* shown even if empty */
};

struct store_table {
	const struct store_column *columns;
	size_t n;
};

extern const struct store_table store_units, store_usage, store_users, store_projects,
	store_clusters, store_stats;

struct store_row;
struct slice store_row_text(const struct store_row *row, size_t column); /* p NULL for NULL */
/* Without a NUL behind it, which is less work; p may be NULL for "". */
struct slice store_row_bytes(const struct store_row *row, size_t column);
int64_t store_row_i64(const struct store_row *row, size_t column);

typedef int (*store_row_fn)(void *ctx, const struct store_row *row);

struct store_query {
	/* The person who asks, who sees what is their own; NULL: an administrator, sees all. */
	const char *caller;
	/* NULL or empty lists don't filter. */
	const struct strings *users; /* administrators only */
	const struct strings *projects, *clusters, *uuids;
	int64_t from_s, to_s; /* inclusive */
	bool running; /* units: those that still run, too */
	bool terminated; /* usage of a period: ended units only */
	bool daily; /* usage of a period: from daily totals */
};

/* Appends the ids (int64_t) of the matching units: with uuids regardless of the period. */
int store_find_units(
	struct store *store, const struct store_query *query, struct buffer *ids, struct err *err);
/* Rows of store_units by id, as they are now; those that were deleted meanwhile are left out. */
int store_get_units(struct store *store, const int64_t *ids, size_t n, store_row_fn fn, void *ctx,
	struct err *err);
/* Rows of store_usage: the totals since ever. */
int store_get_usage(struct store *store, const struct store_query *query, store_row_fn fn,
	void *ctx, struct err *err);
/* Rows of store_usage, one for each unit or day that was last updated in the period, unordered. */
int store_get_usage_sources(struct store *store, const struct store_query *query, store_row_fn fn,
	void *ctx, struct err *err);
/*
 * What the plan's periods hold: rows of store_usage, unordered, one for each account and period,
 * with four more columns. Averages come as sums of values times weights, the columns behind the
 * metrics hold the sums of these weights, in the same order (see STORE_WEIGHTS).
 */
enum { STORE_WEIGHTS = 6 + N_UNIT_METRICS }; /* the first of them */
int store_get_usage_shares(struct store *store, const struct store_query *query,
	const struct usage_plan *plan, store_row_fn fn, void *ctx, struct err *err);
int store_get_users(struct store *store, const struct store_query *query, store_row_fn fn,
	void *ctx, struct err *err);
int store_get_admins(struct store *store, store_row_fn fn, void *ctx, struct err *err);
int store_get_projects(struct store *store, const struct store_query *query, store_row_fn fn,
	void *ctx, struct err *err);
int store_get_clusters(struct store *store, store_row_fn fn, void *ctx, struct err *err);
/* current: units that ended in the period or run, otherwise all. */
int store_get_stats(struct store *store, const struct store_query *query, bool current,
	store_row_fn fn, void *ctx, struct err *err);

int store_is_admin(struct store *store, const char *name, bool *ret_admin, struct err *err);
/*
 * Whether every uuid is known on the clusters, and belongs there to a project of the caller
 * wherever it is known.
 */
int store_owns_units(struct store *store, const char *caller, const struct strings *clusters,
	const struct strings *uuids, bool *ret_owns, struct err *err);

#endif
