// SPDX-License-Identifier: Apache-2.0
/*
 * What a kubelet tells of devices, as a person can read it, and back into its message:
 *
 *     {"pods":[{"namespace":"anon-1","name":"anon-2","devices":["GPU-..."]}]}
 *
 * Containers and names of resources, which the exporter doesn't read, are left out. Pure.
 */
#ifndef CEEMS_TOOL_CAPTURE_KUBE_DEVICES_JSON_H
#define CEEMS_TOOL_CAPTURE_KUBE_DEVICES_JSON_H

#include "remote/kube/pod_resources.h"
#include "tool/capture/anonymise.h"

/* Names and ids are anonymised. -ENOMEM. */
int kube_devices_json_put(const struct anonymiser *anonymiser, const struct pod_resources *pods,
	size_t n, struct buffer *out);

/*
 * Appends the message of v1.PodResourcesLister's List, where the devices of a pod are those of one
 * container. -EBADMSG: not of this form; -E2BIG: over a limit of pod_resources.h; -ENOMEM.
 */
int kube_devices_json_message(struct slice json, struct buffer *out);

#endif
