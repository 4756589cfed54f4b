// SPDX-License-Identifier: Apache-2.0
#include "exporter/ledger/energy_rest.h"

#include <math.h>

#include "basic/macros.h"

static const int64_t S_NS = 1000000000;

void energy_rest_init(struct energy_rest *rest, int64_t interval_ns, int64_t max_gap_ns)
{
	/* A part that is silent is waited for until the gap is too long. */
	const int64_t history_ns = 2 * max_gap_ns;

	*rest = (struct energy_rest){ .interval_ns = interval_ns, .max_gap_ns = max_gap_ns };
	energy_curve_init(&rest->meter, interval_ns, history_ns);
	energy_curve_init(&rest->parts, interval_ns, history_ns);
	energy_curve_init(&rest->use, interval_ns, history_ns);
	energy_lag_init(&rest->lag, interval_ns, &rest->parts);
}

int64_t energy_rest_pending_uj(const struct energy_rest *rest)
{
	return (int64_t)(rest->meter_uj + rest->exceeded_uj + rest->unmetered_uj - rest->parts_uj -
		rest->rest_uj);
}

void energy_rest_part(
	struct energy_rest *rest, int64_t from_ns, int64_t to_ns, uint64_t energy_uj, bool gap)
{
	rest->parts_uj += energy_uj;
	energy_curve_add(&rest->parts, from_ns, to_ns, (int64_t)energy_uj);
	if (gap)
		rest->parts_gap_ns = MAX(rest->parts_gap_ns, to_ns);
}

/* A deficit that was there all the time for so long will not be made up for. */
static void reconcile(struct energy_rest *rest, int64_t now_ns)
{
	if (!rest->deficit_uj) {
		rest->reconcile_ns = 0;
		return;
	}
	if (!rest->reconcile_ns) {
		rest->reconcile_ns = now_ns;
		rest->least_deficit_uj = rest->deficit_uj;
	}
	rest->least_deficit_uj = MIN(rest->least_deficit_uj, rest->deficit_uj);
	if (now_ns - rest->reconcile_ns < ENERGY_REST_RECONCILE_S * S_NS)
		return;
	rest->exceeded_uj += (uint64_t)rest->least_deficit_uj;
	rest->deficit_uj -= rest->least_deficit_uj;
	rest->reconcile_ns = now_ns;
	rest->least_deficit_uj = rest->deficit_uj;
}

/* The cut at a moment of the meter's time, as of what is known now. */
static struct energy_rest_cut cut_at(
	const struct energy_rest *rest, int64_t meter_ns, int64_t half_ns)
{
	const int64_t lag_ns = rest->lag.lag_ns;

	return (struct energy_rest_cut){
		.meter_ns = meter_ns,
		.lag_ns = lag_ns,
		.half_ns = half_ns,
		.meter_uj = energy_curve_mean_until(&rest->meter, meter_ns, half_ns),
		.parts_uj = energy_curve_mean_until(&rest->parts, meter_ns - lag_ns, half_ns),
	};
}

/* The lag was learned, or has changed, since the span began: in the node's time it began elsewhere
 * than was thought. */
static void move_beginning(struct energy_rest *rest, struct energy_rest_flow *flow)
{
	struct energy_rest_cut *cut = &rest->cut;
	int64_t lag_ns = rest->lag.lag_ns;
	const struct energy_curve *parts = &rest->parts;

	cut->parts_uj += energy_curve_mean_until(parts, cut->meter_ns - lag_ns, cut->half_ns) -
		energy_curve_mean_until(parts, cut->meter_ns - cut->lag_ns, cut->half_ns);
	flow->stretch_us = (uint64_t)MAX(lag_ns - cut->lag_ns, 0) / 1000;
	cut->lag_ns = lag_ns;
}

/* Ends the span; nobodys: who used it cannot be told. */
static void settle(struct energy_rest *rest, const struct energy_rest_cut *end, bool nobodys,
	int64_t now_ns, struct energy_rest_flow *flow)
{
	int64_t total_uj = (int64_t)(end->meter_uj - rest->cut.meter_uj);
	int64_t parts_uj = (int64_t)(end->parts_uj - rest->cut.parts_uj);
	__int128 left = (__int128)total_uj - parts_uj - rest->deficit_uj;

	flow->settle = true;
	flow->span_us = (uint64_t)(end->meter_ns - rest->cut.meter_ns) / 1000;
	flow->back_us = (uint64_t)MAX(now_ns - end->meter_ns + end->lag_ns, 0) / 1000;
	flow->fade_us = (uint64_t)(2 * end->half_ns) / 1000;
	flow->covered = !nobodys && !rest->late_uj;
	flow->energy_uj = left > 0 ? (uint64_t)left : 0;
	flow->late_uj = nobodys ? flow->energy_uj : MIN(rest->late_uj, flow->energy_uj);
	rest->deficit_uj = left < 0 ? (int64_t)-left : 0;
	rest->rest_uj += flow->energy_uj;
	rest->late_uj = 0;
	rest->cut = *end;
	reconcile(rest, now_ns);
}

/*
 * While the meter told no power for a while, what goes on in the node went on: rather than on the
 * line between its powers before and after, its energy is what the parts let expect.
 */
