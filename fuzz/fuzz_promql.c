// SPDX-License-Identifier: Apache-2.0
/* What is accepted is printed to a text that is accepted and printed the same. */
#include <stdint.h>
#include <stdlib.h>

#include "format/promql/promql.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_BYTES = 64 << 20 };

static void check_level(struct slice text, enum promql_level level)
{
	const struct promql_options options = { .level = level };
	struct promql_node *node;
	struct buffer first, second;
	struct arena arena;

	buffer_init(&first, 0);
	buffer_init(&second, 0);
	arena_init(&arena, ARENA_BYTES);
	if (promql_parse(text, &options, &arena, &node, NULL) >= 0) {
		promql_print(node, &first);
		if (first.len <= PROMQL_TEXT_MAX) {
			if (promql_parse((struct slice){ first.data, first.len }, &options, &arena,
				    &node, NULL) < 0)
				abort();
			promql_print(node, &second);
			if (first.len != second.len ||
				memcmp(first.data, second.data, first.len) != 0)
				abort();
		}
	}
	promql_parse_selector(text, &options, &arena, &node, NULL);
	arena_done(&arena);
	buffer_done(&first);
	buffer_done(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct slice text = { (const char *)data, size };

	check_level(text, PROMQL_NEWEST);
	check_level(text, PROMQL_2_42);
	return 0;
}
