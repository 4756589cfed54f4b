// SPDX-License-Identifier: Apache-2.0
/* Metrics of a stored row and those of a new window (spec api-server.md 3.6). */
#ifndef CEEMS_API_STORE_MERGE_H
#define CEEMS_API_STORE_MERGE_H

#include "api/model.h"
#include "basic/buffer.h"
#include "db/db.h"

struct merged {
	int64_t id; /* 0: no row yet */
	struct metric_map metrics[N_UNIT_METRICS]; /* with arrays of their own */
};

/*
 * Steps q, which selects the row's id and metrics, or no row. what names it in errors. -EBADMSG,
 * -E2BIG: its maps are unreadable.
 */
int merged_load(struct stmt *q, const char *what, struct arena *arena, struct merged *ret_merged,
	struct err *err);
/*
 * Adds metrics (bits of enum unit_metric) of a unit. The first unit of a row that isn't there is
 * taken as it is. missing: by metric, the part of the old weight that the old average doesn't hold,
 * as it waits in the queue; NULL: none. -ENOMEM, -E2BIG.
 */
int merged_add(struct merged *merged, bool first, const struct unit *unit, unsigned metrics,
	const double *missing, struct arena *arena);
/* Binds the metrics as parameters 1 to 13. */
int merged_bind(const struct merged *merged, struct stmt *q, struct buffer *scratch);

#endif
