// SPDX-License-Identifier: Apache-2.0
/* Standard base64 (RFC 4648, section 4). */
#ifndef CEEMS_BASIC_BASE64_H
#define CEEMS_BASIC_BASE64_H

#include <sys/types.h>

#include "basic/buffer.h"
#include "basic/str.h"

/* Room that decoding n characters needs at most. */
#define BASE64_DECODED_MAX(n) ((n) / 4 * 3 + 3)

/* With or without its padding; no blanks. The length, or -EBADMSG (also when cap is too small). */
ssize_t base64_decode(struct slice text, char *out, size_t cap);

/* Appends the text of these bytes, with its padding. */
void base64_encode(struct slice bytes, struct buffer *out);

#endif
