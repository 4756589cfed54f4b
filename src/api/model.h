// SPDX-License-Identifier: Apache-2.0
/* What managers fetch, updaters enrich and the store keeps (spec api-server.md 3.3, 3.4, 6). */
#ifndef CEEMS_API_MODEL_H
#define CEEMS_API_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/arena.h"
#include "basic/options.h" /* struct strings */

/* Sub-key -> number, sorted bytewise by key, keys distinct. An unset map has set == false. */
struct metric_map {
	const char **keys;
	double *values;
	size_t n;
	bool set; /* some updater or manager has filled it */
};

enum unit_metric { /* the metric columns, in table order */
	TOTAL_TIME_SECONDS,
	AVG_CPU_USAGE,
	AVG_CPU_MEM_USAGE,
	TOTAL_CPU_ENERGY_USAGE_KWH,
	TOTAL_CPU_EMISSIONS_GMS,
	AVG_GPU_USAGE,
	AVG_GPU_MEM_USAGE,
	TOTAL_GPU_ENERGY_USAGE_KWH,
	TOTAL_GPU_EMISSIONS_GMS,
	TOTAL_IO_WRITE_STATS,
	TOTAL_IO_READ_STATS,
	TOTAL_INGRESS_STATS,
	TOTAL_EGRESS_STATS,
	N_UNIT_METRICS,
};
extern const char *const unit_metric_names[N_UNIT_METRICS]; /* column names */

/* A unit in one collection window. Strings live in the step's arena; none is NULL. */
struct unit {
	const char *resource_manager, *cluster_id, *uuid, *name, *project, *groupname, *username;
	const char *created_at, *started_at, *ended_at; /* ZDT or the manager's placeholder */
	int64_t created_at_ms, started_at_ms, ended_at_ms; /* Unix ms; ended 0 = running */
	const char *elapsed, *state;
	const char *allocation, *tags; /* JSON objects as text, keys sorted */
	struct metric_map metrics[N_UNIT_METRICS];
	bool ignore; /* short unit: kept, not listed */
};

struct user {
	const char *uid, *cluster_id, *resource_manager, *name;
	struct strings projects, tags; /* sorted, distinct */
	const char *last_updated_at;
};

struct project {
	const char *uid, *cluster_id, *resource_manager, *name;
	struct strings users, tags;
	const char *last_updated_at;
};

/* Growing lists in an arena. */
struct unit_list {
	struct unit *v;
	size_t n, cap;
};
struct user_list {
	struct user *v;
	size_t n, cap;
};
struct project_list {
	struct project *v;
	size_t n, cap;
};

/* Pushes a zeroed element whose strings are all ""; NULL: out of memory. */
struct unit *unit_list_push(struct unit_list *list, struct arena *arena);
struct user *user_list_push(struct user_list *list, struct arena *arena);
struct project *project_list_push(struct project_list *list, struct arena *arena);

/* Sets a key, keeping the order. 0 or -ENOMEM. */
int metric_map_put(struct metric_map *map, struct arena *arena, const char *key, double value);

#endif
