// SPDX-License-Identifier: Apache-2.0
/* Heads of requests: what is taken has the shape that it is said to have, and no byte that could
 * end a line elsewhere. */
#include <assert.h>
#include <string.h>

#include "format/http_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		assert(s.p[i] != '\r' && s.p[i] != '\n' && s.p[i] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct http_request_head head;
	struct slice text = { (const char *)data, size };
	size_t scanned = 0, at = 0;
	ssize_t n = http_head_length(text, &scanned), m = 0;

	/* The same in two pieces. */
	if (size) {
		scanned = 0;
		m = http_head_length((struct slice){ text.p, size / 2 }, &scanned);
		if (!m)
			m = http_head_length(text, &scanned);
		assert(m == n || (m < 0 && n < 0));
	}
	if (n <= 0 || http_request_head_parse((struct slice){ text.p, (size_t)n }, &head))
		return 0;
	assert(http_is_token(head.method) && head.path.n && *head.path.p == '/');
	check_text(head.path);
	check_text(head.query);
	check_text(head.host);
	assert(!memchr(head.path.p, ' ', head.path.n));
	for (at = 0; at < head.fields.n; at++) {
		const struct http_field *f = &head.fields.v[at];

		assert(http_is_token(f->name) && http_is_field_value(f->value));
		check_text(f->value);
	}
	assert(http_fields_find(&head.fields, "host", NULL) <= 1);
	assert(http_fields_find(&head.fields, "content-length", NULL) +
			http_fields_find(&head.fields, "transfer-encoding", NULL) <=
		1);
	assert((head.framing == HTTP_BODY_CHUNKED) ==
		(http_fields_find(&head.fields, "Transfer-Encoding", NULL) == 1));
	assert(head.framing != HTTP_BODY_CLOSE);
	return 0;
}
