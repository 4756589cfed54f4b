// SPDX-License-Identifier: Apache-2.0
#include "exporter/ledger/energy_curve.h"

#include "basic/macros.h"

/* Two readings of the ledger are a 20th of an interval apart at least. */
enum { BINS_AN_INTERVAL = 20 };

void energy_curve_init(struct energy_curve *c, int64_t interval_ns, int64_t history_ns)
{
	*c = (struct energy_curve){ .bin_ns = MAX(interval_ns / BINS_AN_INTERVAL,
					    history_ns / ENERGY_CURVE_BINS + 1) };
}

static int64_t bin_of(const struct energy_curve *c, int64_t at_ns)
{
	return MAX(at_ns, 0) / c->bin_ns;
}

static int64_t oldest(const struct energy_curve *c)
{
	return MAX(c->newest - ENERGY_CURVE_BINS + 1, 0);
}

static uint64_t *slot(struct energy_curve *c, int64_t bin)
{
	return &c->until[bin % ENERGY_CURVE_BINS];
}

static uint64_t until_end(const struct energy_curve *c, int64_t bin)
{
	return c->until[MIN(MAX(bin, oldest(c)), c->newest) % ENERGY_CURVE_BINS];
}

/* From now on there is such a bin. */
static void reach(struct energy_curve *c, int64_t bin)
{
	uint64_t sum = c->any ? until_end(c, c->newest) : 0;
	int64_t from = c->any ? c->newest + 1 : bin - ENERGY_CURVE_BINS + 1;

	for (int64_t i = MAX(MAX(from, bin - ENERGY_CURVE_BINS + 1), 0); i <= bin; i++)
		*slot(c, i) = sum;
	c->newest = c->any ? MAX(c->newest, bin) : bin;
}

void energy_curve_add(struct energy_curve *c, int64_t from_ns, int64_t to_ns, int64_t amount)
{
	/* A bin that begins at the end has nothing of it. */
	reach(c, bin_of(c, MAX(to_ns - 1, from_ns)));
	if (!c->any)
		c->begin_ns = from_ns;
	c->any = true;
	for (int64_t i = MAX(bin_of(c, from_ns), oldest(c)); i <= c->newest; i++) {
		int64_t end_ns = (i + 1) * c->bin_ns;

		*slot(c, i) += end_ns >= to_ns ? (uint64_t)amount
					       : (uint64_t)(int64_t)((__int128)amount *
							 (end_ns - from_ns) / (to_ns - from_ns));
	}
}

bool energy_curve_knows(const struct energy_curve *c, int64_t at_ns)
{
	return c->any && at_ns >= c->begin_ns && bin_of(c, at_ns) > oldest(c);
}

uint64_t energy_curve_until(const struct energy_curve *c, int64_t at_ns)
{
	int64_t bin = bin_of(c, at_ns);
	uint64_t before, after;

	if (!c->any)
		return 0;
	before = until_end(c, bin - 1);
	after = until_end(c, bin);
	return before +
		(uint64_t)(int64_t)((__int128)(int64_t)(after - before) *
			(MAX(at_ns, 0) - bin * c->bin_ns) / c->bin_ns);
}

uint64_t energy_curve_mean_until(const struct energy_curve *c, int64_t at_ns, int64_t half_ns)
{
	int64_t from_ns = at_ns - half_ns, to_ns = at_ns + half_ns;
	uint64_t begin = energy_curve_until(c, from_ns), left = begin;
	__int128 sum = 0; /* of twice the area above the begin */

	if (half_ns <= 0)
		return energy_curve_until(c, at_ns);
	for (int64_t a_ns = from_ns, b_ns; a_ns < to_ns; a_ns = b_ns) {
		uint64_t right;

		b_ns = MIN((bin_of(c, a_ns) + 1) * c->bin_ns, to_ns);
		right = energy_curve_until(c, b_ns);
		sum += (__int128)((int64_t)(left - begin) + (int64_t)(right - begin)) *
			(b_ns - a_ns);
		left = right;
	}
	return begin + (uint64_t)(int64_t)(sum / 2 / (to_ns - from_ns));
}
