// SPDX-License-Identifier: Apache-2.0
/*
 * The loop against a world that is made up: jobs whose seconds and energy are known, an updater
 * that sees energy late, a store in memory, and a clock that the test moves.
 */
#include "api/collect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "api/metric_map.h"
#include "basic/buffer.h"
#include "remote/sacct.h"
#include "unit_test.h"

enum { MS = 1000, T0 = 1900000000, WATTS = 100, SEEN_AFTER_S = 20, JOBS = 40, QUEUE_MAX = 400 };

struct job {
	char uuid[16];
	int64_t start_s, end_s;
	double stored_seconds, stored_joules, stored_gpu; /* what came into the store */
	int64_t stored_end_ms;
	bool ignored, told;
};

/* A window that waits in a lane. */
struct waiting {
	struct store_queued window; /* id 0: free */
	char lane[32];
	int64_t not_before_ms;
	size_t jobs[JOBS], n;
};

/* One cluster with its store. */
struct world {
	int64_t now_s;
	struct job jobs[JOBS];
	int manager_error, accounts_error, updater_error, commit_error;
	int running_error;
	size_t refused; /* by the updater */
	size_t recalled, owners;
	int lost_answer; /* commits, but says that it failed */
	struct updater_timing timing;
	int64_t gpu_min_window_ms; /* of the second updater if it is longer */
	int64_t watermark_ms;
	size_t commits;
	int64_t shortest_ms, longest_ms, shortest_asked_ms;
	int cancel_fd, log_fd;
	struct clock clock;
	struct log log;
	int64_t bad_window_ms; /* the updater fails for the window that begins then */
	int gpu_error; /* of the second updater, as updater_error of the first */
	struct waiting queue[QUEUE_MAX];
	int64_t queue_units; /* is added to what the queue says of itself */
	int64_t window_units; /* that each window says to have */
	size_t most_joined; /* windows that got their metrics together */
	int64_t told_end_ms; /* of the last window that the updater was told to be complete */
	size_t told, told_gaps;
	struct collect_updater updaters[2];
	struct collect_cluster cluster;
	struct collect *collect;
};

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
		struct job *job = find_job(w, unit->uuid);

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
/* The same metric as the first updater, so that they wait for each other. */
static const struct updater rival_updater = {
	.name = "rival",
	.metrics = world_metrics,
	.update = gpu_update,
	.timing = world_timing,
};

static void start_collect(struct world *w)
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

static struct world *make_world(void)
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
	start_collect(w);
	return w;
}

static void free_world(struct world *w)
{
	collect_free(w->collect);
	close(w->cancel_fd);
	close(w->log_fd);
	free(w);
}

/* One tick a minute. */
static void run_minutes(struct world *w, int minutes)
{
	for (int i = 0; i < minutes; i++) {
		w->now_s += 60;
		collect_tick(w->collect, 0);
	}
}

static size_t count_log(const struct world *w, const char *text)
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

static void assert_everything_counted_once(const struct world *w)
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

static void every_second_and_joule_is_counted_once(void **state)
{
	struct world *w = make_world();

	run_minutes(w, 80);
	assert_everything_counted_once(w);
	assert_int_equal(w->watermark_ms, (w->now_s - 30) * MS);
	assert_int_equal(count_log(w, "level=ERROR"), 0);
	free_world(w);
}

/* Fails for ten minutes in the middle, whatever the cause; says so once and catches up. */
static void run_with_failure(struct world *w, int *which, int error)
{
	int64_t reached;

	run_minutes(w, 20);
	reached = w->watermark_ms;
	*which = error;
	run_minutes(w, 10);
	assert_int_equal(w->watermark_ms, reached);
	assert_int_equal(count_log(w, "level=ERROR"), 1);
	assert_int_equal(count_log(w, "collection works again"), 0);
	*which = 0;
	run_minutes(w, 50);
	assert_int_equal(count_log(w, "level=ERROR"), 1);
	assert_int_equal(count_log(w, "collection works again"), 1);
	assert_int_equal(count_log(w, "failed_seconds=600"), 1);
	assert_true(w->longest_ms <= 300 * MS);
	assert_everything_counted_once(w);
}

