// SPDX-License-Identifier: Apache-2.0
/*
 * The collection loop (spec api-server.md 4): fetches the units of each cluster window by window,
 * has the updaters add metrics, and commits each window at once, exactly once. Each cluster has its
 * own thread and its own watermark (the end of its last committed window), so that a cluster whose
 * manager or disk fails loses nothing and holds up nobody: the window is fetched later. Where an
 * updater fails, the window is committed without its metrics and waits for them in the database,
 * in the queue of that updater (store_queue.h, lanes.h); windows of a queue are tried oldest first,
 * and one that fails again and again while others succeed steps aside.
 */
#ifndef CEEMS_API_COLLECT_H
#define CEEMS_API_COLLECT_H

#include "api/manager.h"
#include "api/store.h"
#include "api/store_queue.h"
#include "api/updater.h"

struct collect_updater {
	const char *id;
	const struct updater *updater;
	void *state;
};

struct collect_cluster {
	const char *id;
	const struct manager *manager;
	void *state;
	const struct collect_updater *updaters; /* in order */
	size_t n_updaters;
};

/* Where windows go; in the program the functions of store.h. */
struct collect_sink {
	void *ctx;
	int (*watermark)(void *ctx, const char *cluster_id, int64_t *ret_ms, struct err *err);
	/* store_get_running() */
	int (*running)(void *ctx, const char *cluster_id, store_unit_fn each, void *each_ctx,
		struct err *err);
	/* store_get_owners() */
	int (*owners)(void *ctx, const char *cluster_id, store_owner_fn each, void *each_ctx,
		struct err *err);
	int (*commit)(void *ctx, const struct store_step *step,
		struct store_step_result *ret_result, struct err *err);
	/* store_queue_state(), _next(), _load(), _commit(), _delay() */
	int (*queue_state)(void *ctx, const char *cluster_id, int64_t now_ms, struct arena *arena,
		struct store_queue_state *ret_state, struct err *err);
	int (*queue_next)(void *ctx, const char *cluster_id, const char *lane,
		const struct store_queue_pick *pick, int64_t now_ms,
		struct store_queued *ret_window, struct err *err);
	int (*queue_load)(void *ctx, const char *cluster_id, const struct store_queued *window,
		struct arena *arena, struct unit_list *units, struct store_queue_ids **ret_ids,
		struct err *err);
	int (*queue_commit)(void *ctx, const struct store_late *late, size_t n,
		struct store_step_result *ret_result, struct err *err);
	int (*queue_delay)(void *ctx, const struct store_queued *window, const char *lane,
		int attempts, int64_t not_before_ms, struct err *err);
};

struct collect_config {
	int64_t update_interval_ms, max_update_interval_ms;
	int64_t settle_delay_ms; /* windows end at least this long ago */
	int64_t late_metrics_ms; /* ended units are listed again for this long */
	int64_t pause_ms; /* between the windows of one catch-up */
	int64_t update_from_ms; /* where a cluster without watermark begins */
	const struct clock *clock;
	const struct log *log;
	int cancel_fd; /* readable: stop */
	struct collect_sink sink;
};

struct collect;

/* Everything is borrowed until collect_free(). */
int collect_new(const struct collect_config *config, const struct collect_cluster *clusters,
	size_t n_clusters, struct collect **ret_collect, struct err *err);
/* Starts a thread for each cluster; the first collection begins at once. */
int collect_start(struct collect *collect, struct err *err);
/* Waits for the threads, for which cancel_fd must be readable, and frees. NULL is fine. */
void collect_free(struct collect *collect);

/*
 * One tick of one cluster, in the calling thread: all windows up to now, and those that wait for
 * metrics. 0: the cluster is up to date (but for these); -errno: the window that begins at the
 * watermark failed and is tried again next time.
 */
int collect_tick(struct collect *collect, size_t cluster);

#endif
