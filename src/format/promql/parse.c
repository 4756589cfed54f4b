// SPDX-License-Identifier: Apache-2.0
/* Expressions: operators by precedence, postfixes, calls and aggregations. */
#include <errno.h>

#include "basic/str.h"
#include "format/promql/check.h"
#include "format/promql/functions.h"
#include "format/promql/parser.h"

enum { FIRST_ITEMS = 4 };

/* From the loosest to the tightest; a sign's operand is everything from LEVEL_POW on. */
enum level { LEVEL_OR = 1, LEVEL_AND, LEVEL_COMPARE, LEVEL_ADD, LEVEL_MUL, LEVEL_POW };

static int parse_level(struct promql_parser *p, enum level min, struct promql_node **ret_node);

/* "(" [ expr { "," expr } ] ")" */
static int arguments(struct promql_parser *p, struct promql_node ***ret_args, size_t *ret_n)
{
	struct promql_node **v = NULL;
	size_t n = 0, cap = 0;
	int r = parser_expect(p, TOKEN_LPAREN, "'('");

	if (r >= 0 && parser_take(p, TOKEN_RPAREN)) {
		*ret_args = NULL;
		*ret_n = 0;
		return 0;
	}
	while (r >= 0) {
		if (n == PROMQL_ARGS_MAX)
			return err_set(p->err, -E2BIG, "a call has more than %d arguments",
				PROMQL_ARGS_MAX);
		if (n == cap) {
			cap = cap ? cap * 2 : FIRST_ITEMS;
			v = arena_grow(p->arena, v, n, cap, sizeof(struct promql_node *));
			if (!v)
				return parser_no_memory(p);
		}
		r = parser_expr(p, &v[n]);
		if (r < 0)
			break;
		n++;
		if (parser_take(p, TOKEN_RPAREN))
			break;
		r = parser_expect(p, TOKEN_COMMA, "',' or ')'");
	}
	*ret_args = v;
	*ret_n = n;
	return r;
}

static int call(struct promql_parser *p, struct promql_node **ret_node)
{
	const struct promql_function *f = promql_function_find(p->at->text, &p->options);
	const struct slice name = p->at->text;
	struct promql_node *node;
	int r;

	if (!f)
		return promql_fail(p->err, p->text, name.p, "unknown function '%.*s'",
			(int)MIN(name.n, (size_t)PARSER_SHOWN_MAX), name.p);
	r = parser_node(p, PROMQL_NODE_CALL, &node);
	if (r < 0)
		return r;
	p->at++;
	node->call.function = f->name;
	node->type = f->returns;
	r = arguments(p, &node->call.args, &node->call.n_args);
	if (r < 0)
		return r;
	parser_end_node(p, node);
	*ret_node = node;
	return 0;
}

static int grouping(struct promql_parser *p, struct promql_node *node)
{
	if (parser_take_word(p, WORD_BY))
		node->aggregation.without = false;
	else if (parser_take_word(p, WORD_WITHOUT))
		node->aggregation.without = true;
	else
		return 0;
	node->aggregation.grouped = true;
	return parser_labels(p, &node->aggregation.labels);
}

static int aggregation(struct promql_parser *p, struct promql_node **ret_node)
{
	const struct promql_word_row *op = p->at->word;
	struct promql_node *node, **args;
	size_t n_args, wanted = promql_aggregation_takes_parameter(op->text) ? 2 : 1;
	int r = parser_node(p, PROMQL_NODE_AGGREGATION, &node);

	if (r < 0)
		return r;
	if (op->experimental && p->options.no_experimental_functions)
		return parser_fail(p, "no experimental aggregation");
	p->at++;
	node->type = PROMQL_VECTOR;
	node->aggregation.op = op->text;
	r = grouping(p, node);
	if (r >= 0)
		r = arguments(p, &args, &n_args);
	if (r >= 0 && !node->aggregation.grouped)
		r = grouping(p, node);
	if (r < 0)
		return r;
	parser_end_node(p, node);
	if (n_args != wanted)
		return promql_fail(p->err, p->text, node->text.p,
			"'%s' takes %zu argument%s, %zu given", op->text, wanted,
			wanted == 1 ? "" : "s", n_args);
	node->aggregation.param = wanted == 2 ? args[0] : NULL;
	node->aggregation.expr = args[wanted - 1];
	*ret_node = node;
	return 0;
}