static size_t waiting_in(const struct world *w, const char *lane)
{
	size_t n = 0;

	for (size_t i = 0; i < QUEUE_MAX; i++)
		n += w->queue[i].window.id && strcmp(w->queue[i].lane, lane) == 0;
	return n;
}

/* Units are stored in time; their energy comes when it can be had. */
static void prometheus_down_for_ten_minutes_loses_nothing(void **state)
{
	struct world *w = make_world();

	run_minutes(w, 20);
	w->updater_error = -ECONNREFUSED;
	run_minutes(w, 10);
	assert_int_equal(w->watermark_ms, (w->now_s - 30) * MS);
	assert_int_equal(waiting_in(w, "u"), 10);
	assert_int_equal(waiting_in(w, "v"), 0);
	assert_int_equal(count_log(w, "level=ERROR"), 1);
	assert_int_equal(count_log(w, "an updater fails"), 1);
	w->updater_error = 0;
	run_minutes(w, 1);
	assert_int_equal(waiting_in(w, "u"), 0);
	run_minutes(w, 49);
	assert_int_equal(count_log(w, "level=ERROR"), 1);
	assert_int_equal(count_log(w, "updater works again"), 1);
	assert_int_equal(count_log(w, "failed_seconds=600"), 1);
	assert_everything_counted_once(w);
	free_world(w);
}

/* As HTTP 404 or a missing socket: it is not that the window was added already. */
static void an_updater_that_is_not_there_is_asked_once_a_tick(void **state)
{
	struct world *w = make_world();

	run_minutes(w, 20);
	w->updater_error = -ENOENT;
	run_minutes(w, 10);
	assert_true(w->refused <= 20);
	assert_int_equal(waiting_in(w, "u"), 10);
	assert_int_equal(count_log(w, "an updater fails"), 1);
	assert_int_equal(count_log(w, "updater works again"), 0);
	w->updater_error = 0;
	run_minutes(w, 50);
	assert_everything_counted_once(w);
	free_world(w);
}

/* Whatever fails when, with restarts. */
static void random_failures_lose_nothing(void **state)
{
	for (uint32_t seed = 1; seed <= 20; seed++) {
		struct world *w = make_world();
		uint32_t random = seed;

		for (int i = 0; i < 150; i++) {
			random = random * 1664525 + 1013904223;
			w->manager_error = random >> 28 == 1 ? -EIO : 0;
			w->accounts_error = random >> 28 == 2 ? -EIO : 0;
			w->updater_error = (random >> 20 & 3) == 1 ? -EIO : 0;
			w->gpu_error = (random >> 16 & 3) == 2 ? -ETIMEDOUT : 0;
			w->commit_error = (random >> 12 & 7) == 3 ? -ENOSPC : 0;
			w->lost_answer = (random >> 9 & 7) == 4 ? -EIO : 0;
			if ((random >> 6 & 7) == 5)
				start_collect(w);
			run_minutes(w, 1);
		}
		w->manager_error = w->accounts_error = w->updater_error = w->gpu_error = 0;
		w->commit_error = w->lost_answer = 0;
		run_minutes(w, 2);
		assert_everything_counted_once(w);
		assert_int_equal(waiting_in(w, "u") + waiting_in(w, "v"), 0);
		free_world(w);
	}
}

static void updaters_of_one_metric_wait_for_each_other(void **state)
{
	struct world *w = make_world();

	w->updaters[1].updater = &rival_updater;
	start_collect(w);
	run_minutes(w, 5);
	w->gpu_error = -EIO;
	run_minutes(w, 5);
	assert_int_equal(waiting_in(w, "u+v"), 5);
	assert_int_equal(waiting_in(w, "u") + waiting_in(w, "v"), 0);
	/* Without the second one, the first one's answer counts. */
	w->cluster.n_updaters = 1;
	start_collect(w);
	run_minutes(w, 1);
	assert_int_equal(waiting_in(w, "u+v"), 0);
	free_world(w);
}

