// SPDX-License-Identifier: Apache-2.0
/*
 * What tells the exporter which pod holds which GPU: the kubelet's answer on its socket, and the
 * pods that the API server lists. Both are reduced to what the exporter reads of them.
 *
 *     kubernetes/devices.json    of kube_devices_json.h
 *     kubernetes/pods.json       a PodList: namespaces, names, UIDs and hashes of static pods
 *
 * Names become hashes; UIDs become those of the pods' control groups.
 */
#ifndef CEEMS_TOOL_CAPTURE_CAPTURE_KUBE_H
#define CEEMS_TOOL_CAPTURE_CAPTURE_KUBE_H

#include <stdint.h>

#include "remote/kube/kube_client.h"
#include "tool/capture/capture_tree.h"

#define CAPTURE_KUBE_DEVICES "kubernetes/devices.json"
#define CAPTURE_KUBE_PODS "kubernetes/pods.json"
#define CAPTURE_KUBE_STATIC_POD_HASH "kubernetes.io/config.hash"

enum {
	CAPTURE_KUBE_PERIOD_S = 30, /* as the exporter asks the kubelet */
	CAPTURE_KUBE_MAX_BYTES = 32 << 20, /* of each of the two */
};

/* Zero it, set the first three. */
struct capture_kube {
	const char *socket; /* the kubelet's; not there: no node of Kubernetes */
	/* "": the API server that a pod is told of in its environment, or none. */
	const char *kubeconfig;
	const char *node_name; /* only its pods are asked for; "": all of the cluster */
	struct http_client *kubelet;
	struct kube_client *api;
	struct kube_config config;
	struct arena arena; /* of config */
	bool opened;
	int devices_error, pods_error; /* who failed is not asked again */
	int64_t next_ns; /* when to ask again, monotonic */
	unsigned version; /* counts the lists that were different */
	struct buffer devices, pods; /* the latest; empty: there are none */
};

/*
 * Adds what is known to the tree, asking first if it is time; failures are the tree's. cancel_fd:
 * gives up. -ENOMEM; of a kubeconfig that can't be used, with err.
 */
int capture_kube_read(
	struct capture_kube *k, int cancel_fd, struct capture_tree *tree, struct err *err);
void capture_kube_done(struct capture_kube *k);

#endif