static bool is_aggregation(const struct promql_parser *p)
{
	const struct promql_token *next = p->at + 1;

	if (!parser_is_word(p, WORD_AGGREGATION))
		return false;
	return next->kind == TOKEN_LPAREN ||
		(next->kind == TOKEN_WORD && next->word &&
			(next->word->word == WORD_BY || next->word->word == WORD_WITHOUT));
}

/* Names that a parenthesis makes a call: ordinary ones, and reserved words that are functions. */
static bool is_call(const struct promql_parser *p)
{
	if (!parser_is(p, TOKEN_WORD) || p->at[1].kind != TOKEN_LPAREN)
		return false;
	return !p->at->word || parser_is_word(p, WORD_START) || parser_is_word(p, WORD_END) ||
		parser_is_word(p, WORD_STEP) || parser_is_word(p, WORD_RANGE) ||
		parser_is_word(p, WORD_MAX_OF) || parser_is_word(p, WORD_MIN_OF);
}

static int number(struct promql_parser *p, struct promql_node **ret_node)
{
	struct promql_node *node;
	int r = parser_node(p, PROMQL_NODE_NUMBER, &node);

	if (r < 0)
		return r;
	node->type = PROMQL_SCALAR;
	r = parser_signed_number(p, &node->number);
	if (r < 0)
		return r;
	parser_end_node(p, node);
	*ret_node = node;
	return 0;
}

static int string(struct promql_parser *p, struct promql_node **ret_node)
{
	struct promql_node *node;
	int r = parser_node(p, PROMQL_NODE_STRING, &node);

	if (r < 0)
		return r;
	node->type = PROMQL_STRING;
	node->string = p->at++->string;
	parser_end_node(p, node);
	*ret_node = node;
	return 0;
}

static int paren(struct promql_parser *p, struct promql_node **ret_node)
{
	struct promql_node *node;
	int r = parser_node(p, PROMQL_NODE_PAREN, &node);

	if (r < 0)
		return r;
	p->at++;
	r = parser_expr(p, &node->paren);
	if (r >= 0)
		r = parser_expect(p, TOKEN_RPAREN, "an operator or ')'");
	if (r < 0)
		return r;
	node->type = node->paren->type;
	parser_end_node(p, node);
	*ret_node = node;
	return 0;
}

static int primary(struct promql_parser *p, struct promql_node **ret_node)
{
	switch (p->at->kind) {
	case TOKEN_NUMBER:
	case TOKEN_DURATION:
		return number(p, ret_node);
	case TOKEN_STRING:
		return string(p, ret_node);
	case TOKEN_LPAREN:
		return paren(p, ret_node);
	default:
		break;
	}
	if (is_aggregation(p))
		return aggregation(p, ret_node);
	if (is_call(p))
		return call(p, ret_node);
	if (parser_is(p, TOKEN_END))
		return parser_fail(p, "an expression");
	return parser_selector(p, ret_node);
}

static bool has_modifiers(const struct promql_modifiers *m)
{
	return m->offset_given || m->at != PROMQL_AT_NONE;
}

