// SPDX-License-Identifier: Apache-2.0
/*
 * Which devices the pods of this node hold: the kubelet tells them by namespace and name, the API
 * server which pod that is. Both are asked in threads of their own, and only when somebody wants to
 * know. The unit table calls identify() and generation() under its lock.
 */
#ifndef CEEMS_EXPORTER_MANAGERS_K8S_DEVICES_H
#define CEEMS_EXPORTER_MANAGERS_K8S_DEVICES_H

#include "basic/clock.h"
#include "basic/err.h"
#include "basic/log.h"
#include "exporter/units/unit_manager.h"
#include "remote/kube/kube_config.h"

struct usage_account;

/* Names of the threads. */
#define K8S_PODS_THREAD "k8s-pods"
#define K8S_DEVICES_THREAD "k8s-devices"

/* Pointers are borrowed and outlive the object. */
struct k8s_devices_config {
	const struct clock *clock;
	const struct log *log;
	const struct kube_config *kube;
	const char *node_name; /* NODE_NAME: only its pods are listed; "" = all of the cluster */
	const char *socket; /* the kubelet's, may be missing */
	struct usage_account *pods_account, *devices_account; /* of its threads; NULL: none */
};

struct k8s_devices;

/* -ENOMEM; credentials that can't be read. */
int k8s_devices_open(
	const struct k8s_devices_config *config, struct k8s_devices **ret_devices, struct err *err);
void k8s_devices_close(struct k8s_devices *devices); /* NULL is fine */

/*
 * Starts the threads. wanted: the node has GPUs, so that the first answers are waited for, a second
 * each at most; otherwise they ask when identify() is first called for a node that has some.
 */
int k8s_devices_start(struct k8s_devices *devices, bool wanted, struct err *err);
void k8s_devices_stop(struct k8s_devices *devices);

/* See struct unit_manager. devices NULL: nothing is known of any unit. */
int k8s_devices_identify(
	void *devices, const struct unit_facts *facts, struct unit_identity *ret_identity);
uint64_t k8s_devices_generation(void *devices);

#endif
