// SPDX-License-Identifier: Apache-2.0
/* Query templates; ids that are put into them must not leave the quotes. */
#include <stdint.h>
#include <stdlib.h>

#include "api/updaters/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer ids = { 0 }, quoted = { 0 }, out = { 0 };
	struct template_value values[] = { { "UUIDs", NULL }, { "Range", "15m0s" } };
	char *text = strndup((const char *)data, size);
	struct err err;

	if (!text)
		return 0;
	template_join_ids((const char *const[]){ text }, 1, &ids);
	if (strpbrk(buffer_text(&ids), "\"'`\\\n{}()[]|*+?^$"))
		abort();
	template_quote_ids((const char *const[]){ text }, 1, &quoted);
	for (const char *p = buffer_text(&quoted); *p; p++) {
		if (*p == '"' || *p == '\n')
			abort();
		if (*p == '\\' && p[1])
			p++;
	}
	values[0].text = buffer_text(&ids);
	template_expand(text, values, ARRAY_SIZE(values), &out, &err);
	buffer_done(&ids);
	buffer_done(&quoted);
	buffer_done(&out);
	free(text);
	return 0;
}
