// SPDX-License-Identifier: Apache-2.0
#include "basic/buffer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_BYTES = 256 };

void buffer_init(struct buffer *buf, size_t limit)
{
	*buf = (struct buffer){ .limit = limit };
}

void buffer_done(struct buffer *buf)
{
	free(buf->data);
	buf->data = NULL;
	buf->len = buf->cap = 0;
}

void buffer_clear(struct buffer *buf)
{
	buf->len = 0;
	buf->error = 0;
	if (buf->data)
		buf->data[0] = '\0';
}

char *buffer_reserve(struct buffer *buf, size_t more)
{
	size_t cap = MAX(buf->cap, FIRST_BYTES);
	char *data;

	if (buf->error)
		return NULL;
	if (more > SIZE_MAX / 4 || buf->len > SIZE_MAX / 4 ||
		(buf->limit && buf->len + more > buf->limit)) {
		buf->error = -E2BIG;
		return NULL;
	}
	while (cap < buf->len + more + 1)
		cap *= 2;
	if (cap > buf->cap) {
		data = realloc(buf->data, cap);
		if (!data) {
			buf->error = -ENOMEM;
			return NULL;
		}
		buf->data = data;
		buf->cap = cap;
		buf->data[buf->len] = '\0';
	}
	return buf->data + buf->len;
}

void buffer_shrink(struct buffer *buf)
{
	char *data = buf->data ? realloc(buf->data, buf->len + 1) : NULL;

	if (!data)
		return;
	buf->data = data;
	buf->cap = buf->len + 1;
}

/* As it is mostly, and what most of a head's or an answer's making is. */
static bool has_room(const struct buffer *buf, size_t len)
{
	return len < buf->cap - buf->len && !buf->error &&
		(!buf->limit || buf->len + len <= buf->limit);
}

void buffer_append(struct buffer *buf, const void *data, size_t len)
{
	char *p = has_room(buf, len) ? buf->data + buf->len : buffer_reserve(buf, len);

	if (!p)
		return;
	if (len)
		memcpy(p, data, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
}

void buffer_vprintf(struct buffer *buf, const char *format, va_list args)
{
	va_list copy;
	char *p;
	int n;

	va_copy(copy, args);
	n = vsnprintf(NULL, 0, format, copy);
	va_end(copy);
	if (n < 0) {
		buf->error = -EINVAL;
		return;
	}
	p = buffer_reserve(buf, (size_t)n);
	if (!p)
		return;
	vsnprintf(p, (size_t)n + 1, format, args);
	buf->len += (size_t)n;
}

void buffer_printf(struct buffer *buf, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	buffer_vprintf(buf, format, args);
	va_end(args);
}
