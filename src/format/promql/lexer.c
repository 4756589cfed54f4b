// SPDX-License-Identifier: Apache-2.0
#include "format/promql/lexer.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "format/promql/literals.h"

enum { REASON_MAX = 512, FIRST_TOKENS = 64 };

struct lexer {
	struct slice text;
	size_t at;
	enum promql_level level;
	struct arena *arena;
	struct err *err;
	struct promql_token *tokens;
	size_t n, cap;
	unsigned parens;
	bool in_braces, in_brackets;
	bool bracket_number; /* a number or a duration was in these brackets */
	bool bracket_any; /* a number, a duration or a word was */
	bool bracket_colon;
};

int promql_fail(struct err *err, struct slice text, const char *at, const char *format, ...)
{
	char reason[REASON_MAX];
	size_t line = 1, column = 1;
	va_list args;

	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	for (const char *p = text.p; p < at; p++) {
		column++;
		if (*p == '\n') {
			line++;
			column = 1;
		}
	}
	return err_set(err, -EBADMSG, "%zu:%zu: parse error: %s", line, column, reason);
}

static int fail_here(struct lexer *l, const char *reason)
{
	return promql_fail(l->err, l->text, l->text.p + l->at, "%s", reason);
}

static int fail_byte(struct lexer *l)
{
	const unsigned char c = (unsigned char)l->text.p[l->at];

	if (c > ' ' && c < 0x7f)
		return promql_fail(l->err, l->text, l->text.p + l->at,
			"unexpected character '%c'%s", c, l->in_braces ? " inside braces" : "");
	return promql_fail(l->err, l->text, l->text.p + l->at, "unexpected byte 0x%02x", c);
}

static struct slice rest(const struct lexer *l)
{
	return (struct slice){ l->text.p + l->at, l->text.n - l->at };
}

static int push(struct lexer *l, struct promql_token token, size_t n)
{
	if (l->n == l->cap) {
		size_t more = l->cap ? l->cap * 2 : FIRST_TOKENS;
		struct promql_token *v = arena_grow(l->arena, l->tokens, l->n, more, sizeof(*v));

		if (!v)
			return err_errno(l->err, -ENOMEM, "parsing a query");
		l->tokens = v;
		l->cap = more;
	}
	token.text = (struct slice){ l->text.p + l->at, n };
	l->tokens[l->n++] = token;
	l->at += n;
	return 0;
}

