// SPDX-License-Identifier: Apache-2.0
/* Who belongs to which namespace of Kubernetes, beside what pods tell (spec api-server.md 9). */
#ifndef CEEMS_API_MANAGERS_K8S_ACCOUNTS_H
#define CEEMS_API_MANAGERS_K8S_ACCOUNTS_H

#include "api/associations.h"
#include "remote/kube/kube_list.h"

enum { K8S_USERS_FILE_MAX_BYTES = 4 << 20 };

/*
 * A file "users: {NAMESPACE: [USER, ...]}". What isn't of that form is left out. -EBADMSG: it is no
 * YAML; -ENOMEM.
 */
int k8s_users_parse(struct slice text, const char *name, struct arena *arena,
	struct association_list *pairs, struct err *err);
/* Reads it first; the errors of file_read(), too. */
int k8s_users_load(
	const char *path, struct arena *arena, struct association_list *pairs, struct err *err);

/* The users (not groups, not service accounts) of all role bindings. See kube_list(). */
int k8s_bindings_list(struct kube_client *client, int cancel_fd, struct arena *arena,
	struct association_list *pairs, struct err *err);
/* Those of one. For k8s_bindings_list() and its tests. -ENOMEM. */
int k8s_binding_read(
	const struct kube_object *binding, struct arena *arena, struct association_list *pairs);

#endif
