// SPDX-License-Identifier: Apache-2.0
/*
 * promql_format [2.42 [selector]]: for each query on stdin its canonical text, or "!" and the
 * reason; for tests that compare with a real Prometheus. A text is preceded by a line with its size
 * in bytes. A canonical text that isn't read as what was printed counts as refused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/promql/promql.h"

enum { ARENA_BYTES = 64 << 20 };

static bool parse_selector;

static int format(struct slice text, const struct promql_options *options, struct buffer *out)
{
	struct promql_node *node;
	struct err err = { 0 };
	struct arena arena;
	int r;

	arena_init(&arena, ARENA_BYTES);
	buffer_clear(out);
	r = (parse_selector ? promql_parse_selector : promql_parse)(
		text, options, &arena, &node, &err);
	if (r >= 0)
		promql_print(node, out);
	else
		buffer_printf(out, "!%s", err.text);
	arena_done(&arena);
	return r;
}

static void answer(struct slice text, const struct promql_options *options)
{
	struct buffer first, second;

	buffer_init(&first, 0);
	buffer_init(&second, 0);
	if (format(text, options, &first) >= 0 && first.len <= PROMQL_TEXT_MAX) {
		format((struct slice){ first.data, first.len }, options, &second);
		if (strcmp(first.data, second.data) != 0) {
			buffer_printf(&first, " is read as %s", second.data);
			first.data[0] = '!';
		}
	}
	printf("%zu\n%s", first.len, first.data);
	fflush(stdout);
	buffer_done(&first);
	buffer_done(&second);
}

int main(int argc, char **argv)
{
	const struct promql_options options = {
		.level = argc > 1 && strcmp(argv[1], "2.42") == 0 ? PROMQL_2_42 : PROMQL_NEWEST,
	};
	char line[32];

	parse_selector = argc > 2 && strcmp(argv[2], "selector") == 0;
	while (fgets(line, sizeof(line), stdin)) {
		const size_t n = strtoul(line, NULL, 10);
		char *text = malloc(n + 1);

		if (!text || fread(text, 1, n, stdin) != n)
			return 1;
		answer((struct slice){ text, n }, &options);
		free(text);
	}
	return 0;
}
