// SPDX-License-Identifier: Apache-2.0
/*
 * One after the other, the second first. A server that cannot be used costs a turn of its own, so
 * that what would have been its share is spread over all others.
 */
#include "lb/strategy.h"

static size_t round_robin_pick(
	atomic_uint *turn, const struct strategy_candidate *candidates, size_t n)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		at = (atomic_fetch_add(turn, 1) + 1) % n;
		if (candidates[at].usable)
			return at;
	}
	/* Other threads may have taken the turns of the good ones meanwhile. */
	for (size_t i = 0; i < n; i++)
		if (candidates[(at + i) % n].usable)
			return (at + i) % n;
	return n;
}

const struct strategy strategy_round_robin = {
	.name = "round-robin",
	.pick = round_robin_pick,
};
