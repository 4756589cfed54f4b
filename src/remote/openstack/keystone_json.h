// SPDX-License-Identifier: Apache-2.0
/*
 * JSON of the identity API v3 (https://docs.openstack.org/api-ref/identity/v3/): users and
 * projects. Pure.
 */
#ifndef CEEMS_REMOTE_OPENSTACK_KEYSTONE_JSON_H
#define CEEMS_REMOTE_OPENSTACK_KEYSTONE_JSON_H

#include "remote/openstack/openstack_json.h"

enum { KEYSTONE_NAMES_MAX = 1000000 };

/* A user or a project. */
struct keystone_name {
	const char *id, *name; /* id is never "" */
};

struct keystone_names {
	struct keystone_name *v;
	size_t n, cap;
};

/* At the end; the texts are borrowed. -ENOMEM. */
int keystone_names_add(
	struct keystone_names *names, const struct keystone_name *name, struct arena *arena);

struct keystone_page {
	const char *next_query; /* of the next page; NULL: there is none */
	bool truncated; /* the server's list_limit cut it, and there is no way to the rest */
};

/*
 * Appends the items of {"KIND": [{"id": ..., "name": ...}, ...], "links": {"next": ...}}; kind is
 * "users" or "projects". Items without an id are passed over. Strings live in the arena. -EBADMSG,
 * -E2BIG (more than KEYSTONE_NAMES_MAX), -ENOMEM.
 */
int keystone_parse_names(struct slice text, const char *kind, struct arena *arena,
	struct keystone_names *names, struct keystone_page *ret_page, struct err *err);

#endif
