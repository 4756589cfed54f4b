// SPDX-License-Identifier: Apache-2.0
#include "lb/owners/lives.h"

#include <errno.h>
#include <stdlib.h>

/*
 * A unit that waits to start has no series yet: it begins when it was made known, and if that isn't
 * known either, it has no time at all.
 */
static int64_t start_of(const struct lives_row *row)
{
	if (row->started_ms > 0)
		return row->started_ms;
	return row->created_ms > 0 ? row->created_ms : INT64_MAX;
}

static int by_start(const void *a, const void *b)
{
	const struct gate_life *x = a, *y = b;

	return x->start_ms < y->start_ms ? -1 : x->start_ms > y->start_ms;
}

/*
 * Ends each row at the latest where the next one of the other side begins; both are sorted by
 * start. Begun together they cannot be told apart, and the caller sees nothing.
 */
static void end_at_others(
	struct gate_life *v, size_t n, bool own, const struct gate_life *others, size_t n_others)
{
	size_t next = 0;

	for (size_t i = 0; i < n; i++) {
		const int64_t start_ms = v[i].start_ms;

		while (next < n_others &&
			(others[next].start_ms < start_ms ||
				(!own && others[next].start_ms == start_ms)))
			next++;
		if (next < n_others)
			v[i].end_ms = MIN(v[i].end_ms, others[next].start_ms);
		v[i].end_ms = MAX(v[i].end_ms, start_ms);
	}
}

int lives_make(const struct lives_row *rows, size_t n, struct arena *arena,
	struct gate_unit_lives *ret_lives)
{
	struct gate_life *v = ARENA_ARRAY(arena, struct gate_life, MAX(n, 1)), *foreign;
	size_t n_own = 0;

	if (!v)
		return -ENOMEM;
	foreign = v + n;
	for (size_t i = 0; i < n; i++) {
		struct gate_life life = { start_of(&rows[i]),
			rows[i].ended_ms > 0 ? rows[i].ended_ms : INT64_MAX };

		if (rows[i].own)
			v[n_own++] = life;
		else
			*--foreign = life;
	}
	qsort(v, n_own, sizeof(*v), by_start);
	qsort(foreign, n - n_own, sizeof(*v), by_start);
	end_at_others(v, n_own, true, foreign, n - n_own);
	end_at_others(foreign, n - n_own, false, v, n_own);
	*ret_lives = (struct gate_unit_lives){ v, n_own, foreign, n - n_own };
	return 0;
}
