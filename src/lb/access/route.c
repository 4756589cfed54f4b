// SPDX-License-Identifier: Apache-2.0
#include "lb/access/route.h"

#include <errno.h>

#include "basic/macros.h"
#include "lb/access/form.h"

#define GETS (ROUTE_GET | ROUTE_HEAD | ROUTE_OPTIONS)
#define FORMS (GETS | ROUTE_POST)

#define NO_SERIES "{\"status\":\"success\",\"data\":[]}\n"
#define NO_POINTS "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[]}}\n"

/* Rows of common parameters. */
#define QUERY                                    \
	{                                        \
		"query", PARAM_EXPR, true, false \
	}
#define TEXT_QUERY                               \
	{                                        \
		"query", PARAM_TEXT, true, false \
	}
#define SELECTORS                                     \
	{                                             \
		"match[]", PARAM_SELECTOR, true, true \
	}
#define TIMEOUT                                         \
	{                                               \
		"timeout", PARAM_DURATION, false, false \
	}
#define LIMIT                                      \
	{                                          \
		"limit", PARAM_LIMIT, false, false \
	}
#define LOOKBACK                                               \
	{                                                      \
		"lookback_delta", PARAM_LOOKBACK, false, false \
	}
#define STATS                                      \
	{                                          \
		"stats", PARAM_STATS, false, false \
	}
#define START                                      \
	{                                          \
		"start", PARAM_START, false, false \
	}
#define END                                    \
	{                                      \
		"end", PARAM_END, false, false \
	}

/* Parameters go on in this order. */
static const struct route routes[] = {
	{ "/api/v1/query", FORMS, ROUTE_QUERY, ROUTE_INSTANT, GATE_FILTER_METRICS, NULL,
		{ QUERY, { "time", PARAM_TIME, false, false }, TIMEOUT, LIMIT, LOOKBACK, STATS } },
	{ "/api/v1/query_range", FORMS, ROUTE_QUERY, ROUTE_RANGE, GATE_FILTER_METRICS, NO_POINTS,
		{ QUERY, { "start", PARAM_START, true, false }, { "end", PARAM_END, true, false },
			{ "step", PARAM_STEP, true, false }, TIMEOUT, LIMIT, LOOKBACK, STATS } },
	{ "/api/v1/query_exemplars", FORMS, ROUTE_QUERY, ROUTE_WINDOW, GATE_FILTER_EXEMPLARS,
		NO_SERIES, { QUERY, START, END } },
	{ "/api/v1/series", FORMS, ROUTE_SERIES, ROUTE_INDEX, GATE_FILTER_SERIES, NO_SERIES,
		{ SELECTORS, START, END, LIMIT } },
	{ "/api/v1/labels", FORMS, ROUTE_SERIES, ROUTE_INDEX, GATE_FILTER_LABEL_NAMES, NO_SERIES,
		{ SELECTORS, START, END, LIMIT } },
	{ "/api/v1/label/*/values", GETS, ROUTE_SERIES, ROUTE_INDEX, GATE_FILTER_LABEL_VALUES,
		NO_SERIES, { SELECTORS, START, END, LIMIT } },
	{ "/api/v1/format_query", FORMS, ROUTE_FREE, ROUTE_TIMELESS, GATE_FILTER_NONE, NULL,
		{ TEXT_QUERY } },
	{ "/api/v1/parse_query", FORMS, ROUTE_FREE, ROUTE_TIMELESS, GATE_FILTER_NONE, NULL,
		{ TEXT_QUERY } },
	{ "/api/v1/status/buildinfo", GETS, ROUTE_FREE, ROUTE_TIMELESS, GATE_FILTER_NONE, NULL,
		{ { NULL } } },
	{ "/-/healthy", GETS, ROUTE_FREE, ROUTE_TIMELESS, GATE_FILTER_NONE, NULL, { { NULL } } },
	{ "/-/ready", GETS, ROUTE_FREE, ROUTE_TIMELESS, GATE_FILTER_NONE, NULL, { { NULL } } },
};

const struct route *route_table(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(routes);
	return routes;
}

/* Of the segment that ends at end. */
static bool segment_is_bad(const char *start, const char *end)
{
	const size_t n = (size_t)(end - start);

	return (n == 1 && start[0] == '.') || (n == 2 && start[0] == '.' && start[1] == '.');
}

static const char *judge_segments(struct slice path)
{
	const char *start = path.p + 1, *const end = path.p + path.n;

	for (const char *at = start; at <= end; at++) {
		if (at < end && *at != '/')
			continue;
		if (at == start && at < end)
			return "the path has an empty segment";
		if (segment_is_bad(start, at))
			return "the path has a segment of dots";
		start = at + 1;
	}
	return NULL;
}

static const char *decode(struct slice raw, char *out, size_t *ret_n)
{
	size_t n = 0;

	for (size_t i = 0; i < raw.n; i++) {
		int c = (unsigned char)raw.p[i];

		if (c == '%') {
			c = form_unescape((struct slice){ raw.p + i, raw.n - i });
			if (c < 0)
				return "the path has a malformed escape";
			if (c == '/')
				return "the path has an escaped '/'";
			i += 2;
		}
		if (c < ' ' || c == 0x7f)
			return "the path has control bytes";
		out[n++] = (char)c;
	}
	*ret_n = n;
	return str_is_utf8(out, n) ? NULL : "the path is not UTF-8";
}

