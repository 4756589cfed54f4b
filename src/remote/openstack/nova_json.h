// SPDX-License-Identifier: Apache-2.0
/*
 * JSON of the compute API v2.1 (https://docs.openstack.org/api-ref/compute/): servers with their
 * details. Details of flavors need microversion 2.47, tags 2.26,
 * extra_specs 2.61. Pure.
 */
#ifndef CEEMS_REMOTE_OPENSTACK_NOVA_JSON_H
#define CEEMS_REMOTE_OPENSTACK_NOVA_JSON_H

#include "remote/openstack/openstack_json.h"

enum {
	NOVA_SERVERS_MAX = 1000000,
	NOVA_POWER_UNKNOWN = -1,
};

struct nova_flavor {
	const char *name; /* original_name */
	const char *extra_specs; /* JSON object, keys sorted */
	int64_t vcpus, memory_mib, disk_gib, swap_mib, vgpus;
};

struct nova_server {
	const char *id, *project_id, *user_id, *name, *status;
	const char *zone, *reservation_id;
	const char *metadata, *tags; /* JSON, keys sorted */
	int64_t created_us, updated_us, launched_us, terminated_us; /* Unix; 0: not (yet) */
	int64_t power_state; /* of the API, NOVA_POWER_UNKNOWN: doesn't say */
	struct nova_flavor flavor;
};

struct nova_servers {
	struct nova_server *v;
	size_t n, cap;
};

/*
 * Appends the servers of a page; those without an id are passed over. Strings live in the arena.
 * ret_marker: percent-encoded, where the next page begins; NULL: this is the last one. -EBADMSG;
 * -ENOTSUP: the answer is of a microversion without details of flavors; -EAGAIN: a cell of Nova is
 * down, so that the details of a server are not known (microversion 2.69); -E2BIG; -ENOMEM.
 */
int nova_parse_servers(struct slice text, struct arena *arena, struct nova_servers *servers,
	const char **ret_marker, struct err *err);

#endif
