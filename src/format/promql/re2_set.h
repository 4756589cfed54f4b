// SPDX-License-Identifier: Apache-2.0
/*
 * Regular expressions that are nothing but a list of literal strings, so that it is known what they
 * match: "7001|7002", "70(01|02)", "700[1-2]".
 */
#ifndef CEEMS_FORMAT_PROMQL_RE2_SET_H
#define CEEMS_FORMAT_PROMQL_RE2_SET_H

#include "basic/arena.h"
#include "basic/buffer.h"
#include "basic/str.h"

enum {
	RE2_SET_PATTERN_MAX = 4096,
	RE2_SET_DEPTH_MAX = 16,
	RE2_SET_MEMBERS_MAX = 256,
	RE2_SET_BYTES_MAX = 16 * 1024,
};

struct re2_set {
	const struct slice *members; /* sorted by bytes, distinct; at least one */
	size_t n;
};

/*
 * Takes characters, escaped punctuation, alternatives, groups and classes of single characters and
 * of ranges within digits, small or capital letters. 0; -ERANGE: the pattern is more than that,
 * not balanced, or over a limit; -ENOMEM. A set with the empty string also fits series without the
 * label.
 */
int re2_set_parse(struct slice pattern, struct arena *arena, struct re2_set *ret_set);

/* The members as a pattern that every engine reads alike. */
void re2_set_print(const struct re2_set *set, struct buffer *out);

#endif