/* "[" has been taken. */
static int range_or_subquery(struct promql_parser *p, struct promql_node **node)
{
	const struct promql_duration *range, *step = NULL;
	struct promql_node *inner = *node, *subquery;
	int r = parser_positive_duration(p, &range);

	if (r < 0)
		return r;
	if (parser_take(p, TOKEN_RBRACKET)) {
		if (inner->kind != PROMQL_NODE_SELECTOR || inner->selector.range ||
			has_modifiers(&inner->selector.modifiers))
			return promql_fail(p->err, p->text, p->at[-1].text.p,
				"a range is only allowed directly on a selector, before its "
				"modifiers");
		inner->selector.range = range;
		inner->type = PROMQL_MATRIX;
		parser_end_node(p, inner);
		return 0;
	}
	r = parser_expect(p, TOKEN_COLON, "']' or ':'");
	if (r >= 0 && !parser_is(p, TOKEN_RBRACKET))
		r = parser_positive_duration(p, &step);
	if (r >= 0)
		r = parser_expect(p, TOKEN_RBRACKET, "']'");
	if (r >= 0)
		r = parser_node(p, PROMQL_NODE_SUBQUERY, &subquery);
	if (r < 0)
		return r;
	subquery->type = PROMQL_MATRIX;
	subquery->text.p = inner->text.p;
	subquery->subquery.expr = inner;
	subquery->subquery.range = range;
	subquery->subquery.step = step;
	parser_end_node(p, subquery);
	*node = subquery;
	return 0;
}

static struct promql_modifiers *modifiers_of(struct promql_node *node)
{
	if (node->kind == PROMQL_NODE_SELECTOR)
		return &node->selector.modifiers;
	return node->kind == PROMQL_NODE_SUBQUERY ? &node->subquery.modifiers : NULL;
}

static int take_modifier(struct promql_parser *p, struct promql_node *node)
{
	struct promql_modifiers *m = modifiers_of(node);
	const bool smoothing = parser_is_word(p, WORD_ANCHORED) || parser_is_word(p, WORD_SMOOTHED);

	if (!m || (smoothing && node->kind != PROMQL_NODE_SELECTOR))
		return parser_fail(p, "it only directly after a selector");
	if (parser_take_word(p, WORD_OFFSET))
		return parser_offset(p, m);
	if (parser_take(p, TOKEN_AT))
		return parser_at(p, m);
	m->anchored |= parser_is_word(p, WORD_ANCHORED);
	m->smoothed |= parser_is_word(p, WORD_SMOOTHED);
	if (m->anchored && m->smoothed)
		return parser_fail(p, "only one of 'anchored' and 'smoothed'");
	p->at++;
	return 0;
}

static bool is_modifier(const struct promql_parser *p)
{
	return parser_is(p, TOKEN_AT) || parser_is_word(p, WORD_OFFSET) ||
		parser_is_word(p, WORD_ANCHORED) || parser_is_word(p, WORD_SMOOTHED);
}

static int postfix(struct promql_parser *p, struct promql_node **ret_node)
{
	struct promql_node *node;
	unsigned levels = 0;
	int r = primary(p, &node);

	while (r >= 0) {
		if (parser_take(p, TOKEN_LBRACKET)) {
			/* Each subquery is a level more of the tree. */
			r = parser_enter(p);
			levels++;
			if (r >= 0)
				r = range_or_subquery(p, &node);
		} else if (is_modifier(p)) {
			r = take_modifier(p, node);
			if (r >= 0)
				parser_end_node(p, node);
		} else {
			break;
		}
	}
	while (levels-- > 0)
		parser_leave(p);
	if (r >= 0)
		*ret_node = node;
	return r;
}

static int unary(struct promql_parser *p, struct promql_node **ret_node)
{
	struct promql_node *node;
	int r;

	if (!parser_is(p, TOKEN_ADD) && !parser_is(p, TOKEN_SUB))
		return postfix(p, ret_node);
	r = parser_node(p, PROMQL_NODE_UNARY, &node);
	if (r < 0)
		return r;
	node->unary.op = parser_is(p, TOKEN_SUB) ? '-' : '+';
	p->at++;
	r = parse_level(p, LEVEL_POW, &node->unary.expr);
	if (r < 0)
		return r;
	parser_end_node(p, node);
	node->type = node->unary.expr->type;
	if (node->unary.expr->kind == PROMQL_NODE_NUMBER) { /* part of the literal */
		const double value = node->unary.expr->number;
		const bool negative = node->unary.op == '-';

		node->kind = PROMQL_NODE_NUMBER;
		node->number = negative ? -value : value;
	}
	*ret_node = node;
	return 0;
}

