// SPDX-License-Identifier: Apache-2.0
#include "format/promql/promql.h"

int promql_walk(struct promql_node *node, promql_each_fn each, void *ctx)
{
	int r = each(ctx, node);

	if (r < 0)
		return r;
	switch (node->kind) {
	case PROMQL_NODE_NUMBER:
	case PROMQL_NODE_STRING:
	case PROMQL_NODE_SELECTOR:
		return 0;
	case PROMQL_NODE_SUBQUERY:
		return promql_walk(node->subquery.expr, each, ctx);
	case PROMQL_NODE_UNARY:
		return promql_walk(node->unary.expr, each, ctx);
	case PROMQL_NODE_BINARY:
		r = promql_walk(node->binary.left, each, ctx);
		return r < 0 ? r : promql_walk(node->binary.right, each, ctx);
	case PROMQL_NODE_AGGREGATION:
		if (node->aggregation.param)
			r = promql_walk(node->aggregation.param, each, ctx);
		return r < 0 ? r : promql_walk(node->aggregation.expr, each, ctx);
	case PROMQL_NODE_CALL:
		for (size_t i = 0; r >= 0 && i < node->call.n_args; i++)
			r = promql_walk(node->call.args[i], each, ctx);
		return r;
	case PROMQL_NODE_PAREN:
		return promql_walk(node->paren, each, ctx);
	}
	return 0;
}
