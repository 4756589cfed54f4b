// SPDX-License-Identifier: Apache-2.0
#include "format/promql/check.h"

#include <errno.h>

#include "format/promql/functions.h"
#include "format/promql/lexer.h"
#include "format/promql/re2.h"

struct check {
	struct slice text;
	const struct promql_options *options;
	struct err *err;
};

static const char *const type_names[] = {
	[PROMQL_SCALAR] = "a scalar",
	[PROMQL_VECTOR] = "an instant vector",
	[PROMQL_MATRIX] = "a range vector",
	[PROMQL_STRING] = "a string",
};

static int check_node(const struct check *c, struct promql_node *node);

#define FAIL(c, node, ...) promql_fail((c)->err, (c)->text, (node)->text.p, __VA_ARGS__)

static bool matches_empty(const struct promql_matcher *m)
{
	bool empty = false;

	switch (m->op) {
	case PROMQL_EQUAL:
		return m->value.n == 0;
	case PROMQL_NOT_EQUAL:
		return m->value.n > 0;
	default:
		re2_check(m->value, &empty, NULL); /* its syntax is known to be good */
		return (m->op == PROMQL_REGEX) == empty;
	}
}

int promql_check_not_empty(struct slice text, const struct promql_node *selector, struct err *err)
{
	if (selector->selector.name.n)
		return 0;
	for (size_t i = 0; i < selector->selector.n_matchers; i++)
		if (!matches_empty(&selector->selector.matchers[i]))
			return 0;
	return promql_fail(err, text, selector->text.p,
		"a selector needs a matcher that does not match the empty string");
}

/* of_info: the second argument of info(), which may be empty. */
static int check_selector(const struct check *c, struct promql_node *node, bool of_info)
{
	for (size_t i = 0; node->selector.name.n && i < node->selector.n_matchers; i++)
		if (slice_eq(node->selector.matchers[i].name, "__name__"))
			return FAIL(c, node, "the metric's name is given twice");
	return of_info ? 0 : promql_check_not_empty(c->text, node, c->err);
}

static bool is_number_or_vector(const struct promql_node *node)
{
	return node->type == PROMQL_SCALAR || node->type == PROMQL_VECTOR;
}

static bool is_set_op(enum promql_op op)
{
	return op == PROMQL_OR || op == PROMQL_AND || op == PROMQL_UNLESS;
}

static bool is_comparison(enum promql_op op)
{
	return op >= PROMQL_EQL && op <= PROMQL_GTR;
}

static int check_label_lists(
	const struct check *c, const struct promql_node *node, const struct promql_matching *m)
{
	for (size_t i = 0; m->on && i < m->include.n; i++)
		for (size_t k = 0; k < m->labels.n; k++)
			if (m->labels.v[k].n == m->include.v[i].n &&
				memcmp(m->labels.v[k].p, m->include.v[i].p, m->include.v[i].n) == 0)
				return FAIL(c, node,
					"label '%.*s' is both in on() and in the group",
					(int)m->include.v[i].n, m->include.v[i].p);
	return 0;
}

static int check_matching(const struct check *c, struct promql_node *node)
{
	const struct promql_matching *m = &node->binary.matching;
	const bool vectors = node->binary.left->type == PROMQL_VECTOR &&
		node->binary.right->type == PROMQL_VECTOR;
	const bool fill = m->fill_left_given || m->fill_right_given;

	if (is_set_op(node->binary.op)) {
		if (!vectors)
			return FAIL(c, node, "set operators take instant vectors on both sides");
		if (m->group_left || m->group_right)
			return FAIL(c, node, "set operators take no grouping");
		if (fill)
			return FAIL(c, node, "set operators take no fill modifier");
	}
	if (!vectors && (m->labels.n > 0 || fill))
		return FAIL(c, node, "matching is only allowed between instant vectors");
	return check_label_lists(c, node, m);
}

/* What an empty on() or ignoring() says beside a scalar is nothing. */
static void drop_empty_matching(struct promql_node *node)
{
	struct promql_matching *m = &node->binary.matching;

	if (node->binary.left->type == PROMQL_VECTOR && node->binary.right->type == PROMQL_VECTOR)
		return;
	m->on = m->ignoring = m->group_left = m->group_right = false;
	m->include = (struct promql_labels){ NULL, 0 };
}

