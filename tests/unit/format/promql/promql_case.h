// SPDX-License-Identifier: Apache-2.0
/* What the tests of PromQL share: parse a text in an arena of its own, print it, compare. */
#ifndef CEEMS_TESTS_PROMQL_CASE_H
#define CEEMS_TESTS_PROMQL_CASE_H

#include "format/promql/promql.h"

enum { PROMQL_CASE_BYTES = 64 << 20 };

/* The canonical text of a query, or NULL: it isn't one. Valid until the next call. */
static inline const char *promql_case_options(
	struct slice text, const struct promql_options *options, struct err *err)
{
	static struct buffer out;
	struct promql_node *node;
	struct arena arena;
	int r;

	arena_init(&arena, PROMQL_CASE_BYTES);
	buffer_clear(&out);
	r = promql_parse(text, options, &arena, &node, err);
	if (r >= 0)
		promql_print(node, &out);
	arena_done(&arena);
	return r < 0 ? NULL : buffer_text(&out);
}

static inline const char *promql_case(const char *text)
{
	return promql_case_options(slice_from(text), NULL, NULL);
}

#endif
