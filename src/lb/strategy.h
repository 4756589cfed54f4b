// SPDX-License-Identifier: Apache-2.0
/*
 * How the servers of a cluster take turns: a row for each file of strategies/ (spec
 * lb-and-proxies.md 2.9).
 */
#ifndef CEEMS_LB_STRATEGY_H
#define CEEMS_LB_STRATEGY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct strategy_candidate {
	bool usable;
	unsigned active; /* requests under way */
};

struct strategy {
	const char *name; /* in the configuration */
	/*
	 * The index of one that is usable, n if none is. turn belongs to the cluster and is shared
	 * by all threads. n > 0.
	 */
	size_t (*pick)(atomic_uint *turn, const struct strategy_candidate *candidates, size_t n);
};

extern const struct strategy strategy_round_robin, strategy_least_connection;

/* NULL for an unknown name. */
const struct strategy *strategy_find(const char *name);

#endif
