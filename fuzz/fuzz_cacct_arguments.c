// SPDX-License-Identifier: Apache-2.0
/* What users type: times, comma lists, fields; also the times of ceems_tool. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cacct/field.h"
#include "cacct/time_arg.h"
#include "tool/tsdb/timestamp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct slice text = { (const char *)data, size };
	bool wanted[N_FIELDS];
	struct strings items;
	struct arena arena;
	struct err err;
	int64_t local;
	double seconds;
	char *copy;

	time_arg_parse(text, &local);
	timestamp_parse(text, &seconds);
	arena_init(&arena, 16 << 20);
	copy = arena_strndup(&arena, text.p, text.n);
	if (copy && list_parse(copy, &arena, &items) >= 0) {
		for (size_t i = 0; i < items.n; i++) {
			if (!*items.v[i] || strchr(items.v[i], ','))
				abort();
		}
	}
	if (copy)
		field_list_parse(copy, wanted, &err);
	arena_done(&arena);
	return 0;
}
