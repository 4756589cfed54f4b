// SPDX-License-Identifier: Apache-2.0
/*
 * What the answers of all OpenStack services have in common: JSON objects, messages in refusals,
 * links to the next page. Pure.
 */
#ifndef CEEMS_REMOTE_OPENSTACK_OPENSTACK_JSON_H
#define CEEMS_REMOTE_OPENSTACK_OPENSTACK_JSON_H

#include <jansson.h>

#include "basic/arena.h"
#include "basic/err.h"
#include "basic/str.h"

enum {
	OPENSTACK_MESSAGE_MAX = 512,
	OPENSTACK_LINK_MAX = 4096,
};

/* The root object, to be released by json_decref(). -EBADMSG, -ENOMEM. */
int openstack_json_load(struct slice text, json_t **ret_root, struct err *err);

/* The text of a key, copied; "" for what is no string. NULL: out of memory. */
const char *openstack_json_text(const json_t *object, const char *key, struct arena *arena);

/* The value as JSON with the keys of all objects sorted bytewise, as texts of the database are
 * (spec api-server.md 3.4); fallback where there is none. NULL: out of memory. */
const char *openstack_json_sorted(const json_t *value, const char *fallback, struct arena *arena);

/*
 * What a refusal says, one line of printable text: {"error": {"message": ...}} of Keystone,
 * {"badRequest": {"message": ...}} of Nova. -EBADMSG: nothing.
 */
int openstack_json_message(struct slice text, char ret_message[static OPENSTACK_MESSAGE_MAX]);

/*
 * The query of a link, without the '?', copied: where the next page is. Host and path of links are
 * never used, because services behind a proxy don't know their own. -EBADMSG: it has none, or what
 * doesn't belong into a query. -ENOMEM.
 */
int openstack_link_query(const char *link, struct arena *arena, const char **ret_query);

/* A parameter of a query, as it stands there (percent-encoded). False: it isn't there. */
bool openstack_query_param(const char *query, const char *name, struct slice *ret_value);

#endif
