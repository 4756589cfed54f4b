// SPDX-License-Identifier: Apache-2.0
/* Windows that are stored and wait for metrics. */
#include <errno.h>

#include "api/collect_internal.h"

enum {
	MS = 1000,
	/* From that failure on it is asked whether the fault is the window's or the updater's. */
	PATIENCE = 4,
	BACKOFF_DOUBLINGS_MAX = 10,
	BACKOFF_MAX_MS = 24 * 3600 * MS,
	GROUP_MAX = 128, /* windows that are joined */
	GROUP_UNITS_MAX = 1000000, /* in them: some 2 KB of memory each */
};

int cluster_look_at_queue(struct cluster *cluster, struct err *err)
{
	const struct collect *collect = cluster->collect;
	const struct collect_sink *sink = &collect->config.sink;
	struct store_queue_state queue;
	int r;

	arena_reset(&cluster->queue_arena);
	cluster->queue = (struct store_queue_state){ 0 };
	r = sink->queue_state(sink->ctx, cluster->in->id, collect_now_ms(collect),
		&cluster->queue_arena, &queue, err);
	if (r < 0)
		return r;
	cluster->queue = queue;
	for (size_t i = 0; i < cluster->lanes.n; i++) {
		struct lane_state *state = &cluster->lane_states[i];

		state->waiting = state->due = 0;
		for (size_t q = 0; q < queue.n_lanes; q++)
			if (str_eq(queue.lanes[q].name, state->lane.name)) {
				state->waiting = queue.lanes[q].n;
				state->due = queue.lanes[q].due;
			}
	}
	return 0;
}

void lane_say_failure(
	const struct cluster *cluster, struct lane_state *state, int r, const struct err *err)
{
	const struct collect *collect = cluster->collect;
	const struct log *log = collect->config.log;

	if (r == -ECANCELED)
		return;
	if (failing_note(&state->failing, r, collect_now_ms(collect)))
		log_error(log,
			"an updater fails; units are stored, their metrics are added when it works",
			LOG_STR("cluster_id", cluster->in->id), LOG_STR("id", state->lane.name),
			LOG_ERR(err));
	else
		log_debug(log, "updater still fails", LOG_STR("cluster_id", cluster->in->id),
			LOG_STR("id", state->lane.name), LOG_ERR(err));
}

void lane_say_recovery(const struct cluster *cluster, struct lane_state *state)
{
	const struct collect *collect = cluster->collect;

	if (!state->failing.n)
		return;
	state->failing.n = 0;
	log_info(collect->config.log, "updater works again", LOG_STR("cluster_id", cluster->in->id),
		LOG_STR("id", state->lane.name),
		LOG_INT("failed_seconds", (collect_now_ms(collect) - state->failing.since_ms) / MS),
		LOG_INT("windows_waiting", state->waiting));
}

/* Windows that follow each other and whose metrics are asked for together. */
struct group {
	struct store_queued v[GROUP_MAX];
	size_t n;
};

/* What was loaded of a group. */
struct loaded {
	struct unit_list units; /* of all windows, one after the other */
	size_t counts[GROUP_MAX];
	struct store_queue_ids *ids[GROUP_MAX];
};

static int load_group(
	struct cluster *cluster, const struct group *group, struct loaded *loaded, struct err *err)
{
	const struct collect_sink *sink = &cluster->collect->config.sink;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < group->n; i++) {
		size_t before = loaded->units.n;

		r = sink->queue_load(sink->ctx, cluster->in->id, &group->v[i], &cluster->arena,
			&loaded->units, &loaded->ids[i], err);
		loaded->counts[i] = loaded->units.n - before;
	}
	return r;
}

static struct window window_of(const struct group *group)
{
	return (struct window){ group->v[0].since_ms, group->v[0].start_ms,
		group->v[group->n - 1].end_ms };
}

