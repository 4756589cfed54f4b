// SPDX-License-Identifier: Apache-2.0
/* What the files of the parser share. Each function takes the tokens that it names. */
#ifndef CEEMS_FORMAT_PROMQL_PARSER_H
#define CEEMS_FORMAT_PROMQL_PARSER_H

#include "format/promql/lexer.h"
#include "format/promql/promql.h"

enum { PARSER_SHOWN_MAX = 40 }; /* bytes of a query in a message */

struct promql_parser {
	struct slice text;
	const struct promql_token *at; /* the next one */
	struct promql_options options;
	struct arena *arena;
	struct err *err;
	unsigned depth, n_nodes;
};

int parser_fail(struct promql_parser *p, const char *expected); /* at the next token */
int parser_no_memory(struct promql_parser *p);

/* Counts a level of nesting; leave() when it is done. -E2BIG. */
int parser_enter(struct promql_parser *p);
void parser_leave(struct promql_parser *p);

static inline bool parser_is(const struct promql_parser *p, enum promql_token_kind kind)
{
	return p->at->kind == kind;
}

static inline bool parser_is_word(const struct promql_parser *p, enum promql_word word)
{
	return p->at->kind == TOKEN_WORD && p->at->word && p->at->word->word == word;
}

static inline bool parser_take(struct promql_parser *p, enum promql_token_kind kind)
{
	if (p->at->kind != kind)
		return false;
	p->at++;
	return true;
}

static inline bool parser_take_word(struct promql_parser *p, enum promql_word word)
{
	if (!parser_is_word(p, word))
		return false;
	p->at++;
	return true;
}

int parser_expect(struct promql_parser *p, enum promql_token_kind kind, const char *expected);

/* A zeroed node whose text begins at the next token. */
int parser_node(struct promql_parser *p, enum promql_kind kind, struct promql_node **ret_node);
/* Its text ends before the next token. */
void parser_end_node(struct promql_parser *p, struct promql_node *node);

/* expr */
int parser_expr(struct promql_parser *p, struct promql_node **ret_node);

/* A name, braces, or both: parse_selector.c. */
int parser_selector(struct promql_parser *p, struct promql_node **ret_node);
/* "(" label, ... ")" */
int parser_labels(struct promql_parser *p, struct promql_labels *ret_labels);

/* parse_duration.c */
int parser_duration(struct promql_parser *p, const struct promql_duration **ret_duration);
/* A range or a step, whose literal is more than zero. */
int parser_positive_duration(struct promql_parser *p, const struct promql_duration **ret_duration);
/* After their words: offset and @ */
int parser_offset(struct promql_parser *p, struct promql_modifiers *modifiers);
int parser_at(struct promql_parser *p, struct promql_modifiers *modifiers);
/* [sign] number or duration; in seconds */
int parser_signed_number(struct promql_parser *p, double *ret_number);

#endif
