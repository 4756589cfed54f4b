// SPDX-License-Identifier: Apache-2.0
/* Patterns that are sets of literals are good ones, and their printed form is the same set. */
#include <stdint.h>
#include <stdlib.h>

#include "format/promql/re2.h"
#include "format/promql/re2_set.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_BYTES = 64 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct slice pattern = { (const char *)data, size };
	struct re2_set set, again;
	struct buffer printed;
	struct arena arena;
	bool empty = false;
	const int good = re2_check(pattern, &empty, NULL);

	arena_init(&arena, ARENA_BYTES);
	buffer_init(&printed, 0);
	if (re2_set_parse(pattern, &arena, &set) >= 0) {
		if (good < 0 || empty != (set.members[0].n == 0))
			abort();
		re2_set_print(&set, &printed);
		if (printed.len <= RE2_SET_PATTERN_MAX) {
			const struct slice text = { buffer_text(&printed), printed.len };

			if (re2_set_parse(text, &arena, &again) < 0 || again.n != set.n)
				abort();
		}
	}
	buffer_done(&printed);
	arena_done(&arena);
	return 0;
}
