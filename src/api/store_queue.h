// SPDX-License-Identifier: Apache-2.0
/*
 * Windows that are stored but for the metrics of some updaters (spec api-server.md 3.6, 4). While
 * Prometheus is away the units of a window, their times and owners are stored at once, and the
 * window waits here, in the database, until its metrics are added: once, to the rows and with the
 * weights that they would have had. A lane names the updaters that answer together: ids joined by
 * '+'. Windows of a lane may be added in any order.
 * Every function may be called from any thread.
 */
#ifndef CEEMS_API_STORE_QUEUE_H
#define CEEMS_API_STORE_QUEUE_H

#include "api/store.h"

enum {
	STORE_QUEUE_WINDOWS_MAX = 10000, /* of one cluster; callers see to it */
	STORE_QUEUE_UNITS_MAX = 20000000, /* likewise: about 70 bytes each */
};

struct store_queued {
	int64_t id;
	int64_t since_ms, start_ms, end_ms;
	int attempts; /* that failed */
	int64_t n_units; /* that it was stored with */
};

/* What waits for a cluster. */
struct store_queue_lane {
	const char *name;
	int64_t n, oldest_start_ms;
	int64_t due; /* of n; the others failed and aren't tried before their time */
};
struct store_queue_state {
	int64_t windows, units, oldest_start_ms; /* 0 if there are none */
	const struct store_queue_lane *lanes; /* that have windows, sorted by name */
	size_t n_lanes;
};
int store_queue_state(struct store *store, const char *cluster_id, int64_t now_ms,
	struct arena *arena, struct store_queue_state *ret_state, struct err *err);

/*
 * The oldest window of a lane that may be tried by now, or the newest, or the one that begins at a
 * time. 1, or 0 if there is none.
 */
struct store_queue_pick {
	enum { STORE_QUEUE_OLDEST, STORE_QUEUE_NEWEST, STORE_QUEUE_AT } which;
	int64_t start_ms; /* of STORE_QUEUE_AT */
};
int store_queue_next(struct store *store, const char *cluster_id, const char *lane,
	const struct store_queue_pick *pick, int64_t now_ms, struct store_queued *ret_window,
	struct err *err);

/*
 * Its units with TOTAL_TIME_SECONDS of the window, uuid, username, project, start and end as they
 * are now; in ids what store_queue_commit() needs of them. Those that were deleted are left out.
 */
struct store_queue_ids;
int store_queue_load(struct store *store, const char *cluster_id, const struct store_queued *window,
	struct arena *arena, struct unit_list *units, struct store_queue_ids **ret_ids,
	struct err *err);

/*
 * For each of n windows: adds metrics of the units, in the order of store_queue_load(), and takes
 * the window out of the lane, all in one transaction. -ENOENT: one isn't there any more, nothing
 * was added. Otherwise as store_commit_step().
 */
struct store_late {
	const char *cluster_id, *lane;
	const struct store_queued *window;
	unsigned metrics; /* bits of enum unit_metric */
	const struct unit_list *units;
	const struct store_queue_ids *ids;
	int64_t now_ms;
};
int store_queue_commit(struct store *store, const struct store_late *late, size_t n,
	struct store_step_result *ret_result, struct err *err);

/* Notes that it failed so many times and isn't due before a time. */
int store_queue_delay(struct store *store, const struct store_queued *window, const char *lane,
	int attempts, int64_t not_before_ms, struct err *err);

#endif
