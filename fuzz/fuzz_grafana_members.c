// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>

#include "api/admins.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strings names = { 0 };
	struct arena arena;

	arena_init(&arena, 1 << 20);
	admins_parse_members((struct slice){ (const char *)data, size }, &arena, &names);
	for (size_t i = 0; i < names.n; i++)
		if (!*names.v[i])
			__builtin_trap();
	arena_done(&arena);
	return 0;
}
