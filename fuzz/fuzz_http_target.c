// SPDX-License-Identifier: Apache-2.0
/* Request targets: what is taken has a clean form, and that is clean. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "net/http_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_params params = { 0 };
	struct http_target target, again;
	struct buffer location;
	struct arena arena;
	char *raw;

	arena_init(&arena, 16 << 20);
	buffer_init(&location, 0);
	raw = arena_strndup(&arena, (const char *)data, size);
	if (raw && http_target_parse(raw, &arena, &target) >= 0) {
		assert(target.path[0]);
		if (target.query)
			(void)http_params_parse(
				target.query, strlen(target.query), &arena, &params);
		for (size_t i = 0; i < params.n; i++)
			assert(params.v[i].name && params.v[i].value);
		http_path_clean(target.path, target.query, &location);
		assert(!buffer_error(&location));
		/* A location is a target, clean, on this host. */
		assert(http_target_parse(buffer_text(&location), &arena, &again) >= 0);
		assert(http_path_is_clean(again.path));
		assert(location.data[0] == '/' && location.data[1] != '/' &&
			location.data[1] != '\\');
	}
	buffer_done(&location);
	arena_done(&arena);
	return 0;
}
