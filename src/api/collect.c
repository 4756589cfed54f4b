// SPDX-License-Identifier: Apache-2.0
#include "api/collect.h"

#include <errno.h>
#include <stdlib.h>

#include "api/ticker.h"

enum { MS = 1000, CLUSTERS_MAX = 256, CAUSES_MAX = 8 };

static const size_t step_arena_bytes = (size_t)4 << 30;

struct cluster {
	struct collect *collect;
	const struct collect_cluster *in;
	struct arena arena; /* reset for each window */
	struct ticker *ticker;
	bool known; /* watermark_ms was read */
	bool recalled; /* the manager knows what runs as far as the database knows */
	int64_t watermark_ms;
	int64_t origin_ms; /* no unit is listed from before it; 0: no such time */
	int said[CAUSES_MAX]; /* causes of the present failure, each is said once */
	size_t n_said; /* 0: it works */
	bool ahead; /* likewise that the watermark lies in the future */
	int64_t failing_since_ms;
};

struct collect {
	struct collect_config config;
	struct cluster *clusters;
	size_t n;
};

static int64_t now_ms(const struct collect *collect)
{
	return clock_realtime_ns(collect->config.clock) / 1000000;
}

static int64_t floor_to_second(int64_t ms)
{
	return ms - (ms % MS + MS) % MS;
}

int collect_new(const struct collect_config *config, const struct collect_cluster *clusters,
	size_t n_clusters, struct collect **ret_collect, struct err *err)
{
	struct collect *c;

	if (n_clusters > CLUSTERS_MAX)
		return err_set(err, -E2BIG, "more than %d clusters", CLUSTERS_MAX);
	c = calloc(1, sizeof(*c));
	if (c)
		c->clusters = calloc(n_clusters + 1, sizeof(*c->clusters));
	if (!c || !c->clusters) {
		free(c);
		return err_errno(err, -ENOMEM, "collection");
	}
	c->config = *config;
	c->n = n_clusters;
	for (size_t i = 0; i < n_clusters; i++) {
		c->clusters[i].collect = c;
		c->clusters[i].in = &clusters[i];
		arena_init(&c->clusters[i].arena, step_arena_bytes);
	}
	*ret_collect = c;
	return 0;
}

void collect_free(struct collect *collect)
{
	if (!collect)
		return;
	for (size_t i = 0; i < collect->n; i++) {
		ticker_join(collect->clusters[i].ticker);
		arena_done(&collect->clusters[i].arena);
	}
	free(collect->clusters);
	free(collect);
}

static int find_watermark(struct cluster *cluster, struct err *err)
{
	const struct collect_config *config = &cluster->collect->config;
	int64_t ms;
	int r;

	if (cluster->known)
		return 0;
	r = config->sink.watermark(config->sink.ctx, cluster->in->id, &ms, err);
	if (r < 0)
		return r;
	if (ms <= 0)
		ms = cluster->origin_ms = config->update_from_ms;
	cluster->watermark_ms = floor_to_second(ms);
	cluster->known = true;
	return 0;
}

static int recall(struct cluster *cluster, struct err *err)
{
	const struct collect_sink *sink = &cluster->collect->config.sink;
	const struct collect_cluster *in = cluster->in;
	int r = 0;

	if (in->manager->recall && !cluster->recalled)
		r = sink->running(sink->ctx, in->id, in->manager->recall, in->state, err);
	cluster->recalled = r >= 0;
	return r;
}

static void log_stored(const struct cluster *cluster, const struct window *window,
	const struct store_step_result *result)
{
	const struct log *log = cluster->collect->config.log;
	int64_t seconds = (window->end_ms - window->start_ms) / MS;

	log_info(log, "units stored", LOG_STR("cluster_id", cluster->in->id),
		LOG_INT("window_end", window->end_ms / MS), LOG_INT("window_seconds", seconds),
		LOG_INT("rows", (int64_t)result->stored),
		LOG_INT("purged", (int64_t)result->purged));
	if (result->failed)
		log_error(log, "rows could not be stored and are left out",
			LOG_STR("cluster_id", cluster->in->id),
			LOG_INT("rows", (int64_t)result->failed), LOG_ERR(&result->first_failure));
}

/* One window: all of it or nothing. */
static int step(struct cluster *cluster, const struct window *window, struct err *err)
{
	const struct collect_config *config = &cluster->collect->config;
	const struct collect_cluster *in = cluster->in;
	struct arena *arena = &cluster->arena;
	struct unit_list units = { 0 };
	struct user_list users = { 0 };
	struct project_list projects = { 0 };
	struct store_step_result result = { 0 };
	int r;

	arena_reset(arena);
	r = recall(cluster, err);
	if (r >= 0)
		r = in->manager->fetch_units(in->state, window, arena, &units, err);
	if (r >= 0)
		r = in->manager->fetch_accounts(
			in->state, window->end_ms, arena, &users, &projects, err);
	for (size_t i = 0; r >= 0 && units.n && i < in->n_updaters; i++) {
		const struct collect_updater *u = &in->updaters[i];

		r = u->updater->update(u->state, window, &units, arena, err);
	}
	if (r < 0)
		return r;

	const struct store_step stored = {
		.cluster_id = in->id,
		.start_ms = window->start_ms,
		.end_ms = window->end_ms,
		.units = &units,
		.users = &users,
		.projects = &projects,
		.purge = config->purge,
		.retention_days = config->retention_days,
		.now_ms = now_ms(cluster->collect),
	};
	r = config->sink.commit(config->sink.ctx, &stored, &result, err);
	if (r < 0)
		return r;
	if (in->manager->stored)
		in->manager->stored(in->state, window);
	log_stored(cluster, window, &result);
	return 0;
}

