// SPDX-License-Identifier: Apache-2.0
/*
 * Values by uuid, handed to units. Several units of a window may have one uuid: the runs of a job
 * that was queued again. What was counted for the uuid is then shared among them, never given
 * twice.
 */
#ifndef CEEMS_API_UPDATERS_SHARE_H
#define CEEMS_API_UPDATERS_SHARE_H

#include "api/model.h"

struct unit_batch {
	const char **ids; /* distinct, sorted, none empty */
	size_t n_ids;
	struct unit **units; /* sorted by uuid, of one uuid the latest start first */
	size_t n_units;
};

/* 0 or -ENOMEM. The arrays live in the arena. */
int unit_batch_init(struct unit_batch *batch, const struct unit_list *units, struct arena *arena);
/* Keeps the ids [first, first + n) and their units. */
void unit_batch_slice(struct unit_batch *batch, size_t first, size_t n);
/* An empty map for the metric in every unit. */
void unit_batch_reset(const struct unit_batch *batch, enum unit_metric metric);
/*
 * Averages go to each unit with the uuid; totals are split by 'walltime' of the window, or all to
 * the latest run if none has any. An unknown uuid is ignored. 0 or -ENOMEM.
 */
int unit_batch_put(const struct unit_batch *batch, const char *uuid, enum unit_metric metric,
	const char *key, double value, struct arena *arena);

#endif
