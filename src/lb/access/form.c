// SPDX-License-Identifier: Apache-2.0
#include "lb/access/form.h"

#include <errno.h>
#include <strings.h>

#include "basic/macros.h"

static int hex_digit(char c)
{
	const char lower = (char)(c | 0x20);

	if (c >= '0' && c <= '9')
		return c - '0';
	return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

int form_unescape(struct slice text)
{
	int high, low;

	if (text.n < 3)
		return -EBADMSG;
	high = hex_digit(text.p[1]);
	low = hex_digit(text.p[2]);
	return high < 0 || low < 0 ? -EBADMSG : high << 4 | low;
}

/* Decodes to the front of *space, which has room, and moves it on. */
static int decode(struct slice text, char **space, struct slice *ret, const char **ret_reason)
{
	char *const start = *space, *out = start;

	for (size_t i = 0; i < text.n; i++) {
		int c = (unsigned char)text.p[i];

		if (c == '%') {
			c = form_unescape((struct slice){ text.p + i, text.n - i });
			i += 2;
		} else if (c == '+') {
			c = ' ';
		} else if (c == ';') {
			*ret_reason = "a ';' between parameters";
			return -EBADMSG;
		}
		if (c <= 0) {
			*ret_reason = c ? "a malformed escape" : "a NUL byte";
			return -EBADMSG;
		}
		*out++ = (char)c;
	}
	if (!str_is_utf8(start, (size_t)(out - start))) {
		*ret_reason = "bytes that are not UTF-8";
		return -EBADMSG;
	}
	*ret = (struct slice){ start, (size_t)(out - start) };
	*space = out;
	return 0;
}

static int add(struct form *form, const struct form_pair *pair, struct arena *arena,
	const char **ret_reason)
{
	if (form->n == FORM_PAIRS_MAX) {
		*ret_reason = "too many parameters";
		return -E2BIG;
	}
	if (form->n == form->cap) {
		const size_t cap = form->cap ? form->cap * 2 : 8;
		struct form_pair *v = arena_grow(arena, form->v, form->n, cap, sizeof(*v));

		if (!v)
			return -ENOMEM;
		form->v = v;
		form->cap = cap;
	}
	form->v[form->n++] = *pair;
	return 0;
}

int form_read(struct slice text, struct arena *arena, struct form *form, const char **ret_reason)
{
	struct slice rest = text, field;
	char *space = arena_alloc(arena, text.n + 1);

	if (!space)
		return -ENOMEM;
	while (rest.n && slice_next(&rest, '&', &field)) {
		struct form_pair pair;
		struct slice name;
		int r;

		if (!field.n)
			continue;
		slice_next(&field, '=', &name);
		r = decode(name, &space, &pair.name, ret_reason);
		if (r >= 0)
			r = decode(field, &space, &pair.value, ret_reason);
		if (r >= 0)
			r = add(form, &pair, arena, ret_reason);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool is_unreserved(char c)
{
	const char lower = (char)(c | 0x20);

	return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
		c == '_' || c == '~';
}

void form_escape(struct buffer *out, struct slice text)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t plain = 0;

	if (!text.n)
		return;
	for (size_t i = 0; i < text.n; i++) {
		const unsigned char c = (unsigned char)text.p[i];

		if (is_unreserved((char)c))
			continue;
		const char escape[3] = { '%', digits[c >> 4], digits[c & 15] };
		buffer_append(out, text.p + plain, i - plain);
		buffer_append(out, escape, sizeof(escape));
		plain = i + 1;
	}
	buffer_append(out, text.p + plain, text.n - plain);
}

void form_put(struct buffer *out, const char *name, struct slice value)
{
	if (out->len)
		buffer_putc(out, '&');
	form_escape(out, slice_from(name));
	buffer_putc(out, '=');
	form_escape(out, value);
}

/* RFC 9110 5.6.2 */
static size_t token_length(struct slice s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] > ' ' && s.p[n] < 0x7f && !strchr("\"(),/:;<=>?@[\\]{}", s.p[n]))
		n++;
	return n;
}

static bool is_word(struct slice s, const char *word)
{
	return s.n == strlen(word) && strncasecmp(s.p, word, s.n) == 0;
}

/* name "=" token, or the token in quotes. */
static bool parameter_is_fine(struct slice parameter)
{
	struct slice name, value = parameter;

	if (!slice_next(&value, '=', &name) || !value.p || !name.n || token_length(name) != name.n)
		return false;
	if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
		value = (struct slice){ value.p + 1, value.n - 2 };
	if (!value.n || token_length(value) != value.n)
		return false;
	return !is_word(name, "charset") || is_word(value, "utf-8") || is_word(value, "utf8");
}

bool form_is_type(struct slice content_type)
{
	struct slice rest = content_type, part;

	if (!slice_next(&rest, ';', &part) ||
		!is_word(slice_trim(part), "application/x-www-form-urlencoded"))
		return false;
	while (slice_next(&rest, ';', &part))
		if (!parameter_is_fine(slice_trim(part)))
			return false;
	return true;
}
