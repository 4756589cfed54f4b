// SPDX-License-Identifier: Apache-2.0
/* The server with the fewest requests under way; those that are equal take turns. */
#include "lb/strategy.h"

static size_t least_connection_pick(
	atomic_uint *turn, const struct strategy_candidate *candidates, size_t n)
{
	size_t best = n, equal = 0, skip;

	for (size_t i = 0; i < n; i++) {
		if (!candidates[i].usable)
			continue;
		if (best == n || candidates[i].active < candidates[best].active) {
			best = i;
			equal = 1;
		} else if (candidates[i].active == candidates[best].active) {
			equal++;
		}
	}
	if (equal < 2)
		return best;
	skip = atomic_fetch_add(turn, 1) % equal;
	for (size_t i = best; i < n; i++)
		if (candidates[i].usable && candidates[i].active == candidates[best].active &&
			skip-- == 0)
			return i;
	return best;
}

const struct strategy strategy_least_connection = {
	.name = "least-connection",
	.pick = least_connection_pick,
};
