// SPDX-License-Identifier: Apache-2.0
/* Strict numbers, and what they look like when they are printed; UTF-8 on the side. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>

#include "basic/num.h"
#include "basic/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_double(double value)
{
	char text[NUM_TEXT_MAX];
	size_t n;
	double again = 1;

	n = num_exposition(value, text);
	assert(slice_to_double((struct slice){ text, n }, &again) == 0 && again == value);
	n = num_plain(value, text);
	assert(n < sizeof(text) && text[n] == '\0' && !strchr(text, 'e'));
	n = num_metric_map(value, text);
	assert(n < sizeof(text) && text[n] == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = { (const char *)data, size };
	char text[NUM_TEXT_MAX];
	uint64_t u;
	int64_t i;
	double d;

	if (slice_to_double(input, &d) >= 0)
		check_double(d);
	if (slice_to_u64(input, &u) >= 0)
		assert(input.n >=
			(size_t)snprintf(text, sizeof(text), "%llu", (unsigned long long)u));
	if (slice_to_i64(input, &i) >= 0) {
		check_double((double)i);
		assert(num_micro(i, text) == strlen(text));
	}
	(void)str_is_utf8(input.p, input.n);
	return 0;
}
