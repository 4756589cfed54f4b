// SPDX-License-Identifier: Apache-2.0
/* The text of the query templates of the API server's TSDB updater: pure, no I/O. */
#ifndef CEEMS_TOOL_TSDB_QUERIES_H
#define CEEMS_TOOL_TSDB_QUERIES_H

#include <stdbool.h>

#include "basic/buffer.h"
#include "basic/options.h" /* struct strings */

/* Recorded series. */
enum recorded {
	RECORDED_CPU_USAGE,
	RECORDED_CPU_MEMORY_USAGE,
	RECORDED_HOST_POWER,
	RECORDED_HOST_EMISSIONS,
	RECORDED_GPU_USAGE,
	RECORDED_GPU_MEMORY_USAGE,
	RECORDED_GPU_POWER,
	RECORDED_GPU_EMISSIONS,
	RECORDED_HOST_ENERGY, /* the ledger's counter */
	N_RECORDED,
};
extern const char *const recorded_names[N_RECORDED];

struct queries_found {
	bool recorded[N_RECORDED];
	struct strings host_providers, gpu_providers; /* sorted, of the emission series */
	bool jobs_without_ledger; /* some job has host power but no energy counter */
};

enum { QUERIES_MAX_BYTES = 1 << 20 };

/* Appends the YAML document. Returns the number of queries, -ENOMEM or -E2BIG. */
int queries_write(const struct queries_found *found, struct buffer *out);

#endif
