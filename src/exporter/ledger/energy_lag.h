// SPDX-License-Identifier: Apache-2.0
/*
 * How far the meter of the whole node lags behind what happens: a BMC tells the mean of a time that
 * is over, and refreshes it when it likes. Learned from the meter itself: the delay at which its
 * changes follow those of the parts (or of the CPUs' use) best. It decides to which moment energy
 * belongs; and, where the meter told nothing for a while, how what it told before and after is to
 * be joined.
 */
#ifndef CEEMS_EXPORTER_LEDGER_ENERGY_LAG_H
#define CEEMS_EXPORTER_LEDGER_ENERGY_LAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exporter/ledger/energy_curve.h"

enum {
	ENERGY_LAG_STEPS = 17, /* delays that are tried: quarters of an interval, */
	ENERGY_LAG_MAX_INTERVALS = 4, /* up to so many intervals */
	ENERGY_LAG_UNSEEN = 16, /* what the meter told of times whose load isn't known yet */
};

struct energy_lag {
	int64_t interval_ns;
	const struct energy_curve *load; /* what should show in the meter, in any unit */
	int64_t blur_ns; /* parts of it are told as means of so long */
	int64_t known_ns; /* up to when all of the load has come in */
	int64_t gap_ns; /* up to when it came in as the mean of a long time: that tells nothing */
	struct energy_lag_segment {
		int64_t from_ns, to_ns;
		double energy;
	} unseen[ENERGY_LAG_UNSEEN]; /* oldest first */
	size_t n_unseen;
	bool has_before;
	int64_t before_ns;
	double meter_before, seen_before[ENERGY_LAG_STEPS];
	/* Fading sums over changes. */
	double meter_squares, squares[ENERGY_LAG_STEPS], products[ENERGY_LAG_STEPS];
	size_t n_changes;
	int64_t lag_ns; /* 0 until it is known */
};

void energy_lag_init(struct energy_lag *lag, int64_t interval_ns, const struct energy_curve *load);

/* What the meter told of a time; it is learned from when the load of that time is known. */
void energy_lag_meter(struct energy_lag *lag, int64_t from_ns, int64_t to_ns, double energy);

/* The load is known up to then; gap_ns: see above. */
void energy_lag_learn(struct energy_lag *lag, int64_t known_ns, int64_t gap_ns);

/* Whether it is known how the meter follows the load. */
bool energy_lag_known(const struct energy_lag *lag);

/*
 * What the meter should do by what went on, once its lag is known: false before. window_ns: of
 * which before its reading it tells the mean.
 * By how much its power changed from one moment to another, in microwatts: as much as is sure, as
 * the load is blurred.
 */
bool energy_lag_change(const struct energy_lag *lag, int64_t from_ns, int64_t to_ns,
	int64_t window_ns, double *ret_uw);

/* What it would have told of a time, in microjoules, by how it did before. */
bool energy_lag_guess(const struct energy_lag *lag, const struct energy_curve *meter,
	int64_t from_ns, int64_t to_ns, double *ret_uj);

#endif
