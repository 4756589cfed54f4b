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

/* Begun together they cannot be told apart, and the caller sees nothing. */
static struct gate_life life_of(const struct lives_row *row, const struct lives_row *rows, size_t n)
{
	struct gate_life life = { start_of(row), row->ended_ms > 0 ? row->ended_ms : INT64_MAX };

	for (size_t i = 0; i < n; i++) {
		int64_t start_ms = start_of(&rows[i]);

		if (rows[i].own != row->own &&
			(start_ms > life.start_ms || (row->own && start_ms == life.start_ms)))
			life.end_ms = MIN(life.end_ms, start_ms);
	}
	life.end_ms = MAX(life.end_ms, life.start_ms);
	return life;
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
		struct gate_life life = life_of(&rows[i], rows, n);

		if (rows[i].own)
			v[n_own++] = life;
		else
			*--foreign = life;
	}
	qsort(v, n_own, sizeof(*v), by_start);
	qsort(foreign, n - n_own, sizeof(*v), by_start);
	*ret_lives = (struct gate_unit_lives){ v, n_own, foreign, n - n_own };
	return 0;
}
