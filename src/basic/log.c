// SPDX-License-Identifier: Apache-2.0
/* Records are built on the stack, so that logging works when memory has run out. */
#include "basic/log.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "basic/macros.h"
#include "basic/num.h"
#include "basic/str.h"

enum {
	RECORD_MAX_BYTES = 16 << 10,
	VALUE_MAX_BYTES = 2 << 10,
	TAIL_BYTES = 64, /* for 'fields_cut' and the end of the line */
};

struct record {
	enum log_format format;
	size_t len, limit;
	bool full; /* sticky: what came last did not fit */
	char text[RECORD_MAX_BYTES];
};

static void put(struct record *r, const char *text, size_t len)
{
	if (r->full || len > r->limit - r->len) {
		r->full = true;
		return;
	}
	memcpy(r->text + r->len, text, len);
	r->len += len;
}

static void put_text(struct record *r, const char *text)
{
	put(r, text, strlen(text));
}

/* Would move the cursor, colour the terminal or turn the text around. */
static bool is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x200b && code <= 0x200f) ||
		(code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) ||
		code == 0xfeff;
}

static void put_escaped(struct record *r, const char *text, size_t len, uint32_t code)
{
	static const char named[] = "\nn\rr\tt\"\"\\\\";
	char escape[16];
	int n;

	for (const char *p = named; *p; p += 2) {
		if (code == (unsigned char)*p) {
			put(r, (char[]){ '\\', p[1] }, 2);
			return;
		}
	}
	if (!is_control(code)) {
		put(r, text, len);
		return;
	}
	n = sprintf(escape, "\\u%04x", code);
	put(r, escape, (size_t)n);
}

static void put_quoted(struct record *r, const char *text, size_t len)
{
	put(r, "\"", 1);
	for (size_t i = 0; i < len;) {
		uint32_t code = 0;
		size_t n = str_utf8_next(text + i, len - i, &code);

		if (n)
			put_escaped(r, text + i, n, code);
		else
			put_text(r, "\xef\xbf\xbd"); /* U+FFFD */
		i += n ? n : 1;
	}
	put(r, "\"", 1);
}

static bool is_bare(const char *text, size_t len)
{
	uint32_t code = 0;

	for (size_t i = 0; i < len;) {
		size_t n = str_utf8_next(text + i, len - i, &code);

		if (!n || code == ' ' || code == '=' || code == '"' || code == '\\' ||
			is_control(code))
			return false;
		i += n;
	}
	return len > 0;
}

/* Where to cut, so that no sequence of UTF-8 is halved. */
static size_t cut_length(const char *text)
{
	size_t len = VALUE_MAX_BYTES;

	for (int i = 0; i < 3 && ((unsigned char)text[len] & 0xc0) == 0x80; i++)
		len--;
	return len;
}

static void put_string(struct record *r, const char *text)
{
	char cut[VALUE_MAX_BYTES + 4];
	size_t len = strnlen(text, VALUE_MAX_BYTES + 1);

	if (len > VALUE_MAX_BYTES) {
		len = cut_length(text);
		memcpy(cut, text, len);
		memcpy(cut + len, "...", 3);
		len += 3;
		text = cut;
	}
	if (r->format == LOG_FORMAT_LOGFMT && is_bare(text, len))
		put(r, text, len);
	else
		put_quoted(r, text, len);
}

static void put_key(struct record *r, const char *key)
{
	if (r->format == LOG_FORMAT_LOGFMT) {
		if (r->len)
			put(r, " ", 1);
		put_text(r, key);
		put(r, "=", 1);
		return;
	}
	put(r, r->len ? "," : "{", 1);
	put_quoted(r, key, strlen(key));
	put(r, ":", 1);
}

static void put_double(struct record *r, double value)
{
	char text[NUM_TEXT_MAX];
	size_t len = num_exposition(value, text);

	/* JSON has no words for NaN and infinities. */
	if (r->format == LOG_FORMAT_JSON && strpbrk(text, "NI"))
		put_quoted(r, text, len);
	else
		put(r, text, len);
}

static void put_field(struct record *r, const struct log_field *field)
{
	char text[24];

	put_key(r, field->key);
	switch (field->type) {
	case LOG_FIELD_STR:
		put_string(r, field->str ? field->str : "");
		break;
	case LOG_FIELD_INT:
		put(r, text, (size_t)sprintf(text, "%lld", (long long)field->i64));
		break;
	case LOG_FIELD_F64:
		put_double(r, field->f64);
		break;
	}
}

static void put_time(struct record *r, int64_t ns)
{
	time_t seconds = (time_t)(ns / 1000000000 - (ns % 1000000000 < 0));
	long fraction = (long)(ns - (int64_t)seconds * 1000000000);
	char text[64];
	struct tm tm;
	size_t n;

	if (!gmtime_r(&seconds, &tm))
		memset(&tm, 0, sizeof(tm));
	n = strftime(text, 40, "%Y-%m-%dT%H:%M:%S", &tm);
	if (r->format == LOG_FORMAT_LOGFMT)
		n += (size_t)snprintf(text + n, sizeof(text) - n, ".%03ldZ", fraction / 1000000);
	else
		n += (size_t)snprintf(text + n, sizeof(text) - n, ".%09ldZ", fraction);
	put_key(r, "time");
	if (r->format == LOG_FORMAT_LOGFMT)
		put(r, text, n);
	else
		put_quoted(r, text, n);
}

static void put_head(struct record *r, const struct log *log, enum log_level level,
	const char *file, int line, const char *message)
{
	static const char *const names[] = { "DEBUG", "INFO", "WARN", "ERROR" };
	char source[128];

	put_time(r, clock_realtime_ns(log->clock));
	put_key(r, "level");
	put_string(r, names[level]);
	snprintf(source, sizeof(source), "%s:%d", file, line);
	put_key(r, "source");
	put_string(r, source);
	put_key(r, "msg");
	put_string(r, message);
}

/* A log that cannot be written has nowhere to say so. */
static void write_record(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

void log_write(const struct log *log, enum log_level level, const char *file, int line,
	const char *message, const struct log_field *fields, size_t n_fields)
{
	int saved_errno = errno;
	struct record r;
	size_t i;

	if (!log || level < log->level)
		return;
	r.format = log->format;
	r.len = 0;
	r.limit = sizeof(r.text) - TAIL_BYTES;
	r.full = false;
	put_head(&r, log, level, file, line, message);
	for (i = 0; i < n_fields; i++) {
		size_t before = r.len;

		put_field(&r, &fields[i]);
		if (r.full) {
			r.len = before;
			break;
		}
	}
	r.full = false;
	r.limit = sizeof(r.text);
	if (i < n_fields)
		put_field(&r, &LOG_INT("fields_cut", (int64_t)(n_fields - i)));
	put_text(&r, log->format == LOG_FORMAT_JSON ? "}\n" : "\n");
	write_record(log->fd, r.text, r.len);
	errno = saved_errno;
}
