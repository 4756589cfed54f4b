// SPDX-License-Identifier: Apache-2.0
/*
 * The JSON of "amd-smi static -a -B -b -p --json" (an array, or since ROCm 7 an object with that
 * array in it) and of "rocm-smi ... --json" (an object of cards). Pure.
 */
#ifndef CEEMS_HOST_AMD_SMI_H
#define CEEMS_HOST_AMD_SMI_H

#include "basic/err.h"
#include "host/gpu_list.h"

/*
 * Append the physical devices with their partitions, in order; what the tools say before the JSON
 * is skipped. -EBADMSG, -E2BIG, -ENOMEM; on failure some may have been appended.
 */
int amd_smi_parse(struct slice text, struct gpu_list *list, struct err *err);
int rocm_smi_parse(struct slice text, struct gpu_list *list, struct err *err);

#endif
