// SPDX-License-Identifier: Apache-2.0
/* Everything of one kind that a Kubernetes API server has, page by page. */
#ifndef CEEMS_REMOTE_KUBE_KUBE_LIST_H
#define CEEMS_REMOTE_KUBE_KUBE_LIST_H

#include <stdbool.h>

#include "remote/kube/kube_client.h"
#include "remote/kube/kube_object.h"

enum { KUBE_PAGE_MAX_BYTES = 32 << 20 };

struct kube_list {
	struct kube_client *client;
	const char *path; /* "/api/v1/pods" */
	const char *field_selector, *label_selector; /* NULL or "": all */
	bool metadata_only; /* objects without spec and status, if the server can do that */
	/*
	 * The first page may come from the server's cache, which spares etcd a scan; such an answer
	 * may be old, and is one page whatever the limit.
	 */
	bool from_cache;
	unsigned page_limit; /* objects of a page; fewer if they don't fit KUBE_PAGE_MAX_BYTES */
	int64_t timeout_ms; /* for each page */
	kube_object_fn each;
	void *ctx;
};

/*
 * ret_version (NULL: not wanted) is where a watch begins, for free(); "": the server doesn't tell,
 * as one that plays back what kubectl printed. -errno of kube_client_get() and each(); -ESTALE: the
 * list took too long, begin anew; -EBADMSG: what came is no list.
 */
int kube_list(const struct kube_list *list, int cancel_fd, char **ret_version, struct err *err);

#endif