static bool is_alpha(char c)
{
	return c == '_' || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool comments_allowed(const struct lexer *l)
{
	return !l->in_brackets || l->bracket_number;
}

static void skip_blanks(struct lexer *l)
{
	for (; l->at < l->text.n; l->at++) {
		if (l->text.p[l->at] == '#' && comments_allowed(l)) {
			while (l->at < l->text.n && l->text.p[l->at] != '\n' &&
				l->text.p[l->at] != '\r')
				l->at++;
			if (l->at == l->text.n)
				return;
		}
		if (!is_blank(l->text.p[l->at]))
			return;
	}
}

static size_t word_length(const struct lexer *l, bool colons)
{
	size_t n = 0;

	while (l->at + n < l->text.n) {
		const char c = l->text.p[l->at + n];

		if (!is_alpha(c) && !is_digit(c) && !(colons && c == ':'))
			break;
		n++;
	}
	return n;
}

/* 'fill' is reserved only before a parenthesis. */
static bool is_fill(const struct promql_word_row *row)
{
	return row &&
		(row->word == WORD_FILL || row->word == WORD_FILL_LEFT ||
			row->word == WORD_FILL_RIGHT);
}

static bool paren_follows(const struct lexer *l, size_t n)
{
	size_t i = l->at + n;

	while (i < l->text.n && is_blank(l->text.p[i]))
		i++;
	return i < l->text.n && l->text.p[i] == '(';
}

static bool is_duration_word(const struct promql_word_row *row)
{
	return row &&
		(row->word == WORD_STEP || row->word == WORD_RANGE || row->word == WORD_MAX_OF ||
			row->word == WORD_MIN_OF);
}

static int lex_word(struct lexer *l)
{
	const size_t n = word_length(l, !l->in_brackets);
	const struct slice text = { l->text.p + l->at, n };
	struct promql_token token = { .kind = TOKEN_WORD };

	if (memchr(text.p, ':', text.n)) {
		token.kind = TOKEN_METRIC;
		return push(l, token, n);
	}
	token.word = promql_word_find(text, l->level);
	if (is_fill(token.word) && !paren_follows(l, n))
		token.word = NULL;
	if (l->in_brackets && !is_duration_word(token.word))
		return fail_here(l, "a name where a duration is expected");
	l->bracket_any = true;
	if (token.word && (token.word->word == WORD_INF || token.word->word == WORD_NAN)) {
		token.kind = TOKEN_NUMBER;
		token.number = token.word->word == WORD_INF ? (double)INFINITY : (double)NAN;
		token.word = NULL;
	}
	return push(l, token, n);
}

static int lex_number(struct lexer *l)
{
	struct promql_token token = { .kind = TOKEN_NUMBER };
	size_t n = promql_scan_number(rest(l), l->level, &token);

	if (!n)
		return fail_here(l, "bad number or duration syntax");
	l->bracket_number = l->bracket_any = true;
	return push(l, token, n);
}

static int lex_string(struct lexer *l)
{
	struct promql_token token = { .kind = TOKEN_STRING };
	const char *reason;
	size_t n = promql_scan_string(rest(l), l->arena, &token, &reason);

	if (!n && !reason)
		return err_errno(l->err, -ENOMEM, "parsing a query");
	return n ? push(l, token, n) : fail_here(l, reason);
}

struct symbol {
	const char *text; /* one or two characters */
	enum promql_token_kind kind;
	enum promql_level since;
};

#define ALWAYS PROMQL_2_42

/* Longest first. */
static const struct symbol general_symbols[] = {
	{ "</", TOKEN_TRIM_UPPER, PROMQL_NEWEST },
	{ ">/", TOKEN_TRIM_LOWER, PROMQL_NEWEST },
	{ "==", TOKEN_EQL, ALWAYS },
	{ "!=", TOKEN_NEQ, ALWAYS },
	{ "<=", TOKEN_LTE, ALWAYS },
	{ ">=", TOKEN_GTE, ALWAYS },
	{ "<", TOKEN_LSS, ALWAYS },
	{ ">", TOKEN_GTR, ALWAYS },
	{ "+", TOKEN_ADD, ALWAYS },
	{ "-", TOKEN_SUB, ALWAYS },
	{ "*", TOKEN_MUL, ALWAYS },
	{ "/", TOKEN_DIV, ALWAYS },
	{ "%", TOKEN_MOD, ALWAYS },
	{ "^", TOKEN_POW, ALWAYS },
	{ "@", TOKEN_AT, ALWAYS },
	{ "(", TOKEN_LPAREN, ALWAYS },
	{ ")", TOKEN_RPAREN, ALWAYS },
	{ "{", TOKEN_LBRACE, ALWAYS },
	{ "[", TOKEN_LBRACKET, ALWAYS },
	{ "]", TOKEN_RBRACKET, ALWAYS },
	{ ",", TOKEN_COMMA, ALWAYS },
};

static const struct symbol brace_symbols[] = {
	{ "=~", TOKEN_REGEX, ALWAYS },
	{ "!=", TOKEN_NEQ, ALWAYS },
	{ "!~", TOKEN_NOT_REGEX, ALWAYS },
	{ "=", TOKEN_ASSIGN, ALWAYS },
	{ ",", TOKEN_COMMA, ALWAYS },
	{ "}", TOKEN_RBRACE, ALWAYS },
};

static const struct symbol *find_symbol(
	const struct lexer *l, const struct symbol *symbols, size_t n_symbols)
{
	const struct slice here = rest(l);

	for (size_t i = 0; i < n_symbols; i++) {
		const char *text = symbols[i].text;

		if (*here.p == *text && (!text[1] || (here.n > 1 && here.p[1] == text[1])) &&
			symbols[i].since <= l->level)
			return &symbols[i];
	}
	return NULL;
}

/* What brackets and parentheses change for what follows. NULL, or why it may not stand here. */
static const char *enter(struct lexer *l, enum promql_token_kind kind)
{
	switch (kind) {
	case TOKEN_LBRACE:
		l->in_braces = true;
		return l->in_brackets ? "a brace inside brackets" : NULL;
	case TOKEN_RBRACE:
		l->in_braces = false;
		return NULL;
	case TOKEN_LBRACKET:
		if (l->in_brackets)
			return "a bracket inside brackets";
		l->in_brackets = true;
		l->bracket_number = l->bracket_any = l->bracket_colon = false;
		return NULL;
	case TOKEN_RBRACKET:
		if (!l->in_brackets)
			return "a closing bracket without an opening one";
		l->in_brackets = false;
		return NULL;
	case TOKEN_LPAREN:
		l->parens++;
		return NULL;
	case TOKEN_RPAREN:
		return l->parens-- == 0 ? "a closing parenthesis without an opening one" : NULL;
	default:
		return NULL;
	}
}

static int lex_symbol(struct lexer *l)
{
	const struct symbol *symbol = l->in_braces
		? find_symbol(l, brace_symbols, ARRAY_SIZE(brace_symbols))
		: find_symbol(l, general_symbols, ARRAY_SIZE(general_symbols));
	const char *reason;

	if (!symbol)
		return fail_byte(l);
	reason = enter(l, symbol->kind);
	if (reason)
		return fail_here(l, reason);
	return push(l, (struct promql_token){ .kind = symbol->kind }, strlen(symbol->text));
}

static int lex_colon(struct lexer *l)
{
	if (!l->bracket_any)
		return fail_here(l, "a colon before the range");
	if (l->bracket_colon)
		return fail_here(l, "a second colon in brackets");
	l->bracket_colon = true;
	return push(l, (struct promql_token){ .kind = TOKEN_COLON }, 1);
}

static int lex_one(struct lexer *l)
{
	const char c = l->text.p[l->at];
	const char next = l->at + 1 < l->text.n ? l->text.p[l->at + 1] : '\0';

	if (c == '"' || c == '\'' || c == '`')
		return lex_string(l);
	if (l->in_braces && is_alpha(c))
		return push(l, (struct promql_token){ .kind = TOKEN_LABEL }, word_length(l, false));
	if (l->in_braces)
		return lex_symbol(l);
	if (is_digit(c) || (c == '.' && is_digit(next)))
		return lex_number(l);
	if (l->in_brackets && c == ':')
		return lex_colon(l);
	if (is_alpha(c) || c == ':')
		return lex_word(l);
	/* '=' is a token that no rule takes, unless it is half of '=='. */
	return lex_symbol(l);
}

static int check_closed(struct lexer *l)
{
	if (l->in_braces)
		return fail_here(l, "an unclosed brace");
	if (l->in_brackets)
		return fail_here(l, "an unclosed bracket");
	if (l->parens)
		return fail_here(l, "an unclosed parenthesis");
	return 0;
}

int promql_lex(struct slice text, enum promql_level level, struct arena *arena,
	const struct promql_token **ret_tokens, struct err *err)
{
	struct lexer l = { .text = text, .level = level, .arena = arena, .err = err };
	int r = 0;

	if (text.n > PROMQL_TEXT_MAX)
		return err_set(err, -E2BIG, "a query of %zu bytes; at most %d are taken", text.n,
			PROMQL_TEXT_MAX);
	skip_blanks(&l);
	while (r >= 0 && l.at < text.n) {
		r = lex_one(&l);
		skip_blanks(&l);
	}
	if (r >= 0)
		r = check_closed(&l);
	if (r >= 0)
		r = push(&l, (struct promql_token){ .kind = TOKEN_END }, 0);
	if (r >= 0)
		*ret_tokens = l.tokens;
	return r;
}