static int store_group(struct cluster *cluster, const struct lane *lane, const char *name,
	const struct group *group, const struct loaded *loaded,
	struct store_step_result *ret_result, struct err *err)
{
	const struct collect *collect = cluster->collect;
	const struct collect_sink *sink = &collect->config.sink;
	struct unit_list units[GROUP_MAX];
	struct store_late late[GROUP_MAX];
	size_t from = 0;

	for (size_t i = 0; i < group->n; i++) {
		size_t n = loaded->counts[i];

		units[i] = (struct unit_list){ n ? loaded->units.v + from : NULL, n, n };
		late[i] = (struct store_late){ cluster->in->id, name, &group->v[i], lane->metrics,
			&units[i], loaded->ids[i], collect_now_ms(collect) };
		from += n;
	}
	return sink->queue_commit(sink->ctx, late, group->n, ret_result, err);
}

/* Whether a window waits in some lane. If that can't be told it is taken for waiting. */
static bool is_waiting(const struct cluster *cluster, const struct store_queued *queued)
{
	const struct collect_sink *sink = &cluster->collect->config.sink;
	const struct store_queue_pick pick = { STORE_QUEUE_AT, queued->start_ms };
	const struct store_queue_state *queue = &cluster->queue;
	struct store_queued found;
	struct err err;

	for (size_t i = 0; i < queue->n_lanes; i++)
		if (sink->queue_next(sink->ctx, cluster->in->id, queue->lanes[i].name, &pick,
			    INT64_MAX, &found, &err) != 0)
			return true;
	return false;
}

/* The last lane of a window completes it. */
static void complete_group(
	struct cluster *cluster, const struct group *group, const struct loaded *loaded)
{
	struct err err;
	size_t from = 0;

	if (cluster_look_at_queue(cluster, &err) < 0)
		return;
	for (size_t i = 0; i < group->n; i++) {
		const struct store_queued *queued = &group->v[i];
		const struct window window = { queued->since_ms, queued->start_ms, queued->end_ms };
		const size_t n = loaded->counts[i];
		const struct unit_list units = { n ? loaded->units.v + from : NULL, n, n };

		if (!is_waiting(cluster, queued))
			cluster_complete(cluster, &window, &units);
		from += n;
	}
	cluster_tell(cluster);
}

/*
 * A group of a lane whose name in the database this is. A unit that is in several of its windows is
 * several units to the updaters, which share what one id has among them by time.
 */
static int finish(struct cluster *cluster, const struct lane *lane, const char *name,
	const struct group *group, struct err *err)
{
	const struct window window = window_of(group);
	struct store_step_result result = { 0 };
	struct loaded loaded = { 0 };
	int r;

	arena_reset(&cluster->arena);
	r = load_group(cluster, group, &loaded, err);
	if (r >= 0 && loaded.units.n)
		r = lane_update(lane, cluster->in, &window, &loaded.units, &cluster->arena, err);
	if (r < 0)
		return r;
	r = store_group(cluster, lane, name, group, &loaded, &result, err);
	if (r < 0)
		/* -ENOENT: it was added, though we were told otherwise. */
		return r == -ENOENT ? 0 : r;
	log_info(cluster->collect->config.log, "metrics added to stored units",
		LOG_STR("cluster_id", cluster->in->id), LOG_STR("id", name),
		LOG_INT("window_end", window.end_ms / MS),
		LOG_INT("window_seconds", (window.end_ms - window.start_ms) / MS),
		LOG_INT("rows", (int64_t)result.stored));
	collect_say_failed_rows(cluster, &result);
	complete_group(cluster, group, &loaded);
	return 0;
}

/* A lane that is drained. */
struct drain {
	struct cluster *cluster;
	struct lane lane;
	const char *name;
	struct updater_timing timing; /* of its updaters */
	struct lane_state *state; /* of the same lane in this configuration; NULL: it has none */
};

/* A window at a given time is found whether it is due or not. */
static int next(const struct drain *d, const struct store_queue_pick *pick,
	struct store_queued *ret_queued, struct err *err)
{
	const struct collect *collect = d->cluster->collect;
	const struct collect_sink *sink = &collect->config.sink;
	const int64_t until_ms = pick->which == STORE_QUEUE_AT ? INT64_MAX
							       : collect_now_ms(collect);

