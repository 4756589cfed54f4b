// SPDX-License-Identifier: Apache-2.0
/*
 * Control groups of Kubernetes: pods below kubepods/ (the kubelet's cgroupfs driver) or
 * kubepods.slice/ (its systemd driver). The manager's ctx is a struct k8s_devices, or NULL.
 */
#ifndef CEEMS_EXPORTER_MANAGERS_K8S_UNITS_H
#define CEEMS_EXPORTER_MANAGERS_K8S_UNITS_H

#include <stdbool.h>

#include "exporter/units/unit_manager.h"
#include "host/root.h"

extern const struct unit_manager k8s_unit_manager;

/* What is wrong with a node's control groups. */
struct k8s_layout {
	bool both_roots; /* pods may be in either: the driver was changed, or is not the same for
			    all */
	bool in_system_slice; /* besides, containers lie in system.slice/kubepods*: the container
				 runtime's driver is not the kubelet's, and these are not counted */
};
struct k8s_layout k8s_layout(
	const struct host_root *host, enum cgroup_version version, const char *active_subsystem);

#endif
