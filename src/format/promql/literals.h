// SPDX-License-Identifier: Apache-2.0
/* Numbers, durations and strings at the start of a text. Each returns how many bytes it took. */
#ifndef CEEMS_FORMAT_PROMQL_LITERALS_H
#define CEEMS_FORMAT_PROMQL_LITERALS_H

#include "format/promql/lexer.h"

/*
 * A number or a duration; text starts with a digit, or a dot and a digit. Sets the token's kind and
 * value. 0: it is neither.
 */
size_t promql_scan_number(struct slice text, enum promql_level level, struct promql_token *token);

/*
 * A string; text starts with its quote. Sets the token's string. 0: it is none, *ret_reason says
 * why; out of memory has no reason (NULL).
 */
size_t promql_scan_string(struct slice text, struct arena *arena, struct promql_token *token,
	const char **ret_reason);

#endif
