// SPDX-License-Identifier: Apache-2.0
/*
 * Stands for the API server and the kubelet of a recorded node: the pods by HTTP, the devices by
 * gRPC on a socket in the folder. Both are read from the folder for each request, so that what is
 * played there is seen; a watch ends at once, and tells who watches from an older list to list
 * anew.
 */
#ifndef CEEMS_TOOL_CAPTURE_REPLAY_KUBE_H
#define CEEMS_TOOL_CAPTURE_REPLAY_KUBE_H

#include <stdbool.h>
#include <stdio.h>

#include "basic/err.h"
#include "net/http_server.h"

struct replay_kube;

/*
 * dir_fd, borrowed, is the folder, dir its absolute name. 0 and NULL: nothing of Kubernetes was
 * recorded. As replay_grpc_start().
 */
int replay_kube_start(int dir_fd, const char *dir, struct replay_kube **ret_kube, struct err *err);
void replay_kube_stop(struct replay_kube *kube); /* NULL is fine */

/* Whether the request was one to the API server, and is answered. kube may be NULL. */
bool replay_kube_answer(
	const struct replay_kube *kube, struct http_request *req, struct http_response *res);

/* Writes a kubeconfig with the port into the folder; prints the exporter's flags. */
int replay_kube_write_config(const struct replay_kube *kube, int port);
void replay_kube_print_flags(const struct replay_kube *kube, FILE *out);

#endif
