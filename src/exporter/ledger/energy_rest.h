// SPDX-License-Identifier: Apache-2.0
/*
 * What a node takes beyond its known parts: the energy of the node's meter less that of cpu, dram
 * and gpu. Each meter tells of a time of its own, later than it was, so that both are kept as
 * curves over time, and the difference is taken over spans that lie far enough back that all is
 * known of them. No meter tells when within a reading its energy flowed: a span has no sharp ends,
 * but fades out while the next one fades in, so that what is taken for a moment too early or too
 * late weighs little. A negative rest is carried to the next span: the rest never shrinks. What
 * stays negative for long is a disagreement of the meters, and is counted as one.
 *
 * At any moment, to the microjoule:
 *	parts + rest = node meter + exceeded + unmetered - pending
 */
#ifndef CEEMS_EXPORTER_LEDGER_ENERGY_REST_H
#define CEEMS_EXPORTER_LEDGER_ENERGY_REST_H

#include <stdbool.h>
#include <stdint.h>

#include "exporter/ledger/energy_curve.h"
#include "exporter/ledger/energy_lag.h"
#include "exporter/ledger/node_meter.h"

enum {
	/* A span is at least so many intervals of the ledger long, from the middle of one end to
	   the middle of the other, and each end is twice that many. */
	ENERGY_REST_SPAN_INTERVALS = 20,
	ENERGY_REST_FADE_INTERVALS = 5,
	/* A deficit that never was smaller within so long is a disagreement. */
	ENERGY_REST_RECONCILE_S = 600,
};

struct energy_rest {
	int64_t interval_ns, max_gap_ns; /* of the ledger */
	/* Since the beginning. */
	uint64_t meter_uj; /* what the node's meters told */
	uint64_t parts_uj, rest_uj;
	uint64_t exceeded_uj; /* parts beyond the meter that nothing made up for */
	uint64_t unmetered_uj; /* parts in times of which no meter of the node tells anything */
	int64_t meter_gap_ns, parts_gap_ns; /* the ends of the last gaps in what they told */
	/* The meter in its own time, which lags; the parts and the CPUs' use when they flowed. */
	struct energy_curve meter, parts, use;
	struct energy_lag lag;
	bool open;
	int64_t end_ns; /* the meter told of all before; its time */
	uint64_t late_uj; /* of the meter, since the last cut */
	/* Where the span begins. */
	struct energy_rest_cut {
		int64_t meter_ns; /* the meter's time */
		int64_t lag_ns; /* so much earlier in the node's time */
		int64_t half_ns; /* of the time in which it fades */
		uint64_t meter_uj, parts_uj; /* until then, modulo 2^64 */
	} cut;
	int64_t deficit_uj; /* carried from the spans before */
	int64_t least_deficit_uj, reconcile_ns; /* since when; 0 = there is none */
};

/* Points into itself: it stays where it is. */
void energy_rest_init(struct energy_rest *rest, int64_t interval_ns, int64_t max_gap_ns);

/* Energy of a part that came in, of any time. gap: of a longer time than it usually does. */
void energy_rest_part(
	struct energy_rest *rest, int64_t from_ns, int64_t to_ns, uint64_t energy_uj, bool gap);

/* One interval of the ledger, whose parts came in. */
struct energy_rest_interval {
	int64_t from_ns, now_ns;
	int64_t known_ns; /* the parts have told all before */
	int64_t blur_ns; /* some of them tell means of so long */
	uint64_t busy_us; /* CPU time */
	bool by_use; /* that, rather than the parts' energy, should show in the node's meter */
	struct node_energy node;
};

struct energy_rest_flow {
	bool settle;
	uint64_t back_us; /* so long before the end of this interval does the span end */
	uint64_t fade_us; /* the time around its end in which it fades */
	uint64_t stretch_us; /* so much earlier than was thought did it begin */
	uint64_t energy_uj, late_uj;
	uint64_t span_us; /* its length */
	bool covered; /* the meter told all of it */
};

void energy_rest_add(struct energy_rest *rest, const struct energy_rest_interval *interval,
	struct energy_rest_flow *ret_flow);

/* Energy of the node's meter that is not booked yet; negative while the parts are ahead of it. */
int64_t energy_rest_pending_uj(const struct energy_rest *rest);

#endif
