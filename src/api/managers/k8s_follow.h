// SPDX-License-Identifier: Apache-2.0
/* A thread that lists and watches the pods of a cluster and keeps k8s_pods up to date. */
#ifndef CEEMS_API_MANAGERS_K8S_FOLLOW_H
#define CEEMS_API_MANAGERS_K8S_FOLLOW_H

#include "api/managers/k8s_pods.h"
#include "remote/kube/kube_config.h"

struct k8s_follow;

struct k8s_follow_config {
	const struct kube_config *kube;
	struct k8s_pods *pods;
	const struct clock *clock;
	const struct log *log;
	const char *cluster_id;
};

/* Borrows what config points to. Failures of the server are no failures here. */
int k8s_follow_open(
	const struct k8s_follow_config *config, struct k8s_follow **ret_follow, struct err *err);
/* Ends the thread. NULL is fine. */
void k8s_follow_close(struct k8s_follow *follow);

/*
 * Waits, not for ever, until all is known that happened up to a time (Unix ms) of the past. A watch
 * that has been silent since is begun anew: a server that is gone is silent, too. -ECANCELED:
 * cancel_fd is readable; otherwise why the server can't be followed, or -ETIMEDOUT.
 */
int k8s_follow_wait(struct k8s_follow *follow, int64_t until_ms, int cancel_fd, struct err *err);

#endif
