// SPDX-License-Identifier: Apache-2.0
#include "format/promql/words.h"

#include <strings.h>

#include "basic/macros.h"

#define OLD PROMQL_2_42

#define AGGREGATION(name, ...)                                  \
	{                                                       \
		name, WORD_AGGREGATION, true, true, __VA_ARGS__ \
	}

static const struct promql_word_row rows[] = {
	{ "and", WORD_AND, true, true, false, OLD },
	{ "or", WORD_OR, true, true, false, OLD },
	{ "unless", WORD_UNLESS, true, true, false, OLD },
	{ "atan2", WORD_ATAN2, false, true, false, OLD },
	AGGREGATION("sum", false, OLD),
	AGGREGATION("avg", false, OLD),
	AGGREGATION("count", false, OLD),
	AGGREGATION("min", false, OLD),
	AGGREGATION("max", false, OLD),
	AGGREGATION("group", false, OLD),
	AGGREGATION("stddev", false, OLD),
	AGGREGATION("stdvar", false, OLD),
	AGGREGATION("topk", false, OLD),
	AGGREGATION("bottomk", false, OLD),
	AGGREGATION("count_values", false, OLD),
	AGGREGATION("quantile", false, OLD),
	AGGREGATION("limitk", true, PROMQL_3_0),
	AGGREGATION("limit_ratio", true, PROMQL_3_0),
	{ "offset", WORD_OFFSET, true, true, false, OLD },
	{ "by", WORD_BY, true, true, false, OLD },
	{ "without", WORD_WITHOUT, true, false, false, OLD },
	{ "on", WORD_ON, false, true, false, OLD },
	{ "ignoring", WORD_IGNORING, false, true, false, OLD },
	{ "group_left", WORD_GROUP_LEFT, false, true, false, OLD },
	{ "group_right", WORD_GROUP_RIGHT, false, true, false, OLD },
	{ "bool", WORD_BOOL, false, true, false, OLD },
	{ "start", WORD_START, true, true, false, OLD },
	{ "end", WORD_END, true, true, false, OLD },
	{ "step", WORD_STEP, true, true, false, PROMQL_NEWEST },
	{ "range", WORD_RANGE, true, true, false, PROMQL_NEWEST },
	{ "max_of", WORD_MAX_OF, true, true, false, PROMQL_NEWEST },
	{ "min_of", WORD_MIN_OF, true, true, false, PROMQL_NEWEST },
	{ "anchored", WORD_ANCHORED, true, true, false, PROMQL_NEWEST },
	{ "smoothed", WORD_SMOOTHED, true, true, false, PROMQL_NEWEST },
	{ "fill", WORD_FILL, true, true, true, PROMQL_NEWEST },
	{ "fill_left", WORD_FILL_LEFT, true, true, true, PROMQL_NEWEST },
	{ "fill_right", WORD_FILL_RIGHT, true, true, true, PROMQL_NEWEST },
	{ "inf", WORD_INF, false, false, false, OLD },
	{ "nan", WORD_NAN, false, false, false, OLD },
};

const struct promql_word_row *promql_word_find(struct slice text, enum promql_level level)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (*rows[i].text == (*text.p | 0x20) && strlen(rows[i].text) == text.n &&
			strncasecmp(rows[i].text, text.p, text.n) == 0)
			return rows[i].since <= level ? &rows[i] : NULL;
	}
	return NULL;
}
