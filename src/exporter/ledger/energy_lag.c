// SPDX-License-Identifier: Apache-2.0
#include "exporter/ledger/energy_lag.h"

#include <math.h>
#include <string.h>

#include "basic/macros.h"

/* Of each new change in the fading sums; and how well the best delay must fit to be believed: by so
 * many changes, chance fits one of the delays as well. */
static const double FADING = 0.998, CHANCE = 8, FIT_LEAST = 0.15;

/* A guess goes by the time before. */
enum { GUESS_INTERVALS = 10 };

void energy_lag_init(struct energy_lag *lag, int64_t interval_ns, const struct energy_curve *load)
{
	*lag = (struct energy_lag){ .interval_ns = interval_ns, .load = load };
}

static bool load_between(
	const struct energy_lag *lag, int64_t from_ns, int64_t to_ns, double *ret_load)
{
	if (to_ns > lag->known_ns || !energy_curve_knows(lag->load, from_ns))
		return false;
	*ret_load = (double)energy_curve_between(lag->load, from_ns, to_ns);
	return true;
}

static double fit(const struct energy_lag *lag, size_t i)
{
	if (lag->products[i] <= 0 || lag->squares[i] <= 0 || lag->meter_squares <= 0)
		return 0;
	return lag->products[i] * lag->products[i] / lag->squares[i] / lag->meter_squares;
}

static bool believable(const struct energy_lag *lag, size_t i)
{
	return fit(lag, i) > MAX(CHANCE / (double)lag->n_changes, FIT_LEAST);
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
	if (!believable(lag, best))
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

static void learn_from(struct energy_lag *lag, const struct energy_lag_segment *seg)
{
	double seconds = (double)(seg->to_ns - seg->from_ns) / 1e9, meter = seg->energy / seconds;
	double seen[ENERGY_LAG_STEPS];
	bool follows = lag->has_before && lag->before_ns == seg->from_ns;

	lag->has_before = false;
	for (size_t i = 0; i < ENERGY_LAG_STEPS; i++) {
		int64_t delay_ns = (int64_t)i * lag->interval_ns * ENERGY_LAG_MAX_INTERVALS /
			(ENERGY_LAG_STEPS - 1);

		if (seg->from_ns - delay_ns < lag->gap_ns ||
			!load_between(
				lag, seg->from_ns - delay_ns, seg->to_ns - delay_ns, &seen[i]))
			return;
		seen[i] /= seconds;
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
	lag->before_ns = seg->to_ns;
	lag->meter_before = meter;
	if (follows) {
		lag->n_changes++;
		choose(lag);
	}
}

static void drop_first(struct energy_lag *lag, size_t n)
{
	lag->n_unseen -= n;
	memmove(lag->unseen, lag->unseen + n, lag->n_unseen * sizeof(lag->unseen[0]));
}

void energy_lag_meter(struct energy_lag *lag, int64_t from_ns, int64_t to_ns, double energy)
{
	if (to_ns <= from_ns)
		return;
	if (lag->n_unseen == ENERGY_LAG_UNSEEN)
		drop_first(lag, 1);
	lag->unseen[lag->n_unseen++] = (struct energy_lag_segment){ from_ns, to_ns, energy };
}

void energy_lag_learn(struct energy_lag *lag, int64_t known_ns, int64_t gap_ns)
{
	size_t n = 0;

	lag->known_ns = known_ns;
	lag->gap_ns = gap_ns;
	while (n < lag->n_unseen && lag->unseen[n].to_ns <= known_ns)
		learn_from(lag, &lag->unseen[n++]);
	drop_first(lag, n);
}

/* Microwatts of the meter for each unit a second of the load; 0: it isn't known. */
static double slope(const struct energy_lag *lag)
{
	const int64_t step_ns = lag->interval_ns * ENERGY_LAG_MAX_INTERVALS /
		(ENERGY_LAG_STEPS - 1);
	size_t i = (size_t)((lag->lag_ns + step_ns / 2) / step_ns);

	if (i >= ENERGY_LAG_STEPS || !believable(lag, i))
		return 0;
	return lag->products[i] / lag->squares[i];
}

bool energy_lag_known(const struct energy_lag *lag)
{
	return slope(lag) > 0;
}

/* The load that shows in the meter at a moment, a second. */
static bool load_at(
	const struct energy_lag *lag, int64_t at_ns, int64_t window_ns, double *ret_load)
{
	int64_t from_ns = at_ns - lag->lag_ns - window_ns, to_ns = from_ns + window_ns;
	double load;

	to_ns = MIN(to_ns, lag->known_ns);
	if (to_ns <= from_ns || !load_between(lag, from_ns, to_ns, &load))
		return false;
	*ret_load = load / ((double)(to_ns - from_ns) / 1e9);
	return true;
}

/* The lesser of two changes; 0 when one is up and the other is down. */
static double lesser(double a, double b)
{
	if (a * b <= 0)
		return 0;
	return fabs(a) < fabs(b) ? a : b;
}

bool energy_lag_change(const struct energy_lag *lag, int64_t from_ns, int64_t to_ns,
	int64_t window_ns, double *ret_uw)
{
	double before, inner_before, after, inner_after, by = slope(lag);

	/* What happened shortly before the first moment may be told as if it had after it, and the
	   other way round. */
	if (by <= 0 || !load_at(lag, from_ns, window_ns, &before) ||
		!load_at(lag, from_ns + lag->blur_ns, window_ns, &inner_before) ||
		!load_at(lag, to_ns, window_ns, &after) ||
		!load_at(lag, to_ns - lag->blur_ns, window_ns, &inner_after))
		return false;
	*ret_uw = lesser(lesser(after - before, after - inner_before), inner_after - before) * by;
	return true;
}

bool energy_lag_guess(const struct energy_lag *lag, const struct energy_curve *meter,
	int64_t from_ns, int64_t to_ns, double *ret_uj)
{
	const int64_t learn_ns = GUESS_INTERVALS * lag->interval_ns;
	double before, during, by = slope(lag), base_uj;

	if (by <= 0 || !energy_curve_knows(meter, from_ns - learn_ns) ||
		!load_between(
			lag, from_ns - learn_ns - lag->lag_ns, from_ns - lag->lag_ns, &before) ||
		!load_between(lag, from_ns - lag->lag_ns, to_ns - lag->lag_ns, &during))
		return false;
	/* What it tells without load. */
	base_uj = (double)energy_curve_between(meter, from_ns - learn_ns, from_ns) - before * by;
	*ret_uj = base_uj / (double)learn_ns * (double)(to_ns - from_ns) + during * by;
	return true;
}
