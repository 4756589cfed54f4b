// SPDX-License-Identifier: Apache-2.0
/* What the database keeps of a server as JSON (spec api-server.md 3.4, 8). Pure. */
#ifndef CEEMS_API_MANAGERS_OPENSTACK_TEXTS_H
#define CEEMS_API_MANAGERS_OPENSTACK_TEXTS_H

#include "basic/buffer.h"
#include "remote/openstack/nova_json.h"

/* What time is multiplied with. */
struct openstack_amounts {
	int64_t vcpus, memory_mib, vgpus;
};

/* Objects with sorted keys. NULL: out of memory. */
const char *openstack_allocation(const struct nova_flavor *flavor, struct arena *arena);
const char *openstack_tags(const struct nova_server *server, struct arena *arena);

/* What openstack_allocation(), or CEEMS 0.10.2, wrote; 0 for what isn't there. */
void openstack_allocation_amounts(const char *allocation, struct openstack_amounts *ret_amounts);

#endif
