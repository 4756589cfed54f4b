// SPDX-License-Identifier: Apache-2.0
#include "collect_world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "api/metric_map.h"
#include "remote/sacct.h"
#include "unit_test.h"

enum { WATTS = 100, SEEN_AFTER_S = 20 };

static struct job *find_job(struct world *w, const char *uuid)
{
	for (size_t j = 0; j < JOBS; j++)
		if (strcmp(uuid, w->jobs[j].uuid) == 0)
			return &w->jobs[j];
	fail_msg("no job '%s'", uuid);
	return NULL;
}

static int64_t realtime(void *ctx)
{
	return ((struct world *)ctx)->now_s * 1000000000;
}

static const char crowd[] = "crowd";

static bool is_job(const struct unit *unit)
{
	return unit->uuid != crowd;
}

static int world_fetch(void *state, const struct window *window, struct arena *arena,
	struct unit_list *units, struct err *err)
{
	struct world *w = state;

	if (w->manager_error)
		return err_set(err, w->manager_error, "sacct hangs");
	for (size_t i = 0; i < JOBS; i++) {
		struct job *job = &w->jobs[i];
		bool ended = job->end_s <= w->now_s;
		struct unit *unit;

		/* As sacct lists jobs: from a time on, until a time. */
		if (job->start_s * MS >= window->end_ms ||
			(ended && job->end_s * MS < window->since_ms))
			continue;
		unit = unit_list_push(units, arena);
		unit->uuid = job->uuid;
		unit->started_at_ms = job->start_s * MS;
		unit->ended_at_ms = ended ? job->end_s * MS : 0;
		metric_map_put(&unit->metrics[TOTAL_TIME_SECONDS], arena, "walltime",
			(double)sacct_window_seconds(unit->started_at_ms, unit->ended_at_ms,
				window->since_ms, window->start_ms, window->end_ms));
	}
	for (int i = 0; i < w->crowd; i++)
		unit_list_push(units, arena)->uuid = crowd;
	return 0;
}

static int world_accounts(void *state, int64_t now_ms, struct arena *arena, struct user_list *users,
	struct project_list *projects, struct err *err)
{
	struct world *w = state;

	return w->accounts_error ? err_set(err, w->accounts_error, "sacctmgr is away") : 0;
}

/* Seconds of the job whose energy the server knows at a time: it learns of them late. */
static int64_t seen_seconds(const struct job *job, int64_t at_ms)
{
	int64_t until = MIN(at_ms / MS - SEEN_AFTER_S, job->end_s);

	return MAX(until - job->start_s, 0);
}

/* Windows that are joined list a unit for each of them: what it used is counted for the first. */
static bool is_listed_before(const struct unit_list *units, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(units->v[i].uuid, units->v[n].uuid) == 0)
			return true;
	return false;
}

static int world_update(void *state, const struct window *window, struct unit_list *units,
	struct arena *arena, struct err *err)
{
	struct world *w = state;

	if (w->updater_error) {
		assert_true(++w->refused < 1000);
		return err_set(err, w->updater_error, "connection refused");
	}
	if (w->bad_window_ms == window->start_ms)
		return err_set(err, -EIO, "this block is broken");
	w->shortest_asked_ms = MIN(w->shortest_asked_ms, window->end_ms - window->start_ms);
	assert_true(window->end_ms <= w->now_s * MS - w->timing.settle_ms);
	for (size_t i = 0; i < units->n; i++)
		for (size_t j = 0; j < JOBS; j++)
			if (strcmp(units->v[i].uuid, w->jobs[j].uuid) == 0 &&
				!is_listed_before(units, i))
				metric_map_put(&units->v[i].metrics[TOTAL_CPU_ENERGY_USAGE_KWH],
					arena, "total",
					WATTS *
						(double)(seen_seconds(&w->jobs[j], window->end_ms) -
							seen_seconds(
								&w->jobs[j], window->start_ms)));
	return 0;
}

static unsigned world_metrics(void *state)
{
	return 1U << TOTAL_CPU_ENERGY_USAGE_KWH;
}

/* Jobs of less than five seconds. */
static void world_mark(void *state, struct unit_list *units)
{
	for (size_t i = 0; i < units->n; i++) {
		struct unit *unit = &units->v[i];

		unit->ignore = unit->ended_at_ms &&
			unit->ended_at_ms - unit->started_at_ms < 5 * MS;
	}
}

static void world_stored(void *state, const struct window *window, const struct unit_list *units,
	struct arena *arena)
{
	struct world *w = state;

