// SPDX-License-Identifier: Apache-2.0
#include "basic/str.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

bool str_starts(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *text, const char *suffix)
{
	size_t n = strlen(text), m = strlen(suffix);

	return n >= m && memcmp(text + n - m, suffix, m) == 0;
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct slice slice_trim(struct slice s)
{
	while (s.n && is_space(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

bool slice_next(struct slice *rest, char separator, struct slice *ret_field)
{
	const char *end;

	if (!rest->p)
		return false;
	end = rest->n ? memchr(rest->p, separator, rest->n) : NULL;
	if (!end) {
		*ret_field = *rest;
		*rest = (struct slice){ NULL, 0 };
		return true;
	}
	*ret_field = (struct slice){ rest->p, (size_t)(end - rest->p) };
	rest->n -= ret_field->n + 1;
	rest->p = end + 1;
	return true;
}

bool slice_next_line(struct slice *rest, struct slice *ret_line)
{
	if (!rest->n)
		return false;
	return slice_next(rest, '\n', ret_line);
}

bool slice_next_word(struct slice *rest, struct slice *ret_word)
{
	size_t i = 0, start;

	while (i < rest->n && (rest->p[i] == ' ' || rest->p[i] == '\t'))
		i++;
	start = i;
	while (i < rest->n && rest->p[i] != ' ' && rest->p[i] != '\t')
		i++;
	if (i == start)
		return false;
	*ret_word = (struct slice){ rest->p + start, i - start };
	rest->p += i;
	rest->n -= i;
	return true;
}

int slice_to_u64(struct slice s, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (!s.n)
		return -EBADMSG;
	for (size_t i = 0; i < s.n; i++) {
		unsigned digit = (unsigned char)s.p[i] - (unsigned)'0';

		if (digit > 9)
			return -EBADMSG;
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, digit, &value))
			return -ERANGE;
	}
	*ret_value = value;
	return 0;
}

int slice_to_i64(struct slice s, int64_t *ret_value)
{
	bool negative = s.n && s.p[0] == '-';
	uint64_t value;
	int r;

	if (negative) {
		s.p++;
		s.n--;
	}
	r = slice_to_u64(s, &value);
	if (r < 0)
		return r;
	if (value > (uint64_t)INT64_MAX + negative)
		return -ERANGE;
	*ret_value = negative ? (int64_t)(0 - value) : (int64_t)value;
	return 0;
}

int slice_to_double(struct slice s, double *ret_value)
{
	char text[64];
	double value;
	char *end;

	if (!s.n)
		return -EBADMSG;
	if (s.n >= sizeof(text))
		return -ERANGE;
	for (size_t i = 0; i < s.n; i++) {
		if (!strchr("0123456789+-.eE", s.p[i]) || !s.p[i])
			return -EBADMSG;
	}
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	value = strtod(text, &end);
	if (end != text + s.n)
		return -EBADMSG;
	if (isinf(value))
		return -ERANGE;
	*ret_value = value;
	return 0;
}

size_t str_utf8_next(const char *text, size_t len, uint32_t *ret_code)
{
	const unsigned char *p = (const unsigned char *)text;
	uint32_t code = p[0], min;
	size_t n;

	if (code < 0x80) {
		*ret_code = code;
		return 1;
	}
	if (code >= 0xc2 && code <= 0xdf)
		n = 2, min = 0x80, code &= 0x1f;
	else if ((code & 0xf0) == 0xe0)
		n = 3, min = 0x800, code &= 0x0f;
	else if (code >= 0xf0 && code <= 0xf4)
		n = 4, min = 0x10000, code &= 0x07;
	else
		return 0;
	if (n > len)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	if (code < min || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret_code = code;
	return n;
}

size_t str_utf8_put(char out[static 4], uint32_t code)
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 0x3f));
		out[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 0x3f));
	out[2] = (char)(0x80 | (code >> 6 & 0x3f));
	out[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

size_t str_utf8_length(const char *text, size_t len)
{
	uint64_t eight;
	uint32_t code;
	size_t i = 0, n;

	for (;;) {
		while (len - i >= sizeof(eight)) {
			memcpy(&eight, text + i, sizeof(eight));
			if (eight & UINT64_C(0x8080808080808080))
				break;
			i += sizeof(eight);
		}
		if (i == len || !(n = str_utf8_next(text + i, len - i, &code)))
			return i;
		i += n;
	}
}

bool str_is_utf8(const char *text, size_t len)
{
	return str_utf8_length(text, len) == len;
}
