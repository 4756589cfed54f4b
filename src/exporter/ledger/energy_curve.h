// SPDX-License-Identifier: Apache-2.0
/*
 * When energy flowed: an amount over time, in bins, of the last minutes. What a meter tells of a
 * time that is over is put where it flowed, whenever it comes in. The sum of everything is exact;
 * within a bin the flow counts as even.
 */
#ifndef CEEMS_EXPORTER_LEDGER_ENERGY_CURVE_H
#define CEEMS_EXPORTER_LEDGER_ENERGY_CURVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ENERGY_CURVE_BINS = 2560 };

struct energy_curve {
	int64_t bin_ns;
	bool any;
	int64_t begin_ns; /* of the first amount */
	int64_t newest; /* bin; bin i is the time from i * bin_ns on */
	/* The sum up to the end of each of the last bins, at its number modulo their number. Modulo
	   2^64: only differences count. */
	uint64_t until[ENERGY_CURVE_BINS];
};

/* All times are monotonic, and not negative. history_ns: of which it is to know. */
void energy_curve_init(struct energy_curve *curve, int64_t interval_ns, int64_t history_ns);

/* An amount that flowed evenly; from_ns == to_ns: at once. One from before the history counts at
 * its beginning. */
void energy_curve_add(struct energy_curve *curve, int64_t from_ns, int64_t to_ns, int64_t amount);

/* Whether anything of that time was ever told and is not forgotten yet. */
bool energy_curve_knows(const struct energy_curve *curve, int64_t at_ns);

/* What flowed until then, modulo 2^64. */
uint64_t energy_curve_until(const struct energy_curve *curve, int64_t at_ns);

/* The mean of that over the time from half_ns before to half_ns after the moment. */
uint64_t energy_curve_mean_until(const struct energy_curve *curve, int64_t at_ns, int64_t half_ns);

/* What flowed between two moments. */
static inline int64_t energy_curve_between(
	const struct energy_curve *curve, int64_t from_ns, int64_t to_ns)
{
	return (int64_t)(energy_curve_until(curve, to_ns) - energy_curve_until(curve, from_ns));
}

#endif
