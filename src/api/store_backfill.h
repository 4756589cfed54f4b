// SPDX-License-Identifier: Apache-2.0
/*
 * Usage by time of units that were stored without these tables, by CEEMS 0.10.2: before this
 * program opened the file first, or in between. Only their totals are known, so these are spread
 * evenly over the time in which the unit ran, and the part that lies in the time that the tables
 * lack goes there. That is exact for times of Slurm jobs and pods, and an estimate for all else.
 *
 * A backfill goes through the units by id, a part at a time. A step that comes across a unit which
 * it has not reached yet does that unit first, as its totals change now. Metrics that come late do
 * not: their window was stored before the backfill was planned, so the totals lack them until then.
 * For the store's files only; the caller holds the write lock and, but for the part, a transaction.
 */
#ifndef CEEMS_API_STORE_BACKFILL_H
#define CEEMS_API_STORE_BACKFILL_H

#include "api/store_usage.h"

/* At the opening, before watermarks are adopted. is_new: the tables were made just now. */
int backfill_plan(struct store *store, bool is_new, struct err *err);

struct backfill_span; /* of a cluster in a backfill */

struct backfill {
	struct store *store;
	int64_t now_ms;
	struct backfill_span *spans; /* a list */
	struct arena arena; /* reset for each unit */
	bool full; /* as much as memory is allowed for was written; a part ends then */
	size_t n_failed; /* units and periods that can't be read */
	struct err first_failure;
};

void backfill_init(struct backfill *b, struct store *store, int64_t now_ms);
void backfill_done(struct backfill *b);
/* Before a step changes the unit, or after it has made it: it is left out from then on. */
int backfill_touch(struct backfill *b, int64_t unit_id, bool made_now, struct err *err);
int backfill_write(struct backfill *b, struct err *err);

#endif
