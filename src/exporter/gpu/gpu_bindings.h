// SPDX-License-Identifier: Apache-2.0
/*
 * Which unit of a resource manager holds which device, and how much of it (spec
 * exporter-units.md 5.6 and 5.7). Covered by the lock of its owner.
 */
#ifndef CEEMS_EXPORTER_GPU_GPU_BINDINGS_H
#define CEEMS_EXPORTER_GPU_GPU_BINDINGS_H

#include "exporter/gpu/gpus.h"
#include "exporter/gpu/slurm_gpus.h"
#include "host/gpu_list.h"

/* A unit has a device, or with instance >= 0 a part of it. */
struct gpu_hold {
	const struct gpu_request *request;
	size_t device;
	int64_t instance;
	uint64_t count; /* how often it was given */
	uint64_t shares; /* of the total; 0 = not known, then it has all of it */
	uint64_t total; /* of the device's or instance's shares that this manager gave away */
};

/* One manager's units. */
struct gpu_bindings {
	char *manager; /* ours */
	struct gpu_request *requests; /* ours, texts included */
	size_t n_requests;
	struct gpu_hold *holds; /* by request, device, instance */
	size_t n_holds;
};

/* Copies the requests; nothing is held yet. -ENOMEM. */
int gpu_bindings_init(struct gpu_bindings *bindings, const char *manager,
	const struct gpu_request *requests, size_t n);
void gpu_bindings_done(struct gpu_bindings *bindings);

/*
 * Finds the devices of the requests anew. slurm is NULL for other managers than Slurm. -ENOMEM:
 * what was held is as before.
 */
int gpu_bindings_resolve(
	struct gpu_bindings *bindings, const struct gpu_list *list, const struct slurm_gpus *slurm);

/* The part of the device or instance, 0 to 1. */
double gpu_hold_fraction(const struct gpu_hold *hold);

#endif
