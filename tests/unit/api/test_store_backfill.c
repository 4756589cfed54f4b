// SPDX-License-Identifier: Apache-2.0
/*
 * Usage by time of units that CEEMS 0.10.2 stored: limits and faults. That the sums are right is
 * test_usage_exact.c's.
 */
#include "api/store_queue.h"

#include <stdlib.h>
#include <string.h>

#include "api/metric_map.h"
#include "sample_store.h"
#include "unit_test.h"

enum { DAY_S = 86400, OLD_UNITS = 250, OLD_DAYS = 60 };

static const char cluster[] = "hpc-a";
static struct sample_store s;
static struct err err;

static int setup(void **state)
{
	sample_store_open(&s);
	return 0;
}

static int teardown(void **state)
{
	sample_store_close(&s);
	return 0;
}

/* The window since SAMPLE_T0_S; returns how many rows could not be stored. */
static size_t store_lanes(const char *cluster_id, int window, const struct unit_list *units,
	const struct strings *lanes)
{
	const struct store_step step = { .cluster_id = cluster_id,
		.start_ms = (SAMPLE_T0_S + window * SAMPLE_WINDOW_S) * 1000,
		.since_ms = (SAMPLE_T0_S + window * SAMPLE_WINDOW_S) * 1000,
		.end_ms = (SAMPLE_T0_S + (window + 1) * SAMPLE_WINDOW_S) * 1000,
		.units = units,
		.queue_lanes = lanes };
	struct store_step_result result;

	if (store_commit_step(s.store, &step, &result, &err) < 0)
		fail_msg("%s", err.text);
	return result.failed;
}

static size_t store_window(const char *cluster_id, int window, const struct unit_list *units)
{
	return store_lanes(cluster_id, window, units, NULL);
}

/* Units of so many accounts that started long ago and run on, with their time so far. */
static void make_old_units(struct unit_list *units, int first, int n, int users)
{
	for (int i = first; i < first + n; i++) {
		struct unit *u = sample_unit(&s, units, "slurm", arena_printf(&s.arena, "%d", i),
			arena_printf(&s.arena, "user%d", i % users), "astro",
			SAMPLE_T0_S - OLD_DAYS * DAY_S, 0);

		sample_metric(
			&s, u, TOTAL_TIME_SECONDS, "walltime", OLD_DAYS * DAY_S + SAMPLE_WINDOW_S);
	}
}

static void store_old_units(int n, int users)
{
	struct unit_list units = { 0 };

	make_old_units(&units, 0, n, users);
	assert_int_equal(store_window(cluster, 0, &units), 0);
	sample_store_forget(&s);
	sample_store_reopen(&s);
}

static struct store_backfill_result backfill(void)
{
	struct store_backfill_result result;

	if (store_backfill(s.store, (SAMPLE_T0_S + 2 * SAMPLE_WINDOW_S) * 1000, &result, &err) < 0)
		fail_msg("%s", err.text);
	return result;
}

static struct store_estimate estimate(const char *cluster_id)
{
	const struct strings clusters = { &cluster_id, 1 };
	struct store_estimate found;

	assert_int_equal(store_get_estimate(s.store, cluster_id ? &clusters : NULL,
				 SAMPLE_T0_S - DAY_S, SAMPLE_T0_S + DAY_S, &found, &err),
		0);
	return found;
}

static double number(const char *sql)
{
	return atof(sample_query(s.path, sql));
}

static void assert_all_is_there(int units)
{
	double seconds = (double)units * (OLD_DAYS * DAY_S + SAMPLE_WINDOW_S);

	assert_true(number("SELECT round(sum(json_extract(total_time_seconds, '$.walltime'))) FROM "
			   "ceems_usage_days") == seconds);
	/* Beside the days there are 35 of quarters, but for the last ones. */
	assert_true(number("SELECT count(*) FROM ceems_usage_quarters") >= units * 34.0 * 96);
}

/* All that runs is in the first window; what it brings is more than may be held in memory. */
static void a_step_of_many_units_that_run_long_fits_in_memory(void **state)
{
	struct unit_list units = { 0 };

	store_old_units(OLD_UNITS, OLD_UNITS);
	make_old_units(&units, 0, OLD_UNITS, OLD_UNITS);
	for (size_t i = 0; i < units.n; i++)
		units.v[i].metrics[TOTAL_TIME_SECONDS] = (struct metric_map){ 0 };
	assert_int_equal(store_window(cluster, 1, &units), 0);
	assert_all_is_there(OLD_UNITS);
}

static void a_part_of_units_that_run_long_is_small(void **state)
{
	struct store_backfill_result result;
	size_t units = 0;

	store_old_units(OLD_UNITS, OLD_UNITS);
	do {
		result = backfill();
		assert_true(result.units < OLD_UNITS / 4);
		units += result.units;
	} while (result.more);
	assert_int_equal(units, OLD_UNITS);
	assert_int_equal(estimate(NULL).pending, 0);
	assert_all_is_there(OLD_UNITS);
}

