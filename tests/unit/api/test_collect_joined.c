// SPDX-License-Identifier: Apache-2.0
/* Windows that are stored early, in parts whose metrics are asked for together. */
#include <errno.h>

#include "collect_world.h"
#include "unit_test.h"

/* Until there are as many that are too short to be asked for. */
static void wait_for_eight_windows(struct world *w)
{
	w->now_s += 300;
	collect_tick(w->collect, 0);
	while (world_waiting_in(w, "u") < 8) {
		w->now_s += 20;
		collect_tick(w->collect, 0);
	}
}

/* Their lane has another name then, and needs as long windows as before. */
static void early_windows_are_joined_though_an_updater_was_added(void **state)
{
	struct world *w = world_new();

	w->updaters[1].updater = &world_rival_updater;
	w->cluster.n_updaters = 1;
	w->timing.min_window_ms = 160 * MS;
	world_start_collect(w);
	wait_for_eight_windows(w);
	w->cluster.n_updaters = 2;
	world_start_collect(w);
	world_run_minutes(w, 10);
	assert_int_equal(world_waiting_in(w, "u"), 0);
	assert_true(w->shortest_asked_ms >= 160 * MS);
	world_free(w);
}

/* A group is one, whichever of its windows were set aside. */
static void a_neighbour_that_was_set_aside_is_joined(void **state)
{
	struct world *w = world_new();

	w->timing.min_window_ms = 160 * MS;
	wait_for_eight_windows(w);
	/* Slots take turns with the other lane. */
	for (size_t i = 0; i < QUEUE_MAX; i++)
		if (i / 2 % 2)
			w->queue[i].not_before_ms = (w->now_s + 600) * MS;
	world_run_minutes(w, 5);
	assert_true(w->shortest_asked_ms >= 160 * MS);
	world_free(w);
}

/* Each part of a window holds all units that run, so few parts of many are stored early. */
static void parts_of_a_window_are_few_when_units_are_many(void **state)
{
	struct world *w = world_new();

	w->timing.min_window_ms = 160 * MS;
	w->window_units = 100000;
	for (int i = 0; i < 300; i++) {
		w->now_s += 20;
		collect_tick(w->collect, 0);
		assert_true(world_waiting_in(w, "u") <= 3);
	}
	assert_true(w->shortest_ms == 20 * MS);
	assert_true(w->shortest_asked_ms >= 160 * MS);
	world_run_minutes(w, 10);
	world_assert_counted_once(w);
	world_free(w);
}

/* One part of them alone would be more than can be joined with the rest of its window. */
static void a_window_of_very_many_units_has_no_parts(void **state)
{
	struct world *w = world_new();

	w->timing.min_window_ms = 160 * MS;
	w->crowd = 150000;
	w->now_s += 300;
	collect_tick(w->collect, 0);
	for (int i = 0; i < 10; i++) {
		w->now_s += 20;
		collect_tick(w->collect, 0);
		assert_int_equal(world_waiting_in(w, "u"), 0);
	}
	assert_true(w->shortest_ms >= 160 * MS);
	world_free(w);
}

static void windows_are_joined_as_far_as_memory_goes(void **state)
{
	struct world *w = world_new();

	w->timing.min_window_ms = 160 * MS;
	wait_for_eight_windows(w);
	w->window_units = 400000;
	w->most_joined = 0;
	for (size_t i = 0; i < QUEUE_MAX; i++)
		w->queue[i].window.n_units = w->window_units;
	world_run_minutes(w, 5);
	assert_int_equal(w->most_joined, 2);
	world_free(w);
}

/* Units are shown before; their metrics are asked for in windows that are long enough. */
static void no_updater_is_asked_about_a_shorter_window_than_it_can_use(void **state)
{
	struct world *w = world_new();

	w->timing.min_window_ms = 100 * MS;
	for (int i = 0; i < 700; i++) {
		w->now_s += 7;
		collect_tick(w->collect, 0);
		/* By settle_delay, and by less than a window that is not worth storing. */
		assert_true(i < 4 || w->watermark_ms >= (w->now_s - 10 - 100 / 8 - 7) * MS);
	}
	assert_true(w->shortest_ms >= 100 / 8 * MS && w->shortest_ms < 100 * MS);
	assert_true(w->shortest_asked_ms >= 100 * MS);
	assert_true(world_waiting_in(w, "u") <= (100 + 30) / 12 + 2);
	/* What is still to come. */
	w->now_s += 300;
	collect_tick(w->collect, 0);
	w->now_s += 300;
	collect_tick(w->collect, 0);
	assert_int_equal(world_waiting_in(w, "u"), 0);
	world_assert_counted_once(w);
	world_free(w);
}

static void windows_are_joined_over_failures_and_restarts(void **state)
{
	for (uint32_t seed = 1; seed <= 20; seed++) {
		struct world *w = world_new();
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
				world_start_collect(w);
			w->now_s += 1 + random % 20;
			collect_tick(w->collect, 0);
		}
		w->manager_error = w->updater_error = w->gpu_error = 0;
		w->commit_error = w->lost_answer = 0;
		world_run_minutes(w, 12);
		assert_true(w->shortest_asked_ms >= 90 * MS);
		world_assert_counted_once(w);
		world_free(w);
	}
}

static void a_minimum_above_the_longest_window_doesnt_stop_collection(void **state)
{
	struct world *w = world_new();

	w->timing.min_window_ms = 3600 * MS;
	world_run_minutes(w, 85);
	world_assert_counted_once(w);
	world_free(w);
}

int main(void)
{
#define TEST(name) cmocka_unit_test(name)
	const struct CMUnitTest tests[] = {
		TEST(early_windows_are_joined_though_an_updater_was_added),
		TEST(a_neighbour_that_was_set_aside_is_joined),
		TEST(parts_of_a_window_are_few_when_units_are_many),
		TEST(a_window_of_very_many_units_has_no_parts),
		TEST(windows_are_joined_as_far_as_memory_goes),
		TEST(no_updater_is_asked_about_a_shorter_window_than_it_can_use),
		TEST(windows_are_joined_over_failures_and_restarts),
		TEST(a_minimum_above_the_longest_window_doesnt_stop_collection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
