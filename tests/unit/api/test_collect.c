// SPDX-License-Identifier: Apache-2.0
/* The loop: windows, failures, restarts, clocks. What waits for metrics is test_collect_late.c's.
 */
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "collect_world.h"
#include "unit_test.h"

static void every_second_and_joule_is_counted_once(void **state)
{
	struct world *w = world_new();

	world_run_minutes(w, 80);
	world_assert_counted_once(w);
	assert_int_equal(w->watermark_ms, (w->now_s - 30) * MS);
	assert_int_equal(world_count_log(w, "level=ERROR"), 0);
	world_free(w);
}

/* Fails for ten minutes in the middle, whatever the cause; says so once and catches up. */
static void run_with_failure(struct world *w, int *which, int error)
{
	int64_t reached;

	world_run_minutes(w, 20);
	reached = w->watermark_ms;
	*which = error;
	world_run_minutes(w, 10);
	assert_int_equal(w->watermark_ms, reached);
	assert_int_equal(world_count_log(w, "level=ERROR"), 1);
	assert_int_equal(world_count_log(w, "collection works again"), 0);
	*which = 0;
	world_run_minutes(w, 50);
	assert_int_equal(world_count_log(w, "level=ERROR"), 1);
	assert_int_equal(world_count_log(w, "collection works again"), 1);
	assert_int_equal(world_count_log(w, "failed_seconds=600"), 1);
	assert_true(w->longest_ms <= 300 * MS);
	world_assert_counted_once(w);
}

static void a_hanging_sacct_loses_nothing(void **state)
{
	struct world *w = world_new();

	run_with_failure(w, &w->manager_error, -ETIMEDOUT);
	world_free(w);
}

static void a_failing_sacctmgr_loses_nothing(void **state)
{
	struct world *w = world_new();

	run_with_failure(w, &w->accounts_error, -EIO);
	world_free(w);
}

static void a_full_disk_loses_nothing(void **state)
{
	struct world *w = world_new();

	run_with_failure(w, &w->commit_error, -ENOSPC);
	world_free(w);
}

static void the_manager_is_told_first_what_runs(void **state)
{
	struct world *w = world_new();

	w->running_error = -EBUSY;
	world_run_minutes(w, 2);
	assert_int_equal(w->commits, 0);
	assert_true(w->recalled >= 1);
	w->running_error = 0;
	w->recalled = 0;
	world_run_minutes(w, 80);
	assert_int_equal(w->recalled, 1);
	assert_int_equal(w->owners, 1);
	world_assert_counted_once(w);
	world_free(w);
}

static void another_cause_of_the_same_failure_is_said_too(void **state)
{
	struct world *w = world_new();

	world_run_minutes(w, 5);
	w->commit_error = -ENOSPC;
	world_run_minutes(w, 3);
	w->manager_error = -ETIMEDOUT;
	world_run_minutes(w, 3);
	w->manager_error = 0;
	world_run_minutes(w, 3);
	assert_int_equal(world_count_log(w, "level=ERROR"), 2);
	assert_int_equal(world_count_log(w, "disk full"), 1);
	assert_int_equal(world_count_log(w, "sacct hangs"), 1);
	w->commit_error = 0;
	world_run_minutes(w, 70);
	assert_int_equal(world_count_log(w, "collection works again"), 1);
	world_assert_counted_once(w);
	world_free(w);
}

static void a_commit_whose_answer_was_lost_is_not_repeated(void **state)
{
	struct world *w = world_new();

	world_run_minutes(w, 20);
	w->lost_answer = -EIO;
	world_run_minutes(w, 1);
	w->lost_answer = 0;
	world_run_minutes(w, 60);
	world_assert_counted_once(w);
	world_free(w);
}

static void a_restart_goes_on_where_it_was(void **state)
{
	struct world *w = world_new();

	for (int i = 0; i < 11; i++) {
		world_run_minutes(w, 7);
		world_start_collect(w);
		w->now_s += 13;
	}
	world_run_minutes(w, 10);
	world_assert_counted_once(w);
	world_free(w);
}

static void a_long_stop_is_caught_up_in_steps(void **state)
{
	struct world *w = world_new();

	w->now_s = T0 + 5000;
	assert_int_equal(collect_tick(w->collect, 0), 0);
	assert_int_equal(w->watermark_ms, (w->now_s - 30) * MS);
	assert_int_equal(w->longest_ms, 300 * MS);
	assert_int_equal(w->commits, 17);
	world_assert_counted_once(w);
	world_free(w);
}

static void a_clock_that_goes_back_collects_nothing_twice(void **state)
{
	struct world *w = world_new();

	world_run_minutes(w, 20);
	w->now_s -= 3600;
	world_run_minutes(w, 10);
	assert_int_equal(world_count_log(w, "lies in the future"), 1);
	w->now_s += 3600;
	world_run_minutes(w, 60);
	world_assert_counted_once(w);
	world_free(w);
}

static void a_stop_ends_a_catch_up_between_two_windows(void **state)
{
	struct world *w = world_new();

	w->now_s = T0 + 5000;
	eventfd_write(w->cancel_fd, 1);
	collect_tick(w->collect, 0);
	assert_int_equal(w->commits, 1);
	world_free(w);
}

static void threads_run_until_they_are_stopped(void **state)
{
	struct world *w = world_new();
	struct err err;

	w->now_s = T0 + 600;
	assert_int_equal(collect_start(w->collect, &err), 0);
	for (int i = 0; i < 500 && !__atomic_load_n(&w->commits, __ATOMIC_ACQUIRE); i++)
		usleep(10000);
	eventfd_write(w->cancel_fd, 1);
	world_free(w);
}

int main(void)
{
#define TEST(name) cmocka_unit_test(name)
	const struct CMUnitTest tests[] = {
		TEST(every_second_and_joule_is_counted_once),
		TEST(a_hanging_sacct_loses_nothing),
		TEST(a_failing_sacctmgr_loses_nothing),
		TEST(a_full_disk_loses_nothing),
		TEST(the_manager_is_told_first_what_runs),
		TEST(another_cause_of_the_same_failure_is_said_too),
		TEST(a_commit_whose_answer_was_lost_is_not_repeated),
		TEST(a_restart_goes_on_where_it_was),
		TEST(a_long_stop_is_caught_up_in_steps),
		TEST(a_clock_that_goes_back_collects_nothing_twice),
		TEST(a_stop_ends_a_catch_up_between_two_windows),
		TEST(threads_run_until_they_are_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
