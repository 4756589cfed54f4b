// SPDX-License-Identifier: Apache-2.0
/*
 * The usage of a window against a brute-force recomputation from what every unit brought in every
 * collection window. CEEMS_TEST_UNITS sets the number of random units.
 */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/usage_sum.h"
#include "sample_store.h"
#include "unit_test.h"

enum {
	UNITS = 2500,
	USERS = 40,
	PROJECTS = 7,
	QUERIES = 40,
	DAY_S = 86400,
	QUARTER_S = USAGE_QUARTER_S,
	SPAN_DAYS = 30,
};

/* 2031-03-20T00:00:00Z: ten days before clocks change in Berlin. */
static const int64_t t0_s = 1931731200;

static struct sample_store s;
static struct err err;
static uint64_t seed;

static uint64_t next_random(uint64_t below)
{
	seed = seed * 6364136223846793005U + 1442695040888963407U;
	return (seed >> 33) % below;
}

struct job {
	char uuid[24];
	int user, project;
	int64_t start_s, end_s; /* end 0: it runs on */
	double energy_per_s, usage;
	bool has_usage;
};

/* What a unit brought in one collection window. */
struct part {
	const struct job *job;
	int64_t from_s, to_s;
	double energy;
};

static struct job *jobs;
static size_t n_jobs;
static struct part *parts;
static size_t n_parts, cap_parts;

static int by_start(const void *a, const void *b)
{
	const struct job *x = a, *y = b;

	return (x->start_s > y->start_s) - (x->start_s < y->start_s);
}

static void make_jobs(size_t part)
{
	const char *wanted = getenv("CEEMS_TEST_UNITS");

	n_jobs = (wanted ? strtoul(wanted, NULL, 10) : UNITS) / part;
	jobs = calloc(n_jobs, sizeof(*jobs));
	assert_non_null(jobs);
	for (size_t i = 0; i < n_jobs; i++) {
		struct job *j = &jobs[i];
		int64_t length = 1 + (int64_t)next_random(next_random(4) ? 3 * 3600 : 2 * DAY_S);

		snprintf(j->uuid, sizeof(j->uuid), "%zu", i);
		j->user = (int)next_random(USERS);
		j->project = (int)next_random(PROJECTS);
		j->start_s = t0_s - 7200 + (int64_t)next_random(SPAN_DAYS * DAY_S);
		j->end_s = next_random(500) ? j->start_s + length : 0;
		j->energy_per_s = (double)next_random(1000) / 1e6;
		j->has_usage = next_random(3) != 0;
		j->usage = (double)next_random(10000) / 100;
	}
	qsort(jobs, n_jobs, sizeof(*jobs), by_start);
}

static void add_part(const struct part *part)
{
	if (n_parts == cap_parts) {
		cap_parts = cap_parts ? cap_parts * 2 : 4096;
		parts = realloc(parts, cap_parts * sizeof(*parts));
		assert_non_null(parts);
	}
	parts[n_parts++] = *part;
}

static const char *name(const char *kind, int i)
{
	return arena_printf(&s.arena, "%s%d", kind, i);
}

static void add_unit(struct unit_list *units, const struct job *j, int64_t start_s, int64_t end_s)
{
	struct part part = { .job = j,
		.from_s = MAX(start_s, j->start_s),
		.to_s = j->end_s ? MIN(end_s, j->end_s) : end_s };
	double time = (double)(part.to_s - part.from_s);
	struct unit *u = unit_list_push(units, &s.arena);

	part.energy = time * j->energy_per_s;
	assert_non_null(u);
	u->resource_manager = "slurm";
	u->uuid = j->uuid;
	u->username = name("user", j->user);
	u->project = name("project", j->project);
	u->started_at = name("t", (int)(j->start_s - t0_s));
	u->started_at_ms = j->start_s * 1000;
	u->ended_at = "Unknown";
	u->ended_at_ms = j->end_s && j->end_s <= end_s ? j->end_s * 1000 : 0;
	sample_metric(&s, u, TOTAL_TIME_SECONDS, "walltime", time);
	sample_metric(&s, u, TOTAL_TIME_SECONDS, "alloc_cputime", 4 * time);
	sample_metric(&s, u, TOTAL_CPU_ENERGY_USAGE_KWH, "total", part.energy);
	if (j->has_usage)
		sample_metric(&s, u, AVG_CPU_USAGE, "global", j->usage);
	add_part(&part);
}

