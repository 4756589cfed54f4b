// SPDX-License-Identifier: Apache-2.0
/*
 * Form-encoded parameters (WHATWG URL, 5.1: application/x-www-form-urlencoded), read strictly:
 * what another reader could drop, split or read otherwise refuses the whole text (spec promql.md
 * 6.3). Each escape is decoded once, here.
 */
#ifndef CEEMS_LB_ACCESS_FORM_H
#define CEEMS_LB_ACCESS_FORM_H

#include <stdbool.h>

#include "basic/arena.h"
#include "basic/buffer.h"
#include "basic/str.h"

enum { FORM_PAIRS_MAX = 256 };

struct form_pair {
	struct slice name, value; /* decoded, valid UTF-8, no NUL */
};

struct form {
	struct form_pair *v;
	size_t n, cap;
};

/*
 * Appends the pairs of the text. -EBADMSG: malformed escape, ';', NUL, no UTF-8; -E2BIG: more than
 * FORM_PAIRS_MAX; both with a word on what is wrong; -ENOMEM.
 */
int form_read(struct slice text, struct arena *arena, struct form *form, const char **ret_reason);

/* Appends "name=value", after a '&' if something is there already. */
void form_put(struct buffer *out, const char *name, struct slice value);

/* Escapes all but letters, digits, '-', '.', '_' and '~' (RFC 3986 2.3). */
void form_escape(struct buffer *out, struct slice text);

/* The byte of the escape at text[0] == '%'; negative: it is none. */
int form_unescape(struct slice text);

/*
 * Whether a Content-Type is that of a form: the type in any case, well-formed parameters, whose
 * charset is UTF-8 if it is given.
 */
bool form_is_type(struct slice content_type);

#endif
