// SPDX-License-Identifier: Apache-2.0
/*
 * AMD's GPUs as the driver knows them: compute units and the names of partitions, from the topology
 * of KFD (drivers/gpu/drm/amd/amdkfd/kfd_topology.c) and the render nodes of the devices.
 */
#ifndef CEEMS_HOST_KFD_H
#define CEEMS_HOST_KFD_H

#include "host/gpu_list.h"

/* A node's 'properties'. */
struct kfd_node {
	uint64_t render_minor; /* 0 = a processor */
	uint64_t unique_id; /* the same for all partitions of a device; 0 = has none */
	uint64_t compute_units; /* 0 = not told */
};
void kfd_parse_properties(struct slice text, struct kfd_node *ret_node);

/*
 * Sets the units and the plug-in names of the AMD devices of a list from below a sysfs. What isn't
 * there or doesn't fit leaves them as they are. 0 or -ENOMEM.
 */
int kfd_complete(int sysfs_fd, struct gpu_list *list);

#endif
