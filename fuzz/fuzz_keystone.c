// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>

#include "remote/openstack/keystone_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = { (const char *)data, size };
	struct keystone_names names = { 0 };
	struct keystone_page page = { 0 };
	char message[OPENSTACK_MESSAGE_MAX];
	struct arena arena;
	struct err err;

	arena_init(&arena, 8 << 20);
	keystone_parse_names(text, "users", &arena, &names, &page, &err);
	keystone_parse_names(text, "projects", &arena, &names, &page, &err);
	for (size_t i = 0; i < names.n; i++)
		if (!*names.v[i].id || !names.v[i].name)
			__builtin_trap();
	/* It goes into a request. */
	if (page.next_query && strpbrk(page.next_query, " \r\n\"#"))
		__builtin_trap();
	if (openstack_json_message(text, message) >= 0 && strpbrk(message, "\r\n"))
		__builtin_trap();
	arena_done(&arena);
	return 0;
}
