// SPDX-License-Identifier: Apache-2.0
#include "api/updaters/share.h"

#include <errno.h>
#include <stdlib.h>

#include "api/metric_map.h"
#include "basic/str.h"

static int by_uuid(const void *a, const void *b)
{
	const struct unit *x = *(struct unit *const *)a, *y = *(struct unit *const *)b;
	int r = strcmp(x->uuid, y->uuid);

	if (r)
		return r;
	return (x->started_at_ms < y->started_at_ms) - (x->started_at_ms > y->started_at_ms);
}

int unit_batch_init(struct unit_batch *batch, const struct unit_list *units, struct arena *arena)
{
	*batch = (struct unit_batch){
		.ids = ARENA_ARRAY(arena, const char *, units->n + 1),
		.units = ARENA_ARRAY(arena, struct unit *, units->n + 1),
	};
	if (!batch->ids || !batch->units)
		return -ENOMEM;
	for (size_t i = 0; i < units->n; i++)
		if (*units->v[i].uuid)
			batch->units[batch->n_units++] = &units->v[i];
	qsort(batch->units, batch->n_units, sizeof(*batch->units), by_uuid);
	for (size_t i = 0; i < batch->n_units; i++)
		if (!i || !str_eq(batch->units[i]->uuid, batch->units[i - 1]->uuid))
			batch->ids[batch->n_ids++] = batch->units[i]->uuid;
	return 0;
}

/* The first unit whose uuid is not less. */
static size_t lower_bound(const struct unit_batch *batch, const char *uuid)
{
	size_t from = 0, to = batch->n_units;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (strcmp(batch->units[middle]->uuid, uuid) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

void unit_batch_slice(struct unit_batch *batch, size_t first, size_t n)
{
	size_t from = lower_bound(batch, batch->ids[first]);
	size_t to = first + n < batch->n_ids ? lower_bound(batch, batch->ids[first + n])
					     : batch->n_units;

	batch->ids += first;
	batch->n_ids = n;
	batch->units += from;
	batch->n_units = to - from;
}

void unit_batch_reset(const struct unit_batch *batch, enum unit_metric metric)
{
	for (size_t i = 0; i < batch->n_units; i++)
		batch->units[i]->metrics[metric] = (struct metric_map){ .set = true };
}

static double walltime(const struct unit *unit)
{
	return metric_map_get(&unit->metrics[TOTAL_TIME_SECONDS], "walltime");
}

/* The same query may give several samples of one uuid if it doesn't aggregate; the last one counts.
 */
int unit_batch_put(const struct unit_batch *batch, const char *uuid, enum unit_metric metric,
	const char *key, double value, struct arena *arena)
{
	bool average = unit_metric_weight(metric) != NULL;
	size_t from = lower_bound(batch, uuid), to;
	double all = 0, left = value;
	int r = 0;

	for (to = from; to < batch->n_units && str_eq(batch->units[to]->uuid, uuid); to++)
		all += walltime(batch->units[to]);
	/* The latest run comes first and takes what the others leave, so that the sum is exact. */
	for (size_t i = to; r >= 0 && i-- > from;) {
		double part = all > 0 ? value * (walltime(batch->units[i]) / all) : 0;

		if (average)
			part = value;
		else if (i == from)
			part = left > 0 ? left : 0;
		left -= part;
		r = metric_map_put(&batch->units[i]->metrics[metric], arena, key, part);
	}
	return r;
}
