// SPDX-License-Identifier: Apache-2.0
/*
 * Regular expressions of flags. The dialect is that of PCRE2 with what RE2, which CEEMS uses, means
 * differently set as there: '$' is the end of the text only, \d, \w and letter case are ASCII
 * unless a class of Unicode is named. What RE2 has not (back references, looking around) works too.
 */
#ifndef CEEMS_FORMAT_PATTERN_H
#define CEEMS_FORMAT_PATTERN_H

#include <stdbool.h>

#include "basic/err.h"
#include "basic/macros.h"
#include "basic/str.h"

struct pattern;

/* -EINVAL with a sentence that has the place, -ENOMEM. */
int pattern_new(const char *text, struct pattern **ret_pattern, struct err *err);
void pattern_free(struct pattern *pattern); /* NULL is fine */
DEFINE_CLEANUP(struct pattern *, pattern_free);

/*
 * Whether it matches anywhere in the text, which may be any bytes. One that takes too many steps
 * doesn't match. Any thread.
 */
bool pattern_matches(const struct pattern *pattern, struct slice text);

#endif
