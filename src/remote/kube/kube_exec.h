// SPDX-License-Identifier: Apache-2.0
/*
 * A command run in a container by the API server: the subresource 'exec' of a pod over a WebSocket
 * with the protocol v4.channel.k8s.io
 * (https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.30/#-strong-misc-operations-pod-v1-core-strong-).
 * Each message starts with the number of its channel: 1 standard output, 2 standard error, 3 how it
 * ended, a Status object.
 */
#ifndef CEEMS_REMOTE_KUBE_KUBE_EXEC_H
#define CEEMS_REMOTE_KUBE_KUBE_EXEC_H

#include "remote/kube/kube_client.h"

struct kube_exec {
	const char *pod_namespace, *pod, *container;
	const char *const *argv; /* NULL-terminated */
	int64_t timeout_ms; /* whole call */
	size_t max_output_bytes;
	int cancel_fd;
};

/*
 * 0: it ended with status 0; out has what it wrote to both outputs, in order. -EIO: another status,
 * err says which; -E2BIG: it wrote more; errors of kube_client_listen().
 */
int kube_exec(struct kube_client *client, const struct kube_exec *exec, struct buffer *out,
	struct err *err);

/* For kube_exec() and its tests. */
struct kube_exec_output {
	struct buffer *out;
	bool ended, failed;
	char message[256]; /* of the failure, one printable line */
};
/* Takes a message. -EBADMSG: it has no channel that we know; -E2BIG, -ENOMEM. */
int kube_exec_take(struct kube_exec_output *output, struct slice message);

#endif
