// SPDX-License-Identifier: Apache-2.0
/* Windows that wait for metrics: queues, and who is told when they are complete. */
#include <errno.h>

#include "collect_world.h"
#include "unit_test.h"

/* Units are stored in time; their energy comes when it can be had. */
static void prometheus_down_for_ten_minutes_loses_nothing(void **state)
{
	struct world *w = world_new();

	world_run_minutes(w, 20);
	w->updater_error = -ECONNREFUSED;
	world_run_minutes(w, 10);
	assert_int_equal(w->watermark_ms, (w->now_s - 30) * MS);
	assert_int_equal(world_waiting_in(w, "u"), 10);
	assert_int_equal(world_waiting_in(w, "v"), 0);
	assert_int_equal(world_count_log(w, "level=ERROR"), 1);
	assert_int_equal(world_count_log(w, "an updater fails"), 1);
	w->updater_error = 0;
	world_run_minutes(w, 1);
	assert_int_equal(world_waiting_in(w, "u"), 0);
	world_run_minutes(w, 49);
	assert_int_equal(world_count_log(w, "level=ERROR"), 1);
	assert_int_equal(world_count_log(w, "updater works again"), 1);
	assert_int_equal(world_count_log(w, "failed_seconds=600"), 1);
	world_assert_counted_once(w);
	world_free(w);
}

/* As HTTP 404 or a missing socket: it is not that the window was added already. */
static void an_updater_that_is_not_there_is_asked_once_a_tick(void **state)
{
	struct world *w = world_new();

	world_run_minutes(w, 20);
	w->updater_error = -ENOENT;
	world_run_minutes(w, 10);
	assert_true(w->refused <= 20);
	assert_int_equal(world_waiting_in(w, "u"), 10);
	assert_int_equal(world_count_log(w, "an updater fails"), 1);
	assert_int_equal(world_count_log(w, "updater works again"), 0);
	w->updater_error = 0;
	world_run_minutes(w, 50);
	world_assert_counted_once(w);
	world_free(w);
}

/* Whatever fails when, with restarts. */
static void random_failures_lose_nothing(void **state)
{
	for (uint32_t seed = 1; seed <= 20; seed++) {
		struct world *w = world_new();
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
				world_start_collect(w);
			world_run_minutes(w, 1);
		}
		w->manager_error = w->accounts_error = w->updater_error = w->gpu_error = 0;
		w->commit_error = w->lost_answer = 0;
		world_run_minutes(w, 2);
		world_assert_counted_once(w);
		assert_int_equal(world_waiting_in(w, "u") + world_waiting_in(w, "v"), 0);
		world_free(w);
	}
}

static void updaters_of_one_metric_wait_for_each_other(void **state)
{
	struct world *w = world_new();

	w->updaters[1].updater = &world_rival_updater;
	world_start_collect(w);
	world_run_minutes(w, 5);
	w->gpu_error = -EIO;
	world_run_minutes(w, 5);
	assert_int_equal(world_waiting_in(w, "u+v"), 5);
	assert_int_equal(world_waiting_in(w, "u") + world_waiting_in(w, "v"), 0);
	/* Without the second one, the first one's answer counts. */
	w->cluster.n_updaters = 1;
	world_start_collect(w);
	world_run_minutes(w, 1);
	assert_int_equal(world_waiting_in(w, "u+v"), 0);
	world_free(w);
}

static void windows_of_an_updater_that_is_gone_stay(void **state)
{
	struct world *w = world_new();

	world_run_minutes(w, 5);
	w->gpu_error = -EIO;
	world_run_minutes(w, 5);
	w->cluster.n_updaters = 1;
	world_start_collect(w);
	world_run_minutes(w, 5);
	assert_int_equal(world_waiting_in(w, "v"), 5);
	assert_int_equal(world_count_log(w, "doesn't have any more"), 1);
	/* It comes back. */
	w->cluster.n_updaters = 2;
	w->gpu_error = 0;
	world_start_collect(w);
	world_run_minutes(w, 1);
	assert_int_equal(world_waiting_in(w, "v"), 0);
	world_free(w);
}

