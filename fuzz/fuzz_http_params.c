// SPDX-License-Identifier: Apache-2.0
/* Form-encoded parameters of any bytes; what they decode to survives encoding. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "net/http_target.h"
#include "net/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_params params = { 0 }, again = { 0 };
	struct buffer query;
	struct arena arena;

	arena_init(&arena, 64 << 20);
	buffer_init(&query, 0);
	if (http_params_parse((const char *)data, size, &arena, &params) >= 0) {
		for (size_t i = 0; i < params.n; i++)
			url_append_param(&query, params.v[i].name, params.v[i].value);
		if (http_params_parse(buffer_text(&query), query.len, &arena, &again) >= 0) {
			assert(again.n == params.n);
			for (size_t i = 0; i < again.n; i++)
				assert(strcmp(again.v[i].name, params.v[i].name) == 0 &&
					strcmp(again.v[i].value, params.v[i].value) == 0);
		}
	}
	buffer_done(&query);
	arena_done(&arena);
	return 0;
}
