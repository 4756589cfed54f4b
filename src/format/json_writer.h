// SPDX-License-Identifier: Apache-2.0
/*
 * JSON, written from front to back into a buffer; commas come by themselves.
 *
 *     struct json_writer w = json_writer(&buf);
 *     json_writer_open_object(&w);
 *     json_writer_key(&w, "status");
 *     json_writer_string(&w, "success");
 *     json_writer_close_object(&w);
 *
 * Failures stick in the buffer (buffer_error()). Strings are escaped as spec api-server.md 3.4
 * wants it (also <, >, & and U+2028/9, so that an answer is harmless inside HTML); invalid UTF-8
 * becomes U+FFFD. Text is otherwise as compact as it gets, without blanks.
 */
#ifndef CEEMS_FORMAT_JSON_WRITER_H
#define CEEMS_FORMAT_JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "basic/buffer.h"

struct json_writer {
	struct buffer *out;
	bool comma; /* an item stands in front of the next one */
};

static inline struct json_writer json_writer(struct buffer *out)
{
	return (struct json_writer){ out, false };
}

void json_writer_open_object(struct json_writer *w);
void json_writer_close_object(struct json_writer *w);
void json_writer_open_array(struct json_writer *w);
void json_writer_close_array(struct json_writer *w);

/* A value must follow. */
void json_writer_key(struct json_writer *w, const char *name);

void json_writer_string(struct json_writer *w, const char *text); /* NULL writes null */
void json_writer_string_n(struct json_writer *w, const char *text, size_t len);
void json_writer_int(struct json_writer *w, int64_t value);
void json_writer_bool(struct json_writer *w, bool value);
void json_writer_null(struct json_writer *w);

/*
 * Shortest digits that round-trip, with an exponent below 1e-6 and from 1e21 on, as encoding/json
 * and JavaScript do. NaN and infinities, for which JSON has no word, are written as 0.
 */
void json_writer_double(struct json_writer *w, double value);

/* A value that is JSON already, but for bytes in its strings that are not UTF-8: these become
 * \ufffd.
 */
void json_writer_raw(struct json_writer *w, const char *json, size_t len);

/* The escaped text with its quotes, for those who build JSON by other means. */
void json_writer_quote(struct buffer *out, const char *text, size_t len);

/* How many bytes at the start stand for themselves in quoted text: ASCII, but none of "&<>\. */
size_t json_writer_plain_length(const char *text, size_t len);

#endif