	w->told_gaps += w->told && w->told_end_ms != window->start_ms;
	w->told_end_ms = window->end_ms;
	w->told++;
	for (size_t i = 0; i < units->n; i++) {
		struct job *job = find_job(w, units->v[i].uuid);

		assert_true(units->v[i].ignore);
		assert_int_equal(units->v[i].started_at_ms, job->start_s * MS);
		assert_int_equal(units->v[i].ended_at_ms, job->end_s * MS);
		job->told = true;
	}
	for (size_t i = 0; i < QUEUE_MAX; i++)
		assert_true(
			!w->queue[i].window.id || w->queue[i].window.start_ms >= window->end_ms);
}

/* The second updater sees a quarter of it, in the GPUs. */
static int gpu_update(void *state, const struct window *window, struct unit_list *units,
	struct arena *arena, struct err *err)
{
	struct world *w = state;

	if (w->gpu_error)
		return err_set(err, w->gpu_error, "connection reset");
	for (size_t i = 0; i < units->n; i++)
		metric_map_put(&units->v[i].metrics[TOTAL_GPU_ENERGY_USAGE_KWH], arena, "total",
			metric_map_get(&units->v[i].metrics[TOTAL_TIME_SECONDS], "walltime"));
	return 0;
}

static unsigned gpu_metrics(void *state)
{
	return 1U << TOTAL_GPU_ENERGY_USAGE_KWH;
}

static void world_timing(void *state, struct updater_timing *ret_timing)
{
	*ret_timing = ((struct world *)state)->timing;
}

static void gpu_timing(void *state, struct updater_timing *ret_timing)
{
	const struct world *w = state;

	*ret_timing = w->timing;
	ret_timing->min_window_ms = MAX(ret_timing->min_window_ms, w->gpu_min_window_ms);
}

static int world_watermark(void *ctx, const char *cluster_id, int64_t *ret_ms, struct err *err)
{
	*ret_ms = ((struct world *)ctx)->watermark_ms;
	return 0;
}

static void add_metrics(struct world *w, const struct unit *unit)
{
	struct job *job = find_job(w, unit->uuid);

	job->stored_joules += metric_map_get(&unit->metrics[TOTAL_CPU_ENERGY_USAGE_KWH], "total");
	job->stored_gpu += metric_map_get(&unit->metrics[TOTAL_GPU_ENERGY_USAGE_KWH], "total");
}

static void queue_window(struct world *w, const struct store_step *step, const char *lane)
{
	size_t free_one = 0;
	struct waiting *q;

	while (w->queue[free_one].window.id)
		assert_true(++free_one < QUEUE_MAX);
	q = &w->queue[free_one];
	*q = (struct waiting){ .window = { step->start_ms, step->since_ms, step->start_ms,
				       step->end_ms, 0, w->window_units } };
	snprintf(q->lane, sizeof(q->lane), "%s", lane);
	for (size_t i = 0; i < step->units->n; i++)
		if (is_job(&step->units->v[i]))
			q->jobs[q->n++] = (size_t)(find_job(w, step->units->v[i].uuid) - w->jobs);
}

static int world_commit(void *ctx, const struct store_step *step,
	struct store_step_result *ret_result, struct err *err)
{
	struct world *w = ctx;

	if (w->commit_error)
		return err_set(err, w->commit_error, "disk full");
	if (w->watermark_ms > step->start_ms)
		return err_set(err, -EEXIST, "stored before");
	/* Windows meet without a gap. */
	if (w->watermark_ms)
		assert_int_equal(step->start_ms, w->watermark_ms);
	assert_true(step->end_ms > step->start_ms && step->end_ms % MS == 0);
	for (size_t i = 0; i < step->units->n; i++) {
		const struct unit *unit = &step->units->v[i];
		struct job *job;

		if (!is_job(unit))
			continue;
		job = find_job(w, unit->uuid);
		job->stored_seconds += metric_map_get(
			&unit->metrics[TOTAL_TIME_SECONDS], "walltime");
		job->stored_end_ms = unit->ended_at_ms;
		job->ignored = unit->ignore;
		add_metrics(w, unit);
	}
	for (size_t i = 0; i < step->queue_lanes->n; i++)
		queue_window(w, step, step->queue_lanes->v[i]);
	w->watermark_ms = step->end_ms;
	__atomic_add_fetch(&w->commits, 1, __ATOMIC_RELEASE);
	w->shortest_ms = MIN(w->shortest_ms, step->end_ms - step->start_ms);
	w->longest_ms = MAX(w->longest_ms, step->end_ms - step->start_ms);
	if (w->lost_answer)
		return err_set(err, w->lost_answer, "the answer was lost");
	return 0;
}

static int world_queue_state(void *ctx, const char *cluster_id, int64_t now_ms, struct arena *arena,
	struct store_queue_state *ret_state, struct err *err)
{
	struct world *w = ctx;
	struct store_queue_lane *lanes = ARENA_ARRAY(arena, struct store_queue_lane, 8);
	struct store_queue_state state = { .units = w->queue_units, .lanes = lanes };