struct operator
{
	enum promql_op op;
	enum level level;
};

static bool word_operator(const struct promql_parser *p, struct operator* ret)
{
	if (parser_is_word(p, WORD_OR))
		*ret = (struct operator){ PROMQL_OR, LEVEL_OR };
	else if (parser_is_word(p, WORD_AND))
		*ret = (struct operator){ PROMQL_AND, LEVEL_AND };
	else if (parser_is_word(p, WORD_UNLESS))
		*ret = (struct operator){ PROMQL_UNLESS, LEVEL_AND };
	else if (parser_is_word(p, WORD_ATAN2))
		*ret = (struct operator){ PROMQL_ATAN2, LEVEL_MUL };
	else
		return false;
	return true;
}

static bool next_operator(const struct promql_parser *p, struct operator* ret)
{
	static const struct operator by_token[] = {
		[TOKEN_EQL] = { PROMQL_EQL, LEVEL_COMPARE },
		[TOKEN_NEQ] = { PROMQL_NEQ, LEVEL_COMPARE },
		[TOKEN_LTE] = { PROMQL_LTE, LEVEL_COMPARE },
		[TOKEN_LSS] = { PROMQL_LSS, LEVEL_COMPARE },
		[TOKEN_GTE] = { PROMQL_GTE, LEVEL_COMPARE },
		[TOKEN_GTR] = { PROMQL_GTR, LEVEL_COMPARE },
		[TOKEN_TRIM_UPPER] = { PROMQL_TRIM_UPPER, LEVEL_COMPARE },
		[TOKEN_TRIM_LOWER] = { PROMQL_TRIM_LOWER, LEVEL_COMPARE },
		[TOKEN_ADD] = { PROMQL_ADD, LEVEL_ADD },
		[TOKEN_SUB] = { PROMQL_SUB, LEVEL_ADD },
		[TOKEN_MUL] = { PROMQL_MUL, LEVEL_MUL },
		[TOKEN_DIV] = { PROMQL_DIV, LEVEL_MUL },
		[TOKEN_MOD] = { PROMQL_MOD, LEVEL_MUL },
		[TOKEN_POW] = { PROMQL_POW, LEVEL_POW },
	};

	if (parser_is(p, TOKEN_WORD))
		return word_operator(p, ret);
	if (p->at->kind >= ARRAY_SIZE(by_token) || !by_token[p->at->kind].level)
		return false;
	*ret = by_token[p->at->kind];
	return true;
}

static int fill(struct promql_parser *p, bool *ret_given, double *ret_value)
{
	int r;

	p->at++;
	r = parser_expect(p, TOKEN_LPAREN, "'('");
	if (r >= 0)
		r = parser_signed_number(p, ret_value);
	if (r >= 0)
		r = parser_expect(p, TOKEN_RPAREN, "')'");
	if (r >= 0)
		*ret_given = true;
	return r;
}

static int fills(struct promql_parser *p, struct promql_matching *m)
{
	int r = 0;

	if (p->options.no_fill_modifiers &&
		(parser_is_word(p, WORD_FILL) || parser_is_word(p, WORD_FILL_LEFT) ||
			parser_is_word(p, WORD_FILL_RIGHT)))
		return parser_fail(p, "no fill modifier");
	if (parser_is_word(p, WORD_FILL)) {
		r = fill(p, &m->fill_left_given, &m->fill_left);
		m->fill_right_given = m->fill_left_given;
		m->fill_right = m->fill_left;
		return r;
	}
	while (r >= 0) {
		if (parser_is_word(p, WORD_FILL_LEFT) && !m->fill_left_given)
			r = fill(p, &m->fill_left_given, &m->fill_left);
		else if (parser_is_word(p, WORD_FILL_RIGHT) && !m->fill_right_given)
			r = fill(p, &m->fill_right_given, &m->fill_right);
		else
			break;
	}
	return r;
}