/* Windows of all lengths from a second to seven hours. Returns their end. */
static int64_t collect(int64_t start_s, int64_t until_s)
{
	size_t alive = 0;

	while (start_s < until_s) {
		static const int64_t longest[] = { 900, 3600, 7 * 3600 };
		int64_t end_s = start_s + 1 +
			(int64_t)next_random((uint64_t)longest[next_random(3)]);
		struct unit_list units = { 0 };
		struct store_step_result result;
		struct store_step step;

		if (next_random(3) == 0)
			end_s += QUARTER_S - end_s % QUARTER_S;
		arena_reset(&s.arena);
		while (alive < n_jobs && jobs[alive].end_s && jobs[alive].end_s <= start_s)
			alive++;
		for (size_t i = alive; i < n_jobs && jobs[i].start_s < end_s; i++) {
			if (!jobs[i].end_s || jobs[i].end_s > start_s)
				add_unit(&units, &jobs[i], start_s, end_s);
		}
		step = (struct store_step){ .cluster_id = "hpc-a",
			.start_ms = start_s * 1000,
			.end_ms = end_s * 1000,
			.units = &units,
			.now_ms = end_s * 1000 };
		if (store_commit_step(s.store, &step, &result, &err) < 0)
			fail_msg("%s", err.text);
		assert_int_equal(result.failed, 0);
		start_s = end_s;
	}
	return start_s;
}

struct answer {
	double walltime, energy, value, weight;
	size_t n;
	const struct job *last; /* parts of one job are not adjacent, so jobs are marked */
};

static struct answer expected[USERS][PROJECTS];

static int by_job(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	return (x->job > y->job) - (x->job < y->job);
}

static void recompute(int64_t from_s, int64_t to_s)
{
	memset(expected, 0, sizeof(expected));
	for (size_t i = 0; i < n_parts; i++) {
		const struct part *p = &parts[i];
		struct answer *a = &expected[p->job->user][p->job->project];
		int64_t both = MIN(to_s, p->to_s) - MAX(from_s, p->from_s);

		if (both <= 0)
			continue;
		a->walltime += (double)both;
		a->energy += p->energy * (double)both / (double)(p->to_s - p->from_s);
		if (p->job->has_usage) {
			a->value += p->job->usage * 4 * (double)both;
			a->weight += 4 * (double)both;
		}
		a->n += a->last != p->job;
		a->last = p->job;
	}
}

static double number(json_t *object, const char *metric, const char *key)
{
	return json_number_value(json_object_get(json_object_get(object, metric), key));
}

static void assert_near(double value, double wanted)
{
	if (fabs(value - wanted) > 1e-8 * (1 + fabs(wanted)))
		fail_msg("%.10f instead of %.10f", value, wanted);
}

static void compare(json_t *object)
{
	struct answer *a;
	int user, project;

	assert_int_equal(
		sscanf(json_string_value(json_object_get(object, "username")), "user%d", &user), 1);
	assert_int_equal(sscanf(json_string_value(json_object_get(object, "project")), "project%d",
				 &project),
		1);
	a = &expected[user][project];
	assert_int_equal(json_integer_value(json_object_get(object, "num_units")), a->n);
	assert_near(number(object, "total_time_seconds", "walltime"), a->walltime);
	assert_near(number(object, "total_time_seconds", "alloc_cputime"), 4 * a->walltime);
	assert_near(number(object, "total_cpu_energy_usage_kwh", "total"), a->energy);
	assert_near(number(object, "avg_cpu_usage", "global"),
		a->weight > 0 ? a->value / a->weight : 0);
	a->n = 0;
}

