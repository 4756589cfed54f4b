// SPDX-License-Identifier: Apache-2.0
#include "format/promql/parser.h"

#include <errno.h>

int parser_fail(struct promql_parser *p, const char *expected)
{
	const struct slice found = p->at->text;
	/* No character is shown by halves. */
	const size_t shown = str_utf8_length(found.p, MIN(found.n, (size_t)PARSER_SHOWN_MAX));

	if (p->at->kind == TOKEN_END)
		return promql_fail(p->err, p->text, found.p,
			"unexpected end of the query; expected %s", expected);
	return promql_fail(p->err, p->text, found.p, "unexpected '%.*s'%s; expected %s", (int)shown,
		found.p, shown < found.n ? "..." : "", expected);
}

int parser_no_memory(struct promql_parser *p)
{
	return err_errno(p->err, -ENOMEM, "parsing a query");
}

int parser_enter(struct promql_parser *p)
{
	if (++p->depth > PROMQL_DEPTH_MAX)
		return err_set(p->err, -E2BIG, "a query is nested deeper than %d levels",
			PROMQL_DEPTH_MAX);
	return 0;
}

void parser_leave(struct promql_parser *p)
{
	p->depth--;
}

int parser_expect(struct promql_parser *p, enum promql_token_kind kind, const char *expected)
{
	return parser_take(p, kind) ? 0 : parser_fail(p, expected);
}

int parser_node(struct promql_parser *p, enum promql_kind kind, struct promql_node **ret_node)
{
	struct promql_node *node;

	if (++p->n_nodes > PROMQL_NODES_MAX)
		return err_set(p->err, -E2BIG, "a query has more than %d parts", PROMQL_NODES_MAX);
	node = ARENA_NEW(p->arena, struct promql_node);
	if (!node)
		return parser_no_memory(p);
	node->kind = kind;
	node->text.p = p->at->text.p;
	*ret_node = node;
	return 0;
}

void parser_end_node(struct promql_parser *p, struct promql_node *node)
{
	const struct slice last = p->at[-1].text;

	node->text.n = (size_t)(last.p + last.n - node->text.p);
}