/* A day of the account that can't be read is left as it is, and counted. */
static void periods_that_cannot_be_read_are_counted(void **state)
{
	struct unit_list first = { 0 }, second = { 0 };

	store_old_units(3, 1);
	make_old_units(&first, 0, 1, 1);
	assert_int_equal(store_window(cluster, 1, &first), 0);
	sample_sql(s.path,
		"UPDATE ceems_usage_days SET total_time_seconds = 'x' WHERE start_s = "
		"(SELECT min(start_s) FROM ceems_usage_days)");
	make_old_units(&second, 1, 1, 1);
	assert_int_equal(store_window(cluster, 2, &second), 1);
	assert_int_equal(backfill().failed, 1);
	assert_string_equal(sample_query(s.path,
				    "SELECT total_time_seconds FROM ceems_usage_days ORDER BY "
				    "start_s LIMIT 1"),
		"x");
}

static void what_is_open_goes_on_though_usage_is_empty(void **state)
{
	store_old_units(3, 3);
	assert_int_equal(estimate(NULL).pending, 3);
	sample_sql(s.path, "DELETE FROM usage");
	sample_store_reopen(&s);
	while (backfill().more)
		;
	assert_int_equal(estimate(NULL).pending, 0);
	assert_all_is_there(3);
}

static void an_estimate_is_of_the_clusters_that_are_asked_for(void **state)
{
	struct unit_list units = { 0 };

	store_old_units(3, 1);
	make_old_units(&units, 7, 1, 1);
	assert_int_equal(store_window("hpc-b", 1, &units), 0);
	assert_true(estimate(cluster).until_ms > 0);
	assert_int_equal(estimate(cluster).pending, 3);
	assert_true(estimate(NULL).until_ms > 0);
	assert_int_equal(estimate("hpc-b").until_ms, 0);
	assert_int_equal(estimate("hpc-b").pending, 0);
}

static void make_even_unit(struct unit_list *units, double energy)
{
	struct unit *u = sample_unit(&s, units, "slurm", "1", "mira", "astro", SAMPLE_T0_S, 0);

	u->metrics[TOTAL_CPU_ENERGY_USAGE_KWH] = (struct metric_map){ 0 };
	if (energy > 0)
		sample_metric(&s, u, TOTAL_CPU_ENERGY_USAGE_KWH, "total", energy);
}

static void add_late_energy(double energy)
{
	const struct store_queue_pick pick = { STORE_QUEUE_OLDEST, 0 };
	struct unit_list units = { 0 };
	struct store_step_result result;
	struct store_queue_ids *ids;
	struct store_queued queued;
	struct store_late late = { cluster, "hosts", &queued, 1U << TOTAL_CPU_ENERGY_USAGE_KWH,
		&units, NULL, 0 };

	assert_int_equal(store_queue_next(s.store, cluster, "hosts", &pick, 1, &queued, &err), 1);
	assert_int_equal(
		store_queue_load(s.store, cluster, &queued, &s.arena, &units, &ids, &err), 0);
	late.ids = ids;
	sample_metric(&s, &units.v[0], TOTAL_CPU_ENERGY_USAGE_KWH, "total", energy);
	assert_int_equal(store_queue_commit(s.store, &late, 1, &result, &err), 0);
	assert_int_equal(result.failed, 0);
}

/*
 * A window of ours waits for its energy, the next one was stored by CEEMS 0.10.2: the unit's total
 * is spread over both when it has both.
 */
static void late_metrics_belong_to_what_is_spread(void **state)
{
	const char *lane = "hosts";
	const struct strings lanes = { &lane, 1 };
	struct unit_list ours = { 0 }, theirs = { 0 };

	make_even_unit(&ours, 0);
	assert_int_equal(store_lanes(cluster, 0, &ours, &lanes), 0);
	sample_sql(s.path,
		"CREATE TABLE days AS SELECT * FROM ceems_usage_days;"
		"CREATE TABLE quarters AS SELECT * FROM ceems_usage_quarters;"
		"CREATE TABLE marks AS SELECT * FROM ceems_watermarks");
	make_even_unit(&theirs, 7);
	assert_int_equal(store_window(cluster, 1, &theirs), 0);
	sample_sql(s.path,
		"DELETE FROM ceems_usage_days; INSERT INTO ceems_usage_days SELECT * FROM days;"
		"DELETE FROM ceems_usage_quarters; INSERT INTO ceems_usage_quarters SELECT * FROM quarters;"
		"DELETE FROM ceems_watermarks; INSERT INTO ceems_watermarks SELECT * FROM marks;"
		"DROP TABLE days; DROP TABLE quarters; DROP TABLE marks");
	sample_store_reopen(&s);
	add_late_energy(7);
	while (backfill().more)
		;
	assert_true(number("SELECT sum(json_extract(total_cpu_energy_usage_kwh, '$.total')) FROM "
			   "ceems_usage_days") == 14);
}

int main(void)
{
#define BACKFILL_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		BACKFILL_TEST(a_step_of_many_units_that_run_long_fits_in_memory),
		BACKFILL_TEST(a_part_of_units_that_run_long_is_small),
		BACKFILL_TEST(periods_that_cannot_be_read_are_counted),
		BACKFILL_TEST(what_is_open_goes_on_though_usage_is_empty),
		BACKFILL_TEST(an_estimate_is_of_the_clusters_that_are_asked_for),
		BACKFILL_TEST(late_metrics_belong_to_what_is_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
