// SPDX-License-Identifier: Apache-2.0
/*
 * Which GPUs a job of Slurm was given, from the environment of its processes (spec
 * exporter-units.md 4.1): nothing else on the node tells.
 */
#ifndef CEEMS_EXPORTER_MANAGERS_SLURM_DEVICES_H
#define CEEMS_EXPORTER_MANAGERS_SLURM_DEVICES_H

#include "basic/str.h"
#include "exporter/units/unit_manager.h"

/* What a unit's note counts: how often its GPUs, and its number, were asked for in vain. */
#define SLURM_NOTE_GPU_TRIES(note) ((note)&UINT32_MAX)
#define SLURM_NOTE_SLUID_TRIES(note) ((note) >> 32)
#define SLURM_NOTE_SLUID_TRY (UINT64_C(1) << 32)

/* What one process says; each the first entry of its name that is well-formed. Empty: none. */
struct slurm_devices {
	struct slice job_gpus, step_gpus; /* "0,2" */
	struct slice visible; /* "GPU-...,MIG-...", when neither of the others is there */
	bool shares_known;
	uint64_t shares;
};

/* -ENODATA: the environment isn't that of a process of this job. The slices are parts of it. */
int slurm_devices_of_environ(
	struct slice variables, const char *job, struct slurm_devices *ret_devices);

/*
 * Looks for the GPUs of a job in its processes. 0, or -EAGAIN: not every process of it is known
 * yet, what was found so far is in the identity. The caller has raised the capabilities.
 */
int slurm_devices_find(const struct unit_facts *facts, const char *job, const uint64_t *pids,
	size_t n, struct unit_identity *identity);

#endif
