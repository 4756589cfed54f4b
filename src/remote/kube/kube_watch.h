// SPDX-License-Identifier: Apache-2.0
/*
 * Follows the objects of one kind of a Kubernetes API server: lists them page by page, then watches
 * what changes, from version to version, and lists again when the server has forgotten the version
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes).
 * Belongs to one thread; who calls step() sees to pauses after failures.
 */
#ifndef CEEMS_REMOTE_KUBE_KUBE_WATCH_H
#define CEEMS_REMOTE_KUBE_KUBE_WATCH_H

#include <stdbool.h>

#include "remote/kube/kube_list.h"

enum {
	KUBE_EVENT_MAX_BYTES = 4 << 20, /* of one line; etcd takes objects of 1.5 MiB */
};

struct kube_watch_config {
	struct kube_client *client;
	const char *path; /* "/api/v1/pods" */
	const char *field_selector, *label_selector; /* NULL or "": all */
	bool metadata_only; /* objects without spec and status, if the server can do that */
	unsigned page_limit; /* objects of a page of the list */
	int64_t list_timeout_ms; /* for each page */
	int64_t watch_ms; /* how long the server keeps up a watch */
	/*
	 * A list begins; each of its objects; the list is complete: what was known before and
	 * didn't come again is gone. A list that breaks off has no end, and another one begins.
	 */
	void (*begin)(void *ctx);
	kube_object_fn listed;
	int (*end)(void *ctx);
	kube_event_fn changed; /* never a bookmark */
	/*
	 * The watch is under way: it began, an event or bookmark came, or the server ended it in
	 * due time. NULL: not wanted.
	 */
	void (*heard)(void *ctx);
	void *ctx;
};

struct kube_watch;

/* What config points to is borrowed and outlives the watch. -ENOMEM. */
int kube_watch_new(
	const struct kube_watch_config *config, struct kube_watch **ret_watch, struct err *err);
void kube_watch_free(struct kube_watch *watch); /* NULL is fine */

/*
 * Lists, if it isn't known where to watch from, or else watches until the server ends it. 1: go on
 * at once; 0: the watch ended well, or the list doesn't tell where to watch from, go on soon;
 * -errno of kube_client_get() and of the callbacks.
 */
int kube_watch_step(struct kube_watch *watch, int cancel_fd, struct err *err);

/* Whether it is known where to watch from; otherwise the next step lists. */
bool kube_watch_knows(const struct kube_watch *watch);

/*
 * The lines of a stream, cut out of pieces of any size. For kube_watch_step() and its tests.
 * -E2BIG: a line is longer than limit; what each() returned.
 */
struct kube_lines {
	struct buffer rest; /* of a line whose end hasn't come yet */
	size_t limit;
	int (*each)(void *ctx, struct slice line); /* never an empty one */
	void *ctx;
};
int kube_lines_add(struct kube_lines *lines, const void *data, size_t len);
void kube_lines_done(struct kube_lines *lines);

#endif