static void windows_of_an_updater_that_is_gone_stay(void **state)
{
	struct world *w = make_world();

	run_minutes(w, 5);
	w->gpu_error = -EIO;
	run_minutes(w, 5);
	w->cluster.n_updaters = 1;
	start_collect(w);
	run_minutes(w, 5);
	assert_int_equal(waiting_in(w, "v"), 5);
	assert_int_equal(count_log(w, "doesn't have any more"), 1);
	/* It comes back. */
	w->cluster.n_updaters = 2;
	w->gpu_error = 0;
	start_collect(w);
	run_minutes(w, 1);
	assert_int_equal(waiting_in(w, "v"), 0);
	free_world(w);
}

static void a_window_that_always_fails_steps_aside(void **state)
{
	struct world *w = make_world();

	run_minutes(w, 10);
	w->bad_window_ms = w->watermark_ms;
	run_minutes(w, 30);
	assert_int_equal(waiting_in(w, "u"), 1);
	assert_true(count_log(w, "for this window only") >= 2);
	assert_true(count_log(w, "for this window only") <= 8);
	w->bad_window_ms = 0;
	run_minutes(w, 100);
	assert_int_equal(waiting_in(w, "u"), 0);
	assert_everything_counted_once(w);
	free_world(w);
}

static void a_full_queue_holds_the_units_back_and_loses_nothing(void **state)
{
	struct world *w = make_world();
	int64_t reached;

	run_minutes(w, 10);
	w->updater_error = -ECONNREFUSED;
	run_minutes(w, 5);
	w->queue_units = STORE_QUEUE_UNITS_MAX;
	reached = w->watermark_ms;
	run_minutes(w, 5);
	assert_int_equal(w->watermark_ms, reached);
	assert_int_equal(count_log(w, "which is the most that are kept"), 1);
	w->queue_units = 0;
	w->updater_error = 0;
	run_minutes(w, 60);
	assert_everything_counted_once(w);
	free_world(w);
}

/* What is deleted at the server must not be needed by a window that waits. */
static void updaters_are_told_when_nothing_older_waits(void **state)
{
	struct world *w = make_world();
	int64_t told_end_ms;

	run_minutes(w, 10);
	told_end_ms = w->told_end_ms;
	assert_int_equal(told_end_ms, w->watermark_ms);
	w->gpu_error = -EIO;
	run_minutes(w, 10);
	assert_int_equal(w->told_end_ms, told_end_ms);
	w->gpu_error = 0;
	run_minutes(w, 1);
	assert_int_equal(w->told_end_ms, w->watermark_ms);
	assert_int_equal(w->told, w->commits);
	free_world(w);
}

/* One updater has no answer for one window; all others are complete before it is. */
static void updaters_are_told_of_windows_that_were_complete_before_an_older_one(void **state)
{
	struct world *w = make_world();
	int64_t told_end_ms;

	run_minutes(w, 10);
	told_end_ms = w->told_end_ms;
	w->bad_window_ms = w->watermark_ms;
	run_minutes(w, 30);
	assert_int_equal(waiting_in(w, "u"), 1);
	assert_int_equal(w->told_end_ms, told_end_ms);
	w->bad_window_ms = 0;
	run_minutes(w, 100);
	assert_int_equal(w->told_end_ms, w->watermark_ms);
	assert_int_equal(w->told_gaps, 0);
	for (size_t i = 0; i < JOBS; i++)
		assert_int_equal(w->jobs[i].told, w->jobs[i].ignored);
	free_world(w);
}

