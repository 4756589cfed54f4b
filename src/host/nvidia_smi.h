// SPDX-License-Identifier: Apache-2.0
/*
 * What nvidia-smi prints: the XML of "--query --xml-format", the text of "-L" and of "vgpu
 * --query", and the lines of "--query-gpu --format=csv,noheader,nounits" (man nvidia-smi). Pure.
 */
#ifndef CEEMS_HOST_NVIDIA_SMI_H
#define CEEMS_HOST_NVIDIA_SMI_H

#include "basic/err.h"
#include "host/gpu_list.h"

/*
 * Appends the GPUs with their MIG devices, in order; text around the document is passed over.
 * -EBADMSG: no XML of nvidia-smi, or a MIG device whose ids are no numbers; -E2BIG, -ENOMEM. On
 * failure some may have been appended.
 */
int nvidia_smi_parse(struct slice xml, struct gpu_list *list, struct err *err);

/* Sets the UUIDs of MIG devices from the listing of "-L". */
void nvidia_smi_parse_mig_uuids(struct slice text, struct gpu_list *list);

/* Appends the mediated devices that "vgpu --query" tells. -E2BIG, -ENOMEM. */
int nvidia_smi_parse_mdevs(struct slice text, struct gpu_list *list);

/* A line of "uuid, power.draw, utilization.gpu". */
struct nvidia_smi_reading {
	struct slice uuid;
	bool power_known, use_known; /* "[N/A]" and the like are neither */
	uint64_t power_uw;
	uint32_t use_ppm;
};
#define NVIDIA_SMI_READINGS "--query-gpu=uuid,power.draw,utilization.gpu"
/* 0 or -EBADMSG: not such a line. */
int nvidia_smi_parse_reading(struct slice line, struct nvidia_smi_reading *ret_reading);

/* SMs of a whole GPU by the name of its product; 0 = not known. */
uint64_t nvidia_smi_product_sms(struct slice product);

#endif
