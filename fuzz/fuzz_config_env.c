// SPDX-License-Identifier: Apache-2.0
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "basic/str.h"
#include "format/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *get(void *ctx, const char *name)
{
	return strlen(name) % 2 ? "value" : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer out;
	struct err err;
	int r;

	buffer_init(&out, 1 << 20);
	r = config_expand_env((const char *)data, size, get, NULL, &out, &err);
	/* "$a" is the shortest text that grows, to 5 bytes. */
	assert(r < 0 || out.len <= size * 3);
	if (r >= 0 && size && !memchr(data, '$', size))
		assert(out.len == size && memcmp(out.data, data, size) == 0);
	buffer_done(&out);
	return 0;
}
