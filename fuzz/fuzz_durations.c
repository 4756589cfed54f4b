// SPDX-License-Identifier: Apache-2.0
/* Durations that can be read are printed, and read again as the same. */
#include <assert.h>
#include <stdint.h>

#include "basic/duration.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = { (const char *)data, size };
	char text[DURATION_TEXT_MAX];
	int64_t value, again;
	size_t n;

	if (duration_parse_go(input, &value) >= 0) {
		n = duration_format_go(value, text);
		assert(n < sizeof(text) && text[n] == '\0');
		assert(duration_parse_go((struct slice){ text, n }, &again) == 0);
		assert(again == value);
	}
	if (duration_parse_prometheus(input, &value) >= 0) {
		n = duration_format_prometheus(value, text);
		assert(n < sizeof(text) && text[n] == '\0');
		assert(duration_parse_prometheus((struct slice){ text, n }, &again) == 0);
		assert(again == value);
	}
	return 0;
}
