// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>

#include "remote/openstack/nova_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What goes into the database must be JSON there. */
static void check_json(const char *text)
{
	json_t *root = json_loads(text, JSON_ALLOW_NUL, NULL);

	if (!root)
		__builtin_trap();
	json_decref(root);
}

static void check(const struct nova_server *s)
{
	if (!*s->id || !s->name || !s->status || s->flavor.vcpus < 0 || s->flavor.memory_mib < 0 ||
		s->flavor.vgpus < 0)
		__builtin_trap();
	check_json(s->metadata);
	check_json(s->tags);
	check_json(s->flavor.extra_specs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = { (const char *)data, size };
	struct nova_servers servers = { 0 };
	const char *marker = NULL;
	struct arena arena;
	struct err err;

	arena_init(&arena, 8 << 20);
	nova_parse_servers(text, &arena, &servers, &marker, &err);
	for (size_t i = 0; i < servers.n; i++)
		check(&servers.v[i]);
	/* It goes into a request. */
	if (marker && (!*marker || strpbrk(marker, " \r\n\"#&?/")))
		__builtin_trap();
	arena_done(&arena);
	return 0;
}
