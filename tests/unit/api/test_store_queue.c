// SPDX-License-Identifier: Apache-2.0
/*
 * Windows whose metrics come later. The same random history is stored twice, undisturbed and with
 * windows that wait, and the two databases must hold the same sums.
 */
#include "api/store_queue.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "api/metric_map.h"
#include "sample_store.h"
#include "unit_test.h"

enum { WINDOWS = 40, JOBS = 12, HOSTS = 1U << AVG_CPU_USAGE | 1U << TOTAL_CPU_ENERGY_USAGE_KWH };
enum { GPUS = 1U << AVG_GPU_USAGE | 1U << TOTAL_GPU_ENERGY_USAGE_KWH };

static const char cluster[] = "hpc-a";
static struct sample_store calm, stormy;
static struct err err;
static uint32_t state_of_chance;

static uint32_t chance(uint32_t n)
{
	state_of_chance = state_of_chance * 1664525 + 1013904223;
	return (state_of_chance >> 8) % n;
}

/* A number that depends on nothing but its arguments. */
static double made_up(int window, size_t job, int which)
{
	uint32_t x = (uint32_t)window * 2654435761U ^ (uint32_t)job * 40503U ^ (uint32_t)which;

	x ^= x >> 15;
	x *= 2246822519U;
	x ^= x >> 13;
	return (double)(x % 100000) / 1000;
}

static int setup(void **state)
{
	sample_store_open(&calm);
	sample_store_open(&stormy);
	return 0;
}

static int teardown(void **state)
{
	sample_store_close(&calm);
	sample_store_close(&stormy);
	return 0;
}

static void put_metrics(struct arena *arena, struct unit *unit, unsigned metrics, int window)
{
	size_t job = (size_t)atoi(unit->uuid);

	for (int m = TOTAL_TIME_SECONDS + 1; m < N_UNIT_METRICS; m++) {
		if (!(metrics & 1U << m)) {
			unit->metrics[m] = (struct metric_map){ 0 };
			continue;
		}
		unit->metrics[m] = (struct metric_map){ .set = true };
		metric_map_put(&unit->metrics[m], arena, "global", made_up(window, job, m));
	}
}

/* The units of a window: each job has its span of windows and an owner. */
static void make_units(struct sample_store *s, struct unit_list *units, int window)
{
	static const char *const users[] = { "mira", "otto", "zoe" };

	for (size_t job = 0; job < JOBS; job++) {
		int first = (int)job * 2, last = first + 6 + (int)job % 5;
		char uuid[16];
		struct unit *unit;

		if (window < first || window > last)
			continue;
		snprintf(uuid, sizeof(uuid), "%zu", job);
		unit = sample_unit(s, units, "slurm", arena_strdup(&s->arena, uuid), users[job % 3],
			"astro", SAMPLE_T0_S + first * SAMPLE_WINDOW_S, 0);
		sample_metric(s, unit, TOTAL_TIME_SECONDS, "alloc_cputime",
			1 + floor(made_up(window, job, 100)));
		sample_metric(s, unit, TOTAL_TIME_SECONDS, "alloc_gputime",
			floor(made_up(window, job, 101)));
	}
}

static int64_t start_of(int window)
{
	return (SAMPLE_T0_S + window * SAMPLE_WINDOW_S) * 1000;
}

static void store_window(struct sample_store *s, int window, unsigned metrics,
	const struct strings *lanes, const char *const *metric_lanes)
{
	struct unit_list units = { 0 };
	struct store_step step = { .cluster_id = cluster,
		.start_ms = start_of(window),
		.since_ms = start_of(window),
		.end_ms = start_of(window + 1),
		.units = &units,
		.queue_lanes = lanes,
		.metric_lanes = metric_lanes };
	struct store_step_result result;

	make_units(s, &units, window);
	for (size_t i = 0; i < units.n; i++)
		put_metrics(&s->arena, &units.v[i], metrics, window);
	if (store_commit_step(s->store, &step, &result, &err) < 0)
		fail_msg("%s", err.text);
}

static int window_of(const struct store_queued *queued)
{
	return (int)((queued->start_ms / 1000 - SAMPLE_T0_S) / SAMPLE_WINDOW_S);
}