static int check_binary(const struct check *c, struct promql_node *node)
{
	const struct promql_node *left = node->binary.left, *right = node->binary.right;
	const bool scalars = left->type == PROMQL_SCALAR && right->type == PROMQL_SCALAR;
	const bool comparison = is_comparison(node->binary.op);
	int r = check_node(c, node->binary.left);

	if (r >= 0)
		r = check_node(c, node->binary.right);
	if (r < 0)
		return r;
	if (!is_number_or_vector(left) || !is_number_or_vector(right))
		return FAIL(c, node, "operators take scalars and instant vectors, not %s",
			type_names[is_number_or_vector(left) ? right->type : left->type]);
	if (node->binary.matching.return_bool && !comparison)
		return FAIL(c, node, "bool is only allowed on comparisons");
	if (comparison && scalars && !node->binary.matching.return_bool)
		return FAIL(c, node, "comparisons between scalars need bool");
	r = check_matching(c, node);
	if (r >= 0)
		drop_empty_matching(node);
	return r;
}

static int expect(const struct check *c, const struct promql_node *node, enum promql_type type,
	const char *where)
{
	if (node->type == type)
		return 0;
	return FAIL(c, node, "expected %s in %s, got %s", type_names[type], where,
		type_names[node->type]);
}

static int check_aggregation(const struct check *c, struct promql_node *node)
{
	const char *op = node->aggregation.op;
	int r = 0;

	if (node->aggregation.param) {
		r = check_node(c, node->aggregation.param);
		if (r >= 0)
			r = expect(c, node->aggregation.param,
				str_eq(op, "count_values") ? PROMQL_STRING : PROMQL_SCALAR, op);
	}
	if (r >= 0)
		r = check_node(c, node->aggregation.expr);
	if (r >= 0)
		r = expect(c, node->aggregation.expr, PROMQL_VECTOR, op);
	return r;
}

static int check_info_selector(const struct check *c, struct promql_node *arg)
{
	if (arg->kind != PROMQL_NODE_SELECTOR || arg->selector.range || arg->selector.name.n)
		return FAIL(c, arg, "info() takes a selector in braces as second argument");
	return check_selector(c, arg, true);
}

static int check_argument(const struct check *c, struct promql_node *arg, char wanted,
	const struct promql_function *f)
{
	static const char letters[] = "SVMT";
	int r;

	if (wanted == 'I')
		return check_info_selector(c, arg);
	r = check_node(c, arg);
	if (r < 0)
		return r;
	return expect(c, arg, (enum promql_type)(strchr(letters, wanted) - letters), f->name);
}

static int check_call(const struct check *c, struct promql_node *node)
{
	const struct promql_function *f = promql_function_find(
		slice_from(node->call.function), c->options);
	const size_t named = strlen(f->args), n = node->call.n_args;
	int r = 0;

	if (n < f->required)
		return FAIL(c, node, "%s() takes at least %u argument%s, %zu given", f->name,
			f->required, f->required == 1 ? "" : "s", n);
	if (f->repeats != UINT8_MAX && n > named + f->repeats)
		return FAIL(c, node, "%s() takes at most %zu argument%s, %zu given", f->name,
			named + f->repeats, named + f->repeats == 1 ? "" : "s", n);
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = check_argument(c, node->call.args[i], f->args[MIN(i, named - 1)], f);
	return r;
}

static int check_node(const struct check *c, struct promql_node *node)
{
	int r;

	switch (node->kind) {
	case PROMQL_NODE_NUMBER:
	case PROMQL_NODE_STRING:
		return 0;
	case PROMQL_NODE_SELECTOR:
		return check_selector(c, node, false);
	case PROMQL_NODE_SUBQUERY:
		r = check_node(c, node->subquery.expr);
		return r < 0 ? r : expect(c, node->subquery.expr, PROMQL_VECTOR, "a subquery");
	case PROMQL_NODE_UNARY:
		r = check_node(c, node->unary.expr);
		if (r >= 0 && !is_number_or_vector(node->unary.expr))
			return FAIL(c, node, "a sign takes a scalar or an instant vector, not %s",
				type_names[node->unary.expr->type]);
		return r;
	case PROMQL_NODE_BINARY:
		return check_binary(c, node);
	case PROMQL_NODE_AGGREGATION:
		return check_aggregation(c, node);
	case PROMQL_NODE_CALL:
		return check_call(c, node);
	case PROMQL_NODE_PAREN:
		return check_node(c, node->paren);
	}
	return 0;
}

int promql_check(struct slice text, struct promql_node *node, const struct promql_options *options,
	struct err *err)
{
	const struct check c = { text, options, err };

	return check_node(&c, node);
}
