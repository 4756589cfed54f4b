// SPDX-License-Identifier: Apache-2.0
/*
 * Durations and expressions of them, in brackets and after 'offset' and '@'. An offset that begins
 * with one sign or none takes one operand only, so that 'm offset 5m + 3' is a sum.
 */
#include <errno.h>
#include <math.h>

#include "format/promql/parser.h"

enum { LEVEL_ADD = 1, LEVEL_MUL, LEVEL_POW };

#define NS_PER_S 1e9
#define AT_SECONDS_MAX 9223372036854775.0

static int duration_level(int min, struct promql_parser *p, const struct promql_duration **ret);

static int new_duration(
	struct promql_parser *p, struct promql_duration value, const struct promql_duration **ret)
{
	struct promql_duration *d;

	if (++p->n_nodes > PROMQL_NODES_MAX)
		return err_set(p->err, -E2BIG, "a query has more than %d parts", PROMQL_NODES_MAX);
	d = ARENA_NEW(p->arena, struct promql_duration);
	if (!d)
		return parser_no_memory(p);
	*d = value;
	*ret = d;
	return 0;
}

static int seconds_to_ns(struct promql_parser *p, double seconds, int64_t *ret_ns)
{
	const double ns = round(seconds * NS_PER_S);

	if (!(fabs(ns) < 9.2e18))
		return promql_fail(p->err, p->text, p->at->text.p, "duration out of range");
	*ret_ns = (int64_t)ns;
	return 0;
}

/* The literal that is the next token; a number is one of seconds. */
static int literal(struct promql_parser *p, const struct promql_duration **ret)
{
	struct promql_duration d = { .kind = PROMQL_DURATION_LITERAL };
	int r = 0;

	if (parser_is(p, TOKEN_DURATION)) {
		d.ns = p->at->ns;
		if (!d.ns && p->options.level < PROMQL_NEWEST)
			return promql_fail(p->err, p->text, p->at->text.p, "a zero duration");
	} else if (parser_is(p, TOKEN_NUMBER) && p->options.level >= PROMQL_3_0) {
		r = seconds_to_ns(p, p->at->number, &d.ns);
	} else {
		return parser_fail(p, "a duration");
	}
	if (r < 0)
		return r;
	p->at++;
	return new_duration(p, d, ret);
}

/* step() and range() */
static int bare_call(
	struct promql_parser *p, enum promql_duration_kind kind, const struct promql_duration **ret)
{
	int r;

	p->at++;
	r = parser_expect(p, TOKEN_LPAREN, "'('");
	if (r >= 0)
		r = parser_expect(p, TOKEN_RPAREN, "')'");
	return r < 0 ? r : new_duration(p, (struct promql_duration){ .kind = kind }, ret);
}

/* max_of(a, b) and min_of(a, b) */
static int pair_call(
	struct promql_parser *p, enum promql_duration_kind kind, const struct promql_duration **ret)
{
	struct promql_duration d = { .kind = kind };
	int r;

	p->at++;
	r = parser_expect(p, TOKEN_LPAREN, "'('");
	if (r >= 0)
		r = parser_duration(p, &d.left);
	if (r >= 0)
		r = parser_expect(p, TOKEN_COMMA, "','");
	if (r >= 0)
		r = parser_duration(p, &d.right);
	if (r >= 0)
		r = parser_expect(p, TOKEN_RPAREN, "')'");
	return r < 0 ? r : new_duration(p, d, ret);
}

static bool is_call(const struct promql_parser *p)
{
	return parser_is_word(p, WORD_STEP) || parser_is_word(p, WORD_RANGE) ||
		parser_is_word(p, WORD_MAX_OF) || parser_is_word(p, WORD_MIN_OF);
}

