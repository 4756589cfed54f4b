// SPDX-License-Identifier: Apache-2.0
#include "exporter/ledger/energy_rest.h"

#include <math.h>
#include <string.h>

#include "basic/macros.h"

static const int64_t S_NS = 1000000000;

void energy_rest_init(struct energy_rest *rest, int64_t interval_ns, int64_t max_gap_ns)
{
	*rest = (struct energy_rest){ .interval_ns = interval_ns, .max_gap_ns = max_gap_ns };
	energy_lag_init(&rest->lag, interval_ns);
}

int64_t energy_rest_pending_uj(const struct energy_rest *rest)
{
	return (int64_t)(rest->meter_uj + rest->exceeded_uj + rest->unmetered_uj - rest->parts_uj -
		rest->rest_uj);
}

static void remember(
	struct energy_rest *rest, const struct energy_rest_interval *iv, int64_t parts_uj)
{
	struct energy_rest_part *untold = rest->untold;

	if (rest->n_untold == ENERGY_REST_HISTORY) { /* the two oldest become one */
		untold[1].from_ns = untold[0].from_ns;
		untold[1].parts_uj += untold[0].parts_uj;
		memmove(untold, untold + 1, --rest->n_untold * sizeof(*untold));
	}
	untold[rest->n_untold++] = (struct energy_rest_part){ iv->from_ns, iv->now_ns, parts_uj };
}

/* Takes what the parts had up to then. */
static int64_t take_until(struct energy_rest *rest, int64_t until_ns)
{
	struct energy_rest_part *untold = rest->untold;
	int64_t sum_uj = 0, part_uj;
	size_t n = 0;

	while (n < rest->n_untold && untold[n].to_ns <= until_ns)
		sum_uj += untold[n++].parts_uj;
	if (n < rest->n_untold && untold[n].from_ns < until_ns) {
		part_uj = (int64_t)((__int128)untold[n].parts_uj * (until_ns - untold[n].from_ns) /
			(untold[n].to_ns - untold[n].from_ns));
		sum_uj += part_uj;
		untold[n].parts_uj -= part_uj;
		untold[n].from_ns = until_ns;
	}
	rest->n_untold -= n;
	memmove(untold, untold + n, rest->n_untold * sizeof(*untold));
	return sum_uj;
}

/* Parts of a time that the meter says nothing about. They never count twice: what an estimate had
 * too much is taken off the next span. */