static void check(int64_t now_s, int64_t from_s, int64_t to_s)
{
	struct usage_sum *sum = NULL;
	struct usage_plan plan;
	struct buffer text;
	struct json_writer w;
	json_t *root, *item;
	size_t i;

	buffer_init(&text, 0);
	w = json_writer(&text);
	usage_plan_make(s.zone, now_s, from_s, to_s, &plan);
	recompute(plan.from_s, plan.to_s);
	assert_int_equal(usage_sum_new(USAGE_SUM_SHARES, ~UINT64_C(0), 0, &sum), 0);
	assert_int_equal(store_get_usage_shares(s.store, &(struct store_query){ 0 }, &plan,
				 usage_sum_add, sum, &err),
		0);
	json_writer_open_array(&w);
	assert_int_equal(usage_sum_write(sum, &w), 0);
	json_writer_close_array(&w);
	root = json_loads(buffer_text(&text), 0, NULL);
	assert_non_null(root);
	json_array_foreach(root, i, item) compare(item);
	json_decref(root);
	usage_sum_free(sum);
	buffer_done(&text);
	/* Nobody was left out. */
	for (int user = 0; user < USERS; user++)
		for (int project = 0; project < PROJECTS; project++)
			assert_int_equal(expected[user][project].n, 0);
}

static void check_all(int64_t end_s)
{
	int64_t now_s = end_s + 600;

	qsort(parts, n_parts, sizeof(*parts), by_job);
	for (int i = 0; i < QUERIES; i++) {
		int64_t from_s = t0_s + (int64_t)next_random(SPAN_DAYS * 96) * QUARTER_S;
		int64_t to_s = from_s + (int64_t)next_random(i % 2 ? 200 : 3000) * QUARTER_S;

		/* By quarters where they are kept, and long after only by days. */
		check(now_s, from_s, to_s);
		check(now_s + 20 * DAY_S, from_s, to_s);
	}
	check(now_s, t0_s, now_s + QUARTER_S);
	free(jobs);
	free(parts);
	parts = NULL;
	n_parts = cap_parts = 0;
}

static void usage_of_any_window_equals_a_recomputation(void **state)
{
	seed = 6;
	make_jobs(1);
	check_all(collect(t0_s, t0_s + SPAN_DAYS * DAY_S));
}

/* Which part of a job was counted is known to a minute or so, if it ran before the first window. */
static void leave_out_near_starts(void)
{
	for (size_t i = 0; i < n_jobs; i++)
		if (jobs[i].start_s > t0_s - 900 && jobs[i].start_s < t0_s)
			jobs[i].start_s = t0_s;
	qsort(jobs, n_jobs, sizeof(*jobs), by_start);
}

