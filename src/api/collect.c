// SPDX-License-Identifier: Apache-2.0
#include "api/collect_internal.h"

#include <errno.h>
#include <stdlib.h>

enum {
	MS = 1000,
	CLUSTERS_MAX = 256,
	QUEUE_ARENA_BYTES = 1 << 20,
	EARLY_PARTS = 8, /* of the shortest window that an updater can fill */
	EARLY_WINDOWS_MAX = 8 * EARLY_PARTS, /* that wait */
	/* That wait, with this part and the next window: not to be more than can be joined. */
	EARLY_UNITS_MAX = 300000,
};

static const size_t step_arena_bytes = (size_t)4 << 30;

int64_t collect_now_ms(const struct collect *collect)
{
	return clock_realtime_ns(collect->config.clock) / 1000000;
}

bool collect_cancelled(const struct collect *collect)
{
	return ticker_sleep(collect->config.cancel_fd, 0);
}

static int64_t floor_to_second(int64_t ms)
{
	return ms - (ms % MS + MS) % MS;
}

static int make_cluster(struct collect *collect, const struct collect_cluster *in,
	struct cluster *cluster, struct err *err)
{
	int r;

	cluster->collect = collect;
	cluster->in = in;
	arena_init(&cluster->arena, step_arena_bytes);
	arena_init(&cluster->queue_arena, QUEUE_ARENA_BYTES);
	r = lanes_make(in, &cluster->lanes, err);
	if (r < 0)
		return r;
	cluster->lane_states = calloc(cluster->lanes.n + 1, sizeof(*cluster->lane_states));
	cluster->timings = calloc(in->n_updaters + 1, sizeof(*cluster->timings));
	if (!cluster->lane_states || !cluster->timings)
		return err_errno(err, -ENOMEM, "cluster '%s'", in->id);
	for (size_t i = 0; i < cluster->lanes.n; i++)
		cluster->lane_states[i].lane = cluster->lanes.v[i];
	return 0;
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
		int r = make_cluster(c, &clusters[i], &c->clusters[i], err);

		if (r < 0) {
			collect_free(c);
			return r;
		}
	}
	*ret_collect = c;
	return 0;
}