/* Of the windows that one updater joins the other one still needs the last. */
static void updaters_are_told_of_what_no_lane_needs_any_more(void **state)
{
	struct world *w = make_world();

	w->timing.min_window_ms = 40 * MS;
	w->gpu_min_window_ms = 160 * MS;
	for (int i = 0; i < 50; i++) {
		w->now_s += 10;
		collect_tick(w->collect, 0);
	}
	for (int i = 0; i < 20; i++) {
		/* The second one lags behind when the first one fails. */
		if (!w->updater_error && waiting_in(w, "v") > waiting_in(w, "u") + 1)
			w->updater_error = -EIO;
		w->now_s += 20;
		collect_tick(w->collect, 0);
	}
	assert_true(w->updater_error && waiting_in(w, "u") > waiting_in(w, "v"));
	w->updater_error = 0;
	run_minutes(w, 80);
	w->timing.min_window_ms = w->gpu_min_window_ms = 20 * MS;
	run_minutes(w, 10);
	assert_int_equal(w->told_end_ms, w->watermark_ms);
	assert_int_equal(w->told_gaps, 0);
	assert_everything_counted_once(w);
	free_world(w);
}

/* Their lane has another name then, and needs as long windows as before. */
static void early_windows_are_joined_though_an_updater_was_added(void **state)
{
	struct world *w = make_world();

	w->updaters[1].updater = &rival_updater;
	w->cluster.n_updaters = 1;
	w->timing.min_window_ms = 160 * MS;
	start_collect(w);
	w->now_s += 300;
	collect_tick(w->collect, 0);
	while (waiting_in(w, "u") < 8) {
		w->now_s += 20;
		collect_tick(w->collect, 0);
	}
	w->cluster.n_updaters = 2;
	start_collect(w);
	run_minutes(w, 10);
	assert_int_equal(waiting_in(w, "u"), 0);
	assert_true(w->shortest_asked_ms >= 160 * MS);
	free_world(w);
}

/* A group is one, whichever of its windows were set aside. */
static void a_neighbour_that_was_set_aside_is_joined(void **state)
{
	struct world *w = make_world();

	w->timing.min_window_ms = 160 * MS;
	w->now_s += 300;
	collect_tick(w->collect, 0);
	while (waiting_in(w, "u") < 8) {
		w->now_s += 20;
		collect_tick(w->collect, 0);
	}
	/* Slots take turns with the other lane. */
	for (size_t i = 0; i < QUEUE_MAX; i++)
		if (i / 2 % 2)
			w->queue[i].not_before_ms = (w->now_s + 600) * MS;
	run_minutes(w, 5);
	assert_true(w->shortest_asked_ms >= 160 * MS);
	free_world(w);
}

/* Each part of a window holds all units that run, so few parts of many are stored early. */
static void parts_of_a_window_are_few_when_units_are_many(void **state)
{
	struct world *w = make_world();

	w->timing.min_window_ms = 160 * MS;
	w->window_units = 60000;
	for (int i = 0; i < 300; i++) {
		w->now_s += 20;
		collect_tick(w->collect, 0);
		assert_true(waiting_in(w, "u") <= 3);
	}
	assert_true(w->shortest_ms == 20 * MS);
	assert_true(w->shortest_asked_ms >= 160 * MS);
	run_minutes(w, 10);
	assert_everything_counted_once(w);
	free_world(w);
}

static void windows_are_joined_as_far_as_memory_goes(void **state)
{
	struct world *w = make_world();

	w->timing.min_window_ms = 160 * MS;
	w->now_s += 300;
	collect_tick(w->collect, 0);
	while (waiting_in(w, "u") < 8) {
		w->now_s += 20;
		collect_tick(w->collect, 0);
	}
	w->window_units = 200000;
	w->most_joined = 0;
	for (size_t i = 0; i < QUEUE_MAX; i++)
		w->queue[i].window.n_units = w->window_units;
	run_minutes(w, 5);
	assert_int_equal(w->most_joined, 2);
	free_world(w);
}

static void a_hanging_sacct_loses_nothing(void **state)
{
	struct world *w = make_world();

	run_with_failure(w, &w->manager_error, -ETIMEDOUT);
	free_world(w);
}

static void a_failing_sacctmgr_loses_nothing(void **state)
{
	struct world *w = make_world();

	run_with_failure(w, &w->accounts_error, -EIO);
	free_world(w);
}

static void a_full_disk_loses_nothing(void **state)
{
	struct world *w = make_world();

	run_with_failure(w, &w->commit_error, -ENOSPC);
	free_world(w);
}

