// SPDX-License-Identifier: Apache-2.0
/*
 * Usage by time: sums of one account (user and project of a cluster) over fixed periods, so that
 * the usage of any window can be told without the units. Two grids: days of the configured zone,
 * which have 23 to 25 hours where clocks change, and quarters of an hour. A unit's amounts of a
 * collection window are spread evenly over the time that it existed in that window.
 */
#ifndef CEEMS_API_USAGE_PERIODS_H
#define CEEMS_API_USAGE_PERIODS_H

#include "api/model.h"
#include "api/timezone.h"

enum {
	USAGE_QUARTER_S = 15 * 60, /* all zones' days begin with one */
	USAGE_QUARTERS_KEPT_S = 35 * 24 * 3600,
};

struct usage_period {
	int64_t start_s;
	/*
	 * Units that came in this period, and units that were there before it. Over adjoining
	 * periods the units are the earlier ones of the first and the new ones of all.
	 */
	int64_t n_new, n_earlier;
	struct metric_map sums[N_UNIT_METRICS]; /* of an average: values times weights */
	struct metric_map
		weights[N_UNIT_METRICS]; /* of an average: of the units that have the key */
};

struct usage_periods {
	struct usage_period **v; /* sorted by start, distinct */
	size_t n, cap;
};

struct usage_grid {
	const struct timezone_ *zone; /* days in it; NULL: quarters */
	int64_t oldest_s; /* earlier periods are left out */
	int64_t day_start_s, day_end_s; /* the last day that was looked up */
};

/* Limits of the period that a time lies in, Unix seconds. */
void usage_grid_find(
	struct usage_grid *grid, int64_t unix_s, int64_t *ret_start_s, int64_t *ret_end_s);

/*
 * Adds what a unit brought in the window [start, end), in Unix ms: metrics are bits of enum
 * unit_metric, and it is counted with TOTAL_TIME_SECONDS. is_new: no earlier window had it. Energy
 * of a unit that ended before the window goes to the period of its end. 0 or -ENOMEM.
 */
int usage_periods_add(struct usage_periods *periods, struct usage_grid *grid,
	const struct unit *unit, unsigned metrics, int64_t start_ms, int64_t end_ms, bool is_new,
	struct arena *arena);

/* Which stored periods make up the usage of [from, to), Unix seconds. */
struct usage_plan {
	int64_t from_s, to_s; /* what is covered: widened to whole days where only these are kept */
	int64_t days_from_s, days_to_s; /* by day */
	struct {
		int64_t from_s, to_s;
	} quarters[2]; /* by quarter; from == to: none */
};

/* from and to are multiples of a quarter. Nothing is stored from now on. */
void usage_plan_make(const struct timezone_ *zone, int64_t now_s, int64_t from_s, int64_t to_s,
	struct usage_plan *ret_plan);

#endif
