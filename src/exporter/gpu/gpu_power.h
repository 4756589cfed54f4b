// SPDX-License-Identifier: Apache-2.0
/*
 * Power and use of GPUs: NVIDIA's come from its tool, which is left running and prints a line per
 * device and second (starting it takes longer than that); AMD's driver has them in sysfs
 * (Documentation/gpu/amdgpu/thermal.rst).
 */
#ifndef CEEMS_EXPORTER_GPU_GPU_POWER_H
#define CEEMS_EXPORTER_GPU_GPU_POWER_H

#include <stdint.h>

#include "basic/clock.h"
#include "basic/err.h"
#include "exporter/meters/power_meter.h"
#include "host/nvidia_smi.h"
#include "host/root.h"

/* What a device said last. */
struct gpu_reading {
	struct power_reading power; /* sample_ns 0: nothing yet */
	bool use_known;
	uint32_t use_ppm;
};

/*
 * Runs nvidia-smi until it ends or cancel_fd is readable; each line goes to take(). 0 after an
 * hour, so that a tool that hangs is not followed for ever; -errno with err, -ECANCELED.
 */
int gpu_power_follow_nvidia(const char *nvidia_smi_path, int cancel_fd,
	void (*take)(void *ctx, const struct nvidia_smi_reading *reading), void *ctx,
	struct err *err);

/* Reads an AMD device. 0, or -ENODATA: its driver tells neither energy nor power. */
int gpu_power_read_amd(const struct host_root *host, const struct pci_address *address,
	const struct clock *clock, struct gpu_reading *ret_reading);

#endif
