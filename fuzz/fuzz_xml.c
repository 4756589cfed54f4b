// SPDX-License-Identifier: Apache-2.0
/* The walk keeps to its limits and to the order of starts and ends. */
#include <assert.h>
#include <errno.h>
#include <stdint.h>

#include "format/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int start(void *ctx, const char *path, const struct xml_attributes *attributes)
{
	size_t *depth = ctx, slashes = 0;

	for (const char *p = path; *p; p++)
		slashes += *p == '/';
	assert(++*depth <= XML_DEPTH_MAX && slashes == *depth - 1);
	for (const char *const *v = attributes->v; v[0]; v += 2)
		assert(xml_attribute(attributes, v[0]) == v[1]);
	return 0;
}

static int end(void *ctx, const char *path, struct slice text)
{
	size_t *depth = ctx;

	assert((*depth)-- > 0 && *path && text.n <= XML_TEXT_MAX_BYTES);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t depth = 0;
	const struct xml_visitor visitor = { start, end, &depth };
	struct err err = { 0 };
	int r = xml_walk((struct slice){ (const char *)data, size }, &visitor, &err);

	assert(r == 0 ? depth == 0 : (r == -EBADMSG || r == -E2BIG) && err.text[0]);
	return 0;
}
