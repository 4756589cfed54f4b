// SPDX-License-Identifier: Apache-2.0
#include "format/promql/literals.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_TEXT_MAX = 1024 };
enum {
	UNICODE_MAX = 0x10ffff,
	REPLACEMENT = 0xfffd,
	SURROGATE_MIN = 0xd800,
	SURROGATE_MAX = 0xdfff
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_word(char c)
{
	return is_digit(c) || c == '_' || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* Whether a literal of n bytes ends there: no letter, digit or '_' follows. */
static bool ends_at(struct slice text, size_t n)
{
	return n == text.n || !is_word(text.p[n]);
}

/*
 * Hexadecimal integers. Some versions take an 'e' as second digit for an exponent; so that no
 * number is read in two ways, that is refused.
 */
static size_t scan_hex(struct slice text, enum promql_level level, struct promql_token *token)
{
	uint64_t value = 0;
	size_t i = 2, digits = 0;
	bool after_digit = level > PROMQL_2_42; /* '_' may stand here */

	for (; i < text.n; i++) {
		int digit = hex_value(text.p[i]);

		if (text.p[i] == '_' && after_digit) {
			after_digit = false;
			continue;
		}
		if (digit < 0)
			break;
		if (value >> 59 || (digits == 1 && digit == 0xe))
			return 0;
		value = value << 4 | (unsigned)digit;
		digits++;
		after_digit = level > PROMQL_2_42;
	}
	if (!digits || text.p[i - 1] == '_' || !ends_at(text, i) ||
		(i < text.n && text.p[i] == '.'))
		return 0;
	token->kind = TOKEN_NUMBER;
	token->number = (double)value;
	return i;
}

/* Digits with '_' between them; how many bytes, 0: none or a '_' in the wrong place. */
static size_t scan_digits(struct slice text, size_t at, enum promql_level level)
{
	size_t i = at;

	while (i < text.n && (is_digit(text.p[i]) || text.p[i] == '_')) {
		if (text.p[i] == '_' &&
			(level <= PROMQL_2_42 || i == at || text.p[i - 1] == '_' ||
				i + 1 == text.n || !is_digit(text.p[i + 1])))
			return 0;
		i++;
	}
	return i - at;
}

static bool is_octal(struct slice digits)
{
	if (digits.n < 2 || digits.p[0] != '0')
		return false;
	for (size_t i = 0; i < digits.n; i++)
		if (digits.p[i] > '7' && digits.p[i] != '_')
			return false;
	return true;
}

static bool octal_value(struct slice digits, double *ret)
{
	uint64_t value = 0;

	for (size_t i = 0; i < digits.n; i++) {
		if (digits.p[i] == '_')
			continue;
		if (value >> 60)
			return false; /* over 63 bits: then it is decimal */
		value = value << 3 | (unsigned)(digits.p[i] - '0');
	}
	*ret = (double)value;
	return true;
}

/* In the form that slice_to_double() takes. */
static bool decimal_value(struct slice number, double *ret)
{
	char text[NUMBER_TEXT_MAX];
	size_t n = 0;

	if (number.n + 4 > sizeof(text))
		return false;
	for (size_t i = 0; i < number.n; i++) {
		const char c = number.p[i];

		if (c == '_')
			continue;
		if (c == '.' && (i == 0))
			text[n++] = '0';
		text[n++] = c;
		if (c == '.' && (i + 1 == number.n || !is_digit(number.p[i + 1])))
			text[n++] = '0';
	}
	text[n] = '\0';
	*ret = strtod(text, NULL);
	return isfinite(*ret);
}

static size_t scan_exponent(struct slice text, size_t at, enum promql_level level)
{
	size_t i = at, n;

	if (i == text.n || (text.p[i] | 0x20) != 'e')
		return 0;
	i++;
	if (i < text.n && (text.p[i] == '+' || text.p[i] == '-'))
		i++;
	n = scan_digits(text, i, level);
	return n ? i + n - at : 0;
}

static size_t scan_decimal(struct slice text, enum promql_level level, struct promql_token *token)
{
	size_t whole = scan_digits(text, 0, level), i = whole;
	bool is_integer = true;
	struct slice number;

	if (!whole && text.p[0] != '.')
		return 0;
	if (i < text.n && text.p[i] == '.') {
		size_t n = scan_digits(text, i + 1, level);

		if (!n && i + 1 < text.n && text.p[i + 1] == '_')
			return 0;
		i += 1 + n;
		is_integer = false;
	}
	if (i < text.n && (text.p[i] | 0x20) == 'e') {
		size_t n = scan_exponent(text, i, level);

		if (!n)
			return 0;
		i += n;
		is_integer = false;
	}
	if (!ends_at(text, i) || (i < text.n && text.p[i] == '.'))
		return 0;
	number = (struct slice){ text.p, i };
	token->kind = TOKEN_NUMBER;
	if (is_integer && is_octal(number) && octal_value(number, &token->number))
		return i;
	return decimal_value(number, &token->number) ? i : 0;
}

static const struct unit {
	const char *text;
	int64_t ns;
} units[] = {
	/* In the order in which they may follow each other. */
	{ "y", INT64_C(365) * 86400 * 1000000000 },
	{ "w", INT64_C(7) * 86400 * 1000000000 },
	{ "d", INT64_C(86400) * 1000000000 },
	{ "h", INT64_C(3600) * 1000000000 },
	{ "m", INT64_C(60) * 1000000000 },
	{ "s", INT64_C(1000000000) },
	{ "ms", INT64_C(1000000) },
};

static size_t find_unit(struct slice text, size_t at, size_t from)
{
	for (size_t u = ARRAY_SIZE(units); u-- > from;) {
		const size_t n = strlen(units[u].text);

		if (text.n - at >= n && memcmp(text.p + at, units[u].text, n) == 0)
			return u;
	}
	return ARRAY_SIZE(units);
}

/* 0: no duration starts here, or it is too long. */
static size_t scan_duration(struct slice text, struct promql_token *token)
{
	int64_t sum = 0;
	size_t i = 0, next_unit = 0;

	while (i < text.n && is_digit(text.p[i])) {
		int64_t value = 0;
		size_t u;

		for (; i < text.n && is_digit(text.p[i]); i++)
			if (__builtin_mul_overflow(value, 10, &value) ||
				__builtin_add_overflow(value, text.p[i] - '0', &value))
				return 0;
		u = find_unit(text, i, next_unit);
		if (u == ARRAY_SIZE(units) || __builtin_mul_overflow(value, units[u].ns, &value) ||
			__builtin_add_overflow(sum, value, &sum))
			return 0;
		i += strlen(units[u].text);
		next_unit = u + 1;
	}
	if (!i || !ends_at(text, i))
		return 0;
	token->kind = TOKEN_DURATION;
	token->ns = sum;
	return i;
}

size_t promql_scan_number(struct slice text, enum promql_level level, struct promql_token *token)
{
	size_t n;

	if (text.n > 2 && text.p[0] == '0' && (text.p[1] | 0x20) == 'x')
		return scan_hex(text, level, token);
	n = scan_duration(text, token);
	return n ? n : scan_decimal(text, level, token);
}

/* n digits of a base; false: others stand there. */
static bool read_digits(struct slice text, size_t n, int base, uint32_t *ret)
{
	uint32_t value = 0;

	if (text.n < n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int digit = hex_value(text.p[i]);

		if (digit < 0 || digit >= base)
			return false;
		value = value * (unsigned)base + (unsigned)digit;
	}
	*ret = value;
	return true;
}

/* One escape after its backslash; returns how many bytes it took, 0: there is none such. */
static size_t unescape(struct slice text, char quote, char *out, size_t *ret_len)
{
	static const char plain[] = "abfnrtv\\", value[] = "\a\b\f\n\r\t\v\\";
	const char c = text.n ? text.p[0] : '\0';
	const char *at = c ? strchr(plain, c) : NULL;
	const struct slice rest = { text.p + 1, text.n ? text.n - 1 : 0 };
	uint32_t code;

	*ret_len = 1;
	if (at || (c && c == quote)) {
		*out = at ? value[at - plain] : quote;
		return 1;
	}
	if (c >= '0' && c <= '7') {
		if (!read_digits(text, 3, 8, &code) || code > 0xff)
			return 0;
		*out = (char)code;
		return 3;
	}
	if (c == 'x' && read_digits(rest, 2, 16, &code)) {
		*out = (char)code;
		return 3;
	}
	if ((c == 'u' && read_digits(rest, 4, 16, &code)) ||
		(c == 'U' && read_digits(rest, 8, 16, &code))) {
		if (code > UNICODE_MAX || (code >= SURROGATE_MIN && code <= SURROGATE_MAX))
			return 0;
		*ret_len = str_utf8_put(out, code);
		return c == 'u' ? 5 : 9;
	}
	return 0;
}

/* Where the closing quote stands, or the length. */
static size_t find_quote(struct slice text)
{
	const char quote = text.p[0];

	for (size_t i = 1; i < text.n; i++) {
		if (text.p[i] == quote)
			return i;
		if (text.p[i] == '\\' && quote != '`')
			i++;
	}
	return text.n;
}

/* Of what stands between the quotes, before escapes. */
static const char *bad_bytes(struct slice body, char quote)
{
	for (size_t i = 0; i < body.n;) {
		uint32_t code = 0;
		size_t n = str_utf8_next(body.p + i, body.n - i, &code);

		if (!n)
			return "a string with invalid UTF-8";
		if (code == REPLACEMENT)
			return "a string with the replacement character U+FFFD";
		if (code == '\n' && quote != '`')
			return "a line end in a quoted string";
		i += n;
	}
	return NULL;
}

size_t promql_scan_string(
	struct slice text, struct arena *arena, struct promql_token *token, const char **ret_reason)
{
	const char quote = text.p[0];
	const size_t end = find_quote(text);
	const struct slice body = { text.p + 1, end - 1 };
	size_t n = 0;
	char *out;

	*ret_reason = "a string without its closing quote";
	if (end >= text.n)
		return 0;
	*ret_reason = bad_bytes(body, quote);
	if (*ret_reason)
		return 0;
	out = arena_alloc(arena, body.n + 1);
	if (!out)
		return 0;
	for (size_t i = 0; i < body.n; i++) {
		size_t len = 1;

		if (quote != '`' && body.p[i] == '\\') {
			const struct slice rest = { body.p + i + 1, body.n - i - 1 };
			const size_t took = unescape(rest, quote, out + n, &len);

			*ret_reason = "an unknown escape in a string";
			if (!took)
				return 0;
			i += took;
		} else {
			out[n] = body.p[i];
		}
		n += len;
	}
	*ret_reason = "a string whose escapes make invalid UTF-8";
	if (!str_is_utf8(out, n))
		return 0;
	token->kind = TOKEN_STRING;
	token->string = (struct slice){ out, n };
	return end + 1;
}
