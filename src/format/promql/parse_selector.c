// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "format/promql/parser.h"
#include "format/promql/re2.h"

enum { FIRST_ITEMS = 8 };

static int match_op(struct promql_parser *p, enum promql_match *ret_op)
{
	if (parser_take(p, TOKEN_ASSIGN))
		*ret_op = PROMQL_EQUAL;
	else if (parser_take(p, TOKEN_NEQ))
		*ret_op = PROMQL_NOT_EQUAL;
	else if (parser_take(p, TOKEN_REGEX))
		*ret_op = PROMQL_REGEX;
	else if (parser_take(p, TOKEN_NOT_REGEX))
		*ret_op = PROMQL_NOT_REGEX;
	else
		return parser_fail(p, "a label matching operator");
	return 0;
}

static int check_regex(struct promql_parser *p, const struct promql_matcher *m, const char *at)
{
	const char *reason;

	if (m->op != PROMQL_REGEX && m->op != PROMQL_NOT_REGEX)
		return 0;
	if (re2_check(m->value, NULL, &reason) >= 0)
		return 0;
	return promql_fail(p->err, p->text, at, "bad regular expression: %s", reason);
}

/* name op STRING, STRING op STRING, or a STRING that is the metric's name */
static int matcher(struct promql_parser *p, struct promql_matcher *ret_matcher)
{
	const struct promql_token *first = p->at, *value;
	const bool quoted = first->kind == TOKEN_STRING;
	int r;

	if (quoted && p->options.level < PROMQL_3_0)
		return parser_fail(p, "a label name");
	if (!parser_take(p, TOKEN_LABEL) && !parser_take(p, TOKEN_STRING))
		return parser_fail(p, "a label name or '}'");
	ret_matcher->name = quoted ? first->string : first->text;
	if (quoted && (parser_is(p, TOKEN_COMMA) || parser_is(p, TOKEN_RBRACE))) {
		*ret_matcher = (struct promql_matcher){ SLICE("__name__"), PROMQL_EQUAL,
			first->string };
		return 0;
	}
	if (!ret_matcher->name.n)
		return promql_fail(p->err, p->text, first->text.p, "an empty label name");
	r = match_op(p, &ret_matcher->op);
	if (r < 0)
		return r;
	value = p->at;
	r = parser_expect(p, TOKEN_STRING, "a string to match");
	if (r < 0)
		return r;
	ret_matcher->value = value->string;
	return check_regex(p, ret_matcher, value->text.p);
}

static int matchers(struct promql_parser *p, struct promql_node *node)
{
	struct promql_matcher *v = NULL;
	size_t n = 0, cap = 0;

	p->at++; /* the brace */
	while (!parser_is(p, TOKEN_RBRACE)) {
		int r;

		if (n == PROMQL_MATCHERS_MAX)
			return err_set(p->err, -E2BIG, "a selector has more than %d matchers",
				PROMQL_MATCHERS_MAX);
		if (n == cap) {
			cap = cap ? cap * 2 : FIRST_ITEMS;
			v = arena_grow(p->arena, v, n, cap, sizeof(*v));
			if (!v)
				return parser_no_memory(p);
		}
		r = matcher(p, &v[n]);
		if (r < 0)
			return r;
		n++;
		if (!parser_take(p, TOKEN_COMMA) && !parser_is(p, TOKEN_RBRACE))
			return parser_fail(p, "',' or '}'");
	}
	p->at++;
	node->selector.matchers = v;
	node->selector.n_matchers = n;
	return 0;
}

static bool names_metric(const struct promql_parser *p)
{
	return parser_is(p, TOKEN_METRIC) ||
		(parser_is(p, TOKEN_WORD) && (!p->at->word || p->at->word->is_metric));
}

int parser_selector(struct promql_parser *p, struct promql_node **ret_node)
{
	struct promql_node *node;
	int r = parser_node(p, PROMQL_NODE_SELECTOR, &node);

	if (r < 0)
		return r;
	node->type = PROMQL_VECTOR;
	if (names_metric(p))
		node->selector.name = p->at++->text;
	if (parser_is(p, TOKEN_LBRACE))
		r = matchers(p, node);
	else if (!node->selector.name.n)
		return parser_fail(p, "a series selector");
	if (r < 0)
		return r;
	parser_end_node(p, node);
	*ret_node = node;
	return 0;
}

static bool is_label(const struct promql_parser *p)
{
	switch (p->at->kind) {
	case TOKEN_WORD:
		return !p->at->word || p->at->word->is_label;
	case TOKEN_METRIC:
		return p->options.level >= PROMQL_3_0;
	case TOKEN_STRING:
		return p->options.level >= PROMQL_3_0 && p->at->string.n > 0;
	default:
		return false;
	}
}

int parser_labels(struct promql_parser *p, struct promql_labels *ret_labels)
{
	struct slice *v = NULL;
	size_t n = 0, cap = 0;
	int r = parser_expect(p, TOKEN_LPAREN, "'(' of a list of labels");

	while (r >= 0 && !parser_take(p, TOKEN_RPAREN)) {
		if (!is_label(p))
			return parser_fail(p, "a label name");
		if (n == PROMQL_LABELS_MAX)
			return err_set(p->err, -E2BIG, "a list has more than %d labels",
				PROMQL_LABELS_MAX);
		if (n == cap) {
			cap = cap ? cap * 2 : FIRST_ITEMS;
			v = arena_grow(p->arena, v, n, cap, sizeof(*v));
			if (!v)
				return parser_no_memory(p);
		}
		v[n++] = parser_is(p, TOKEN_STRING) ? p->at->string : p->at->text;
		p->at++;
		if (!parser_take(p, TOKEN_COMMA) && !parser_is(p, TOKEN_RPAREN))
			return parser_fail(p, "',' or ')'");
	}
	if (r >= 0)
		*ret_labels = (struct promql_labels){ v, n };
	return r;
}
