// SPDX-License-Identifier: Apache-2.0
/* Texts of one decision: built in a buffer, kept in its arena. */
#ifndef CEEMS_LB_ACCESS_TEXT_H
#define CEEMS_LB_ACCESS_TEXT_H

#include "basic/arena.h"
#include "basic/buffer.h"
#include "basic/str.h"

/* Moves the text of a buffer to the arena and frees the buffer. -ENOMEM, -E2BIG of the buffer. */
int text_keep(struct buffer *buffer, struct arena *arena, struct slice *ret_text);

enum { TEXT_EXCERPT_MAX = 160 };

/*
 * What a person gets to see of a text from outside: its beginning, in one line of valid UTF-8.
 * Returns buffer.
 */
const char *text_excerpt(struct slice text, char buffer[static TEXT_EXCERPT_MAX]);

#endif
