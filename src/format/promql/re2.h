// SPDX-License-Identifier: Apache-2.0
/*
 * The syntax of regular expressions as Prometheus takes them (RE2,
 * github.com/google/re2/wiki/Syntax, in the form of Go's package regexp): whether one is good, and
 * whether it matches the empty string. Nothing is matched here.
 */
#ifndef CEEMS_FORMAT_PROMQL_RE2_H
#define CEEMS_FORMAT_PROMQL_RE2_H

#include <stdbool.h>

#include "basic/str.h"

enum {
	RE2_PATTERN_MAX = 16 * 1024,
	RE2_DEPTH_MAX = 200,
	RE2_REPEAT_MAX = 1000, /* of nested repeats: their product */
};

/*
 * 0, or -EBADMSG with a word on what is wrong. Whether it matches the empty string, anchored at
 * both ends. Both pointers may be NULL.
 */
int re2_check(struct slice pattern, bool *ret_matches_empty, const char **ret_reason);

#endif
