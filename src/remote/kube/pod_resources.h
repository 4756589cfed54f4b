// SPDX-License-Identifier: Apache-2.0
/*
 * Which devices the pods of a node hold, as its kubelet tells it: the method List of
 * v1.PodResourcesLister
 * (https://kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/device-plugins/).
 * Devices of dynamic resource allocation, which have no ids of device plug-ins, are left out.
 */
#ifndef CEEMS_REMOTE_KUBE_POD_RESOURCES_H
#define CEEMS_REMOTE_KUBE_POD_RESOURCES_H

#include "basic/arena.h"
#include "basic/str.h"
#include "net/grpc.h"

enum {
	POD_RESOURCES_MAX_BYTES = 128 << 20, /* of a reply; what Go clients of the kubelet take */
	POD_RESOURCES_PODS_MAX = 4096,
	POD_RESOURCES_DEVICES_MAX = 65536, /* of all pods */
	POD_RESOURCES_TEXT_MAX = 4096, /* of one name or id */
};

struct pod_resources {
	const char *pod_namespace, *name;
	/* Of every container and resource, one behind the other; the same id may come twice. */
	const char **device_ids;
	size_t n_device_ids;
};

/*
 * Asks the kubelet. Pods and strings live in the arena. The errors of grpc_call() and of the
 * decoder.
 */
int pod_resources_list(struct http_client *client, const char *socket, int64_t timeout_ms,
	int cancel_fd, struct arena *arena, struct pod_resources **ret_pods, size_t *ret_n,
	struct err *err);

/* Takes a reply apart. -EBADMSG: no such message; -E2BIG: over a limit; -ENOMEM. */
int pod_resources_decode(struct slice message, struct arena *arena, struct pod_resources **ret_pods,
	size_t *ret_n, struct err *err);

#endif
