// SPDX-License-Identifier: Apache-2.0
/*
 * The tokens of a query. The whole text is cut up before anything is parsed: a byte that fits
 * nowhere refuses the query wherever it stands.
 */
#ifndef CEEMS_FORMAT_PROMQL_LEXER_H
#define CEEMS_FORMAT_PROMQL_LEXER_H

#include "format/promql/promql.h"
#include "format/promql/words.h"

enum promql_token_kind {
	TOKEN_END,
	TOKEN_WORD, /* a name without a colon outside of braces; a reserved word has its row */
	TOKEN_METRIC, /* a name with a colon */
	TOKEN_LABEL, /* a name in braces */
	TOKEN_NUMBER, /* number */
	TOKEN_DURATION, /* ns */
	TOKEN_STRING, /* string */
	TOKEN_ADD,
	TOKEN_SUB,
	TOKEN_MUL,
	TOKEN_DIV,
	TOKEN_MOD,
	TOKEN_POW,
	TOKEN_EQL, /* == */
	TOKEN_NEQ, /* !=, in braces too */
	TOKEN_LTE,
	TOKEN_LSS,
	TOKEN_GTE,
	TOKEN_GTR,
	TOKEN_TRIM_UPPER,
	TOKEN_TRIM_LOWER,
	TOKEN_AT,
	TOKEN_ASSIGN, /* = */
	TOKEN_REGEX, /* =~ */
	TOKEN_NOT_REGEX, /* !~ */
	TOKEN_LPAREN,
	TOKEN_RPAREN,
	TOKEN_LBRACE,
	TOKEN_RBRACE,
	TOKEN_LBRACKET,
	TOKEN_RBRACKET,
	TOKEN_COMMA,
	TOKEN_COLON, /* in brackets */
};

struct promql_token {
	enum promql_token_kind kind;
	struct slice text; /* as it stands in the query */
	const struct promql_word_row *word; /* NULL: an ordinary name */
	union {
		double number;
		int64_t ns;
		struct slice string; /* unquoted */
	};
};

/*
 * The array ends with TOKEN_END, whose text is empty and at the end. -EBADMSG, -E2BIG, -ENOMEM.
 */
int promql_lex(struct slice text, enum promql_level level, struct arena *arena,
	const struct promql_token **ret_tokens, struct err *err);

/* Sets err to the reason and the place: line and column of at, counted from 1, in bytes. */
int promql_fail(struct err *err, struct slice text, const char *at, const char *format, ...)
	PRINTF_FORMAT(4, 5);

#endif
