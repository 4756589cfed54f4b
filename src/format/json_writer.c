// SPDX-License-Identifier: Apache-2.0
#include "format/json_writer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "basic/num.h"
#include "basic/str.h"

static void begin_item(struct json_writer *w)
{
	if (w->comma)
		buffer_putc(w->out, ',');
	w->comma = true;
}

static void open_with(struct json_writer *w, char c)
{
	begin_item(w);
	buffer_putc(w->out, c);
	w->comma = false;
}

static void close_with(struct json_writer *w, char c)
{
	buffer_putc(w->out, c);
	w->comma = true;
}

void json_writer_open_object(struct json_writer *w)
{
	open_with(w, '{');
}

void json_writer_close_object(struct json_writer *w)
{
	close_with(w, '}');
}

void json_writer_open_array(struct json_writer *w)
{
	open_with(w, '[');
}

void json_writer_close_array(struct json_writer *w)
{
	close_with(w, ']');
}

void json_writer_key(struct json_writer *w, const char *name)
{
	begin_item(w);
	json_writer_quote(w->out, name, strlen(name));
	buffer_putc(w->out, ':');
	w->comma = false;
}

void json_writer_string(struct json_writer *w, const char *text)
{
	if (text)
		json_writer_string_n(w, text, strlen(text));
	else
		json_writer_null(w);
}

void json_writer_string_n(struct json_writer *w, const char *text, size_t len)
{
	begin_item(w);
	json_writer_quote(w->out, text, len);
}

void json_writer_int(struct json_writer *w, int64_t value)
{
	char text[NUM_TEXT_MAX];

	begin_item(w);
	buffer_append(w->out, text, num_i64(value, text));
}

void json_writer_bool(struct json_writer *w, bool value)
{
	begin_item(w);
	buffer_puts(w->out, value ? "true" : "false");
}

void json_writer_null(struct json_writer *w)
{
	begin_item(w);
	buffer_puts(w->out, "null");
}

/* "1e+21" stays, "1e-07" becomes "1e-7". */
static void put_exponent(struct buffer *out, const char *text)
{
	const char *e = strchr(text, 'e');

	if (!e || e[2] != '0') {
		buffer_puts(out, text);
		return;
	}
	buffer_append(out, text, (size_t)(e - text) + 2);
	buffer_puts(out, e + 3);
}

void json_writer_double(struct json_writer *w, double value)
{
	char text[NUM_TEXT_MAX];
	double size = fabs(value);

	begin_item(w);
	if (!isfinite(value)) {
		buffer_putc(w->out, '0');
	} else if (size != 0 && (size < 1e-6 || size >= 1e21)) {
		num_exposition(value, text);
		put_exponent(w->out, text);
	} else {
		buffer_append(w->out, text, num_plain(value, text));
	}
}

void json_writer_raw(struct json_writer *w, const char *json, size_t len)
{
	begin_item(w);
	while (len) {
		size_t n = str_utf8_length(json, len);

		buffer_append(w->out, json, n);
		if (n < len) {
			buffer_puts(w->out, "\\ufffd");
			n++;
		}
		json += n;
		len -= n;
	}
}

/* Bytes that don't stand for themselves: control characters, "&<>\ and all beyond ASCII. */
static const bool is_special[256] = {
	[0 ... 0x1f] = true,
	['"'] = true,
	['&'] = true,
	['<'] = true,
	['>'] = true,
	['\\'] = true,
	[0x80 ... 0xff] = true,
};

size_t json_writer_plain_length(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && !is_special[(unsigned char)text[n]])
		n++;
	return n;
}

static void put_code(struct buffer *out, const char *text, size_t len, uint32_t code)
{
	static const char names[] = "\"\\\bb\ff\nn\rr\tt";

	if (code == '"' || code == '\\') {
		buffer_putc(out, '\\');
		buffer_putc(out, (char)code);
		return;
	}
	for (const char *p = names + 2; *p && code < 0x20; p += 2) {
		if ((uint32_t)*p == code) {
			buffer_putc(out, '\\');
			buffer_putc(out, p[1]);
			return;
		}
	}
	if (code < 0x20 || code == '<' || code == '>' || code == '&' || code == 0x2028 ||
		code == 0x2029)
		buffer_printf(out, "\\u%04x", code);
	else
		buffer_append(out, text, len);
}

void json_writer_quote(struct buffer *out, const char *text, size_t len)
{
	buffer_putc(out, '"');
	for (size_t i = 0; i < len;) {
		size_t run = json_writer_plain_length(text + i, len - i), n;
		uint32_t code = 0;

		buffer_append(out, text + i, run);
		i += run;
		if (i == len)
			break;
		n = str_utf8_next(text + i, len - i, &code);
		if (n)
			put_code(out, text + i, n, code);
		else
			buffer_puts(out, "\\ufffd");
		i += n ? n : 1;
	}
	buffer_putc(out, '"');
}
