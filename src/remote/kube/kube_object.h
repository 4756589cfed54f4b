// SPDX-License-Identifier: Apache-2.0
/*
 * JSON of the Kubernetes API: pages of lists, events of a watch, states of refusals
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/). Pure; what is handed out is
 * borrowed and valid during the call.
 */
#ifndef CEEMS_REMOTE_KUBE_KUBE_OBJECT_H
#define CEEMS_REMOTE_KUBE_KUBE_OBJECT_H

#include <jansson.h>

#include "basic/arena.h"
#include "basic/err.h"
#include "basic/str.h"

enum {
	KUBE_MESSAGE_MAX = 512,
	KUBE_TOKEN_MAX = 64 << 10, /* of a continuation or a resource version */
};

/* An object of any kind; "" where it doesn't say. */
struct kube_object {
	const char *name, *object_namespace, *uid, *resource_version;
	const json_t *json;
};

/* The value of an annotation, NULL if there is none. */
const char *kube_object_annotation(const struct kube_object *object, const char *name);

typedef int (*kube_object_fn)(void *ctx, const struct kube_object *object);

/* Strings on the heap, "" where there is none. */
struct kube_page {
	char *resource_version, *continuation;
};
void kube_page_done(struct kube_page *page); /* of a zeroed one, too */

/*
 * Hands out the items of a page of a list. -EBADMSG: it is none; -ENOMEM; what each() returned.
 */
int kube_page_read(struct slice json, kube_object_fn each, void *ctx, struct kube_page *ret_page,
	struct err *err);

enum kube_event_type { KUBE_ADDED, KUBE_MODIFIED, KUBE_DELETED, KUBE_BOOKMARK };

typedef int (*kube_event_fn)(
	void *ctx, enum kube_event_type type, const struct kube_object *object);

/*
 * One event of a watch; a type that isn't known here is passed over. -ESTALE: an event of type
 * ERROR with code 410, -EREMOTEIO: with another one; -EBADMSG; what each() returned.
 */
int kube_event_read(struct slice json, kube_event_fn each, void *ctx, struct err *err);

/* What a Status object says, one line of printable text. -EBADMSG: it is none. */
int kube_status_message(struct slice json, char ret_message[static KUBE_MESSAGE_MAX]);

#endif
