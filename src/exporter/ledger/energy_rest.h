// SPDX-License-Identifier: Apache-2.0
/*
 * What a node takes beyond its known parts: the energy of the node's meter less that of cpu, dram
 * and gpu. The meter is slower than its parts and lags behind them, so the difference is taken over
 * spans of several readings, and one that is negative is carried to the next span: the rest never
 * shrinks. What stays negative for long is a disagreement of the meters, and is counted as one.
 *
 * At any moment, to the microjoule:
 *	parts + rest = node meter + exceeded + unmetered - pending
 */
#ifndef CEEMS_EXPORTER_LEDGER_ENERGY_REST_H
#define CEEMS_EXPORTER_LEDGER_ENERGY_REST_H

#include <stdbool.h>
#include <stdint.h>

#include "exporter/ledger/energy_lag.h"
#include "exporter/ledger/node_meter.h"

enum {
	/* A span is at least so many intervals of the ledger long, */
	ENERGY_REST_SPAN_INTERVALS = 20,
	/* and ends when no unit came or went for so many, but not after that many. */
	ENERGY_REST_QUIET_INTERVALS = 3,
	ENERGY_REST_SPAN_MAX_INTERVALS = 45,
	/* A deficit that never was smaller within so long is a disagreement. */
	ENERGY_REST_RECONCILE_S = 600,
	ENERGY_REST_HISTORY = 192, /* intervals; some are shorter than others */
};

struct energy_rest {
	int64_t interval_ns, max_gap_ns; /* of the ledger */
	/* Since the beginning. */
	uint64_t meter_uj; /* what the node's meters told */
	uint64_t parts_uj, rest_uj;
	uint64_t exceeded_uj; /* parts beyond the meter that nothing made up for */
	uint64_t unmetered_uj; /* parts in times of which no meter of the node tells anything */
	/* The span. */
	bool open;
	int64_t start_ns, end_ns; /* it is told up to the end */
	uint64_t total_uj, late_uj; /* of the node's meter */
	int64_t known_uj; /* of the parts, up to the end */
	/* Of the parts, in the intervals that the meter has not told yet; oldest first. */
	struct energy_rest_part {
		int64_t from_ns, to_ns, parts_uj;
	} untold[ENERGY_REST_HISTORY];
	size_t n_untold;
	struct energy_lag lag;
	int64_t span_lag_ns; /* with which the span began */
	int64_t ahead_uj; /* estimate of what flowed in the parts and has not come in yet */
	int64_t deficit_uj; /* carried from the spans before */
	int64_t least_deficit_uj, reconcile_ns; /* since when; 0 = there is none */
	int64_t changed_ns; /* when units last came or went */
	int64_t waited_ns; /* when a part last waited */
};

void energy_rest_init(struct energy_rest *rest, int64_t interval_ns, int64_t max_gap_ns);

/* One interval of the ledger. */
struct energy_rest_interval {
	int64_t from_ns, now_ns;
	uint64_t parts_uj; /* that came in */
	int64_t ahead_uj; /* see above, now */
	double load; /* what should show in the node's meter, in any unit */
	bool parts_wait; /* one of them will bring energy of this time later */
	bool units_changed;
	struct node_energy node;
};

struct energy_rest_flow {
	bool settle;
	uint64_t back_us; /* so long before the end of this interval does the span end */
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