static void finish(struct sample_store *s, const struct store_queued *queued, const char *lane,
	unsigned metrics)
{
	struct unit_list units = { 0 };
	struct store_queue_ids *ids;
	struct store_step_result result;

	assert_int_equal(
		store_queue_load(s->store, cluster, queued, &s->arena, &units, &ids, &err), 0);
	for (size_t i = 0; i < units.n; i++)
		put_metrics(&s->arena, &units.v[i], metrics, window_of(queued));
	if (store_queue_commit(s->store,
		    &(struct store_late){ cluster, lane, queued, metrics, &units, ids, 0 }, 1,
		    &result, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(result.failed, 0);
}

static bool next(
	struct sample_store *s, const char *lane, int which, struct store_queued *ret_queued)
{
	const struct store_queue_pick pick = { which, 0 };
	int r = store_queue_next(s->store, cluster, lane, &pick, 1, ret_queued, &err);

	assert_true(r >= 0);
	return r > 0;
}

static const char *const sums[] = {
	"SELECT uuid || num_updates || last_updated_at || total_time_seconds || avg_cpu_usage || "
	"avg_gpu_usage || total_cpu_energy_usage_kwh || total_gpu_energy_usage_kwh "
	"FROM units ORDER BY uuid",
	"SELECT username || num_units || num_updates || last_updated_at || total_time_seconds || "
	"avg_cpu_usage || avg_gpu_usage || total_cpu_energy_usage_kwh || "
	"total_gpu_energy_usage_kwh FROM usage ORDER BY username",
	"SELECT username || num_units || num_updates || last_updated_at || total_time_seconds || "
	"avg_cpu_usage || avg_gpu_usage || total_cpu_energy_usage_kwh || "
	"total_gpu_energy_usage_kwh FROM daily_usage ORDER BY username, last_updated_at",
	"SELECT account || ' ' || start_s || ' ' || num_new || ' ' || num_earlier || "
	"total_time_seconds || avg_cpu_usage || weight_cpu_usage || avg_gpu_usage || "
	"weight_gpu_usage || total_cpu_energy_usage_kwh || total_gpu_energy_usage_kwh "
	"FROM ceems_usage_days ORDER BY account, start_s",
	"SELECT account || ' ' || start_s || ' ' || num_new || ' ' || num_earlier || "
	"total_time_seconds || avg_cpu_usage || weight_cpu_usage || avg_gpu_usage || "
	"weight_gpu_usage || total_cpu_energy_usage_kwh || total_gpu_energy_usage_kwh "
	"FROM ceems_usage_quarters ORDER BY account, start_s",
};

static void assert_same_sums(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(sums); i++) {
		char *expected = strdup(sample_query(calm.path, sums[i]));

		assert_true(strlen(expected) > 100);
		assert_string_equal(sample_query(stormy.path, sums[i]), expected);
		free(expected);
	}
}

static void assert_queue_is_empty(void)
{
	assert_string_equal(sample_query(stormy.path,
				    "SELECT (SELECT count(*) FROM ceems_windows) + "
				    "(SELECT count(*) FROM ceems_queue) + (SELECT count(*) FROM "
				    "ceems_window_units) + (SELECT count(*) FROM ceems_missing)"),
		"0");
}

/* One lane fails now and then for some windows; in order, everything is the same to the byte. */
static void windows_that_wait_in_order_end_up_as_if_they_had_not(void **state)
{
	const char *lane = "hosts";
	const struct strings lanes = { &lane, 1 };

	for (uint32_t seed = 1; seed <= 3; seed++) {
		struct store_queued queued;
		bool down = false;

		if (seed > 1) {
			teardown(NULL);
			setup(NULL);
		}
		state_of_chance = seed;
		for (int w = 0; w < WINDOWS; w++) {
			bool waits;

			store_window(&calm, w, HOSTS | GPUS, NULL, NULL);
			down = chance(4) ? down : !down;
			waits = down || next(&stormy, lane, STORE_QUEUE_OLDEST, &queued);
			store_window(&stormy, w, waits ? GPUS : HOSTS | GPUS, waits ? &lanes : NULL,
				NULL);
			for (int i = 0; !down && i < 3; i++)
				if (next(&stormy, lane, STORE_QUEUE_OLDEST, &queued))
					finish(&stormy, &queued, lane, HOSTS);
			if (!chance(5))
				sample_store_reopen(&stormy);
		}
		while (next(&stormy, lane, STORE_QUEUE_OLDEST, &queued))
			finish(&stormy, &queued, lane, HOSTS);
		assert_same_sums();
		assert_queue_is_empty();
	}
}

static void assert_close(const char *sql)
{
	double expected = atof(sample_query(calm.path, sql));
	double found = atof(sample_query(stormy.path, sql));

	if (fabs(expected - found) > 1e-6 * (1 + fabs(expected)))
		fail_msg("%s: %.9f instead of %.9f", sql, found, expected);
}

/* Two lanes, any order, and windows that don't wait in between: equal but for rounding. */
static void any_order_gives_the_same_sums(void **state)
{
	const char *lanes[] = { "hosts", "gpus+more" };
	const unsigned metrics[] = { HOSTS, GPUS };
	const char *metric_lanes[N_UNIT_METRICS] = { 0 };
	struct store_queued queued;

	state_of_chance = 77;
	metric_lanes[AVG_CPU_USAGE] = metric_lanes[TOTAL_CPU_ENERGY_USAGE_KWH] = lanes[0];
	metric_lanes[AVG_GPU_USAGE] = metric_lanes[TOTAL_GPU_ENERGY_USAGE_KWH] = lanes[1];
	for (int w = 0; w < WINDOWS; w++) {
		const char *waiting[2];
		struct strings list = { waiting, 0 };
		unsigned there = 0;

		for (size_t l = 0; l < 2; l++) {
			if (chance(2))
				waiting[list.n++] = lanes[l];
			else
				there |= metrics[l];
		}
		store_window(&calm, w, HOSTS | GPUS, NULL, NULL);
		store_window(&stormy, w, there, &list, metric_lanes);
		for (size_t l = 0; l < 2; l++)
			if (!chance(2) && next(&stormy, lanes[l], chance(2), &queued))
				finish(&stormy, &queued, lanes[l], metrics[l]);
	}
	for (size_t l = 0; l < 2; l++)
		while (next(&stormy, lanes[l], chance(2), &queued))
			finish(&stormy, &queued, lanes[l], metrics[l]);
	assert_queue_is_empty();
	for (size_t job = 0; job < JOBS; job++) {
		static const char *const columns[] = { "avg_cpu_usage", "avg_gpu_usage",
			"total_cpu_energy_usage_kwh", "total_gpu_energy_usage_kwh" };
		char sql[256];

		for (size_t c = 0; c < ARRAY_SIZE(columns); c++) {
			snprintf(sql, sizeof(sql),
				"SELECT json_extract(%s, '$.global') FROM units WHERE uuid = '%zu'",
				columns[c], job);
			assert_close(sql);
			snprintf(sql, sizeof(sql),
				"SELECT json_extract(%s, '$.global') FROM usage ORDER BY username "
				"LIMIT 1 OFFSET %zu",
				columns[c], job % 3);
			assert_close(sql);
			snprintf(sql, sizeof(sql),
				"SELECT json_extract(%s, '$.global') FROM daily_usage "
				"ORDER BY username LIMIT 1 OFFSET %zu",
				columns[c], job % 3);
			assert_close(sql);
		}
	}
}

static void store_waiting(int window)
{
	const char *lane = "hosts";
	const struct strings lanes = { &lane, 1 };

	store_window(&stormy, window, GPUS, &lanes, NULL);
}

static void metrics_are_added_once(void **state)
{
	struct store_queued queued, gone;
	struct unit_list units = { 0 };
	struct store_queue_ids *ids;
	struct store_step_result result;

	store_window(&calm, 0, HOSTS | GPUS, NULL, NULL);
	store_waiting(0);
	assert_true(next(&stormy, "hosts", STORE_QUEUE_OLDEST, &queued));
	assert_int_equal(queued.start_ms, start_of(0));
	assert_int_equal(queued.end_ms, start_of(1));
	gone = queued;
	assert_int_equal(
		store_queue_load(stormy.store, cluster, &gone, &stormy.arena, &units, &ids, &err),
		0);
	assert_string_equal(units.v[0].username, "mira");
	finish(&stormy, &queued, "hosts", HOSTS);
	put_metrics(&stormy.arena, &units.v[0], HOSTS, 0);
	assert_int_equal(
		store_queue_commit(stormy.store,
			&(struct store_late){ cluster, "hosts", &gone, HOSTS, &units, ids, 0 }, 1,
			&result, &err),
		-ENOENT);
	assert_same_sums();
}

static void a_lane_tells_what_waits_in_it(void **state)
{
	const char *names[] = { "hosts", "gpus" };
	const struct strings lanes = { names, 2 };
	struct store_queue_state queue;
	struct store_queued queued;

	assert_int_equal(
		store_queue_state(stormy.store, cluster, 1, &stormy.arena, &queue, &err), 0);
	assert_int_equal(queue.windows, 0);
	store_window(&stormy, 3, 0, &lanes, NULL);
	store_window(&stormy, 4, 0, &lanes, NULL);
	assert_true(next(&stormy, "gpus", STORE_QUEUE_OLDEST, &queued));
	finish(&stormy, &queued, "gpus", GPUS);
	assert_int_equal(
		store_queue_state(stormy.store, cluster, 1, &stormy.arena, &queue, &err), 0);
	assert_int_equal(queue.windows, 2);
	assert_int_equal(queue.units, 2 + 3);
	assert_int_equal(queue.oldest_start_ms, start_of(3));
	assert_int_equal(queue.n_lanes, 2);
	assert_string_equal(queue.lanes[0].name, "gpus");
	assert_int_equal(queue.lanes[0].n, 1);
	assert_int_equal(queue.lanes[0].oldest_start_ms, start_of(4));
	assert_int_equal(queue.lanes[1].n, 2);
	assert_int_equal(store_queue_state(stormy.store, "x", 1, &stormy.arena, &queue, &err), 0);
	assert_int_equal(queue.windows, 0);

	/* What failed isn't due before its time. */
	assert_true(next(&stormy, "hosts", STORE_QUEUE_OLDEST, &queued));
	assert_int_equal(store_queue_delay(stormy.store, &queued, "hosts", 3, 1000, &err), 0);
	assert_true(next(&stormy, "hosts", STORE_QUEUE_OLDEST, &queued));
	assert_int_equal(queued.start_ms, start_of(4));
	assert_int_equal(
		store_queue_next(stormy.store, cluster, "hosts",
			&(struct store_queue_pick){ STORE_QUEUE_OLDEST, 0 }, 1000, &queued, &err),
		1);
	assert_int_equal(queued.attempts, 3);
	assert_int_equal(queued.start_ms, start_of(3));
}

static void purge(int64_t now_s, size_t *ret_given_up)
{
	struct store_purge_result result;

	assert_int_equal(store_purge(stormy.store, 1, now_s * 1000, &result, &err), 0);
	assert_false(result.more);
	*ret_given_up = result.given_up;
}

/* The units of a window that waits stay; a window as old as what is purged is given up. */
static void retention_waits_for_metrics_but_not_for_ever(void **state)
{
	struct store_queued queued;
	size_t given_up;

	store_waiting(0);
	sample_sql(stormy.path, "UPDATE units SET ended_at = '2031-04-08T07:00:00+0200'");
	purge(SAMPLE_T0_S + 24 * 3600, &given_up);
	assert_int_equal(given_up, 0);
	assert_string_equal(sample_query(stormy.path, "SELECT count(*) FROM units"), "1");
	purge(SAMPLE_T0_S + 48 * 3600, &given_up);
	assert_int_equal(given_up, 1);
	assert_string_equal(sample_query(stormy.path, "SELECT count(*) FROM units"), "0");
	assert_false(next(&stormy, "hosts", STORE_QUEUE_OLDEST, &queued));
	assert_queue_is_empty();
}

static void *set_admins(void *ctx)
{
	static const char *boss = "boss";
	const struct strings names = { &boss, 1 };
	struct err why;

	*(int *)ctx = store_set_admins(stormy.store, &names, NULL, 0, &why);
	return NULL;
}

/* Somebody else holds the database's lock, for which a writer waits: the queue is told all the
 * same. */
static void looking_at_the_queue_waits_for_no_writer(void **state)
{
	struct store_queue_state queue;
	struct store_queued queued;
	struct arena arena;
	sqlite3 *other;
	pthread_t thread;
	int stored = 1;

	store_waiting(0);
	arena_init(&arena, 1 << 20);
	assert_int_equal(sqlite3_open(stormy.path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(pthread_create(&thread, NULL, set_admins, &stored), 0);
	for (int i = 0; i < 300; i++) {
		arena_reset(&arena);
		assert_int_equal(
			store_queue_state(stormy.store, cluster, 1000, &arena, &queue, &err), 0);
		assert_int_equal(queue.windows, 1);
		assert_true(next(&stormy, "hosts", STORE_QUEUE_OLDEST, &queued));
	}
	assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(stored, 0);
	sqlite3_close(other);
	arena_done(&arena);
}

static void rows_that_are_gone_get_no_metrics(void **state)
{
	struct store_queued queued;
	size_t given_up;

	store_waiting(0);
	store_waiting(1);
	sample_sql(stormy.path, "UPDATE daily_usage SET last_updated_at = '2031-04-01T00:00:00'");
	purge(SAMPLE_T0_S + 24 * 3600, &given_up);
	assert_int_equal(given_up, 0);
	assert_string_equal(sample_query(stormy.path, "SELECT count(*) FROM daily_usage"), "0");
	while (next(&stormy, "hosts", STORE_QUEUE_OLDEST, &queued))
		finish(&stormy, &queued, "hosts", HOSTS);
	assert_queue_is_empty();
	assert_true(atof(sample_query(stormy.path,
			    "SELECT json_extract(total_cpu_energy_usage_kwh, '$.global') FROM "
			    "usage")) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			windows_that_wait_in_order_end_up_as_if_they_had_not, setup, teardown),
		cmocka_unit_test_setup_teardown(any_order_gives_the_same_sums, setup, teardown),
		cmocka_unit_test_setup_teardown(metrics_are_added_once, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lane_tells_what_waits_in_it, setup, teardown),
		cmocka_unit_test_setup_teardown(
			retention_waits_for_metrics_but_not_for_ever, setup, teardown),
		cmocka_unit_test_setup_teardown(
			looking_at_the_queue_waits_for_no_writer, setup, teardown),
		cmocka_unit_test_setup_teardown(rows_that_are_gone_get_no_metrics, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