static void the_manager_is_told_first_what_runs(void **state)
{
	struct world *w = make_world();

	w->running_error = -EBUSY;
	run_minutes(w, 2);
	assert_int_equal(w->commits, 0);
	assert_true(w->recalled >= 1);
	w->running_error = 0;
	w->recalled = 0;
	run_minutes(w, 80);
	assert_int_equal(w->recalled, 1);
	assert_int_equal(w->owners, 1);
	assert_everything_counted_once(w);
	free_world(w);
}

static void another_cause_of_the_same_failure_is_said_too(void **state)
{
	struct world *w = make_world();

	run_minutes(w, 5);
	w->commit_error = -ENOSPC;
	run_minutes(w, 3);
	w->manager_error = -ETIMEDOUT;
	run_minutes(w, 3);
	w->manager_error = 0;
	run_minutes(w, 3);
	assert_int_equal(count_log(w, "level=ERROR"), 2);
	assert_int_equal(count_log(w, "disk full"), 1);
	assert_int_equal(count_log(w, "sacct hangs"), 1);
	w->commit_error = 0;
	run_minutes(w, 70);
	assert_int_equal(count_log(w, "collection works again"), 1);
	assert_everything_counted_once(w);
	free_world(w);
}

static void a_commit_whose_answer_was_lost_is_not_repeated(void **state)
{
	struct world *w = make_world();

	run_minutes(w, 20);
	w->lost_answer = -EIO;
	run_minutes(w, 1);
	w->lost_answer = 0;
	run_minutes(w, 60);
	assert_everything_counted_once(w);
	free_world(w);
}

static void a_restart_goes_on_where_it_was(void **state)
{
	struct world *w = make_world();

	for (int i = 0; i < 11; i++) {
		run_minutes(w, 7);
		start_collect(w);
		w->now_s += 13;
	}
	run_minutes(w, 10);
	assert_everything_counted_once(w);
	free_world(w);
}

static void a_long_stop_is_caught_up_in_steps(void **state)
{
	struct world *w = make_world();

	w->now_s = T0 + 5000;
	assert_int_equal(collect_tick(w->collect, 0), 0);
	assert_int_equal(w->watermark_ms, (w->now_s - 30) * MS);
	assert_int_equal(w->longest_ms, 300 * MS);
	assert_int_equal(w->commits, 17);
	assert_everything_counted_once(w);
	free_world(w);
}

/* Units are shown before; their metrics are asked for in windows that are long enough. */
static void no_updater_is_asked_about_a_shorter_window_than_it_can_use(void **state)
{
	struct world *w = make_world();

	w->timing.min_window_ms = 100 * MS;
	for (int i = 0; i < 700; i++) {
		w->now_s += 7;
		collect_tick(w->collect, 0);
		/* By settle_delay, and by less than a window that is not worth storing. */
		assert_true(i < 4 || w->watermark_ms >= (w->now_s - 10 - 100 / 8 - 7) * MS);
	}
	assert_true(w->shortest_ms >= 100 / 8 * MS && w->shortest_ms < 100 * MS);
	assert_true(w->shortest_asked_ms >= 100 * MS);
	assert_true(waiting_in(w, "u") <= (100 + 30) / 12 + 2);
	/* What is still to come. */
	w->now_s += 300;
	collect_tick(w->collect, 0);
	w->now_s += 300;
	collect_tick(w->collect, 0);
	assert_int_equal(waiting_in(w, "u"), 0);
	assert_everything_counted_once(w);
	free_world(w);
}

