// SPDX-License-Identifier: Apache-2.0
/*
 * The readings of one meter as energy. A power counts as the mean of the time since the reading
 * before, as most meters tell means; where that was long ago, as the mean of the second before it,
 * with a straight line from the power before up to then. The remainder of each step is carried to
 * the next, so that nothing is rounded away. Counters are subtracted. A reading that was seen
 * before brings nothing.
 */
#ifndef CEEMS_EXPORTER_LEDGER_METER_ENERGY_H
#define CEEMS_EXPORTER_LEDGER_METER_ENERGY_H

#include <stdbool.h>
#include <stdint.h>

#include "exporter/ledger/energy_counter.h"
#include "exporter/meters/power_meter.h"

/* A counter that gives no energy any more for so long is left for its power, if it has one. */
#define METER_ENERGY_COUNTER_LOST_NS (10 * INT64_C(1000000000))

/* What a power is the mean of, when the one before is more than half as long again ago. */
#define METER_ENERGY_MEAN_NS INT64_C(1000000000)

struct meter_energy {
	uint64_t max_watts; /* a higher power is refused; set before the first reading */
	bool known; /* there was a good reading */
	bool by_counter;
	int64_t sample_ns; /* of the last good one */
	int64_t seen_ns; /* of the last one, refused or not */
	struct energy_counter counter;
	bool suspect; /* the last reading was refused: a second one like it is a restart */
	uint64_t power_uw;
	int64_t same_ns; /* since when it tells that */
	uint64_t rest_aj; /* remainder of the integral, in 1e-18 J */
	uint64_t refused; /* readings that cannot be */
	int64_t resolution_ns; /* least time between two good readings; 0 = not two yet */
};

/* Energy of the time between two readings; from_ns == to_ns: there is none. */
struct meter_segment {
	int64_t from_ns, to_ns;
	uint64_t energy_uj, late_uj; /* late: it gathered over a gap; part of energy */
	/* Of a straight line in it, up to METER_ENERGY_MEAN_NS before its end. */
	int64_t line_ns;
	uint64_t line_uj;
};

enum meter_event {
	METER_SAME, /* nothing new */
	METER_BEGINS, /* a first reading, or the first after a gap that nothing is known of */
	METER_SEGMENT, /* *ret_segment is set */
	METER_REFUSED,
};

/*
 * span: now_ns is not used, the reading has its own time. Between two powers that are more than
 * max_gap_ns apart nothing is counted; what a counter gained over such a time is late.
 */
enum meter_event meter_energy_take(struct meter_energy *meter, const struct power_reading *reading,
	const struct energy_span *span, struct meter_segment *ret_segment);

#endif