static void a_window_that_always_fails_steps_aside(void **state)
{
	struct world *w = world_new();

	world_run_minutes(w, 10);
	w->bad_window_ms = w->watermark_ms;
	world_run_minutes(w, 30);
	assert_int_equal(world_waiting_in(w, "u"), 1);
	assert_true(world_count_log(w, "for this window only") >= 2);
	assert_true(world_count_log(w, "for this window only") <= 8);
	w->bad_window_ms = 0;
	world_run_minutes(w, 100);
	assert_int_equal(world_waiting_in(w, "u"), 0);
	world_assert_counted_once(w);
	world_free(w);
}

static void a_full_queue_holds_the_units_back_and_loses_nothing(void **state)
{
	struct world *w = world_new();
	int64_t reached;

	world_run_minutes(w, 10);
	w->updater_error = -ECONNREFUSED;
	world_run_minutes(w, 5);
	w->queue_units = STORE_QUEUE_UNITS_MAX;
	reached = w->watermark_ms;
	world_run_minutes(w, 5);
	assert_int_equal(w->watermark_ms, reached);
	assert_int_equal(world_count_log(w, "which is the most that are kept"), 1);
	w->queue_units = 0;
	w->updater_error = 0;
	world_run_minutes(w, 60);
	world_assert_counted_once(w);
	world_free(w);
}

/* What is deleted at the server must not be needed by a window that waits. */
static void updaters_are_told_when_nothing_older_waits(void **state)
{
	struct world *w = world_new();
	int64_t told_end_ms;

	world_run_minutes(w, 10);
	told_end_ms = w->told_end_ms;
	assert_int_equal(told_end_ms, w->watermark_ms);
	w->gpu_error = -EIO;
	world_run_minutes(w, 10);
	assert_int_equal(w->told_end_ms, told_end_ms);
	w->gpu_error = 0;
	world_run_minutes(w, 1);
	assert_int_equal(w->told_end_ms, w->watermark_ms);
	assert_int_equal(w->told, w->commits);
	world_free(w);
}

/* One updater has no answer for one window; all others are complete before it is. */
static void updaters_are_told_of_windows_that_were_complete_before_an_older_one(void **state)
{
	struct world *w = world_new();
	int64_t told_end_ms;

	world_run_minutes(w, 10);
	told_end_ms = w->told_end_ms;
	w->bad_window_ms = w->watermark_ms;
	world_run_minutes(w, 30);
	assert_int_equal(world_waiting_in(w, "u"), 1);
	assert_int_equal(w->told_end_ms, told_end_ms);
	w->bad_window_ms = 0;
	world_run_minutes(w, 100);
	assert_int_equal(w->told_end_ms, w->watermark_ms);
	assert_int_equal(w->told_gaps, 0);
	for (size_t i = 0; i < JOBS; i++)
		assert_int_equal(w->jobs[i].told, w->jobs[i].ignored);
	world_free(w);
}

/* Of the windows that one updater joins the other one still needs the last. */
static void updaters_are_told_of_what_no_lane_needs_any_more(void **state)
{
	struct world *w = world_new();

	w->timing.min_window_ms = 40 * MS;
	w->gpu_min_window_ms = 160 * MS;
	for (int i = 0; i < 50; i++) {
		w->now_s += 10;
		collect_tick(w->collect, 0);
	}
	for (int i = 0; i < 20; i++) {
		/* The second one lags behind when the first one fails. */
		if (!w->updater_error && world_waiting_in(w, "v") > world_waiting_in(w, "u") + 1)
			w->updater_error = -EIO;
		w->now_s += 20;
		collect_tick(w->collect, 0);
	}
	assert_true(w->updater_error && world_waiting_in(w, "u") > world_waiting_in(w, "v"));
	w->updater_error = 0;
	world_run_minutes(w, 80);
	w->timing.min_window_ms = w->gpu_min_window_ms = 20 * MS;
	world_run_minutes(w, 10);
	assert_int_equal(w->told_end_ms, w->watermark_ms);
	assert_int_equal(w->told_gaps, 0);
	world_assert_counted_once(w);
	world_free(w);
}

int main(void)
{
#define TEST(name) cmocka_unit_test(name)
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
