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

enum {
	ENERGY_LAG_STEPS = 17, /* delays that are tried: quarters of an interval, */
	ENERGY_LAG_MAX_INTERVALS = 4, /* up to so many intervals */
	ENERGY_LAG_HISTORY = 192, /* intervals; three times as many when units come and go */
	ENERGY_LAG_CHANGES = 12, /* of the meter, before anything is said */
};

struct energy_lag {
	int64_t interval_ns;
	/* What went before: the sum of what should show in the meter. */
	struct energy_lag_point {
		int64_t at_ns;
		double sum;
	} history[ENERGY_LAG_HISTORY];
	size_t n, next;
	double sum;
	bool has_before;
	int64_t before_ns;
	double meter_before, seen_before[ENERGY_LAG_STEPS];
	/* Fading sums over changes. */
	double meter_squares, squares[ENERGY_LAG_STEPS], products[ENERGY_LAG_STEPS];
	size_t n_changes;
	int64_t lag_ns; /* 0 until it is known */
};

void energy_lag_init(struct energy_lag *lag, int64_t interval_ns);

/* What the last interval brought, in any unit. */
void energy_lag_add(struct energy_lag *lag, int64_t now_ns, double amount);

/* What went before is of no use: part of it came in at another time than it flowed. */
void energy_lag_skip(struct energy_lag *lag);

/* What the meter told of a time. */
void energy_lag_meter(struct energy_lag *lag, int64_t from_ns, int64_t to_ns, double energy);

/*
 * What the meter should do by what went on, once its lag is known: false before. window_ns: over
 * which the meter takes its mean.
 * By how much its power changed from one moment to another, in microwatts.
 */
bool energy_lag_change(const struct energy_lag *lag, int64_t from_ns, int64_t to_ns,
	int64_t window_ns, double *ret_uw);

/* How much more than a straight line between its powers at two moments tells, in microjoules. */
bool energy_lag_bend(const struct energy_lag *lag, int64_t from_ns, int64_t to_ns,
	int64_t window_ns, double *ret_uj);

#endif
