// SPDX-License-Identifier: Apache-2.0
/* What the energy ledger is told of GPUs: readings, and who holds which part of a device. */
#ifndef CEEMS_EXPORTER_GPU_GPU_SAMPLES_H
#define CEEMS_EXPORTER_GPU_GPU_SAMPLES_H

#include "basic/arena.h"
#include "exporter/gpu/gpu_bindings.h"
#include "exporter/gpu/gpu_power.h"

/*
 * Makes a sample for every device that has a reading (one for each device of the list); all lives
 * in the arena. -ENOMEM.
 */
int gpu_samples_make(const struct gpu_list *list, const struct gpu_reading *readings,
	const struct gpu_bindings *managers, size_t n_managers, struct arena *arena,
	struct gpu_sample **ret_samples, size_t *ret_n);

#endif
