// SPDX-License-Identifier: Apache-2.0
#include "api/store_sink.h"

static int sink_watermark(void *ctx, const char *cluster_id, int64_t *ret_ms, struct err *err)
{
	return store_watermark(ctx, cluster_id, ret_ms, err);
}

static int sink_owners(
	void *ctx, const char *cluster_id, store_owner_fn each, void *each_ctx, struct err *err)
{
	return store_get_owners(ctx, cluster_id, each, each_ctx, err);
}

static int sink_running(
	void *ctx, const char *cluster_id, store_unit_fn each, void *each_ctx, struct err *err)
{
	return store_get_running(ctx, cluster_id, each, each_ctx, err);
}

static int sink_commit(void *ctx, const struct store_step *step,
	struct store_step_result *ret_result, struct err *err)
{
	return store_commit_step(ctx, step, ret_result, err);
}

static int sink_queue_state(void *ctx, const char *cluster_id, int64_t now_ms, struct arena *arena,
	struct store_queue_state *ret_state, struct err *err)
{
	return store_queue_state(ctx, cluster_id, now_ms, arena, ret_state, err);
}

static int sink_queue_next(void *ctx, const char *cluster_id, const char *lane,
	const struct store_queue_pick *pick, int64_t now_ms, struct store_queued *ret_window,
	struct err *err)
{
	return store_queue_next(ctx, cluster_id, lane, pick, now_ms, ret_window, err);
}

static int sink_queue_load(void *ctx, const char *cluster_id, const struct store_queued *window,
	struct arena *arena, struct unit_list *units, struct store_queue_ids **ret_ids,
	struct err *err)
{
	return store_queue_load(ctx, cluster_id, window, arena, units, ret_ids, err);
}

static int sink_queue_commit(void *ctx, const struct store_late *late, size_t n,
	struct store_step_result *ret_result, struct err *err)
{
	return store_queue_commit(ctx, late, n, ret_result, err);
}

static int sink_queue_delay(void *ctx, const struct store_queued *window, const char *lane,
	int attempts, int64_t not_before_ms, struct err *err)
{
	return store_queue_delay(ctx, window, lane, attempts, not_before_ms, err);
}

struct collect_sink store_sink(struct store *store)
{
	return (struct collect_sink){ store, sink_watermark, sink_running, sink_owners, sink_commit,
		sink_queue_state, sink_queue_next, sink_queue_load, sink_queue_commit,
		sink_queue_delay };
}
