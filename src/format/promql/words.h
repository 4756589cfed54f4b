// SPDX-License-Identifier: Apache-2.0
/* The reserved words of PromQL, of any letter case, and what each may stand for besides. */
#ifndef CEEMS_FORMAT_PROMQL_WORDS_H
#define CEEMS_FORMAT_PROMQL_WORDS_H

#include <stdbool.h>

#include "basic/str.h"
#include "format/promql/promql.h"

enum promql_word {
	WORD_NONE, /* an ordinary name */
	WORD_AND,
	WORD_OR,
	WORD_UNLESS,
	WORD_ATAN2,
	WORD_AGGREGATION,
	WORD_OFFSET,
	WORD_BY,
	WORD_WITHOUT,
	WORD_ON,
	WORD_IGNORING,
	WORD_GROUP_LEFT,
	WORD_GROUP_RIGHT,
	WORD_BOOL,
	WORD_START,
	WORD_END,
	WORD_STEP,
	WORD_RANGE,
	WORD_MAX_OF,
	WORD_MIN_OF,
	WORD_ANCHORED,
	WORD_SMOOTHED,
	WORD_FILL,
	WORD_FILL_LEFT,
	WORD_FILL_RIGHT,
	WORD_INF,
	WORD_NAN,
};

struct promql_word_row {
	const char *text; /* lower case */
	enum promql_word word;
	bool is_metric; /* may name a metric where an operand is expected */
	bool is_label; /* may stand bare in a list of labels */
	bool experimental;
	enum promql_level since;
};

/* NULL: an ordinary name in a version. */
const struct promql_word_row *promql_word_find(struct slice text, enum promql_level level);

#endif