static int call(struct promql_parser *p, const struct promql_duration **ret)
{
	if (parser_is_word(p, WORD_STEP))
		return bare_call(p, PROMQL_DURATION_STEP, ret);
	if (parser_is_word(p, WORD_RANGE))
		return bare_call(p, PROMQL_DURATION_RANGE, ret);
	if (parser_is_word(p, WORD_MAX_OF))
		return pair_call(p, PROMQL_DURATION_MAX_OF, ret);
	return pair_call(p, PROMQL_DURATION_MIN_OF, ret);
}

static int paren(struct promql_parser *p, const struct promql_duration **ret)
{
	struct promql_duration d = { .kind = PROMQL_DURATION_PAREN };
	int r;

	p->at++;
	r = parser_duration(p, &d.right);
	if (r >= 0)
		r = parser_expect(p, TOKEN_RPAREN, "')'");
	return r < 0 ? r : new_duration(p, d, ret);
}

static bool is_sign(const struct promql_parser *p)
{
	return parser_is(p, TOKEN_ADD) || parser_is(p, TOKEN_SUB);
}

/* A sign before an operand; one on a literal is part of it. */
static int with_sign(struct promql_parser *p, char sign, const struct promql_duration *operand,
	const struct promql_duration **ret)
{
	struct promql_duration d = { .kind = PROMQL_DURATION_UNARY, .op = sign, .right = operand };

	if (operand->kind != PROMQL_DURATION_LITERAL)
		return new_duration(p, d, ret);
	d = *operand;
	if (sign == '-')
		d.ns = -d.ns;
	return new_duration(p, d, ret);
}

static int unary(struct promql_parser *p, const struct promql_duration **ret)
{
	const struct promql_duration *operand;
	const char sign = parser_is(p, TOKEN_ADD) ? '+' : '-';
	int r;

	p->at++;
	r = duration_level(LEVEL_POW, p, &operand);
	return r < 0 ? r : with_sign(p, sign, operand, ret);
}

static int primary(struct promql_parser *p, const struct promql_duration **ret)
{
	if (p->options.level < PROMQL_NEWEST)
		return literal(p, ret);
	if (is_sign(p))
		return unary(p, ret);
	if (is_call(p))
		return call(p, ret);
	if (parser_is(p, TOKEN_LPAREN))
		return paren(p, ret);
	return literal(p, ret);
}

static int op_level(const struct promql_parser *p, char *ret_op)
{
	switch (p->at->kind) {
	case TOKEN_ADD:
		*ret_op = '+';
		return LEVEL_ADD;
	case TOKEN_SUB:
		*ret_op = '-';
		return LEVEL_ADD;
	case TOKEN_MUL:
		*ret_op = '*';
		return LEVEL_MUL;
	case TOKEN_DIV:
		*ret_op = '/';
		return LEVEL_MUL;
	case TOKEN_MOD:
		*ret_op = '%';
		return LEVEL_MUL;
	case TOKEN_POW:
		*ret_op = '^';
		return LEVEL_POW;
	default:
		return 0;
	}
}

static int duration_level(int min, struct promql_parser *p, const struct promql_duration **ret)
{
	const struct promql_duration *left;
	char op;
	int level, r = parser_enter(p);

	if (r >= 0)
		r = primary(p, &left);
	while (r >= 0 && p->options.level >= PROMQL_NEWEST && (level = op_level(p, &op)) >= min &&
		level) {
		struct promql_duration d = {
			.kind = PROMQL_DURATION_BINARY, .op = op, .left = left
		};
		const char *at = (++p->at)->text.p;

		r = duration_level(op == '^' ? level : level + 1, p, &d.right);
		if (r < 0)
			break;
		if ((op == '/' || op == '%') && d.right->kind == PROMQL_DURATION_LITERAL &&
			!d.right->ns) {
			r = promql_fail(p->err, p->text, at, "division of a duration by zero");
			break;
		}
		r = new_duration(p, d, &left);
	}
	parser_leave(p);
	if (r >= 0)
		*ret = left;
	return r;
}

int parser_duration(struct promql_parser *p, const struct promql_duration **ret_duration)
{
	return duration_level(LEVEL_ADD, p, ret_duration);
}

