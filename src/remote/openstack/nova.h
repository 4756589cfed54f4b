// SPDX-License-Identifier: Apache-2.0
/* Servers of an OpenStack cloud, page by page (spec api-server.md 8). */
#ifndef CEEMS_REMOTE_OPENSTACK_NOVA_H
#define CEEMS_REMOTE_OPENSTACK_NOVA_H

#include "remote/openstack/nova_json.h"
#include "remote/openstack/openstack_session.h"

enum {
	NOVA_REPLY_MAX_BYTES = 64 << 20,
	NOVA_PAGES_MAX = 10000,
	/*
	 * Asked for when a page of the server's own size is larger than the limit above. A user may
	 * give a server 128 items of metadata with 255 characters each, which make 230 kB of JSON.
	 */
	NOVA_SMALL_PAGE = 100,
};

/*
 * GET /servers/detail?FILTER and all further pages; strings live in the arena. The errors of
 * openstack_get() and nova_parse_servers(); -ELOOP: pages without an end.
 */
int nova_servers(struct openstack_session *session, const char *compute_url, const char *filter,
	struct arena *arena, struct nova_servers *ret_servers, struct err *err);

#endif