static int matching(struct promql_parser *p, struct promql_matching *m)
{
	int r = 0;

	m->return_bool = parser_take_word(p, WORD_BOOL);
	m->on = parser_take_word(p, WORD_ON);
	m->ignoring = !m->on && parser_take_word(p, WORD_IGNORING);
	if (m->on || m->ignoring) {
		r = parser_labels(p, &m->labels);
		if (r < 0)
			return r;
		m->group_left = parser_take_word(p, WORD_GROUP_LEFT);
		m->group_right = !m->group_left && parser_take_word(p, WORD_GROUP_RIGHT);
		if ((m->group_left || m->group_right) && parser_is(p, TOKEN_LPAREN))
			r = parser_labels(p, &m->include);
	}
	return r < 0 ? r : fills(p, m);
}

static int binary(struct promql_parser *p, struct operator operator, struct promql_node ** node)
{
	const enum level right = operator.op == PROMQL_POW ? LEVEL_POW : operator.level + 1;
	struct promql_node *left = *node, *new_node;
	int r = parser_node(p, PROMQL_NODE_BINARY, &new_node);

	if (r < 0)
		return r;
	p->at++;
	new_node->text.p = left->text.p;
	new_node->binary.op = operator.op;
	new_node->binary.left = left;
	r = matching(p, &new_node->binary.matching);
	if (r >= 0)
		r = parse_level(p, right, &new_node->binary.right);
	if (r < 0)
		return r;
	new_node->type = left->type == PROMQL_SCALAR &&
			new_node->binary.right->type == PROMQL_SCALAR
		? PROMQL_SCALAR
		: PROMQL_VECTOR;
	parser_end_node(p, new_node);
	*node = new_node;
	return 0;
}

/* Operators that bind at least as tightly as min. A chain of them is a tree as deep as it is long.
 */
static int parse_level(struct promql_parser *p, enum level min, struct promql_node **ret_node)
{
	struct promql_node *node;
	struct operator operator;
	unsigned levels = 1;
	int r = parser_enter(p);

	if (r >= 0)
		r = unary(p, &node);
	while (r >= 0 && next_operator(p, &operator) && operator.level >= min) {
		r = parser_enter(p);
		levels++;
		if (r >= 0)
			r = binary(p, operator, & node);
	}
	while (levels-- > 0)
		parser_leave(p);
	if (r >= 0)
		*ret_node = node;
	return r;
}

int parser_expr(struct promql_parser *p, struct promql_node **ret_node)
{
	return parse_level(p, LEVEL_OR, ret_node);
}

static int begin(struct promql_parser *p, struct slice text, const struct promql_options *options,
	struct arena *arena, struct err *err)
{
	*p = (struct promql_parser){ .text = text, .arena = arena, .err = err };
	if (options)
		p->options = *options;
	if (!p->options.level)
		p->options.level = PROMQL_NEWEST;
	return promql_lex(text, p->options.level, arena, &p->at, err);
}

int promql_parse(struct slice text, const struct promql_options *options, struct arena *arena,
	struct promql_node **ret_node, struct err *err)
{
	struct promql_parser p;
	struct promql_node *node;
	int r = begin(&p, text, options, arena, err);

	if (r >= 0)
		r = parser_expr(&p, &node);
	if (r >= 0)
		r = parser_expect(&p, TOKEN_END, "an operator or the end");
	if (r >= 0)
		r = promql_check(text, node, &p.options, err);
	if (r >= 0)
		*ret_node = node;
	return r;
}

int promql_parse_selector(struct slice text, const struct promql_options *options,
	struct arena *arena, struct promql_node **ret_node, struct err *err)
{
	struct promql_parser p;
	struct promql_node *node;
	int r = begin(&p, text, options, arena, err);

	if (r >= 0)
		r = parser_selector(&p, &node);
	if (r >= 0)
		r = parser_expect(&p, TOKEN_END, "the end of the selector");
	if (r >= 0)
		r = promql_check_not_empty(text, node, err);
	if (r >= 0)
		*ret_node = node;
	return r;
}