int parser_positive_duration(struct promql_parser *p, const struct promql_duration **ret_duration)
{
	const char *at = p->at->text.p;
	const struct promql_duration *d;
	int r = parser_duration(p, &d);

	if (r < 0)
		return r;
	if (d->kind == PROMQL_DURATION_LITERAL && d->ns <= 0)
		return promql_fail(p->err, p->text, at, "the duration must be greater than 0");
	*ret_duration = d;
	return 0;
}

/* One sign or none, then something that ends by itself. */
static int offset_operand(struct promql_parser *p, const struct promql_duration **ret)
{
	const bool is_signed = is_sign(p);
	const char sign = parser_is(p, TOKEN_SUB) ? '-' : '+';
	const struct promql_duration *operand;
	int r;

	/* Old versions know '-' alone. */
	if (is_signed && sign == '+' && p->options.level < PROMQL_NEWEST)
		return parser_fail(p, "a duration");
	if (is_signed)
		p->at++;
	if (p->options.level >= PROMQL_NEWEST && is_call(p))
		r = call(p, &operand);
	else if (p->options.level >= PROMQL_NEWEST && is_signed && parser_is(p, TOKEN_LPAREN))
		r = paren(p, &operand);
	else
		r = literal(p, &operand);
	if (r >= 0 && is_signed)
		return with_sign(p, sign, operand, ret);
	if (r >= 0)
		*ret = operand;
	return r;
}

int parser_offset(struct promql_parser *p, struct promql_modifiers *modifiers)
{
	const bool two_signs = is_sign(p) &&
		(p->at[1].kind == TOKEN_ADD || p->at[1].kind == TOKEN_SUB);
	const struct promql_duration *d;
	int r;

	if (modifiers->offset_given)
		return parser_fail(p, "no second offset");
	if (p->options.level >= PROMQL_NEWEST && (two_signs || parser_is(p, TOKEN_LPAREN)))
		r = parser_duration(p, &d);
	else
		r = offset_operand(p, &d);
	if (r < 0)
		return r;
	modifiers->offset_given = true;
	modifiers->offset = d->kind == PROMQL_DURATION_LITERAL && !d->ns ? NULL : d;
	return 0;
}

int parser_signed_number(struct promql_parser *p, double *ret_number)
{
	const bool negative = parser_is(p, TOKEN_SUB);
	double value;

	if (is_sign(p))
		p->at++;
	if (parser_is(p, TOKEN_NUMBER))
		value = p->at->number;
	else if (parser_is(p, TOKEN_DURATION) && p->options.level >= PROMQL_3_0)
		value = (double)p->at->ns / NS_PER_S;
	else
		return parser_fail(p, "a number");
	p->at++;
	*ret_number = negative ? -value : value;
	return 0;
}

static int at_bound(struct promql_parser *p, enum promql_at at, struct promql_modifiers *modifiers)
{
	int r;

	p->at++;
	r = parser_expect(p, TOKEN_LPAREN, "'('");
	if (r >= 0)
		r = parser_expect(p, TOKEN_RPAREN, "')'");
	if (r >= 0)
		modifiers->at = at;
	return r;
}

int parser_at(struct promql_parser *p, struct promql_modifiers *modifiers)
{
	const char *where = p->at->text.p;
	double seconds;
	int r;

	if (modifiers->at != PROMQL_AT_NONE)
		return parser_fail(p, "no second '@'");
	if (parser_is_word(p, WORD_START))
		return at_bound(p, PROMQL_AT_START, modifiers);
	if (parser_is_word(p, WORD_END))
		return at_bound(p, PROMQL_AT_END, modifiers);
	r = parser_signed_number(p, &seconds);
	if (r < 0)
		return r;
	if (!(fabs(seconds) <= AT_SECONDS_MAX))
		return promql_fail(p->err, p->text, where, "timestamp out of range");
	modifiers->at = PROMQL_AT_TIME;
	modifiers->at_ms = (int64_t)llround(seconds * 1e3);
	return 0;
}
