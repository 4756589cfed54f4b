// SPDX-License-Identifier: Apache-2.0
/*
 * Looks for GPUs: by their PCI devices, then by what the vendor's tool lists (spec
 * exporter-units.md 5.1 to 5.4). A tool is another program that may hang: its time is bounded.
 */
#ifndef CEEMS_EXPORTER_GPU_GPU_SCAN_H
#define CEEMS_EXPORTER_GPU_GPU_SCAN_H

#include <stdint.h>

#include "basic/err.h"
#include "exporter/gpu/gpus.h"
#include "host/gpu_list.h"
#include "host/root.h"

struct gpu_pod;

struct gpu_tools {
	const char *nvidia_smi_path, *rocm_smi_path, *amd_smi_path; /* NULL or "": in PATH */
	struct gpu_pod *pod; /* asked where a tool can't be run here; NULL: none */
};

/* Bits 1 << enum gpu_vendor of the vendors whose devices are there, or that were chosen. */
unsigned gpu_scan_vendors(const struct host_root *host, enum gpu_vendor_choice choice);

/*
 * Differs when devices, partitions, MIG instances or mediated devices came or went; a few short
 * reads below sysfs and procfs. 0 stands for nothing there.
 */
uint64_t gpu_scan_signature(const struct host_root *host);

/*
 * Lists the devices of these vendors, none later than timeout_ms after the call; a single run of a
 * tool takes a minute at most. cancel_fd as in struct command. 0, or -errno of the first tool that
 * failed: ret_list holds what the others told, and must be released in any case.
 */
int gpu_scan_run(const struct host_root *host, const struct gpu_tools *tools, unsigned vendors,
	int64_t timeout_ms, int cancel_fd, struct gpu_list *ret_list, struct err *err);

/* argv[0] for a tool: the path if there is such a file, else the name; text is room for it. */
const char *gpu_tool_program(const char *path, const char *name, char *text, size_t size);

#endif
