// SPDX-License-Identifier: Apache-2.0
#include "net/http_target.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "basic/str.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* NULL (and -EBADMSG or -ENOMEM in *ret_error) unless every escape is good and none is a NUL. */
static char *unescape(struct slice s, bool plus_is_blank, struct arena *arena, int *ret_error)
{
	char *text = arena_alloc(arena, s.n + 1);
	size_t len = 0;

	*ret_error = text ? -EBADMSG : -ENOMEM;
	for (size_t i = 0; text && i < s.n; i++) {
		char c = s.p[i];

		if (c == '%') {
			int high = s.n - i > 2 ? hex_digit(s.p[i + 1]) : -1;
			int low = s.n - i > 2 ? hex_digit(s.p[i + 2]) : -1;

			if (high < 0 || low < 0)
				return NULL;
			c = (char)(high << 4 | low);
			i += 2;
		} else if (c == '+' && plus_is_blank) {
			c = ' ';
		}
		if (c == '\0')
			return NULL;
		text[len++] = c;
	}
	if (text)
		text[len] = '\0';
	return text;
}

int http_target_parse(const char *raw, struct arena *arena, struct http_target *ret_target)
{
	const char *mark, *query = NULL;
	char *path;
	int r;

	for (const char *p = raw; *p; p++) {
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return -EBADMSG;
	}
	/* RFC 9112 3.2.2: a server takes the absolute form too. */
	if (strncasecmp(raw, "http://", 7) == 0 || strncasecmp(raw, "https://", 8) == 0) {
		raw = strchr(raw, ':') + 3;
		raw += strcspn(raw, "/?");
	} else if (*raw != '/') {
		return -EBADMSG;
	}
	mark = strchr(raw, '?');
	if (mark) {
		query = arena_strdup(arena, mark + 1);
		if (!query)
			return -ENOMEM;
	}
	path = unescape((struct slice){ raw, strcspn(raw, "?") }, false, arena, &r);
	if (!path)
		return r;
	ret_target->path = *path ? path : "/";
	ret_target->query = query;
	return 0;
}

bool http_path_is_clean(const char *path)
{
	struct slice rest = slice_from(path), segment;

	if (*path != '/')
		return false;
	(void)slice_next(&rest, '/', &segment); /* before the first slash */
	while (slice_next(&rest, '/', &segment)) {
		if (slice_eq(segment, ".") || slice_eq(segment, "..") || (!segment.n && rest.p))
			return false;
	}
	return true;
}

/* What a path may show as it is; all else is escaped, so that no Location can leave the host. */
static bool is_path_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		(c && strchr("-._~!$&'()*+,;=:@", c));
}

static void append_escaped(struct buffer *buf, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (is_path_char(s.p[i]))
			buffer_putc(buf, s.p[i]);
		else
			buffer_printf(buf, "%%%02X", (unsigned char)s.p[i]);
	}
}

void http_path_clean(const char *path, const char *query, struct buffer *ret_location)
{
	size_t start = ret_location->len;
	struct slice rest = slice_from(path), segment;
	bool slash = true; /* the last segment is empty or a dot */

	while (slice_next(&rest, '/', &segment)) {
		slash = !segment.n || slice_eq(segment, ".") || slice_eq(segment, "..");
		if (slice_eq(segment, "..")) {
			/* Back over the last segment and the slash before it. */
			while (ret_location->len > start &&
				ret_location->data[--ret_location->len] != '/')
				;
		} else if (!slash) {
			buffer_putc(ret_location, '/');
			append_escaped(ret_location, segment);
		}
	}
	if (slash || ret_location->len == start)
		buffer_putc(ret_location, '/');
	if (query) {
		buffer_putc(ret_location, '?');
		buffer_puts(ret_location, query);
	}
}

static int parse_pair(struct slice pair, struct arena *arena, struct http_params *params)
{
	const char *equals = memchr(pair.p, '=', pair.n);
	size_t name_len = equals ? (size_t)(equals - pair.p) : pair.n;
	struct slice name = { pair.p, name_len };
	struct slice value = { equals ? equals + 1 : "", equals ? pair.n - name_len - 1 : 0 };
	struct http_param param;
	int r = 0;

	param.name = unescape(name, true, arena, &r);
	if (param.name)
		param.value = unescape(value, true, arena, &r);
	if (!param.name || !param.value)
		return r == -ENOMEM ? r : 0;
	params->v[params->n++] = param;
	return 0;
}

int http_params_parse(const char *text, size_t len, struct arena *arena, struct http_params *params)
{
	struct slice rest = { text, len }, pair;
	size_t n = params->n + 1;
	struct http_param *v;

	for (size_t i = 0; i < len; i++)
		n += text[i] == '&';
	v = arena_grow(arena, params->v, params->n, n, sizeof(*v));
	if (!v)
		return -ENOMEM;
	params->v = v;
	while (slice_next(&rest, '&', &pair)) {
		int r;

		if (!pair.n || memchr(pair.p, ';', pair.n))
			continue;
		r = parse_pair(pair, arena, params);
		if (r < 0)
			return r;
	}
	return 0;
}