	for (size_t i = 0; i < QUEUE_MAX; i++) {
		const struct waiting *q = &w->queue[i];
		size_t l = 0;

		if (!q->window.id)
			continue;
		state.windows++;
		state.units += q->window.n_units;
		if (!state.oldest_start_ms || q->window.start_ms < state.oldest_start_ms)
			state.oldest_start_ms = q->window.start_ms;
		while (l < state.n_lanes && strcmp(lanes[l].name, q->lane))
			l++;
		if (l == state.n_lanes)
			lanes[state.n_lanes++] = (struct store_queue_lane){ arena_strdup(
				arena, q->lane) };
		lanes[l].n++;
		lanes[l].due += q->not_before_ms <= now_ms;
	}
	*ret_state = state;
	return 0;
}

static struct waiting *find_waiting(
	struct world *w, const struct store_queued *window, const char *lane)
{
	for (size_t i = 0; i < QUEUE_MAX; i++)
		if (w->queue[i].window.id == window->id && !strcmp(w->queue[i].lane, lane))
			return &w->queue[i];
	fail_msg("no such window");
	return NULL;
}

static int world_queue_next(void *ctx, const char *cluster_id, const char *lane,
	const struct store_queue_pick *pick, int64_t now_ms, struct store_queued *ret_window,
	struct err *err)
{
	struct world *w = ctx;
	const struct waiting *found = NULL;

	for (size_t i = 0; i < QUEUE_MAX; i++) {
		const struct waiting *q = &w->queue[i];

		if (!q->window.id || strcmp(q->lane, lane) || q->not_before_ms > now_ms ||
			(pick->which == STORE_QUEUE_AT && q->window.start_ms != pick->start_ms))
			continue;
		if (!found ||
			(pick->which != STORE_QUEUE_NEWEST
					? q->window.start_ms < found->window.start_ms
					: q->window.start_ms > found->window.start_ms))
			found = q;
	}
	if (found)
		*ret_window = found->window;
	return found != NULL;
}

static int world_queue_load(void *ctx, const char *cluster_id, const struct store_queued *window,
	struct arena *arena, struct unit_list *units, struct store_queue_ids **ret_ids,
	struct err *err)
{
	struct world *w = ctx;
	const struct waiting *q = NULL;

	for (size_t i = 0; !q; i++)
		if (w->queue[i].window.id == window->id)
			q = &w->queue[i];
	for (size_t i = 0; i < q->n; i++) {
		const struct job *job = &w->jobs[q->jobs[i]];
		struct unit *unit = unit_list_push(units, arena);

		unit->uuid = job->uuid;
		unit->started_at_ms = job->start_s * MS;
		unit->ended_at_ms = job->end_s <= w->now_s ? job->end_s * MS : 0;
		unit->ignore = job->ignored;
		metric_map_put(&unit->metrics[TOTAL_TIME_SECONDS], arena, "walltime",
			(double)sacct_window_seconds(job->start_s * MS, job->end_s * MS,
				window->since_ms, window->start_ms, window->end_ms));
	}
	*ret_ids = NULL;
	return 0;
}

static int world_queue_commit(void *ctx, const struct store_late *late, size_t n,
	struct store_step_result *ret_result, struct err *err)
{
	struct world *w = ctx;

	if (w->commit_error)
		return err_set(err, w->commit_error, "disk full");
	w->most_joined = MAX(w->most_joined, n);
	for (; n--; late++) {
		for (size_t i = 0; i < late->units->n; i++)
			add_metrics(w, &late->units->v[i]);
		find_waiting(w, late->window, late->lane)->window.id = 0;
	}
	return 0;
}

static int world_queue_delay(void *ctx, const struct store_queued *window, const char *lane,
	int attempts, int64_t not_before_ms, struct err *err)
{
	struct waiting *q = find_waiting(ctx, window, lane);

	q->window.attempts = attempts;
	q->not_before_ms = not_before_ms;
	return 0;
}

/* The database has one unit without an end. */
static int world_running(
	void *ctx, const char *cluster_id, store_unit_fn each, void *each_ctx, struct err *err)
{
	const struct unit unit = { .uuid = "old" };
	struct world *w = ctx;
	int r = each(each_ctx, &unit, (T0 - 60) * (int64_t)MS);

	return r < 0 || !w->running_error ? r : err_set(err, w->running_error, "busy");
}

static int world_owners(
	void *ctx, const char *cluster_id, store_owner_fn each, void *each_ctx, struct err *err)
{
	return each(each_ctx, "astro", "mira");
}

static int world_recall_owner(void *state, const char *project, const char *user)
{
	struct world *w = state;

	assert_string_equal(project, "astro");
	assert_string_equal(user, "mira");
	w->owners++;
	return 0;
}

