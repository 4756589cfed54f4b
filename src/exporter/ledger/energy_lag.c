// SPDX-License-Identifier: Apache-2.0
#include "exporter/ledger/energy_lag.h"

#include "basic/macros.h"

/* Of each new change in the fading sums; and how well the best delay must fit to be believed. */
static const double FADING = 0.998, FIT = 0.5;

void energy_lag_init(struct energy_lag *lag, int64_t interval_ns)
{
	*lag = (struct energy_lag){ .interval_ns = interval_ns };
}

void energy_lag_add(struct energy_lag *lag, int64_t now_ns, double amount)
{
	lag->sum += amount;
	lag->history[lag->next] = (struct energy_lag_point){ now_ns, lag->sum };
	lag->next = (lag->next + 1) % ENERGY_LAG_HISTORY;
	lag->n = MIN(lag->n + 1, (size_t)ENERGY_LAG_HISTORY);
}

void energy_lag_skip(struct energy_lag *lag)
{
	lag->n = 0;
	lag->has_before = false;
}

/* The i-th last point. */
static const struct energy_lag_point *point(const struct energy_lag *lag, size_t i)
{
	return &lag->history[(lag->next + ENERGY_LAG_HISTORY - 1 - i) % ENERGY_LAG_HISTORY];
}

static bool sum_at(const struct energy_lag *lag, int64_t at_ns, double *ret_sum)
{
	for (size_t i = 0; i + 1 < lag->n; i++) {
		const struct energy_lag_point *b = point(lag, i), *a = point(lag, i + 1);

		if (at_ns > b->at_ns)
			return false;
		if (at_ns < a->at_ns || a->at_ns == b->at_ns)
			continue;
		*ret_sum = a->sum +
			(b->sum - a->sum) * (double)(at_ns - a->at_ns) /
				(double)(b->at_ns - a->at_ns);
		return true;
	}
	return false;
}

static double fit(const struct energy_lag *lag, size_t i)
{
	if (lag->products[i] <= 0 || lag->squares[i] <= 0 || lag->meter_squares <= 0)
		return 0;
	return lag->products[i] * lag->products[i] / lag->squares[i] / lag->meter_squares;
}

/* The best of the delays, and between its neighbours the top of a parabola. */
static void choose(struct energy_lag *lag)
{
	size_t best = 0;
	double left, top, right, offset = 0;

	for (size_t i = 1; i < ENERGY_LAG_STEPS; i++)
		if (fit(lag, i) > fit(lag, best))
			best = i;
	top = fit(lag, best);
	if (top < FIT)
		return;
	if (best > 0 && best + 1 < ENERGY_LAG_STEPS) {
		left = fit(lag, best - 1);
		right = fit(lag, best + 1);
		if (left + right < 2 * top)
			offset = (left - right) / (left - 2 * top + right) / 2;
	}
	lag->lag_ns = (int64_t)(((double)best + offset) * (double)lag->interval_ns *
		ENERGY_LAG_MAX_INTERVALS / (ENERGY_LAG_STEPS - 1));
}

void energy_lag_meter(struct energy_lag *lag, int64_t from_ns, int64_t to_ns, double energy)
{
	double seconds = (double)(to_ns - from_ns) / 1e9, meter = energy / seconds;
	double seen[ENERGY_LAG_STEPS];
	bool follows = lag->has_before && lag->before_ns == from_ns;

	lag->has_before = false;
	if (to_ns <= from_ns)
		return;
	for (size_t i = 0; i < ENERGY_LAG_STEPS; i++) {
		int64_t delay_ns = (int64_t)i * lag->interval_ns * ENERGY_LAG_MAX_INTERVALS /
			(ENERGY_LAG_STEPS - 1);
		double a, b;

		if (!sum_at(lag, from_ns - delay_ns, &a) || !sum_at(lag, to_ns - delay_ns, &b))
			return;
		seen[i] = (b - a) / seconds;
	}
	if (follows)
		lag->meter_squares = lag->meter_squares * FADING +
			(meter - lag->meter_before) * (meter - lag->meter_before);
	for (size_t i = 0; i < ENERGY_LAG_STEPS; i++) {
		double change = seen[i] - lag->seen_before[i];

		if (follows) {
			lag->squares[i] = lag->squares[i] * FADING + change * change;
			lag->products[i] = lag->products[i] * FADING +
				change * (meter - lag->meter_before);
		}
		lag->seen_before[i] = seen[i];
	}
	lag->has_before = true;
	lag->before_ns = to_ns;
	lag->meter_before = meter;
	if (follows && ++lag->n_changes >= ENERGY_LAG_CHANGES)
		choose(lag);
}

/* Microwatts of the meter for each unit a second of the load; 0: it isn't known. */
static double slope(const struct energy_lag *lag)
{
	const int64_t step_ns = lag->interval_ns * ENERGY_LAG_MAX_INTERVALS /
		(ENERGY_LAG_STEPS - 1);
	size_t i = (size_t)((lag->lag_ns + step_ns / 2) / step_ns);

	if (lag->n_changes < ENERGY_LAG_CHANGES || i >= ENERGY_LAG_STEPS || fit(lag, i) < FIT)
		return 0;
	return lag->products[i] / lag->squares[i];
}

/* The load that shows in the meter at a moment, a second. */
static bool load_at(
	const struct energy_lag *lag, int64_t at_ns, int64_t window_ns, double *ret_load)
{
	int64_t from_ns = at_ns - lag->lag_ns - window_ns / 2, to_ns = from_ns + window_ns;
	double a, b;

	if (lag->n)
		to_ns = MIN(to_ns, point(lag, 0)->at_ns);
	if (to_ns <= from_ns || !sum_at(lag, from_ns, &a) || !sum_at(lag, to_ns, &b))
		return false;
	*ret_load = (b - a) / ((double)(to_ns - from_ns) / 1e9);
	return true;
}

bool energy_lag_change(const struct energy_lag *lag, int64_t from_ns, int64_t to_ns,
	int64_t window_ns, double *ret_uw)
{
	double before, after, by = slope(lag);

	if (by <= 0 || !load_at(lag, from_ns, window_ns, &before) ||
		!load_at(lag, to_ns, window_ns, &after))
		return false;
	*ret_uw = (after - before) * by;
	return true;
}

bool energy_lag_bend(const struct energy_lag *lag, int64_t from_ns, int64_t to_ns,
	int64_t window_ns, double *ret_uj)
{
	double before, after, a, b, by = slope(lag);

	if (by <= 0 || !load_at(lag, from_ns, window_ns, &before) ||
		!load_at(lag, to_ns, window_ns, &after) ||
		!sum_at(lag, from_ns - lag->lag_ns, &a) || !sum_at(lag, to_ns - lag->lag_ns, &b))
		return false;
	*ret_uj = (b - a - (before + after) / 2 * (double)(to_ns - from_ns) / 1e9) * by;
	return true;
}
