// SPDX-License-Identifier: Apache-2.0
#include "exporter/ledger/energy_rest.h"

#include "basic/macros.h"
#include "exporter/ledger/ledger.h"

static const int64_t S_NS = 1000000000;

void energy_rest_init(struct energy_rest *rest, int64_t interval_ns, int64_t max_gap_ns)
{
	*rest = (struct energy_rest){ .interval_ns = interval_ns, .max_gap_ns = max_gap_ns };
}

int64_t energy_rest_pending_uj(const struct energy_rest *rest)
{
	return (int64_t)(rest->meter_uj + rest->exceeded_uj + rest->unmetered_uj - rest->parts_uj -
		rest->rest_uj);
}

static uint32_t part_until(const struct energy_rest_interval *iv, int64_t until_ns)
{
	int64_t length_ns = iv->now_ns - iv->from_ns, part_ns = until_ns - iv->from_ns;

	if (part_ns <= 0 || length_ns <= 0)
		return 0;
	return (uint32_t)((__int128)MIN(part_ns, length_ns) * LEDGER_WHOLE_PPM / length_ns);
}

static int64_t of_part(int64_t amount_uj, uint32_t part_ppm)
{
	return (int64_t)((__int128)amount_uj * part_ppm / LEDGER_WHOLE_PPM);
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

/* The first reading, or the first after a silence. */
static void begin(struct energy_rest *rest, const struct energy_rest_interval *iv, int64_t parts_uj,
	struct energy_rest_flow *flow)
{
	const struct meter_segment *seg = &iv->node.segment;
	uint32_t part = part_until(iv, seg->to_ns);
	int64_t before_uj = of_part(parts_uj, part);

	rest->open = true;
	if (seg->from_ns < seg->to_ns && rest->end_ns && seg->from_ns <= rest->end_ns) {
		/* A counter that went on counting. */
		rest->known_uj += rest->after_uj + before_uj;
	} else {
		add_unmetered(rest, rest->after_uj + before_uj);
	}
	rest->total_uj += seg->energy_uj;
	rest->start_ns = rest->end_ns = seg->to_ns;
	rest->after_uj = parts_uj - before_uj;
	settle(rest, true, iv->now_ns, flow);
	flow->part_ppm = part;
}

static bool ends_here(struct energy_rest *rest, const struct energy_rest_interval *iv)
{
	int64_t length_ns = rest->end_ns - rest->start_ns;

	if (length_ns >= rest->max_gap_ns)
		return true;
	if (iv->parts_wait || length_ns < ENERGY_REST_SPAN_INTERVALS * rest->interval_ns)
		return false;
	return rest->quiet_intervals >= ENERGY_REST_QUIET_INTERVALS ||
		length_ns >= ENERGY_REST_SPAN_MAX_INTERVALS * rest->interval_ns;
}

static void go_on(struct energy_rest *rest, const struct energy_rest_interval *iv, int64_t parts_uj,
	struct energy_rest_flow *flow)
{
	const struct meter_segment *seg = &iv->node.segment;
	uint32_t part = part_until(iv, seg->to_ns);
	int64_t before_uj = of_part(parts_uj, part);

	if (seg->from_ns > rest->end_ns) /* nothing is known of the time between */
		add_unmetered(rest, rest->after_uj + before_uj);
	else
		rest->known_uj += rest->after_uj + before_uj;
	rest->after_uj = parts_uj - before_uj;
	rest->total_uj += seg->energy_uj;
	rest->late_uj += seg->late_uj;
	rest->end_ns = seg->to_ns;
	if (ends_here(rest, iv)) {
		settle(rest, false, iv->now_ns, flow);
		flow->part_ppm = part;
	}
}

void energy_rest_add(struct energy_rest *rest, const struct energy_rest_interval *iv,
	struct energy_rest_flow *ret_flow)
{
	int64_t parts_uj = (int64_t)iv->parts_uj + iv->ahead_uj - rest->ahead_uj;

	*ret_flow = (struct energy_rest_flow){ .settle = false };
	rest->parts_uj += iv->parts_uj;
	rest->ahead_uj = iv->ahead_uj;
	rest->quiet_intervals = iv->units_changed ? 0 : rest->quiet_intervals + 1;
	if (iv->node.fresh) {
		rest->meter_uj += iv->node.segment.energy_uj;
		if (rest->open)
			go_on(rest, iv, parts_uj, ret_flow);
		else
			begin(rest, iv, parts_uj, ret_flow);
		return;
	}
	rest->after_uj += parts_uj;
	if (rest->open && iv->now_ns - rest->end_ns > rest->max_gap_ns) {
		rest->open = false; /* who used what is left cannot be told any more */
		settle(rest, true, iv->now_ns, ret_flow);
		ret_flow->part_ppm = LEDGER_WHOLE_PPM;
	}
}
