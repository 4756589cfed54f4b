// SPDX-License-Identifier: Apache-2.0
/*
 * Asks a manager what the units of a set are known by and which devices they hold, remembers the
 * answers, and tells the GPUs who holds them. Covered by the lock of the set's owner.
 */
#ifndef CEEMS_EXPORTER_UNITS_UNIT_IDENTIFY_H
#define CEEMS_EXPORTER_UNITS_UNIT_IDENTIFY_H

#include "basic/log.h"
#include "exporter/units/unit_manager.h"
#include "exporter/units/unit_processes.h"
#include "exporter/units/unit_set.h"

struct unit_identifier {
	/* Borrowed. */
	const struct unit_manager *manager;
	void *manager_ctx;
	struct gpus *gpus; /* NULL: none */
	struct unit_processes *processes;
	const struct log *log;
	/* Its own. */
	uint64_t manager_generation, gpus_generation;
	bool bind_wanted; /* the GPUs have not been told of the latest */
	const struct unit *asked; /* during a call of the manager */
	struct gpu_request *requests;
	size_t requests_cap;
	struct unit_identity identity;
};

/* The pointers are set by the caller before. */
void unit_identifier_init(struct unit_identifier *identifier);
void unit_identifier_done(struct unit_identifier *identifier);

/*
 * After a scan of the set: identifies the shown units that ask for it. shown_changed: units came,
 * went, or are shown that were not. Allocates nothing when nothing changed.
 */
void unit_identifier_run(struct unit_identifier *identifier, struct unit_set *set, uint64_t scan,
	bool shown_changed);

#endif
