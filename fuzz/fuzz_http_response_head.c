// SPDX-License-Identifier: Apache-2.0
/* Heads of answers, and trailers. */
#include <assert.h>

#include "format/http_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct http_response_head head;
	static struct http_fields fields;
	struct slice text = { (const char *)data, size };
	size_t scanned = 0;
	ssize_t n = http_head_length(text, &scanned);

	(void)http_fields_parse(text, &fields);
	for (int to_head = 0; n > 0 && to_head < 2; to_head++) {
		if (http_response_head_parse((struct slice){ text.p, (size_t)n }, to_head, &head))
			continue;
		assert(head.status >= 100 && head.status <= 999);
		assert(head.framing == HTTP_BODY_NONE ||
			(!to_head && head.status >= 200 && head.status != 304));
		assert(http_is_field_value(head.reason));
		for (size_t i = 0; i < head.fields.n; i++)
			assert(http_is_token(head.fields.v[i].name) &&
				http_is_field_value(head.fields.v[i].value));
	}
	return 0;
}