/* How far and how fine windows may go, from what the updaters need. */
static void find_limits(struct cluster *cluster, int64_t *ret_limit_ms, int64_t *ret_min_ms)
{
	const struct collect_config *config = &cluster->collect->config;
	int64_t settle_ms = config->settle_delay_ms, min_ms = MS;

	for (size_t i = 0; i < cluster->in->n_updaters; i++) {
		const struct collect_updater *u = &cluster->in->updaters[i];
		struct updater_timing timing;

		u->updater->timing(u->state, &timing);
		settle_ms = MAX(settle_ms, timing.settle_ms);
		min_ms = MAX(min_ms, timing.min_window_ms);
	}
	*ret_limit_ms = floor_to_second(now_ms(cluster->collect) - settle_ms);
	*ret_min_ms = MIN(min_ms, config->max_update_interval_ms);
}

/* Whether the cause is new. When there is no room left for causes, nothing is. */
static bool remember_cause(struct cluster *cluster, int r)
{
	for (size_t i = 0; i < cluster->n_said; i++)
		if (cluster->said[i] == r)
			return false;
	if (cluster->n_said == CAUSES_MAX)
		return false;
	if (!cluster->n_said)
		cluster->failing_since_ms = now_ms(cluster->collect);
	cluster->said[cluster->n_said++] = r;
	return true;
}

static void say_failure(struct cluster *cluster, int r, const struct err *err)
{
	const struct collect *collect = cluster->collect;

	if (r == -ECANCELED)
		return;
	if (!remember_cause(cluster, r)) {
		log_debug(collect->config.log, "collection still fails",
			LOG_STR("cluster_id", cluster->in->id), LOG_ERR(err));
		return;
	}
	log_error(collect->config.log,
		"collection fails; nothing is lost, it is tried again at each update",
		LOG_STR("cluster_id", cluster->in->id),
		LOG_INT("collected_until", cluster->watermark_ms / MS), LOG_ERR(err));
}

static void say_recovery(struct cluster *cluster)
{
	const struct collect *collect = cluster->collect;

	if (!cluster->n_said)
		return;
	cluster->n_said = 0;
	log_info(collect->config.log, "collection works again",
		LOG_STR("cluster_id", cluster->in->id),
		LOG_INT("failed_seconds", (now_ms(collect) - cluster->failing_since_ms) / MS));
}

/* A clock that went back leaves the watermark in the future: nothing happens until it is reached.
 */
static void say_ahead(struct cluster *cluster)
{
	bool ahead = cluster->watermark_ms > now_ms(cluster->collect);

	if (ahead && !cluster->ahead)
		log_warn(cluster->collect->config.log,
			"units were collected until a time that lies in the future; nothing is "
			"collected before it",
			LOG_STR("cluster_id", cluster->in->id),
			LOG_INT("collected_until", cluster->watermark_ms / MS));
	cluster->ahead = ahead;
}

static struct window next_window(const struct cluster *cluster, int64_t limit_ms)
{
	const struct collect_config *config = &cluster->collect->config;
	int64_t start = cluster->watermark_ms;
	int64_t max = MAX(floor_to_second(config->max_update_interval_ms), MS);

	return (struct window){
		.since_ms = MIN(MAX(start - config->late_metrics_ms, cluster->origin_ms), start),
		.start_ms = start,
		.end_ms = MIN(limit_ms, start + max),
	};
}

int collect_tick(struct collect *collect, size_t i)
{
	struct cluster *cluster = &collect->clusters[i];
	int64_t limit_ms, min_ms;
	struct err err;
	int r;

	r = find_watermark(cluster, &err);
	if (r < 0) {
		say_failure(cluster, r, &err);
		return r;
	}
	say_ahead(cluster);
	find_limits(cluster, &limit_ms, &min_ms);
	while (limit_ms - cluster->watermark_ms >= min_ms) {
		struct window window = next_window(cluster, limit_ms);

		r = step(cluster, &window, &err);
		if (r == -EEXIST) {
			/* Committed, though we were told otherwise: look where we are. */
			cluster->known = false;
			r = find_watermark(cluster, &err);
			if (r >= 0 && cluster->watermark_ms <= window.start_ms)
				r = err_set(&err, -EEXIST, "the window was stored before");
		} else if (r >= 0) {
			cluster->watermark_ms = window.end_ms;
		}
		if (r < 0) {
			say_failure(cluster, r, &err);
			break;
		}
		say_recovery(cluster);
		if (window.end_ms < limit_ms &&
			ticker_sleep(collect->config.cancel_fd, collect->config.pause_ms))
			break;
	}
	return r;
}

static void tick(void *ctx)
{
	struct cluster *cluster = ctx;

	collect_tick(cluster->collect, (size_t)(cluster - cluster->collect->clusters));
}

int collect_start(struct collect *collect, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < collect->n; i++)
		r = ticker_start("collect", 0, collect->config.update_interval_ms,
			collect->config.cancel_fd, tick, &collect->clusters[i],
			&collect->clusters[i].ticker, err);
	return r;
}