	return sink->queue_next(
		sink->ctx, d->cluster->in->id, d->name, pick, until_ms, ret_queued, err);
}

/* Whether all samples of it can be seen. */
static bool is_settled(const struct drain *d, const struct store_queued *queued)
{
	return queued->end_ms <= collect_now_ms(d->cluster->collect) - d->timing.settle_ms;
}

static bool is_long_enough(const struct drain *d, const struct group *group)
{
	const struct window window = window_of(group);

	return window.end_ms - window.start_ms >= d->timing.min_window_ms;
}

/*
 * The oldest window that is due, with those that follow until they are as long as the updaters
 * need, or too many. 0: there is none, or not yet. One that will never have a neighbour goes alone.
 */
static int next_group(const struct drain *d, struct group *ret_group, struct err *err)
{
	struct store_queue_pick pick = { STORE_QUEUE_OLDEST, 0 };
	struct group *group = ret_group;
	int64_t n_units = 0;
	int r;

	group->n = 0;
	while ((r = next(d, &pick, &group->v[group->n], err)) > 0) {
		const struct store_queued *found = &group->v[group->n];

		if (group->n && n_units + found->n_units > GROUP_UNITS_MAX)
			return 1;
		if (!is_settled(d, found))
			return 0;
		n_units += found->n_units;
		pick = (struct store_queue_pick){ STORE_QUEUE_AT, found->end_ms };
		group->n++;
		if (group->n == GROUP_MAX || is_long_enough(d, group))
			return 1;
	}
	if (r < 0 || !group->n)
		return r;
	return pick.start_ms < d->cluster->watermark_ms;
}

static int delay(
	const struct drain *d, const struct group *group, int64_t not_before_ms, struct err *err)
{
	const struct collect_sink *sink = &d->cluster->collect->config.sink;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < group->n; i++)
		r = sink->queue_delay(sink->ctx, &group->v[i], d->name, group->v[i].attempts + 1,
			not_before_ms, err);
	return r;
}

static void say_failure(const struct drain *d, int r, const struct err *err)
{
	if (d->state)
		lane_say_failure(d->cluster, d->state, r, err);
	else
		log_warn(d->cluster->collect->config.log, "an updater fails",
			LOG_STR("cluster_id", d->cluster->in->id), LOG_STR("id", d->name),
			LOG_ERR(err));
}

/* The updater answers for others: this window is tried less and less often. */
static int set_aside(
	const struct drain *d, const struct group *group, const struct err *why, struct err *err)
{
	const struct collect *collect = d->cluster->collect;
	const struct store_queued *queued = &group->v[0];
	int64_t wait_ms = MIN(
		collect->config.update_interval_ms << MIN(queued->attempts, BACKOFF_DOUBLINGS_MAX),
		(int64_t)BACKOFF_MAX_MS);

	log_warn(collect->config.log, "an updater fails for this window only, which is tried later",
		LOG_STR("cluster_id", d->cluster->in->id), LOG_STR("id", d->name),
		LOG_INT("window_end", queued->end_ms / MS), LOG_INT("times", queued->attempts + 1),
		LOG_INT("wait_seconds", wait_ms / MS), LOG_ERR(why));
	return delay(d, group, collect_now_ms(collect) + wait_ms, err);
}

static bool is_out_of_patience(const struct drain *d, const struct store_queued *queued)
{
	struct lane_state *state = d->state;

	if (!state)
		return true;
	if (state->head_id != queued->id)
		state->head_failures = 0;
	state->head_id = queued->id;
	return ++state->head_failures >= PATIENCE;
}

/*
 * After a failure. 1: go on with other windows; 0: the updater doesn't answer; -errno: the database
 * fails. An updater that comes back this very moment must not be taken for one that lacks a window,
 * so the window has another try.
 */
