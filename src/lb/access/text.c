// SPDX-License-Identifier: Apache-2.0
#include "lb/access/text.h"

#include <errno.h>

#include "basic/macros.h"

int text_keep(struct buffer *buffer, struct arena *arena, struct slice *ret_text)
{
	int r = buffer_error(buffer);

	if (r >= 0) {
		const size_t n = buffer->len;
		const char *copy = arena_strndup(arena, buffer_text(buffer), n);

		if (copy)
			*ret_text = (struct slice){ copy, n };
		else
			r = -ENOMEM;
	}
	buffer_done(buffer);
	return r;
}

const char *text_excerpt(struct slice text, char buffer[static TEXT_EXCERPT_MAX])
{
	enum { ROOM = TEXT_EXCERPT_MAX - 4 }; /* "..." and NUL */
	size_t n = 0, i = 0;

	while (i < text.n) {
		uint32_t code = 0;
		const size_t len = str_utf8_next(text.p + i, text.n - i, &code);

		if (n + MAX(len, 1) > ROOM) {
			memcpy(buffer + n, "...", 3);
			n += 3;
			break;
		}
		if (!len) {
			buffer[n++] = '?';
		} else if (code < ' ' || code == 0x7f) {
			buffer[n++] = ' ';
		} else {
			memcpy(buffer + n, text.p + i, len);
			n += len;
		}
		i += MAX(len, 1);
	}
	buffer[n] = '\0';
	return buffer;
}
