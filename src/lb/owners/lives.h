// SPDX-License-Identifier: Apache-2.0
/*
 * When a unit existed for those who may see some of its rows, and when its id was somebody else's.
 * An id belongs to one unit at a time, so a row that never got its end (a node died, an update was
 * lost) ends where a later row of the other side begins.
 */
#ifndef CEEMS_LB_OWNERS_LIVES_H
#define CEEMS_LB_OWNERS_LIVES_H

#include "lb/access/gate.h"

enum { LIVES_ROWS_MAX = 4096 /* rows of one unit */ };

/* A row of the table of units: Unix ms as stored there, 0 = not known. */
struct lives_row {
	int64_t created_ms, started_ms, ended_ms;
	bool own; /* of a project of the caller */
};

/* ret_lives->n is 0 if there is no own row. -ENOMEM. */
int lives_make(const struct lives_row *rows, size_t n, struct arena *arena,
	struct gate_unit_lives *ret_lives);

#endif
