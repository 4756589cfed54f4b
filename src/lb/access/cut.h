// SPDX-License-Identifier: Apache-2.0
/*
 * Ids are used again: what a query reads must not reach into a time at which an id that it names
 * was somebody else's unit (spec promql.md 4.5), and nothing that a server may fetch besides
 * (reach.h). Requests whose ids were nobody else's are left alone.
 */
#ifndef CEEMS_LB_ACCESS_CUT_H
#define CEEMS_LB_ACCESS_CUT_H

#include "format/promql/promql.h"
#include "lb/access/gate.h"
#include "lb/access/reach.h"

struct cut {
	struct arena *arena;
	const struct strings *units;
	const struct gate_unit_lives *lives; /* one for each unit */
	const char *why; /* of -EACCES */
};

enum { CUT_ZONES_MAX = 10000 };

/* Whether some id was somebody else's too. */
bool cut_is_needed(const struct cut *cut);

/*
 * Times of evaluation: query's start and end are moved to steps where every selector reads what is
 * the caller's, in one piece: the latest that has something of theirs. '@ start()' and '@ end()'
 * stay where they were. 0; -ENODATA: no step is left; -EACCES: cannot be cut, why says which
 * selector; -ENOMEM.
 */
int cut_query(struct cut *cut, struct promql_node *node, struct reach_query *query);

/*
 * A window of samples, or of what the storage's index holds about them (index), for all units.
 * 0; -ENODATA; -EACCES: too many times; -ENOMEM.
 */
int cut_window(struct cut *cut, bool index, int64_t *start_ms, int64_t *end_ms);

#endif