static int judge(const struct drain *d, const struct group *group, struct err *err)
{
	static const struct store_queue_pick pick = { STORE_QUEUE_NEWEST, 0 };
	struct group newest = { .n = 1 };
	struct err why;
	int r;

	if (!is_out_of_patience(d, &group->v[0]))
		return 0;
	r = next(d, &pick, &newest.v[0], err);
	if (r < 0)
		return r;
	if (r == 0 || newest.v[0].start_ms <= group->v[group->n - 1].start_ms ||
		!is_settled(d, &newest.v[0]) || !is_long_enough(d, &newest) ||
		finish(d->cluster, &d->lane, d->name, &newest, &why) < 0)
		return 0;
	r = finish(d->cluster, &d->lane, d->name, group, &why);
	if (r == -ECANCELED)
		return 0;
	if (r < 0)
		r = set_aside(d, group, &why, err);
	return r < 0 ? r : 1;
}

static int drain_lane(const struct drain *d, int64_t until_ms, struct err *err)
{
	const struct collect *collect = d->cluster->collect;
	struct group group;
	int r;

	while ((r = next_group(d, &group, err)) > 0) {
		struct err why;

		if (collect_cancelled(collect) || collect_now_ms(collect) >= until_ms)
			return 0;
		r = finish(d->cluster, &d->lane, d->name, &group, &why);
		if (r == -ECANCELED)
			return 0;
		if (r >= 0) {
			if (d->state)
				lane_say_recovery(d->cluster, d->state);
			continue;
		}
		say_failure(d, r, &why);
		r = judge(d, &group, err);
		if (r <= 0)
			return r;
	}
	return r;
}

static void say_orphans(struct cluster *cluster, const struct store_queue_lane *lane)
{
	if (!cluster->orphans_said)
		log_warn(cluster->collect->config.log,
			"units wait for metrics of an updater that the cluster doesn't have any "
			"more; they are given up when the units are deleted",
			LOG_STR("cluster_id", cluster->in->id), LOG_STR("id", lane->name),
			LOG_INT("windows", lane->n));
	cluster->orphans_said = true;
}

static struct lane_state *find_state(struct cluster *cluster, const char *name)
{
	for (size_t i = 0; i < cluster->lanes.n; i++)
		if (str_eq(cluster->lane_states[i].lane.name, name))
			return &cluster->lane_states[i];
	return NULL;
}

void cluster_drain(struct cluster *cluster, int64_t until_ms)
{
	struct arena names;
	struct strings lanes = { 0 };
	struct err err;
	int r;

	r = cluster_look_at_queue(cluster, &err);
	if (r < 0 || !cluster->queue.n_lanes)
		return; /* A database that fails is told by the windows. */
	arena_init(&names, 1 << 20);
	lanes.v = ARENA_ARRAY(&names, const char *, cluster->queue.n_lanes);
	for (size_t i = 0; lanes.v && i < cluster->queue.n_lanes; i++) {
		struct drain d = { .cluster = cluster };

		if (!lane_find(cluster->in, cluster->queue.lanes[i].name, &d.lane)) {
			say_orphans(cluster, &cluster->queue.lanes[i]);
			continue;
		}
		lanes.v[lanes.n] = arena_strdup(&names, cluster->queue.lanes[i].name);
		lanes.n += lanes.v[lanes.n] != NULL;
	}
	for (size_t i = 0; i < lanes.n; i++) {
		struct drain d = { .cluster = cluster, .name = lanes.v[i] };

		d.state = find_state(cluster, d.name);
		if (!lane_find(cluster->in, d.name, &d.lane) || (d.state && d.state->failed))
			continue;
		d.timing = cluster_timing(cluster, d.lane.updaters);
		r = drain_lane(&d, until_ms, &err);
		if (r < 0)
			log_warn(cluster->collect->config.log, "the queue of an updater fails",
				LOG_STR("cluster_id", cluster->in->id), LOG_STR("id", d.name),
				LOG_ERR(&err));
	}
	arena_done(&names);
	if (cluster_look_at_queue(cluster, &err) < 0)
		cluster->queue = (struct store_queue_state){ 0 };
}
