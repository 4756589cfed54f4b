// SPDX-License-Identifier: Apache-2.0
/*
 * Exact split of an integer amount by weights. The shares are differences of a rounded running sum,
 * so they add up to the amount whatever the weights are, and each is within one of its ideal value.
 */
#ifndef CEEMS_EXPORTER_LEDGER_SPLIT_H
#define CEEMS_EXPORTER_LEDGER_SPLIT_H

#include <stdint.h>

typedef unsigned __int128 split_weight;

struct split {
	uint64_t amount, given;
	split_weight whole, sum;
	unsigned shift;
};

/*
 * whole is what all weights together stand for: at least their sum, and not 0. What the shares
 * leave over belongs to the part of the whole that no weight stands for.
 */
static inline void split_begin(struct split *split, uint64_t amount, split_weight whole)
{
	/* Both factors of the product below stay under 64 bits; losing low bits of huge weights
	   changes shares by less than one part in 2^60. */
	unsigned shift = 0;

	while (whole >> shift >> 63)
		shift++;
	*split = (struct split){ .amount = amount, .whole = whole >> shift, .shift = shift };
}

/* The share of the next weight. */
static inline uint64_t split_next(struct split *split, split_weight weight)
{
	uint64_t upto, share;

	split->sum += weight >> split->shift;
	upto = (uint64_t)(split->amount * split->sum / split->whole);
	share = upto - split->given;
	split->given = upto;
	return share;
}

static inline uint64_t split_rest(const struct split *split)
{
	return split->amount - split->given;
}

#endif
