// SPDX-License-Identifier: Apache-2.0
#include "api/updaters/share.h"

#include <stdlib.h>

#include "api/metric_map.h"
#include "unit_test.h"

static struct arena arena;
static struct unit_list units;

static struct unit *add(const char *uuid, int64_t started_at_ms, double walltime)
{
	struct unit *unit = unit_list_push(&units, &arena);

	assert_non_null(unit);
	unit->uuid = uuid;
	unit->started_at_ms = started_at_ms;
	metric_map_put(&unit->metrics[TOTAL_TIME_SECONDS], &arena, "walltime", walltime);
	return unit;
}

static int setup(void **state)
{
	arena_init(&arena, 1 << 20);
	units = (struct unit_list){ 0 };
	return 0;
}

static int teardown(void **state)
{
	arena_done(&arena);
	return 0;
}

static double total(size_t unit)
{
	return metric_map_get(&units.v[unit].metrics[TOTAL_CPU_ENERGY_USAGE_KWH], "total");
}

static void values_find_their_units(void **state)
{
	struct unit_batch batch;

	add("b", 1, 10);
	add("", 1, 10);
	add("a", 1, 10);
	assert_int_equal(unit_batch_init(&batch, &units, &arena), 0);
	assert_int_equal(batch.n_ids, 2);
	assert_string_equal(batch.ids[0], "a");
	unit_batch_reset(&batch, TOTAL_CPU_ENERGY_USAGE_KWH);
	unit_batch_put(&batch, "a", TOTAL_CPU_ENERGY_USAGE_KWH, "total", 5, &arena);
	unit_batch_put(&batch, "c", TOTAL_CPU_ENERGY_USAGE_KWH, "total", 7, &arena);
	unit_batch_put(&batch, "", TOTAL_CPU_ENERGY_USAGE_KWH, "total", 7, &arena);
	assert_true(total(0) == 0 && total(1) == 0 && total(2) == 5);
	assert_true(units.v[0].metrics[TOTAL_CPU_ENERGY_USAGE_KWH].set);
	assert_false(units.v[1].metrics[TOTAL_CPU_ENERGY_USAGE_KWH].set);
}

static void runs_of_one_job_share_its_energy(void **state)
{
	struct unit_batch batch;

	add("7", 100, 10);
	add("7", 300, 30);
	add("8", 100, 10);
	assert_int_equal(unit_batch_init(&batch, &units, &arena), 0);
	unit_batch_put(&batch, "7", TOTAL_CPU_ENERGY_USAGE_KWH, "total", 8, &arena);
	unit_batch_put(&batch, "7", AVG_CPU_USAGE, "global", 50, &arena);
	assert_true(total(0) == 2 && total(1) == 6 && total(2) == 0);
	assert_true(metric_map_get(&units.v[0].metrics[AVG_CPU_USAGE], "global") == 50);
	assert_true(metric_map_get(&units.v[1].metrics[AVG_CPU_USAGE], "global") == 50);
}

static void energy_that_comes_late_goes_to_the_latest_run(void **state)
{
	struct unit_batch batch;

	add("7", 300, 0);
	add("7", 100, 0);
	assert_int_equal(unit_batch_init(&batch, &units, &arena), 0);
	unit_batch_put(&batch, "7", TOTAL_CPU_ENERGY_USAGE_KWH, "total", 8, &arena);
	assert_true(total(0) == 8 && total(1) == 0);
}

static void slices_cover_each_id_once(void **state)
{
	struct unit_batch all, part;
	size_t seen = 0;
	static const char *const ids[] = { "1", "2", "2", "3", "4", "4", "4", "5" };

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		add(ids[i], (int64_t)i, 1);
	assert_int_equal(unit_batch_init(&all, &units, &arena), 0);
	assert_int_equal(all.n_ids, 5);
	for (size_t i = 0; i < all.n_ids; i += 2) {
		part = all;
		unit_batch_slice(&part, i, MIN(2, all.n_ids - i));
		for (size_t u = 0; u < part.n_units; u++)
			assert_true(strcmp(part.units[u]->uuid, part.ids[0]) >= 0 &&
				strcmp(part.units[u]->uuid, part.ids[part.n_ids - 1]) <= 0);
		seen += part.n_units;
	}
	assert_int_equal(seen, ARRAY_SIZE(ids));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(values_find_their_units, setup, teardown),
		cmocka_unit_test_setup_teardown(runs_of_one_job_share_its_energy, setup, teardown),
		cmocka_unit_test_setup_teardown(
			energy_that_comes_late_goes_to_the_latest_run, setup, teardown),
		cmocka_unit_test_setup_teardown(slices_cover_each_id_once, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
