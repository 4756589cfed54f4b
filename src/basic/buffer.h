// SPDX-License-Identifier: Apache-2.0
/*
 * A growing byte string with a cap. Failures stick: append as often as needed, then look at
 * buffer_error() once. The bytes are always followed by a NUL that is not counted in len.
 */
#ifndef CEEMS_BASIC_BUFFER_H
#define CEEMS_BASIC_BUFFER_H

#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "basic/macros.h"

struct buffer {
	char *data; /* NULL until the first append */
	size_t len;
	size_t cap;
	size_t limit; /* cap on len, 0 = none */
	int error; /* 0, -ENOMEM or -E2BIG; sticky until clear */
};

void buffer_init(struct buffer *buf, size_t limit);
void buffer_done(struct buffer *buf);
void buffer_clear(struct buffer *buf); /* keeps the memory */

/* Room for more bytes behind len; NULL (and a sticky error) if that cannot be had. */
char *buffer_reserve(struct buffer *buf, size_t more);

/* Gives back the room behind the text, for one that will wait. */
void buffer_shrink(struct buffer *buf);
void buffer_append(struct buffer *buf, const void *data, size_t len);
void buffer_printf(struct buffer *buf, const char *format, ...) PRINTF_FORMAT(2, 3);
void buffer_vprintf(struct buffer *buf, const char *format, va_list args);

static inline void buffer_puts(struct buffer *buf, const char *text)
{
	buffer_append(buf, text, strlen(text));
}

static inline void buffer_putc(struct buffer *buf, char c)
{
	if (buf->len + 1 < buf->cap && !buf->error && (!buf->limit || buf->len < buf->limit)) {
		buf->data[buf->len++] = c;
		buf->data[buf->len] = '\0';
		return;
	}
	buffer_append(buf, &c, 1);
}

static inline int buffer_error(const struct buffer *buf)
{
	return buf->error;
}

/* The text so far, never NULL. */
static inline const char *buffer_text(const struct buffer *buf)
{
	return buf->data ? buf->data : "";
}

#endif
