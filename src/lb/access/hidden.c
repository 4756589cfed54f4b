// SPDX-License-Identifier: Apache-2.0
#include "lb/access/hidden.h"

#include <errno.h>

#include "lb/access/gate.h"

struct search {
	const struct strings *hidden;
	const char *label; /* what was found */
	struct slice where;
};

static const char *find(const struct strings *hidden, struct slice label)
{
	for (size_t i = 0; i < hidden->n; i++)
		if (slice_eq(label, hidden->v[i]))
			return hidden->v[i];
	return NULL;
}

bool hidden_has(const struct strings *hidden, struct slice label)
{
	return find(hidden, label) != NULL;
}

static int look_at(struct search *s, struct slice label, const struct promql_node *node)
{
	s->label = find(s->hidden, label);
	s->where = node->text;
	return s->label ? -EACCES : 0;
}

static int look_at_list(
	struct search *s, const struct promql_labels *labels, const struct promql_node *node)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < labels->n; i++)
		r = look_at(s, labels->v[i], node);
	return r;
}

/* It matches every series, with the label or without: dashboards write that for "all". */
static bool tells_nothing(const struct promql_matcher *matcher)
{
	return matcher->op == PROMQL_REGEX && slice_eq(matcher->value, ".*");
}

/* The units and the cluster are known to whoever may ask: they stand in the query. */
static int look_at_selector(struct search *s, const struct promql_node *node)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < node->selector.n_matchers; i++) {
		const struct promql_matcher *matcher = &node->selector.matchers[i];
		const struct slice name = matcher->name;

		if (!slice_eq(name, GATE_UNIT_LABEL) && !slice_eq(name, GATE_CLUSTER_LABEL) &&
			!tells_nothing(matcher))
			r = look_at(s, name, node);
	}
	return r;
}

/*
 * Which arguments of a function are names of labels, from the second one on. Those that it sets
 * count as well: a series that equals another one with a label set to a guess has that value.
 */
static bool names_labels(const char *function, size_t *ret_end, size_t *ret_other)
{
	static const struct {
		const char *function;
		size_t end;
		size_t other; /* one that is no name; 0: none */
	} rows[] = {
		{ "histogram_quantiles", 2, 0 },
		{ "label_join", SIZE_MAX, 2 },
		{ "label_replace", 4, 2 },
		{ "sort_by_label", SIZE_MAX, 0 },
		{ "sort_by_label_desc", SIZE_MAX, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!str_eq(function, rows[i].function))
			continue;
		*ret_end = rows[i].end;
		*ret_other = rows[i].other;
		return true;
	}
	return false;
}

static int look_at_argument(
	struct search *s, const struct promql_node *arg, const struct promql_node *node)
{
	while (arg->kind == PROMQL_NODE_PAREN)
		arg = arg->paren;
	return arg->kind == PROMQL_NODE_STRING ? look_at(s, arg->string, node) : 0;
}

static int look_at_call(struct search *s, const struct promql_node *node)
{
	size_t end, other;
	int r = 0;

	if (!names_labels(node->call.function, &end, &other))
		return 0;
	for (size_t i = 1; r >= 0 && i < node->call.n_args && i < end; i++)
		if (i != other)
			r = look_at_argument(s, node->call.args[i], node);
	return r;
}

static int look_at_aggregation(struct search *s, const struct promql_node *node)
{
	int r = 0;

	/* It chooses by a hash of all labels, by which a value can be found out at leisure. */
	if (str_eq(node->aggregation.op, "limit_ratio"))
		r = look_at(s, slice_from(s->hidden->v[0]), node);
	/* The label that count_values() sets. */
	if (r >= 0 && node->aggregation.param)
		r = look_at_argument(s, node->aggregation.param, node);
	/* without() only drops it. */
	return r < 0 || node->aggregation.without
		? r
		: look_at_list(s, &node->aggregation.labels, node);
}

static int look(void *ctx, struct promql_node *node)
{
	struct search *s = ctx;
	int r;

	switch (node->kind) {
	case PROMQL_NODE_SELECTOR:
		return look_at_selector(s, node);
	case PROMQL_NODE_BINARY:
		r = look_at_list(s, &node->binary.matching.labels, node);
		return r < 0 ? r : look_at_list(s, &node->binary.matching.include, node);
	case PROMQL_NODE_AGGREGATION:
		return look_at_aggregation(s, node);
	case PROMQL_NODE_CALL:
		return look_at_call(s, node);
	case PROMQL_NODE_NUMBER:
	case PROMQL_NODE_STRING:
	case PROMQL_NODE_SUBQUERY:
	case PROMQL_NODE_UNARY:
	case PROMQL_NODE_PAREN:
		break;
	}
	return 0;
}

bool hidden_find(struct promql_node *node, const struct strings *hidden, const char **ret_label,
	struct slice *ret_where)
{
	struct search s = { .hidden = hidden };

	if (!hidden->n || promql_walk(node, look, &s) >= 0)
		return false;
	*ret_label = s.label;
	*ret_where = s.where;
	return true;
}