void collect_free(struct collect *collect)
{
	if (!collect)
		return;
	for (size_t i = 0; i < collect->n; i++) {
		struct cluster *cluster = &collect->clusters[i];

		ticker_join(cluster->ticker);
		arena_done(&cluster->arena);
		arena_done(&cluster->queue_arena);
		lanes_free(&cluster->lanes);
		free(cluster->lane_states);
		free(cluster->timings);
		cluster_forget_untold(cluster);
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
	if (r >= 0 && in->manager->recall_owner && !cluster->recalled)
		r = sink->owners(sink->ctx, in->id, in->manager->recall_owner, in->state, err);
	cluster->recalled = r >= 0;
	return r;
}

void collect_say_failed_rows(const struct cluster *cluster, const struct store_step_result *result)
{
	if (result->failed)
		log_error(cluster->collect->config.log, "rows could not be stored and are left out",
			LOG_STR("cluster_id", cluster->in->id),
			LOG_INT("rows", (int64_t)result->failed), LOG_ERR(&result->first_failure));
}

static void log_stored(struct cluster *cluster, const struct window *window,
	const struct store_step_result *result)
{
	const struct log *log = cluster->collect->config.log;
	int64_t seconds = (window->end_ms - window->start_ms) / MS;

	log_info(log, "units stored", LOG_STR("cluster_id", cluster->in->id),
		LOG_INT("window_end", window->end_ms / MS), LOG_INT("window_seconds", seconds),
		LOG_INT("rows", (int64_t)result->stored));
	collect_say_failed_rows(cluster, result);
}

/* Which lanes answer for this window, and which let it wait. */
struct lane_plan {
	const char *waiting[LANE_UPDATERS_MAX];
	struct strings queue_lanes; /* the first of these */
	const char *metric_lanes[N_UNIT_METRICS]; /* where older windows wait */
	bool behind; /* in any of these */
	bool early; /* all lanes wait */
};

static void put_metric_lanes(const struct lane_state *state, struct lane_plan *plan)
{
	for (int m = 0; m < N_UNIT_METRICS; m++)
		if (state->lane.metrics & 1U << m)
			plan->metric_lanes[m] = state->lane.name;
	plan->behind = true;
}

/* Windows of a lane stay in order: while one is due, the next wait behind it. */
static int update(struct cluster *cluster, const struct window *window, struct unit_list *units,
	struct lane_plan *plan, struct err *err)
{
	plan->queue_lanes.v = plan->waiting;
	for (size_t i = 0; i < cluster->in->n_updaters; i++) {
		const struct collect_updater *u = &cluster->in->updaters[i];

		if (u->updater->mark)
			u->updater->mark(u->state, units);
	}
	for (size_t i = 0; i < cluster->lanes.n; i++) {
		struct lane_state *state = &cluster->lane_states[i];
		struct err why;
		int r;

		if (state->waiting)
			put_metric_lanes(state, plan);
		/* One without units waits, too, where its neighbours do: they are joined. */
		if (plan->early || state->due || (state->failed && units->n)) {
			plan->waiting[plan->queue_lanes.n++] = state->lane.name;
			continue;
		}
		if (!units->n)
			continue;
		r = lane_update(&state->lane, cluster->in, window, units, &cluster->arena, &why);
		if (r == -ECANCELED) {
			*err = why;
			return r;
		}
		if (r < 0) {
			state->failed = true;
			lane_say_failure(cluster, state, r, &why);
			plan->waiting[plan->queue_lanes.n++] = state->lane.name;
		} else {
			lane_say_recovery(cluster, state);
		}
	}
	return 0;
}

/* Memory and disk are finite: then the cluster's units wait with their metrics, at their source. */
static int check_queue(const struct cluster *cluster, struct err *err)
{
	const struct store_queue_state *queue = &cluster->queue;

	if (queue->windows < STORE_QUEUE_WINDOWS_MAX && queue->units < STORE_QUEUE_UNITS_MAX)
		return 0;
	return err_set(err, -EAGAIN,
		"%lld windows with %lld units wait for metrics, which is the most that are kept",
		(long long)queue->windows, (long long)queue->units);
}

static int commit(struct cluster *cluster, const struct store_step *step,
	const struct window *window, struct err *err)
{
	const struct collect_config *config = &cluster->collect->config;
	const struct collect_cluster *in = cluster->in;
	struct store_step_result result = { 0 };
	int r;

	r = config->sink.commit(config->sink.ctx, step, &result, err);
	if (r < 0)
		return r;
	if (in->manager->stored)
		in->manager->stored(in->state, window);
	log_stored(cluster, window, &result);
	cluster->last_units = (int64_t)step->units->n;
	if (step->queue_lanes->n)
		return cluster_look_at_queue(cluster, err);
	cluster_complete(cluster, window, step->units);
	cluster_tell(cluster);
	return 0;
}

/* One window: all of it or nothing. */
static int step(struct cluster *cluster, const struct window *window, bool early, struct err *err)
{
	const struct collect_cluster *in = cluster->in;
	struct arena *arena = &cluster->arena;
	struct unit_list units = { 0 };
	struct user_list users = { 0 };
	struct project_list projects = { 0 };
	struct lane_plan plan = { .early = early };
	bool all_accounts;
	int r;

	arena_reset(arena);
	r = check_queue(cluster, err);
	if (r >= 0)
		r = recall(cluster, err);
	if (r >= 0)
		r = in->manager->fetch_units(in->state, window, arena, &units, err);
	if (r >= 0)
		r = in->manager->fetch_accounts(
			in->state, window->end_ms, arena, &users, &projects, err);
	all_accounts = r > 0;
	if (r >= 0)
		r = update(cluster, window, &units, &plan, err);
	if (r < 0)
		return r;

	const struct store_step stored = {
		.cluster_id = in->id,
		.start_ms = window->start_ms,
		.since_ms = window->since_ms,
		.end_ms = window->end_ms,
		.units = &units,
		.users = &users,
		.projects = &projects,
		.all_accounts = all_accounts,
		.now_ms = collect_now_ms(cluster->collect),
		.queue_lanes = &plan.queue_lanes,
		.metric_lanes = plan.behind ? plan.metric_lanes : NULL,
	};
	return commit(cluster, &stored, window, err);
}

static void find_timings(struct cluster *cluster)
{
	for (size_t i = 0; i < cluster->in->n_updaters; i++) {
		const struct collect_updater *u = &cluster->in->updaters[i];

		u->updater->timing(u->state, &cluster->timings[i]);
	}
}

struct updater_timing cluster_timing(const struct cluster *cluster, uint64_t updaters)
{
	const int64_t max_ms = cluster->collect->config.max_update_interval_ms;
	struct updater_timing all = { 0 };

	for (size_t i = 0; i < cluster->in->n_updaters; i++) {
		const struct updater_timing *t = &cluster->timings[i];

		if (!(updaters & UINT64_C(1) << i))
			continue;
		all.settle_ms = MAX(all.settle_ms, t->settle_ms);
		all.min_window_ms = MAX(all.min_window_ms, MIN(t->min_window_ms, max_ms));
	}
	return all;
}

/* How far and how fine windows may go. */
struct limits {
	int64_t end_ms, min_ms; /* of windows that get their metrics at once */
	int64_t early_end_ms, early_min_ms; /* of those that get them later */
};

static void find_limits(const struct cluster *cluster, struct limits *ret_limits)
{
	const struct collect_config *config = &cluster->collect->config;
	const struct updater_timing timing = cluster_timing(cluster, ~UINT64_C(0));
	const int64_t now_ms = collect_now_ms(cluster->collect);
	const int64_t settle_ms = MAX(config->settle_delay_ms, timing.settle_ms);
	const int64_t min_ms = MIN(MAX(timing.min_window_ms, MS), config->max_update_interval_ms);

	*ret_limits = (struct limits){
		.end_ms = floor_to_second(now_ms - settle_ms),
		.min_ms = min_ms,
		.early_end_ms = floor_to_second(now_ms - config->settle_delay_ms),
		.early_min_ms = MAX(min_ms / EARLY_PARTS, MS),
	};
}

/*
 * Units are shown early where their metrics take longer: in parts of a window, whose metrics are
 * asked for together once it is complete. Not while an updater fails, as parts cost the queue more.
 */
static bool may_go_early(const struct cluster *cluster, const struct limits *limits)
{
	for (size_t i = 0; i < cluster->lanes.n; i++)
		if (cluster->lane_states[i].failing.n)
			return false;
	return cluster->queue.windows < EARLY_WINDOWS_MAX &&
		cluster->queue.units + 2 * cluster->last_units <= EARLY_UNITS_MAX &&
		limits->early_end_ms - cluster->watermark_ms >= limits->early_min_ms;
}

bool failing_note(struct failing *failing, int r, int64_t now_ms)
{
	for (size_t i = 0; i < failing->n; i++)
		if (failing->said[i] == r)
			return false;
	if (failing->n == COLLECT_CAUSES_MAX)
		return false;
	if (!failing->n)
		failing->since_ms = now_ms;
	failing->said[failing->n++] = r;
	return true;
}

static void say_failure(struct cluster *cluster, int r, const struct err *err)
{
	const struct collect *collect = cluster->collect;

	if (r == -ECANCELED)
		return;
	if (!failing_note(&cluster->failing, r, collect_now_ms(collect))) {
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

	if (!cluster->failing.n)
		return;
	cluster->failing.n = 0;
	log_info(collect->config.log, "collection works again",
		LOG_STR("cluster_id", cluster->in->id),
		LOG_INT("failed_seconds",
			(collect_now_ms(collect) - cluster->failing.since_ms) / MS));
}

/* A clock that went back leaves the watermark in the future: nothing happens until it is reached.
 */
static void say_ahead(struct cluster *cluster)
{
	bool ahead = cluster->watermark_ms > collect_now_ms(cluster->collect);

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
	const struct manager *manager = cluster->in->manager;
	bool late = !manager->lists_late || manager->lists_late(cluster->in->state);
	int64_t since = late ? start - config->late_metrics_ms : start;

	return (struct window){
		.since_ms = MIN(MAX(since, cluster->origin_ms), start),
		.start_ms = start,
		.end_ms = MIN(limit_ms, start + max),
	};
}

/* All windows that are due. */
static int collect_windows(struct cluster *cluster)
{
	struct collect *collect = cluster->collect;
	struct limits limits;
	bool early = false;
	struct err err;
	int r;

	find_timings(cluster);
	r = find_watermark(cluster, &err);
	if (r >= 0)
		r = cluster_look_at_queue(cluster, &err);
	if (r < 0) {
		say_failure(cluster, r, &err);
		return r;
	}
	say_ahead(cluster);
	find_limits(cluster, &limits);
	if (limits.end_ms - cluster->watermark_ms < limits.min_ms &&
		may_go_early(cluster, &limits)) {
		early = true;
		limits.end_ms = limits.early_end_ms;
		limits.min_ms = limits.early_min_ms;
	}
	while (limits.end_ms - cluster->watermark_ms >= limits.min_ms) {
		struct window window = next_window(cluster, limits.end_ms);

		r = step(cluster, &window, early, &err);
		if (r == -EEXIST) {
			/* Committed, though we were told otherwise: look where we are. */
			cluster->known = false;
			r = find_watermark(cluster, &err);
			if (r >= 0 && cluster->watermark_ms <= window.start_ms)
				r = err_set(&err, -EEXIST, "the window was stored before");
			if (r >= 0)
				r = cluster_look_at_queue(cluster, &err);
		} else if (r >= 0) {
			cluster->watermark_ms = window.end_ms;
		}
		if (r < 0) {
			say_failure(cluster, r, &err);
			break;
		}
		say_recovery(cluster);
		if (window.end_ms < limits.end_ms &&
			ticker_sleep(collect->config.cancel_fd, collect->config.pause_ms))
			break;
	}
	return r;
}

int collect_tick(struct collect *collect, size_t i)
{
	struct cluster *cluster = &collect->clusters[i];
	int r;

	for (;;) {
		int64_t until_ms = collect_now_ms(collect) + collect->config.update_interval_ms;

		for (size_t l = 0; l < cluster->lanes.n; l++)
			cluster->lane_states[l].failed = false;
		r = collect_windows(cluster);
		cluster_drain(cluster, until_ms);
		/* A long queue doesn't hold up new windows. */
		if (collect_now_ms(collect) < until_ms || collect_cancelled(collect))
			return r;
	}
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
