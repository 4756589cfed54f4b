// SPDX-License-Identifier: Apache-2.0
/*
 * Units of several managers can lie within each other, or be the same control group: a pod of a
 * Kubernetes that runs in a job. What the inner one uses is in the outer one's counters, so that
 * only the outer one counts; of the same group, the one whose manager comes first.
 */
#ifndef CEEMS_EXPORTER_LEDGER_UNIT_OVERLAP_H
#define CEEMS_EXPORTER_LEDGER_UNIT_OVERLAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exporter/units/unit.h"

struct unit_overlap {
	uint64_t seen; /* which units they were at the last look */
	size_t n_seen;
	bool *inner; /* of each of those */
	struct unit_place *places; /* sorted by path */
	size_t cap;
	bool any;
};

void unit_overlap_done(struct unit_overlap *overlap);

/*
 * Takes inner units out of the list; table_ends[i] is where the units of table i end. Looks closely
 * only when the units are others than before. How many are left, or -ENOMEM.
 */
int unit_overlap_remove(struct unit_overlap *overlap, struct unit_sample *units,
	const size_t *table_ends, size_t n_tables, size_t *ret_n);

#endif