static void windows_are_joined_over_failures_and_restarts(void **state)
{
	for (uint32_t seed = 1; seed <= 20; seed++) {
		struct world *w = make_world();
		uint32_t random = seed;

		w->timing.min_window_ms = 90 * MS;
		for (int i = 0; i < 500; i++) {
			random = random * 1664525 + 1013904223;
			w->manager_error = random >> 28 == 1 ? -EIO : 0;
			w->updater_error = (random >> 20 & 7) == 1 ? -EIO : 0;
			w->gpu_error = (random >> 16 & 7) == 2 ? -ETIMEDOUT : 0;
			w->commit_error = (random >> 12 & 7) == 3 ? -ENOSPC : 0;
			w->lost_answer = (random >> 9 & 7) == 4 ? -EIO : 0;
			if ((random >> 6 & 15) == 5)
				start_collect(w);
			w->now_s += 1 + random % 20;
			collect_tick(w->collect, 0);
		}
		w->manager_error = w->updater_error = w->gpu_error = 0;
		w->commit_error = w->lost_answer = 0;
		run_minutes(w, 12);
		assert_true(w->shortest_asked_ms >= 90 * MS);
		assert_everything_counted_once(w);
		free_world(w);
	}
}

static void a_minimum_above_the_longest_window_doesnt_stop_collection(void **state)
{
	struct world *w = make_world();

	w->timing.min_window_ms = 3600 * MS;
	run_minutes(w, 85);
	assert_everything_counted_once(w);
	free_world(w);
}

static void a_clock_that_goes_back_collects_nothing_twice(void **state)
{
	struct world *w = make_world();

	run_minutes(w, 20);
	w->now_s -= 3600;
	run_minutes(w, 10);
	assert_int_equal(count_log(w, "lies in the future"), 1);
	w->now_s += 3600;
	run_minutes(w, 60);
	assert_everything_counted_once(w);
	free_world(w);
}

static void a_stop_ends_a_catch_up_between_two_windows(void **state)
{
	struct world *w = make_world();

	w->now_s = T0 + 5000;
	eventfd_write(w->cancel_fd, 1);
	collect_tick(w->collect, 0);
	assert_int_equal(w->commits, 1);
	free_world(w);
}

static void threads_run_until_they_are_stopped(void **state)
{
	struct world *w = make_world();
	struct err err;

	w->now_s = T0 + 600;
	assert_int_equal(collect_start(w->collect, &err), 0);
	for (int i = 0; i < 500 && !__atomic_load_n(&w->commits, __ATOMIC_ACQUIRE); i++)
		usleep(10000);
	eventfd_write(w->cancel_fd, 1);
	free_world(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_second_and_joule_is_counted_once),
		TEST(prometheus_down_for_ten_minutes_loses_nothing),
		TEST(an_updater_that_is_not_there_is_asked_once_a_tick),
		TEST(random_failures_lose_nothing),
		TEST(updaters_of_one_metric_wait_for_each_other),
		TEST(windows_of_an_updater_that_is_gone_stay),
		TEST(a_window_that_always_fails_steps_aside),
		TEST(a_full_queue_holds_the_units_back_and_loses_nothing),
		TEST(updaters_are_told_when_nothing_older_waits),
		TEST(updaters_are_told_of_windows_that_were_complete_before_an_older_one),
		TEST(updaters_are_told_of_what_no_lane_needs_any_more),
		TEST(early_windows_are_joined_though_an_updater_was_added),
		TEST(a_neighbour_that_was_set_aside_is_joined),
		TEST(parts_of_a_window_are_few_when_units_are_many),
		TEST(windows_are_joined_as_far_as_memory_goes),
		TEST(a_hanging_sacct_loses_nothing),
		TEST(a_failing_sacctmgr_loses_nothing),
		TEST(a_full_disk_loses_nothing),
		TEST(the_manager_is_told_first_what_runs),
		TEST(another_cause_of_the_same_failure_is_said_too),
		TEST(a_commit_whose_answer_was_lost_is_not_repeated),
		TEST(a_restart_goes_on_where_it_was),
		TEST(a_long_stop_is_caught_up_in_steps),
		TEST(no_updater_is_asked_about_a_shorter_window_than_it_can_use),
		TEST(windows_are_joined_over_failures_and_restarts),
		TEST(a_minimum_above_the_longest_window_doesnt_stop_collection),
		TEST(a_clock_that_goes_back_collects_nothing_twice),
		TEST(a_stop_ends_a_catch_up_between_two_windows),
		TEST(threads_run_until_they_are_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