static int world_recall(void *state, const struct unit *unit, int64_t seen_ms)
{
	struct world *w = state;

	assert_string_equal(unit->uuid, "old");
	assert_int_equal(seen_ms, (T0 - 60) * (int64_t)MS);
	w->recalled++;
	return 0;
}

static const struct manager world_manager = {
	.name = "world",
	.recall = world_recall,
	.recall_owner = world_recall_owner,
	.fetch_units = world_fetch,
	.fetch_accounts = world_accounts,
};
static const struct updater world_updater = {
	.name = "world",
	.metrics = world_metrics,
	.mark = world_mark,
	.update = world_update,
	.stored = world_stored,
	.timing = world_timing,
};
static const struct updater gpu_updater = {
	.name = "gpu",
	.metrics = gpu_metrics,
	.update = gpu_update,
	.timing = gpu_timing,
};
const struct updater world_rival_updater = {
	.name = "rival",
	.metrics = world_metrics,
	.update = gpu_update,
	.timing = world_timing,
};

void world_start_collect(struct world *w)
{
	const struct collect_config config = {
		.update_interval_ms = 60 * MS,
		.max_update_interval_ms = 300 * MS,
		.settle_delay_ms = 10 * MS,
		.late_metrics_ms = 60 * MS,
		.update_from_ms = (int64_t)T0 * MS,
		.clock = &w->clock,
		.log = &w->log,
		.cancel_fd = w->cancel_fd,
		.sink = { w, world_watermark, world_running, world_owners, world_commit,
			world_queue_state, world_queue_next, world_queue_load, world_queue_commit,
			world_queue_delay },
	};
	struct err err;

	collect_free(w->collect);
	assert_int_equal(collect_new(&config, &w->cluster, 1, &w->collect, &err), 0);
}

struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));
	uint32_t random = 7;

	w->now_s = T0;
	for (size_t i = 0; i < JOBS; i++) {
		snprintf(w->jobs[i].uuid, sizeof(w->jobs[i].uuid), "%zu", i);
		random = random * 1664525 + 1013904223;
		w->jobs[i].start_s = T0 + random % 3000;
		random = random * 1664525 + 1013904223;
		/* Every third is short, down to a second. */
		w->jobs[i].end_s = w->jobs[i].start_s + 1 + random % (i % 3 ? 800 : 5);
	}
	w->shortest_ms = w->shortest_asked_ms = INT64_MAX;
	w->timing = (struct updater_timing){ 30 * MS, 20 * MS };
	w->cancel_fd = eventfd(0, EFD_CLOEXEC);
	w->log_fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	assert_true(w->log_fd >= 0);
	w->clock = (struct clock){ realtime, realtime, w };
	w->log = (struct log){ w->log_fd, LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, &w->clock };
	w->updaters[0] = (struct collect_updater){ "u", &world_updater, w };
	w->updaters[1] = (struct collect_updater){ "v", &gpu_updater, w };
	w->cluster = (struct collect_cluster){ "c", &world_manager, w, w->updaters, 2 };
	world_start_collect(w);
	return w;
}

void world_free(struct world *w)
{
	collect_free(w->collect);
	close(w->cancel_fd);
	close(w->log_fd);
	free(w);
}

/* One tick a minute. */
void world_run_minutes(struct world *w, int minutes)
{
	for (int i = 0; i < minutes; i++) {
		w->now_s += 60;
		collect_tick(w->collect, 0);
	}
}

size_t world_count_log(const struct world *w, const char *text)
{
	static char log[1 << 20];
	ssize_t n = pread(w->log_fd, log, sizeof(log) - 1, 0);
	size_t count = 0;

	assert_true(n >= 0);
	log[n] = '\0';
	for (const char *p = log; (p = strstr(p, text)); p++)
		count++;
	return count;
}

void world_assert_counted_once(const struct world *w)
{
	for (size_t i = 0; i < JOBS; i++) {
		const struct job *job = &w->jobs[i];
		double seconds = (double)(job->end_s - job->start_s);

		if (job->stored_seconds != seconds || job->stored_joules != WATTS * seconds ||
			job->stored_gpu != seconds * (w->cluster.n_updaters > 1))
			fail_msg("job %s: %g of %g s, %g of %g J, %g J in GPUs", job->uuid,
				job->stored_seconds, seconds, job->stored_joules, WATTS * seconds,
				job->stored_gpu);
		assert_int_equal(job->stored_end_ms, job->end_s * MS);
		assert_int_equal(job->ignored, job->end_s - job->start_s < 5);
	}
}

size_t world_waiting_in(const struct world *w, const char *lane)
{
	size_t n = 0;

	for (size_t i = 0; i < QUEUE_MAX; i++)
		n += w->queue[i].window.id && strcmp(w->queue[i].lane, lane) == 0;
	return n;
}