static void bend(const struct energy_rest *rest, int64_t period_ns, struct meter_segment *seg)
{
	int64_t line_end_ns = seg->to_ns - METER_ENERGY_MEAN_NS;
	double guess_uj;

	if (!seg->line_ns || !period_ns ||
		seg->line_ns + METER_ENERGY_MEAN_NS < period_ns * 3 / 2 ||
		!energy_lag_guess(&rest->lag, &rest->meter, line_end_ns - seg->line_ns, line_end_ns,
			&guess_uj))
		return;
	/* A factor that is far off cannot do more than double it. */
	guess_uj = fmin(fmax(guess_uj, 0), 2 * (double)seg->line_uj);
	seg->energy_uj = MAX(seg->energy_uj - seg->line_uj + (uint64_t)guess_uj, seg->late_uj);
}

/* Parts of a time that the meter says nothing about count for no span. */
static void leave_unmetered(struct energy_rest *rest, int64_t from_ns, int64_t to_ns)
{
	int64_t parts_uj = energy_curve_between(&rest->parts, from_ns, to_ns);

	if (parts_uj <= 0)
		return;
	energy_curve_add(&rest->parts, from_ns, to_ns, -parts_uj);
	rest->unmetered_uj += (uint64_t)parts_uj;
}

/* The first reading, or the first after a silence. */
static void begin(struct energy_rest *rest, const struct meter_segment *seg, bool went_on,
	int64_t now_ns, struct energy_rest_flow *flow)
{
	const struct energy_rest_cut cut = cut_at(rest, seg->to_ns, 0);
	int64_t parts_uj = (int64_t)(cut.parts_uj - rest->cut.parts_uj);

	rest->open = true;
	if (!went_on && parts_uj > 0) {
		rest->unmetered_uj += (uint64_t)parts_uj;
		rest->cut.parts_uj = cut.parts_uj;
	}
	rest->cut.meter_ns = cut.meter_ns; /* no length that anybody could pay for */
	settle(rest, &cut, true, now_ns, flow);
}

/* Where in a gap energy flowed is not known: a span doesn't end there, unless it gets too long. */
static bool ends_in_gap(const struct energy_rest *rest, int64_t meter_ns, int64_t half_ns)
{
	return meter_ns - half_ns < rest->meter_gap_ns ||
		meter_ns - rest->lag.lag_ns - half_ns < rest->parts_gap_ns;
}

static void go_on(struct energy_rest *rest, const struct energy_rest_interval *iv,
	struct energy_rest_flow *flow)
{
	const int64_t half_ns = ENERGY_REST_FADE_INTERVALS * rest->interval_ns;
	int64_t until_ns = MIN(rest->end_ns, iv->known_ns + rest->lag.lag_ns) - half_ns;
	struct energy_rest_cut cut;

	if (until_ns - rest->cut.meter_ns < ENERGY_REST_SPAN_INTERVALS * rest->interval_ns)
		return;
	if (ends_in_gap(rest, until_ns, half_ns) &&
		until_ns - rest->cut.meter_ns < rest->max_gap_ns)
		return;
	cut = cut_at(rest, until_ns, half_ns);
	move_beginning(rest, flow);
	settle(rest, &cut, false, iv->now_ns, flow);
}

static void take_segment(struct energy_rest *rest, const struct meter_segment *seg,
	int64_t period_ns, int64_t now_ns, struct energy_rest_flow *flow)
{
	bool goes_on = rest->end_ns && seg->from_ns <= rest->end_ns;
	int64_t lag_ns = rest->lag.lag_ns, before_ns = rest->end_ns;

	rest->meter_uj += seg->energy_uj;
	rest->late_uj += seg->late_uj;
	rest->end_ns = seg->to_ns;
	energy_curve_add(&rest->meter, seg->from_ns, seg->to_ns, (int64_t)seg->energy_uj);
	if (!rest->open) {
		begin(rest, seg, goes_on && seg->from_ns < seg->to_ns, now_ns, flow);
		return;
	}
	if (!goes_on)
		leave_unmetered(rest, before_ns - lag_ns, seg->from_ns - lag_ns);
	else if (!period_ns || seg->to_ns - seg->from_ns < period_ns * 3 / 2)
		energy_lag_meter(&rest->lag, seg->from_ns, seg->to_ns, (double)seg->energy_uj);
	else
		rest->meter_gap_ns = seg->to_ns;
}

void energy_rest_add(struct energy_rest *rest, const struct energy_rest_interval *iv,
	struct energy_rest_flow *ret_flow)
{
	*ret_flow = (struct energy_rest_flow){ .settle = false };
	energy_curve_add(&rest->use, iv->from_ns, iv->now_ns, (int64_t)iv->busy_us);
	rest->lag.blur_ns = MAX(rest->interval_ns / 4, iv->by_use ? 0 : iv->blur_ns);
	rest->lag.load = iv->by_use ? &rest->use : &rest->parts;
	energy_lag_learn(&rest->lag, iv->by_use ? iv->now_ns : iv->known_ns,
		iv->by_use ? 0 : rest->parts_gap_ns);
	for (size_t i = 0; i < iv->node.n; i++) {
		struct meter_segment seg = iv->node.segments[i];

		bend(rest, iv->node.period_ns, &seg);
		take_segment(rest, &seg, iv->node.period_ns, iv->now_ns, ret_flow);
	}
	if (!rest->open || ret_flow->settle)
		return;
	if (iv->now_ns - rest->end_ns > rest->max_gap_ns) {
		struct energy_rest_cut cut = cut_at(rest, rest->end_ns, 0);

		rest->open = false; /* who used what is left cannot be told any more */
		settle(rest, &cut, true, iv->now_ns, ret_flow);
		return;
	}
	go_on(rest, iv, ret_flow);
}