int route_decode_path(
	struct slice raw, struct arena *arena, struct slice *ret_path, const char **ret_reason)
{
	char *out = arena_alloc(arena, raw.n + 1);
	struct slice path = { out, 0 };
	const char *reason;

	if (!out)
		return -ENOMEM;
	if (!raw.n || raw.p[0] != '/')
		reason = "the path does not begin with '/'";
	else
		reason = decode(raw, out, &path.n);
	if (!reason)
		reason = judge_segments(path);
	if (reason) {
		*ret_reason = reason;
		return -EBADMSG;
	}
	*ret_path = path;
	return 0;
}

static bool take_prefix(struct slice *path, const char *prefix, size_t n)
{
	if (path->n < n || memcmp(path->p, prefix, n) != 0)
		return false;
	path->p += n;
	path->n -= n;
	return true;
}

/* Whether the path is that of the row; the name where the row has a star. */
static bool fits(const struct route *route, struct slice path, struct slice *ret_label)
{
	const char *star = strchr(route->path, '*'), *end;
	const size_t head = star ? (size_t)(star - route->path) : 0;

	if (!star)
		return slice_eq(path, route->path);
	if (!take_prefix(&path, route->path, head))
		return false;
	end = path.n ? memchr(path.p, '/', path.n) : NULL;
	if (!end || end == path.p)
		return false;
	*ret_label = (struct slice){ path.p, (size_t)(end - path.p) };
	return slice_eq((struct slice){ end, path.n - ret_label->n }, star + 1);
}

static const struct route *find_row(struct slice path, struct slice *ret_label)
{
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++)
		if (fits(&routes[i], path, ret_label))
			return &routes[i];
	return NULL;
}

static unsigned find_method(const char *method)
{
	static const struct {
		const char *name;
		enum route_method method;
	} methods[] = { { "GET", ROUTE_GET }, { "HEAD", ROUTE_HEAD }, { "POST", ROUTE_POST },
		{ "OPTIONS", ROUTE_OPTIONS } };

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		if (str_eq(method, methods[i].name))
			return methods[i].method;
	return 0;
}

int route_find(const char *method, struct slice path, const char *prefix, struct arena *arena,
	struct route_match *ret_match, const char **ret_reason)
{
	struct route_match match = { .method = find_method(method) };
	struct slice decoded, behind;
	int r = route_decode_path(path, arena, &decoded, ret_reason);

	if (r < 0)
		return r == -EBADMSG ? -EACCES : r;
	match.prefix = (struct slice){ decoded.p, 0 };
	match.route = find_row(decoded, &match.label);
	behind = decoded;
	if (!match.route && prefix && *prefix && take_prefix(&behind, prefix, strlen(prefix))) {
		match.prefix.n = strlen(prefix);
		match.route = find_row(behind, &match.label);
	}
	if (!match.route) {
		*ret_reason = "the path is for administrators";
		return -EACCES;
	}
	if (!(match.route->methods & match.method)) {
		*ret_match = match;
		*ret_reason = "the method has no place on this path";
		return -EACCES;
	}
	*ret_match = match;
	return 0;
}

void route_print_path(const struct route_match *match, struct buffer *out)
{
	const char *path = match->route->path, *star = strchr(path, '*');
	struct slice rest = match->prefix, segment;

	while (slice_next(&rest, '/', &segment)) {
		form_escape(out, segment);
		if (rest.p)
			buffer_putc(out, '/');
	}
	if (!star) {
		buffer_puts(out, path);
		return;
	}
	buffer_append(out, path, (size_t)(star - path));
	form_escape(out, match->label);
	buffer_puts(out, star + 1);
}

/* "_", or "HEX_", after the '_' that begins an escape; how many bytes, 0: malformed. */
static size_t scan_escape(struct slice s, uint32_t *ret_code)
{
	uint32_t code = 0;
	size_t n = 0;

	if (s.n && s.p[0] == '_') {
		*ret_code = '_';
		return 1;
	}
	for (; n < s.n && n < 6; n++) {
		const char c = s.p[n], lower = (char)(c | 0x20);

		if (c >= '0' && c <= '9')
			code = code << 4 | (uint32_t)(c - '0');
		else if (lower >= 'a' && lower <= 'f')
			code = code << 4 | (uint32_t)(lower - 'a' + 10);
		else
			break;
	}
	if (!n || n == s.n || s.p[n] != '_' || code > 0x10ffff ||
		(code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret_code = code;
	return n + 1;
}

int route_unescape_label(struct slice name, struct arena *arena, struct slice *ret_name)
{
	struct slice rest = name;
	char *out;
	size_t n = 0;

	*ret_name = name;
	if (!take_prefix(&rest, "U__", 3))
		return 0;
	out = arena_alloc(arena, name.n + 4);
	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < rest.n; i++) {
		uint32_t code;
		size_t taken;

		if (rest.p[i] != '_') {
			out[n++] = rest.p[i];
			continue;
		}
		taken = scan_escape((struct slice){ rest.p + i + 1, rest.n - i - 1 }, &code);
		if (!taken)
			return 0;
		n += str_utf8_put(out + n, code);
		i += taken;
	}
	*ret_name = (struct slice){ out, n };
	return 0;
}
