// SPDX-License-Identifier: Apache-2.0
#include "exporter/ledger/node_meter.h"

#include <math.h>

#include "basic/macros.h"

static const int64_t S_NS = 1000000000;

static const char *name_of(const struct node_meter_one *one)
{
	return power_meter_source_names[one->meter->source];
}

void node_meter_init(struct node_meter *node, const struct power_meter *const *meters, size_t n,
	uint64_t max_watts, const struct log *log)
{
	*node = (struct node_meter){ .log = log };
	for (int source = 0; source < N_POWER_METER_SOURCES; source++)
		for (size_t i = 0; i < n && node->n < NODE_METERS_MAX; i++)
			if (meters[i]->source == (enum power_meter_source)source)
				node->meters[node->n++] = (struct node_meter_one){
					.meter = meters[i],
					.energy = { .max_watts = max_watts },
				};
}

static int64_t resolution_ns(const struct node_meter_one *one)
{
	return one->meter->resolution_ns ? one->meter->resolution_ns : one->energy.resolution_ns;
}

int64_t node_meter_period_ns(const struct node_meter_one *one)
{
	return MAX(one->energy.resolution_ns, one->meter->resolution_ns);
}

int64_t node_meter_resolution_ns(const struct node_meter *node)
{
	return node->active ? resolution_ns(node->active) : 0;
}

static int64_t patience_ns(const struct node_meter_one *one)
{
	return MAX(NODE_METER_SILENT_S * S_NS, NODE_METER_SILENT_READINGS * resolution_ns(one));
}

static uint64_t part(uint64_t whole, int64_t of_ns, int64_t all_ns)
{
	return (uint64_t)((unsigned __int128)whole * (uint64_t)of_ns / (uint64_t)all_ns);
}

/* Another one has told the energy up to then: what is left of this one's is what came after. */
static void forget_until(struct node_meter_one *one, int64_t until_ns)
{
	int64_t last_ns = one->energy.sample_ns;

	if (until_ns <= one->mark_ns)
		return;
	if (until_ns >= last_ns) {
		one->since_uj = one->since_late_uj = 0;
	} else {
		int64_t left_ns = last_ns - until_ns, all_ns = last_ns - one->mark_ns;

		one->since_uj = part(one->since_uj, left_ns, all_ns);
		one->since_late_uj = part(one->since_late_uj, left_ns, all_ns);
	}
	one->mark_ns = until_ns;
}

/* What of a new segment lies behind the mark belongs to nobody any more. */
static void add_segment(struct node_meter_one *one, const struct meter_segment *seg)
{
	int64_t all_ns = seg->to_ns - seg->from_ns;
	int64_t left_ns = seg->to_ns - MAX(one->mark_ns, seg->from_ns);

	if (left_ns <= 0)
		return;
	one->since_uj += part(seg->energy_uj, left_ns, all_ns);
	one->since_late_uj += part(seg->late_uj, left_ns, all_ns);
	one->since_line_ns = MAX(left_ns - (all_ns - seg->line_ns), 0);
	one->since_line_uj = seg->line_ns ? part(seg->line_uj, one->since_line_ns, seg->line_ns)
					  : 0;
}

void node_meter_ask(struct node_meter *node)
{
	for (size_t i = 0; i < node->n; i++) {
		struct node_meter_one *one = &node->meters[i];

		one->answered = one->meter->read(one->meter->ctx, &one->reading) >= 0;
	}
}

/* It may be stuck when it tells the same again, as far as it can be known what it should tell. */
static bool tells_the_same(const struct node_meter *node, const struct node_meter_one *one)
{
	const struct power_reading *r = &one->reading;
	const struct meter_energy *e = &one->energy;

	return one == node->active && node->lag && e->known && !e->by_counter && r->power_known &&
		r->power_uw == e->power_uw;
}

/* What goes on in the node has changed between two readings that tell the same. */
static bool is_stuck(const struct node_meter *node, const struct node_meter_one *one,
	int64_t from_ns, int64_t to_ns)
{
	int64_t window_ns = MIN(node_meter_period_ns(one), METER_ENERGY_MEAN_NS);
	double uw;

	return energy_lag_change(node->lag, from_ns, to_ns, window_ns, &uw) &&
		fabs(uw) > (double)one->energy.power_uw / 100 * NODE_METER_STUCK_PERCENT;
}

static void take(struct node_meter *node, struct node_meter_one *one,
	const struct power_reading *reading, const struct energy_span *span)
{
	bool suspect = one->energy.suspect;
	struct meter_segment seg;

	switch (meter_energy_take(&one->energy, reading, span, &seg)) {
	case METER_SAME:
		return;
	case METER_REFUSED:
		if (!suspect)
			log_warn(node->log, "node meter: a reading that cannot be is refused",
				LOG_STR("source", name_of(one)));
		return;
	case METER_BEGINS:
		one->mark_ns = MAX(reading->sample_ns, node->told ? node->booked_ns : 0);
		one->since_uj = one->since_late_uj = 0;
		one->in_a_row = 1;
		return;
	case METER_SEGMENT:
		add_segment(one, &seg);
		one->in_a_row++;
		return;
	}
}

