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

enum { MS = 1000, T0 = 1900000000, WATTS = 100, SEEN_AFTER_S = 20, JOBS = 40 };

struct job {
	char uuid[16];
	int64_t start_s, end_s;
	double stored_seconds, stored_joules; /* what came into the store */
	int64_t stored_end_ms;
};

/* One cluster with its store. */
struct world {
	int64_t now_s;
	struct job jobs[JOBS];
	int manager_error, accounts_error, updater_error, commit_error;
	int running_error;
	size_t recalled;
	int lost_answer; /* commits, but says that it failed */
	struct updater_timing timing;
	int64_t watermark_ms;
	size_t commits;
	int64_t shortest_ms, longest_ms, latest_end_ms;
	int cancel_fd, log_fd;
	struct clock clock;
	struct log log;
	struct collect_updater updater;
	struct collect_cluster cluster;
	struct collect *collect;
};

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

static int world_update(void *state, const struct window *window, struct unit_list *units,
	struct arena *arena, struct err *err)
{
	struct world *w = state;

	if (w->updater_error)
		return err_set(err, w->updater_error, "connection refused");
	for (size_t i = 0; i < units->n; i++)
		for (size_t j = 0; j < JOBS; j++)
			if (strcmp(units->v[i].uuid, w->jobs[j].uuid) == 0)
				metric_map_put(&units->v[i].metrics[TOTAL_CPU_ENERGY_USAGE_KWH],
					arena, "total",
					WATTS *
						(double)(seen_seconds(&w->jobs[j], window->end_ms) -
							seen_seconds(
								&w->jobs[j], window->start_ms)));
	return 0;
}

static void world_timing(void *state, struct updater_timing *ret_timing)
{
	*ret_timing = ((struct world *)state)->timing;
}

static int world_watermark(void *ctx, const char *cluster_id, int64_t *ret_ms, struct err *err)
{
	*ret_ms = ((struct world *)ctx)->watermark_ms;
	return 0;
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
	for (size_t i = 0; i < step->units->n; i++)
		for (size_t j = 0; j < JOBS; j++) {
			const struct unit *unit = &step->units->v[i];

			if (strcmp(unit->uuid, w->jobs[j].uuid))
				continue;
			w->jobs[j].stored_seconds += metric_map_get(
				&unit->metrics[TOTAL_TIME_SECONDS], "walltime");
			w->jobs[j].stored_joules += metric_map_get(
				&unit->metrics[TOTAL_CPU_ENERGY_USAGE_KWH], "total");
			w->jobs[j].stored_end_ms = unit->ended_at_ms;
		}
	w->watermark_ms = step->end_ms;
	__atomic_add_fetch(&w->commits, 1, __ATOMIC_RELEASE);
	w->shortest_ms = MIN(w->shortest_ms, step->end_ms - step->start_ms);
	w->longest_ms = MAX(w->longest_ms, step->end_ms - step->start_ms);
	if (w->lost_answer)
		return err_set(err, w->lost_answer, "the answer was lost");
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
	.fetch_units = world_fetch,
	.fetch_accounts = world_accounts,
};
static const struct updater world_updater = {
	.name = "world",
	.update = world_update,
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
		.sink = { w, world_watermark, world_running, world_commit },
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
	w->shortest_ms = INT64_MAX;
	w->timing = (struct updater_timing){ 30 * MS, 20 * MS };
	w->cancel_fd = eventfd(0, EFD_CLOEXEC);
	w->log_fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	assert_true(w->log_fd >= 0);
	w->clock = (struct clock){ realtime, realtime, w };
	w->log = (struct log){ w->log_fd, LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, &w->clock };
	w->updater = (struct collect_updater){ "u", &world_updater, w };
	w->cluster = (struct collect_cluster){ "c", &world_manager, w, &w->updater, 1 };
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

		if (job->stored_seconds != seconds || job->stored_joules != WATTS * seconds)
			fail_msg("job %s: %g of %g s, %g of %g J", job->uuid, job->stored_seconds,
				seconds, job->stored_joules, WATTS * seconds);
		assert_int_equal(job->stored_end_ms, job->end_s * MS);
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

static void prometheus_down_for_ten_minutes_loses_nothing(void **state)
{
	struct world *w = make_world();

	run_with_failure(w, &w->updater_error, -ECONNREFUSED);
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

static void no_window_is_shorter_than_the_updater_can_use(void **state)
{
	struct world *w = make_world();

	w->timing.min_window_ms = 100 * MS;
	for (int i = 0; i < 700; i++) {
		w->now_s += 7;
		collect_tick(w->collect, 0);
	}
	assert_true(w->shortest_ms >= 100 * MS);
	assert_everything_counted_once(w);
	free_world(w);
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
		TEST(a_hanging_sacct_loses_nothing),
		TEST(a_failing_sacctmgr_loses_nothing),
		TEST(a_full_disk_loses_nothing),
		TEST(the_manager_is_told_first_what_runs),
		TEST(another_cause_of_the_same_failure_is_said_too),
		TEST(a_commit_whose_answer_was_lost_is_not_repeated),
		TEST(a_restart_goes_on_where_it_was),
		TEST(a_long_stop_is_caught_up_in_steps),
		TEST(no_window_is_shorter_than_the_updater_can_use),
		TEST(a_minimum_above_the_longest_window_doesnt_stop_collection),
		TEST(a_clock_that_goes_back_collects_nothing_twice),
		TEST(a_stop_ends_a_catch_up_between_two_windows),
		TEST(threads_run_until_they_are_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
