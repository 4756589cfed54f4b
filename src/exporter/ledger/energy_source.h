// SPDX-License-Identifier: Apache-2.0
/*
 * Where a node's energy is known from: a row of the table below, a file in sources/. The sampling
 * loop reads all sources at the same moment. One thread at a time uses a source.
 */
#ifndef CEEMS_EXPORTER_LEDGER_ENERGY_SOURCE_H
#define CEEMS_EXPORTER_LEDGER_ENERGY_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/err.h"
#include "basic/log.h"
#include "exporter/ledger/energy_counter.h"
#include "exporter/ledger/ledger.h"
#include "host/root.h"

struct energy_source_env {
	const struct host_root *host;
	const struct log *log;
	/* Of the power model, in microwatts for the node; 0 = by the number of CPUs. */
	uint64_t model_idle_uw, model_max_uw;
};

/* The moment of a reading, and what the node's CPUs did since the moment before. */
struct energy_moment {
	struct energy_span span;
	bool usage_known;
	uint64_t elapsed_us; /* over which: longer than an interval if readings failed; 0 = none yet
			      */
	uint64_t busy_us, cpus_milli;
};

/* What a source brought in one domain since the moment before. */
struct energy_flow {
	bool complete; /* every meter of the domain was read and moves */
	uint64_t energy_uj, late_uj;
	/* Of meters that stood still or were away for less than the longest gap: open while one
	   is, settled when one moves. */
	struct ledger_backlog backlog;
	/* What is settled flowed since, and what is to come flows since. */
	int64_t settled_since_ns, open_since_ns;
	uint32_t moving_ppm; /* while it is open: the usual part of the meters that move */
	bool static_known; /* the source itself knows which part flows without load */
	uint64_t static_uj, static_uw;
	int64_t sample_ns; /* monotonic: age of the oldest value in it */
};

struct energy_source {
	const char *name; /* label 'source' */
	bool measured; /* false: an estimate, used only where nothing is measured */
	int64_t resolution_ns; /* how often its value changes at best; 0 = unknown */
	/* Which domains it has. -ENODATA: none on this node. */
	int (*open)(const struct energy_source_env *env, bool ret_domains[N_ENERGY_DOMAINS],
		void **ret_state, struct err *err);
	/* Fills the flows of its domains; they come zeroed. */
	void (*read)(void *state, const struct energy_moment *moment,
		struct energy_flow flows[N_ENERGY_DOMAINS]);
	void (*close)(void *state);
};

/* Measured ones first, the better one of two first. */
enum { ENERGY_SOURCE_RAPL, ENERGY_SOURCE_POWER_MODEL, N_ENERGY_SOURCES };
extern const struct energy_source *const energy_sources[N_ENERGY_SOURCES];
extern const struct energy_source energy_source_rapl, energy_source_power_model;

/* Defaults of the power model for one CPU as the kernel counts them (docs/energy.md). */
enum { POWER_MODEL_IDLE_UW_PER_CPU = 750000, POWER_MODEL_MAX_UW_PER_CPU = 3500000 };

#endif