static void add_unmetered(struct energy_rest *rest, int64_t parts_uj)
{
	if (parts_uj >= 0)
		rest->unmetered_uj += (uint64_t)parts_uj;
	else
		rest->known_uj += parts_uj;
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

/* Ends the span; what of it is nobody's is late. */
static void settle(
	struct energy_rest *rest, bool nobodys, int64_t now_ns, struct energy_rest_flow *flow)
{
	__int128 left = (__int128)rest->total_uj - rest->known_uj - rest->deficit_uj;

	flow->settle = true;
	flow->span_us = (uint64_t)(rest->end_ns - rest->start_ns) / 1000;
	flow->covered = !nobodys && !rest->late_uj;
	flow->energy_uj = left > 0 ? (uint64_t)left : 0;
	flow->late_uj = nobodys ? flow->energy_uj : MIN(rest->late_uj, flow->energy_uj);
	rest->deficit_uj = left < 0 ? (int64_t)-left : 0;
	rest->rest_uj += flow->energy_uj;
	rest->total_uj = rest->late_uj = 0;
	rest->known_uj = 0;
	rest->start_ns = rest->end_ns;
	reconcile(rest, now_ns);
}

/* Where in the node's time the meter's is. */
static int64_t happened_ns(const struct energy_rest *rest)
{
	return rest->end_ns - rest->lag.lag_ns;
}

static void set_back(const struct energy_rest *rest, int64_t now_ns, struct energy_rest_flow *flow)
{
	flow->back_us = (uint64_t)MAX(now_ns - happened_ns(rest), 0) / 1000;
}

/*
 * The lag was learned, or has changed, while the span lasted: its beginning lies elsewhere than was
 * thought when it began. What the parts had between the two is as much as they had right after, in
 * the first whole interval's worth: a shorter one alone is one noisy reading.
 */
static void move_beginning(struct energy_rest *rest, struct energy_rest_flow *flow)
{
	int64_t moved_ns = rest->lag.lag_ns - rest->span_lag_ns, parts_uj = 0, length_ns = 0;

	for (size_t i = 0; i < rest->n_untold && length_ns < rest->interval_ns; i++) {
		parts_uj += rest->untold[i].parts_uj;
		length_ns += rest->untold[i].to_ns - rest->untold[i].from_ns;
	}
	if (length_ns > 0)
		rest->known_uj += (int64_t)((__int128)parts_uj * moved_ns / length_ns);
	flow->stretch_us = (uint64_t)MAX(moved_ns, 0) / 1000;
	rest->span_lag_ns = rest->lag.lag_ns;
}

/*
 * While the meter told no power for a while, what goes on in the node went on: the line between its
 * powers before and after is bent by that.
 */
static void bend(const struct energy_rest *rest, struct node_energy *node)
{
	struct meter_segment *seg = &node->segment;
	double more_uj;

	if (!node->period_ns || seg->line_ns < node->period_ns * 3 / 2 ||
		!energy_lag_bend(&rest->lag, seg->to_ns - seg->line_ns, seg->to_ns, node->period_ns,
			&more_uj))
		return;
	/* A factor that is far off cannot do more than double it. */
	more_uj = fmin(fmax(more_uj, -(double)seg->energy_uj), (double)seg->energy_uj);
	if (more_uj >= 0)
		seg->energy_uj += (uint64_t)more_uj;
	else
		seg->energy_uj -= MIN((uint64_t)-more_uj, seg->energy_uj - seg->late_uj);
}

/* The first reading, or the first after a silence. */
static void begin(struct energy_rest *rest, const struct energy_rest_interval *iv,
	struct energy_rest_flow *flow)
{
	const struct meter_segment *seg = &iv->node.segment;
	bool went_on = seg->from_ns < seg->to_ns && rest->end_ns && seg->from_ns <= rest->end_ns;
	int64_t parts_uj;

	rest->open = true;
	rest->start_ns = rest->end_ns = seg->to_ns;
	rest->span_lag_ns = rest->lag.lag_ns;
	parts_uj = take_until(rest, happened_ns(rest));
	if (went_on) /* a counter */
		rest->known_uj += parts_uj;
	else
		add_unmetered(rest, parts_uj);
	rest->total_uj += seg->energy_uj;
	settle(rest, true, iv->now_ns, flow);
	set_back(rest, iv->now_ns, flow);
}

static bool ends_here(const struct energy_rest *rest, int64_t now_ns)
{
	int64_t length_ns = rest->end_ns - rest->start_ns;

	if (length_ns >= rest->max_gap_ns)
		return true;
	/* What a part brings after it waited came in within the interval after that. */
	if (rest->waited_ns && happened_ns(rest) < rest->waited_ns + 2 * rest->interval_ns)
		return false;
	if (length_ns < ENERGY_REST_SPAN_INTERVALS * rest->interval_ns)
		return false;
	return now_ns - rest->changed_ns >= ENERGY_REST_QUIET_INTERVALS * rest->interval_ns ||
		length_ns >= ENERGY_REST_SPAN_MAX_INTERVALS * rest->interval_ns;
}

static void go_on(struct energy_rest *rest, const struct energy_rest_interval *iv,
	struct energy_rest_flow *flow)
{
	const struct meter_segment *seg = &iv->node.segment;
	bool gap = seg->from_ns > rest->end_ns;

	if (gap)
		rest->known_uj += take_until(rest, happened_ns(rest));
	rest->end_ns = seg->to_ns;
	rest->total_uj += seg->energy_uj;
	rest->late_uj += seg->late_uj;
	if (gap) /* nothing is known of the time between */
		add_unmetered(rest, take_until(rest, happened_ns(rest)));
	else if (seg->line_ns < iv->node.period_ns * 3 / 2 || !iv->node.period_ns)
		energy_lag_meter(&rest->lag, seg->from_ns, seg->to_ns, (double)seg->energy_uj);
	if (!ends_here(rest, iv->now_ns))
		return;
	move_beginning(rest, flow);
	rest->known_uj += take_until(rest, happened_ns(rest));
	settle(rest, false, iv->now_ns, flow);
	set_back(rest, iv->now_ns, flow);
}

void energy_rest_add(struct energy_rest *rest, const struct energy_rest_interval *in,
	struct energy_rest_flow *ret_flow)
{
	struct energy_rest_interval bent = *in;
	const struct energy_rest_interval *iv = &bent;
	int64_t parts_uj = (int64_t)iv->parts_uj + iv->ahead_uj - rest->ahead_uj;

	*ret_flow = (struct energy_rest_flow){ .settle = false };
	rest->parts_uj += iv->parts_uj;
	rest->ahead_uj = iv->ahead_uj;
	remember(rest, iv, parts_uj);
	if (iv->parts_wait)
		rest->waited_ns = iv->now_ns;
	if (rest->waited_ns && iv->now_ns < rest->waited_ns + 2 * rest->interval_ns)
		energy_lag_skip(&rest->lag);
	energy_lag_add(&rest->lag, iv->now_ns, iv->load);
	if (iv->units_changed)
		rest->changed_ns = iv->now_ns;
	if (iv->node.fresh) {
		bend(rest, &bent.node);
		rest->meter_uj += iv->node.segment.energy_uj;
		if (rest->open)
			go_on(rest, iv, ret_flow);
		else
			begin(rest, iv, ret_flow);
		return;
	}
	if (rest->open && iv->now_ns - rest->end_ns > rest->max_gap_ns) {
		rest->open = false; /* who used what is left cannot be told any more */
		rest->known_uj += take_until(rest, happened_ns(rest));
		settle(rest, true, iv->now_ns, ret_flow);
	}
}
