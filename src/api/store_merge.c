// SPDX-License-Identifier: Apache-2.0
#include "api/store_merge.h"

#include <errno.h>

#include "api/metric_map.h"
#include "api/store_internal.h"

int merged_load(struct stmt *q, const char *what, struct arena *arena, struct merged *ret_merged,
	struct err *err)
{
	struct merged merged = { 0 };
	int r;

	r = stmt_step(q, err);
	if (r < 0)
		return r;
	if (r == 1) {
		merged.id = stmt_i64(q, OLD_ID);
		for (int m = 0; m < N_UNIT_METRICS; m++) {
			r = metric_map_parse(
				stmt_text(q, OLD_METRICS + m), arena, &merged.metrics[m]);
			if (r < 0)
				return err_errno(
					err, r, "%s: stored %s", what, unit_metric_names[m]);
		}
	}
	*ret_merged = merged;
	return 0;
}

int merged_add(struct merged *merged, bool first, const struct unit *unit, unsigned metrics,
	const double *missing, struct arena *arena)
{
	const struct metric_map *old_time = &merged->metrics[TOTAL_TIME_SECONDS];
	const struct metric_map *time = &unit->metrics[TOTAL_TIME_SECONDS];
	int r = 0;

	/* The times come last, as the old ones weigh the averages. */
	for (int m = N_UNIT_METRICS - 1; r >= 0 && m >= 0; m--) {
		const char *weight = unit_metric_weight((enum unit_metric)m);

		if (!(metrics & 1U << m))
			continue;
		/* Where something waited, what comes first had no average before it to weigh. */
		if (first || (missing && weight && !merged->metrics[m].n && unit->metrics[m].n))
			r = metric_map_copy(&unit->metrics[m], arena, &merged->metrics[m]);
		else if (weight)
			r = metric_map_average(&merged->metrics[m], &unit->metrics[m],
				MAX(metric_map_get(old_time, weight) - (missing ? missing[m] : 0),
					0),
				metric_map_get(time, weight), arena);
		else
			r = metric_map_add(&merged->metrics[m], &unit->metrics[m], arena);
	}
	return r;
}

/* "null" says that no updater ever filled the column. */
int merged_bind(const struct merged *merged, struct stmt *q, struct buffer *scratch)
{
	for (int m = 0; m < N_UNIT_METRICS; m++) {
		buffer_clear(scratch);
		if (merged->metrics[m].set)
			metric_map_write(&merged->metrics[m], scratch);
		else
			buffer_puts(scratch, "null");
		if (buffer_error(scratch))
			return buffer_error(scratch);
		stmt_bind_slice(q, m + 1, (struct slice){ scratch->data, scratch->len });
	}
	return 0;
}