static int backfill(int64_t now_s)
{
	struct store_backfill_result result;

	if (store_backfill(s.store, now_s * 1000, &result, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(result.failed, 0);
	return result.more;
}

static int64_t pending_units(int64_t from_s, int64_t to_s, int64_t *ret_until_ms)
{
	struct store_estimate estimate;

	assert_int_equal(store_get_estimate(s.store, NULL, from_s, to_s, &estimate, &err), 0);
	*ret_until_ms = estimate.until_ms;
	return estimate.pending;
}

/*
 * The same history, of whose first half there are only the units' totals when the file is opened.
 * Units that run then are met by windows before they are reached. As all use their energy evenly,
 * the estimate is the truth.
 */
static void what_another_program_stored_is_filled_in(void **state)
{
	int64_t end_s, half_s, until_ms;

	seed = 7;
	make_jobs(5);
	leave_out_near_starts();
	half_s = collect(t0_s, t0_s + SPAN_DAYS / 2 * DAY_S);
	sample_store_forget(&s);
	sample_store_reopen(&s);
	assert_true(pending_units(t0_s, half_s, &until_ms) > 0);
	assert_int_equal(until_ms, half_s * 1000);
	end_s = collect(half_s, half_s + DAY_S);
	backfill(end_s);
	/* The program ends in between. */
	sample_store_reopen(&s);
	while (backfill(end_s))
		;
	assert_int_equal(pending_units(t0_s, half_s, &until_ms), 0);
	assert_int_equal(pending_units(half_s, end_s, &until_ms), 0);
	assert_int_equal(until_ms, 0);
	assert_string_equal(sample_query(s.path, "SELECT count(*) FROM ceems_backfilled"), "0");
	sample_store_reopen(&s);
	assert_false(backfill(end_s));
	check_all(collect(end_s, t0_s + SPAN_DAYS * DAY_S));
}

/* It was stored by us, then by CEEMS 0.10.2 for some days, then by us again. */
static void a_time_in_which_another_program_stored_is_filled_in(void **state)
{
	int64_t first_s, second_s, end_s, until_ms;

	seed = 8;
	make_jobs(5);
	first_s = collect(t0_s, t0_s + 8 * DAY_S);
	sample_sql(s.path,
		"CREATE TABLE days AS SELECT * FROM ceems_usage_days;"
		"CREATE TABLE quarters AS SELECT * FROM ceems_usage_quarters;"
		"CREATE TABLE marks AS SELECT * FROM ceems_watermarks");
	second_s = collect(first_s, first_s + 9 * DAY_S);
	sample_sql(s.path,
		"DELETE FROM ceems_usage_days; INSERT INTO ceems_usage_days SELECT * FROM days;"
		"DELETE FROM ceems_usage_quarters; INSERT INTO ceems_usage_quarters SELECT * FROM quarters;"
		"DELETE FROM ceems_watermarks; INSERT INTO ceems_watermarks SELECT * FROM marks;"
		"DROP TABLE days; DROP TABLE quarters; DROP TABLE marks");
	sample_store_reopen(&s);
	end_s = collect(second_s, second_s + DAY_S);
	assert_true(pending_units(first_s, second_s, &until_ms) > 0);
	assert_int_equal(until_ms, second_s * 1000);
	while (backfill(end_s))
		;
	assert_int_equal(pending_units(t0_s, first_s, &until_ms), 0);
	assert_int_equal(until_ms, 0);
	check_all(collect(end_s, t0_s + SPAN_DAYS * DAY_S));
}

static void assert_plan(int64_t now_s, int64_t from_s, int64_t to_s, struct usage_plan wanted)
{
	struct usage_plan plan;

	usage_plan_make(s.zone, now_s, from_s, to_s, &plan);
	assert_int_equal(plan.from_s, wanted.from_s);
	assert_int_equal(plan.to_s, wanted.to_s);
	assert_int_equal(plan.days_to_s - plan.days_from_s, wanted.days_to_s - wanted.days_from_s);
	for (int i = 0; i < 2; i++)
		assert_int_equal(plan.quarters[i].to_s - plan.quarters[i].from_s,
			wanted.quarters[i].to_s - wanted.quarters[i].from_s);
}

static void days_are_those_of_the_zone(void **state)
{
	/* 2031-03-30, when clocks change: 23 hours. */
	int64_t day_s = 1932591600, now_s = day_s + 3 * DAY_S;
	struct usage_grid grid = { .zone = s.zone };
	int64_t start_s, end_s;

	usage_grid_find(&grid, day_s, &start_s, &end_s);
	assert_int_equal(start_s, day_s);
	assert_int_equal(end_s, day_s + 23 * 3600);
	usage_grid_find(&grid, day_s - 1, &start_s, &end_s);
	assert_int_equal(start_s, day_s - DAY_S);
	assert_int_equal(end_s, day_s);
	assert_plan(now_s, day_s, end_s + 23 * 3600,
		(struct usage_plan){
			.from_s = day_s, .to_s = day_s + 23 * 3600, .days_to_s = 23 * 3600 });
	assert_plan(now_s, day_s - 900, day_s + 24 * 3600,
		(struct usage_plan){ .from_s = day_s - 900,
			.to_s = day_s + 24 * 3600,
			.days_to_s = 23 * 3600,
			.quarters = { { 0, 900 }, { 0, 3600 } } });
	/* Up to now is up to the end of the day. */
	assert_plan(now_s, now_s - 900, now_s + 900,
		(struct usage_plan){ .from_s = now_s - 900,
			.to_s = now_s + 900,
			.quarters = { { 0, 23 * 3600 + 900 } } });
	/* Long ago there are only days. */
	assert_plan(now_s + 50 * DAY_S, day_s + 900, day_s + 1800,
		(struct usage_plan){
			.from_s = day_s, .to_s = day_s + 23 * 3600, .days_to_s = 23 * 3600 });
	assert_plan(now_s, day_s, day_s, (struct usage_plan){ .from_s = day_s, .to_s = day_s });
}

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

int main(void)
{
#define EXACT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		EXACT_TEST(days_are_those_of_the_zone),
		EXACT_TEST(usage_of_any_window_equals_a_recomputation),
		EXACT_TEST(what_another_program_stored_is_filled_in),
		EXACT_TEST(a_time_in_which_another_program_stored_is_filled_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
