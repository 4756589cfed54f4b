// SPDX-License-Identifier: Apache-2.0
/*
 * promql_format [2.42]: for each query on stdin, ended by a NUL, its canonical text or "!" and the
 * reason, ended by a NUL; for tests that compare with a real Prometheus.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/promql/promql.h"

enum { ARENA_BYTES = 64 << 20 };

int main(int argc, char **argv)
{
	const struct promql_options options = {
		.level = argc > 1 && strcmp(argv[1], "2.42") == 0 ? PROMQL_2_42 : PROMQL_NEWEST,
	};
	struct arena arena;
	struct buffer out;
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	arena_init(&arena, ARENA_BYTES);
	buffer_init(&out, 0);
	while ((n = getdelim(&line, &cap, '\0', stdin)) > 0) {
		const struct slice text = { line, (size_t)n - (line[n - 1] == '\0') };
		struct promql_node *node;
		struct err err = { 0 };

		buffer_clear(&out);
		if (promql_parse(text, &options, &arena, &node, &err) >= 0)
			promql_print(node, &out);
		else
			buffer_printf(&out, "!%s", err.text);
		buffer_putc(&out, '\0');
		fwrite(out.data, 1, out.len, stdout);
		fflush(stdout);
		arena_reset(&arena);
	}
	free(line);
	buffer_done(&out);
	arena_done(&arena);
	return 0;
}
