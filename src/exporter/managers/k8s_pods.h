// SPDX-License-Identifier: Apache-2.0
/*
 * Pods by namespace and name, as the API server tells them, with what names their control group.
 * Locks itself.
 */
#ifndef CEEMS_EXPORTER_MANAGERS_K8S_PODS_H
#define CEEMS_EXPORTER_MANAGERS_K8S_PODS_H

#include <stdbool.h>
#include <stddef.h>

#include "remote/kube/kube_object.h"

enum { K8S_PODS_MAX = 1 << 18 };

struct k8s_pods;

/* -ENOMEM */
int k8s_pods_new(struct k8s_pods **ret_pods);
void k8s_pods_free(struct k8s_pods *pods); /* NULL is fine */

/*
 * A list of all: pods are collected beside those that are known, which they replace at the end.
 * -ENOMEM, -E2BIG (over K8S_PODS_MAX): nothing is replaced.
 */
void k8s_pods_begin(struct k8s_pods *pods);
int k8s_pods_list(struct k8s_pods *pods, const struct kube_object *pod);
/* Whether anything is different now. */
bool k8s_pods_end(struct k8s_pods *pods);

/* One is there (new or not) or gone. 1: something is different now, 0, -ENOMEM, -E2BIG. */
int k8s_pods_put(struct k8s_pods *pods, const struct kube_object *pod);
int k8s_pods_remove(struct k8s_pods *pods, const struct kube_object *pod);

/*
 * What the pod's control group is named by: its UID, or for a static pod the hash that the kubelet
 * made of it. 0, -ENOENT, -E2BIG (doesn't fit).
 */
int k8s_pods_find(struct k8s_pods *pods, const char *pod_namespace, const char *name, char *ret_id,
	size_t cap);

#endif
