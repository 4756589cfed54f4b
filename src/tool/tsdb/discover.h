// SPDX-License-Identifier: Apache-2.0
/* Which scrape jobs a TSDB has, and what they export that ceems_tool makes rules of. */
#ifndef CEEMS_TOOL_TSDB_DISCOVER_H
#define CEEMS_TOOL_TSDB_DISCOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "basic/arena.h"
#include "remote/tsdb.h"
#include "tool/tsdb/rules.h"

enum wanted_series {
	SERIES_LEDGER_UNIT,
	SERIES_LEDGER_METER,
	SERIES_LEDGER_SOURCE,
	SERIES_POWER_MODEL,
	SERIES_RAPL_PACKAGE,
	SERIES_RAPL_DRAM,
	SERIES_IPMI,
	SERIES_REDFISH,
	SERIES_CRAY,
	SERIES_UNIT_CPU,
	SERIES_UNIT_GPU,
	SERIES_GPU_NVIDIA,
	SERIES_GPU_AMD_SMI,
	SERIES_GPU_AMD_DEVICE,
	SERIES_GPU_PROFILES, /* the first of them, in the order of rules_profiles */
	N_WANTED_SERIES = SERIES_GPU_PROFILES + N_RULES_PROFILES,
};
extern const char *const wanted_series_names[N_WANTED_SERIES];

struct job {
	const char *name;
	int64_t scrape_interval_ms; /* 0: none of its own */
	bool has[N_WANTED_SERIES];
	struct strings hosts; /* of its series: instances without ports; sorted, distinct */
	bool estimated; /* the ledger of some host has an estimate as its source */
};
struct job_list {
	struct job *v; /* in the order in which the server named them */
	size_t n;
};

/* What series tell about jobs; pure. -ENOMEM. */
int discover_from_series(
	const struct tsdb_series *series, size_t n, struct arena *arena, struct job_list *ret_jobs);
/* Gives the jobs the scrape intervals of their targets; the last target of a job counts. */
void discover_intervals(struct job_list *jobs, const struct tsdb_target *targets, size_t n);

/* The first source that the job has; POWER_NONE if it has none. */
enum power_source job_power_source(const struct job *job);
/* The last job whose GPUs are in the hosts of this one (maybe itself); NULL: it has none. */
const struct job *job_find_gpus(
	const struct job *job, const struct job_list *jobs, struct rules_gpus *ret_gpus);

#endif
