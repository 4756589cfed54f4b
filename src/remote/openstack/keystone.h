// SPDX-License-Identifier: Apache-2.0
/* Users and projects of an OpenStack cloud, page by page (spec api-server.md 8). */
#ifndef CEEMS_REMOTE_OPENSTACK_KEYSTONE_H
#define CEEMS_REMOTE_OPENSTACK_KEYSTONE_H

#include "remote/openstack/keystone_json.h"
#include "remote/openstack/openstack_session.h"

enum {
	KEYSTONE_REPLY_MAX_BYTES = 64 << 20,
	KEYSTONE_PAGES_MAX = 10000,
};

/*
 * Lists of names; strings live in the arena. ret_truncated: the server has more than it tells. The
 * errors of openstack_get() and keystone_parse_names(); -ELOOP: pages without an end.
 */
int keystone_users(struct openstack_session *session, struct arena *arena,
	struct keystone_names *ret_users, bool *ret_truncated, struct err *err);
int keystone_user_projects(struct openstack_session *session, const char *user_id,
	struct arena *arena, struct keystone_names *ret_projects, struct err *err);

#endif