static bool has_new(const struct node_meter_one *one, const struct energy_span *span)
{
	return one->answered && one->reading.sample_ns <= span->now_ns &&
		one->reading.sample_ns > MAX(one->energy.sample_ns, one->held.sample_ns);
}

/*
 * A reading that tells the same again waits for the next one, as what the load did at its time may
 * only be known then. If the meter was stuck, it was no reading.
 */
static void follow_held(
	struct node_meter *node, struct node_meter_one *one, const struct energy_span *span)
{
	const struct meter_energy *e = &one->energy;
	struct power_reading held = one->held;
	int64_t from_ns;

	if (!held.sample_ns || !has_new(one, span))
		return;
	one->held = (struct power_reading){ .sample_ns = 0 };
	from_ns = MAX(e->same_ns, e->sample_ns - node->lag->blur_ns);
	if (span->now_ns - e->sample_ns <= patience_ns(one) && /* as speaks() */
		(is_stuck(node, one, from_ns, held.sample_ns) ||
			(tells_the_same(node, one) &&
				is_stuck(node, one, from_ns, one->reading.sample_ns))))
		return;
	take(node, one, &held, span);
}

static void follow_new(
	struct node_meter *node, struct node_meter_one *one, const struct energy_span *span)
{
	if (one->energy.known && span->now_ns - one->energy.sample_ns > patience_ns(one))
		one->in_a_row = 0;
	if (!has_new(one, span))
		return;
	if (tells_the_same(node, one) && energy_lag_known(node->lag))
		one->held = one->reading;
	else
		take(node, one, &one->reading, span);
}

static bool speaks(const struct node_meter_one *one, int64_t now_ns)
{
	return one->energy.known && now_ns - one->energy.sample_ns <= patience_ns(one);
}

static void tell(struct node_meter *node, struct node_meter_one *one, bool ok)
{
	if (!ok && !one->failed && one->energy.known)
		log_warn(node->log, "node meter is silent", LOG_STR("source", name_of(one)));
	if (ok && one->failed)
		log_info(node->log, "node meter speaks again", LOG_STR("source", name_of(one)));
	one->failed = !ok && one->energy.known;
}

/* The best one that speaks; one that was silent must have spoken for a while, unless none does. */
static struct node_meter_one *choose(struct node_meter *node, int64_t now_ns)
{
	struct node_meter_one *any = NULL, *best = NULL;

	for (size_t i = 0; i < node->n; i++) {
		struct node_meter_one *one = &node->meters[i];
		bool ok = speaks(one, now_ns);

		tell(node, one, ok);
		if (!ok)
			continue;
		if (!any)
			any = one;
		if (!best &&
			(one == node->active || one->in_a_row >= NODE_METER_READINGS_TO_RETURN))
			best = one;
	}
	return best ? best : any;
}

/* What the best one has told since it was asked last. */
static void tell_segment(
	struct node_meter *node, const struct energy_span *span, struct node_energy *energy)
{
	struct node_meter_one *before = node->active, *now = choose(node, span->now_ns);

	node->active = now;
	if (now && now != before) {
		node->switches += node->told;
		log_info(node->log, "node meter", LOG_STR("source", name_of(now)));
	}
	if (!now || (node->told && now->energy.sample_ns <= node->booked_ns))
		return;
	energy->segments[energy->n++] = (struct meter_segment){
		.from_ns = now->mark_ns,
		.to_ns = now->energy.sample_ns,
		.energy_uj = now->since_uj,
		.late_uj = now->since_late_uj,
		.line_ns = now->since_line_ns,
		.line_uj = now->since_line_uj,
	};
	energy->period_ns = node_meter_period_ns(now);
	node->told = true;
	node->booked_ns = now->energy.sample_ns;
	for (size_t i = 0; i < node->n; i++)
		if (node->meters[i].energy.known)
			forget_until(&node->meters[i], node->booked_ns);
}

void node_meter_read(
	struct node_meter *node, const struct energy_span *span, struct node_energy *ret_energy)
{
	*ret_energy = (struct node_energy){ .n = 0 };
	for (size_t i = 0; i < node->n; i++)
		follow_held(node, &node->meters[i], span);
	tell_segment(node, span, ret_energy);
	for (size_t i = 0; i < node->n; i++)
		follow_new(node, &node->meters[i], span);
	tell_segment(node, span, ret_energy);
}
