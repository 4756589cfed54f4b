// SPDX-License-Identifier: Apache-2.0
/*
 * Where a Kubernetes API server is and how to log in: from a kubeconfig file
 * (https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/) or from
 * what every pod is given. Credential plug-ins (exec, auth-provider) and impersonation are refused.
 */
#ifndef CEEMS_REMOTE_KUBE_KUBE_CONFIG_H
#define CEEMS_REMOTE_KUBE_KUBE_CONFIG_H

#include <stdbool.h>

#include "basic/arena.h"
#include "basic/err.h"
#include "basic/str.h"

enum {
	KUBE_CONFIG_MAX_BYTES = 4 << 20,
	KUBE_SECRET_MAX_BYTES = 1 << 20, /* of one token, key or bundle of certificates */
};

/* Where the service account of a pod is. */
#define KUBE_SERVICE_ACCOUNT_DIRECTORY "/var/run/secrets/kubernetes.io/serviceaccount"

/* Strings live in the arena; NULL: not given. Of a pair with _file, the first is the text itself.
 */
struct kube_config {
	const char *server; /* URL without a '/' at its end */
	const char *ca, *ca_file; /* NULL: the system's authorities */
	const char *cert, *cert_file, *key, *key_file;
	const char *token, *token_file; /* the file, if it can be read, before the text */
	const char *username, *password;
	const char *tls_server_name, *proxy_url;
	bool insecure; /* don't verify the server */
};

/*
 * The current context of a kubeconfig file; paths in it are relative to directory. -EBADMSG: no
 * such file; -ENOTSUP: something that we don't do, with what to do instead; -ENOMEM.
 */
int kube_config_parse(struct slice text, const char *name, const char *directory,
	struct arena *arena, struct kube_config *ret_config, struct err *err);

/* Reads the file first. */
int kube_config_load(
	const char *path, struct arena *arena, struct kube_config *ret_config, struct err *err);

/*
 * Of a pod: host and port are what it finds in KUBERNETES_SERVICE_HOST and _PORT, directory is
 * KUBE_SERVICE_ACCOUNT_DIRECTORY but in tests. -ENOENT: this is no pod.
 */
int kube_config_in_cluster(const char *host, const char *port, const char *directory,
	struct arena *arena, struct kube_config *ret_config, struct err *err);

#endif
