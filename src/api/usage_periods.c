// SPDX-License-Identifier: Apache-2.0
#include "api/usage_periods.h"

#include <errno.h>

#include "api/metric_map.h"

enum { MS = 1000, HOUR_S = 3600, FIRST_PERIODS = 8 };

static int64_t day_start_s(const struct timezone_ *zone, int64_t unix_s)
{
	return time_day_start(zone, unix_s * MS) / MS;
}

/* 36 hours after the beginning of a day of 23 to 25 hours it is the next day. */
static int64_t next_day_s(const struct timezone_ *zone, int64_t start_s)
{
	return day_start_s(zone, start_s + 36 * HOUR_S);
}

void usage_grid_find(
	struct usage_grid *grid, int64_t unix_s, int64_t *ret_start_s, int64_t *ret_end_s)
{
	if (!grid->zone) {
		*ret_start_s = unix_s - unix_s % USAGE_QUARTER_S;
		*ret_end_s = *ret_start_s + USAGE_QUARTER_S;
		return;
	}
	if (unix_s < grid->day_start_s || unix_s >= grid->day_end_s) {
		grid->day_start_s = day_start_s(grid->zone, unix_s);
		grid->day_end_s = next_day_s(grid->zone, grid->day_start_s);
	}
	*ret_start_s = grid->day_start_s;
	*ret_end_s = grid->day_end_s;
}

/* When the unit existed in the window; a point in time if it brings no time. */
static void find_span(const struct unit *unit, int64_t start_ms, int64_t end_ms,
	int64_t *ret_from_ms, int64_t *ret_to_ms)
{
	const struct metric_map *time = &unit->metrics[TOTAL_TIME_SECONDS];
	int64_t from = unit->started_at_ms > 0 ? unit->started_at_ms : start_ms;
	int64_t to = unit->ended_at_ms > 0 ? unit->ended_at_ms : end_ms;

	if (to <= start_ms) {
		/* A whole run that is told late, or only its last energy. */
		if (from >= to || metric_map_get(time, "walltime") <= 0)
			from = to = to - 1;
	} else {
		from = MAX(from, start_ms);
		to = MIN(to, end_ms);
		if (from >= to)
			from = to = MIN(MAX(from, start_ms), end_ms - 1);
	}
	*ret_from_ms = MAX(from, 0);
	*ret_to_ms = MAX(to, 0);
}

/* The period that begins there, made if there is none; NULL: out of memory. */
static struct usage_period *find_period(
	struct usage_periods *periods, int64_t start_s, struct arena *arena)
{
	size_t from = 0, to = periods->n;
	struct usage_period *new;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (periods->v[middle]->start_s < start_s)
			from = middle + 1;
		else
			to = middle;
	}
	if (from < periods->n && periods->v[from]->start_s == start_s)
		return periods->v[from];
	new = ARENA_NEW(arena, struct usage_period);
	if (!new)
		return NULL;
	new->start_s = start_s;
	if (periods->n == periods->cap) {
		size_t cap = periods->cap ? periods->cap * 2 : FIRST_PERIODS;
		struct usage_period **v = arena_grow(
			arena, periods->v, periods->n, cap, sizeof(struct usage_period *));

		if (!v)
			return NULL;
		periods->v = v;
		periods->cap = cap;
	}
	memmove(periods->v + from + 1, periods->v + from,
		(periods->n - from) * sizeof(struct usage_period *));
	periods->v[from] = new;
	periods->n++;
	return new;
}

/* The part of the unit's amounts between two fractions of its span, so that all parts add up. */
static int add_part(struct usage_period *period, const struct unit *unit, unsigned metrics,
	double from, double to, struct arena *arena)
{
	int r = 0;

	for (int m = 0; r >= 0 && m < N_UNIT_METRICS; m++) {
		const struct metric_map *map = &unit->metrics[m];
		const char *key = unit_metric_weight((enum unit_metric)m);
		double weight = key ? metric_map_get(&unit->metrics[TOTAL_TIME_SECONDS], key) : 1;

		if (!(metrics & 1U << m))
			continue;
		for (size_t i = 0; r >= 0 && i < map->n; i++) {
			double value = map->values[i] * weight;

			r = metric_map_increase(
				&period->sums[m], arena, map->keys[i], value * to - value * from);
			if (r >= 0 && key)
				r = metric_map_increase(&period->weights[m], arena, map->keys[i],
					weight * to - weight * from);
		}
	}
	return r;
}

int usage_periods_add(struct usage_periods *periods, struct usage_grid *grid,
	const struct unit *unit, unsigned metrics, int64_t start_ms, int64_t end_ms, bool is_new,
	struct arena *arena)
{
	bool counts = metrics & 1U << TOTAL_TIME_SECONDS;
	int64_t from_ms, to_ms, at_ms;
	double done = 0, next;
	bool first = true;

	find_span(unit, start_ms, end_ms, &from_ms, &to_ms);
	at_ms = from_ms;
	do {
		int64_t start_s, end_s;
		bool last;

		usage_grid_find(grid, at_ms / MS, &start_s, &end_s);
		last = end_s * MS >= to_ms;
		next = last ? 1 : (double)(end_s * MS - from_ms) / (double)(to_ms - from_ms);
		if (start_s >= grid->oldest_s) {
			struct usage_period *period = find_period(periods, start_s, arena);

			if (!period || add_part(period, unit, metrics, done, next, arena) < 0)
				return -ENOMEM;
			/* A window that begins inside a period goes on with those it counted. */
			if (counts && first && is_new)
				period->n_new++;
			else if (counts &&
				(!first || (from_ms == start_ms && start_s * MS == start_ms)))
				period->n_earlier++;
		}
		at_ms = end_s * MS;
		done = next;
		first = false;
		if (last)
			return 0;
	} while (true);
}

void usage_plan_make(const struct timezone_ *zone, int64_t now_s, int64_t from_s, int64_t to_s,
	struct usage_plan *ret_plan)
{
	int64_t oldest_s = now_s - USAGE_QUARTERS_KEPT_S;
	int64_t first_day_s = day_start_s(zone, from_s), last_day_s = day_start_s(zone, to_s);
	struct usage_plan plan = { .from_s = from_s, .to_s = to_s };

	/* To the end of the day if it has no more by then. */
	if (to_s > last_day_s && to_s < now_s && last_day_s >= oldest_s) {
		plan.quarters[1].from_s = MAX(last_day_s, from_s);
		plan.quarters[1].to_s = to_s;
		plan.days_to_s = last_day_s;
	} else {
		plan.days_to_s = to_s > last_day_s ? next_day_s(zone, last_day_s) : to_s;
		if (to_s < now_s)
			plan.to_s = plan.days_to_s;
	}
	if (from_s > first_day_s && first_day_s >= oldest_s) {
		plan.days_from_s = next_day_s(zone, first_day_s);
		plan.quarters[0].from_s = from_s;
		plan.quarters[0].to_s = MIN(plan.days_from_s, MAX(plan.days_to_s, from_s));
	} else {
		plan.days_from_s = plan.from_s = first_day_s;
	}
	plan.days_to_s = MAX(plan.days_to_s, plan.days_from_s);
	*ret_plan = plan;
}
