// SPDX-License-Identifier: Apache-2.0
#include "format/http_head.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "basic/macros.h"

/* Statuses of refusals. */
enum { BAD_REQUEST = 400, EXPECTATION_FAILED = 417, FIELDS_TOO_LARGE = 431, NOT_IMPLEMENTED = 501 };
enum { VERSION_NOT_SUPPORTED = 505 };

static const struct slice field_names[HTTP_FIELD_N] = {
	[HTTP_FIELD_OTHER] = { "", 0 },
	[HTTP_FIELD_ACCEPT_ENCODING] = { "accept-encoding", 15 },
	[HTTP_FIELD_AUTHORIZATION] = { "authorization", 13 },
	[HTTP_FIELD_CONNECTION] = { "connection", 10 },
	[HTTP_FIELD_CONTENT_ENCODING] = { "content-encoding", 16 },
	[HTTP_FIELD_CONTENT_LENGTH] = { "content-length", 14 },
	[HTTP_FIELD_CONTENT_TYPE] = { "content-type", 12 },
	[HTTP_FIELD_DATE] = { "date", 4 },
	[HTTP_FIELD_EXPECT] = { "expect", 6 },
	[HTTP_FIELD_HOST] = { "host", 4 },
	[HTTP_FIELD_KEEP_ALIVE] = { "keep-alive", 10 },
	[HTTP_FIELD_PROXY_AUTHENTICATE] = { "proxy-authenticate", 18 },
	[HTTP_FIELD_PROXY_AUTHORIZATION] = { "proxy-authorization", 19 },
	[HTTP_FIELD_PROXY_CONNECTION] = { "proxy-connection", 16 },
	[HTTP_FIELD_TE] = { "te", 2 },
	[HTTP_FIELD_TRAILER] = { "trailer", 7 },
	[HTTP_FIELD_TRANSFER_ENCODING] = { "transfer-encoding", 17 },
	[HTTP_FIELD_UPGRADE] = { "upgrade", 7 },
	[HTTP_FIELD_USER_AGENT] = { "user-agent", 10 },
	[HTTP_FIELD_X_FORWARDED_FOR] = { "x-forwarded-for", 15 },
};

enum { TOKEN = 1, VALUE = 2, TARGET = 4, HOST = 8 };

#define T (TOKEN | VALUE | TARGET)
#define H (TOKEN | VALUE | TARGET | HOST)
#define V (VALUE | TARGET)
#define W (VALUE | TARGET | HOST)
/*
 * What each byte may be part of. Bytes above 0x7f are opaque in values (obs-text) and foreign to
 * targets; '#' would begin a fragment, which is never sent.
 */
static const unsigned char classes[256] = {
	['\t'] = VALUE,
	[' '] = VALUE,
	['!'] = H,
	['"'] = V,
	['#'] = TOKEN | VALUE,
	['$'] = H,
	['%'] = H,
	['&'] = H,
	['\''] = H,
	['('] = W,
	[')'] = W,
	['*'] = H,
	['+'] = H,
	[','] = W,
	['-'] = H,
	['.'] = H,
	['/'] = V,
	['0' ... '9'] = H,
	[':'] = W,
	[';'] = W,
	['<'] = V,
	['='] = W,
	['>'] = V,
	['?'] = V,
	['@'] = V,
	['A' ... 'Z'] = H,
	['['] = W,
	['\\'] = V,
	[']'] = W,
	['^'] = T,
	['_'] = H,
	['`'] = T,
	['a' ... 'z'] = H,
	['{'] = V,
	['|'] = T,
	['}'] = V,
	['~'] = H,
	[0x80 ... 0xff] = VALUE,
};
#undef T
#undef H
#undef V
#undef W

static bool all_are(struct slice text, unsigned char class)
{
	unsigned char common = class;

	for (size_t i = 0; i < text.n; i++)
		common &= classes[(unsigned char)text.p[i]];
	return common & class;
}

bool http_is_token(struct slice text)
{
	return text.n && all_are(text, TOKEN);
}

bool http_is_field_value(struct slice text)
{
	return all_are(text, VALUE);
}

bool http_is_target(struct slice text)
{
	return text.n && all_are(text, TARGET);
}

static bool is_name(struct slice text, const char *name)
{
	return text.n == strlen(name) && strncasecmp(text.p, name, text.n) == 0;
}

ssize_t http_head_length(struct slice data, size_t *scanned)
{
	size_t at = *scanned;

	/* Each LF is looked at once: its line must end in CRLF, and an empty line ends the head. */
	while (at < data.n) {
		const char *lf = memchr(data.p + at, '\n', data.n - at);

		if (!lf) {
			*scanned = data.n;
			return 0;
		}
		at = (size_t)(lf - data.p);
		if (at < 1 || data.p[at - 1] != '\r')
			return -EBADMSG;
		if (at >= 3 && data.p[at - 2] == '\n')
			return (ssize_t)at + 1;
		at++;
		*scanned = at;
	}
	return 0;
}

/* Cuts a line off, without its CRLF. */
static bool next_line(struct slice *rest, struct slice *ret_line)
{
	const char *lf = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
	size_t n;

	if (!lf)
		return false;
	n = (size_t)(lf - rest->p);
	if (n < 1 || rest->p[n - 1] != '\r')
		return false;
	*ret_line = (struct slice){ rest->p, n - 1 };
	*rest = (struct slice){ lf + 1, rest->n - n - 1 };
	return true;
}

static struct slice trim_blanks(struct slice s)
{
	while (s.n && (*s.p == ' ' || *s.p == '\t')) {
		s.p++;
		s.n--;
	}
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

static enum http_field_id identify(struct slice name)
{
	for (int id = HTTP_FIELD_OTHER + 1; id < HTTP_FIELD_N; id++) {
		if (name.n == field_names[id].n && (name.p[0] | 0x20) == field_names[id].p[0] &&
			strncasecmp(name.p, field_names[id].p, name.n) == 0)
			return (enum http_field_id)id;
	}
	return HTTP_FIELD_OTHER;
}

static bool is_plain(char byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
		(byte >= 'A' && byte <= 'Z') || byte == '-';
}

bool http_name_is_plain(struct slice name)
{
	for (size_t i = 0; i < name.n; i++) {
		if (!is_plain(name.p[i]))
			return false;
	}
	return true;
}

struct slice http_name_fold(struct slice name, char *text, size_t cap, enum http_field_id *ret_id)
{
	if (name.n > cap)
		name.n = 0;
	for (size_t i = 0; i < name.n; i++)
		text[i] = is_plain(name.p[i]) ? name.p[i] : '-';
	*ret_id = identify((struct slice){ text, name.n });
	return (struct slice){ text, name.n };
}

static int parse_field(struct slice line, struct http_field *ret_field)
{
	const char *colon = memchr(line.p, ':', line.n);
	struct slice name, value;

	if (!colon)
		return -EBADMSG;
	name = (struct slice){ line.p, (size_t)(colon - line.p) };
	value = (struct slice){ colon + 1, line.n - name.n - 1 };
	/* A folded line begins with a blank, which no name has; so does a blank before the colon.
	 */
	if (!http_is_token(name) || !http_is_field_value(value))
		return -EBADMSG;
	*ret_field = (struct http_field){ name, trim_blanks(value), identify(name) };
	return 0;
}

int http_fields_parse(struct slice lines, struct http_fields *ret_fields)
{
	struct slice line;

	ret_fields->n = 0;
	while (lines.n) {
		int r;

		if (!next_line(&lines, &line))
			return -EBADMSG;
		if (!line.n)
			return lines.n ? -EBADMSG : 0;
		if (ret_fields->n == HTTP_FIELDS_MAX)
			return -E2BIG;
		r = parse_field(line, &ret_fields->v[ret_fields->n]);
		if (r < 0)
			return r;
		ret_fields->n++;
	}
	return 0;
}

size_t http_fields_find(const struct http_fields *fields, const char *name, struct slice *ret_value)
{
	size_t n = 0;

	for (size_t i = 0; i < fields->n; i++) {
		if (!is_name(fields->v[i].name, name))
			continue;
		if (n++ == 0 && ret_value)
			*ret_value = fields->v[i].value;
	}
	return n;
}

bool http_list_has(struct slice list, const char *token)
{
	struct slice item;

	while (slice_next(&list, ',', &item)) {
		if (is_name(trim_blanks(item), token))
			return true;
	}
	return false;
}

bool http_field_is_hop_by_hop(enum http_field_id id)
{
	switch (id) {
	case HTTP_FIELD_CONNECTION:
	case HTTP_FIELD_KEEP_ALIVE:
	case HTTP_FIELD_PROXY_AUTHENTICATE:
	case HTTP_FIELD_PROXY_AUTHORIZATION:
	case HTTP_FIELD_PROXY_CONNECTION:
	case HTTP_FIELD_TE:
	case HTTP_FIELD_TRAILER:
	case HTTP_FIELD_TRANSFER_ENCODING:
	case HTTP_FIELD_UPGRADE:
		return true;
	default:
		return false;
	}
}

bool http_method_is_safe(struct slice method)
{
	return slice_eq(method, "GET") || slice_eq(method, "HEAD") || slice_eq(method, "OPTIONS") ||
		slice_eq(method, "TRACE");
}

/* What the fields say about the message's end; each of them counts once. */
struct message {
	unsigned n_length, n_coding, n_host, n_expect;
	struct slice length, coding, host, expect;
	bool close, keep_alive;
};

static void look_at_fields(const struct http_fields *fields, struct message *m)
{
	*m = (struct message){ 0 };
	for (size_t i = 0; i < fields->n; i++) {
		const struct http_field *f = &fields->v[i];

		switch (f->id) {
		case HTTP_FIELD_CONTENT_LENGTH:
			m->n_length++;
			m->length = f->value;
			break;
		case HTTP_FIELD_TRANSFER_ENCODING:
			m->n_coding++;
			m->coding = f->value;
			break;
		case HTTP_FIELD_HOST:
			m->n_host++;
			m->host = f->value;
			break;
		case HTTP_FIELD_EXPECT:
			m->n_expect++;
			m->expect = f->value;
			break;
		case HTTP_FIELD_CONNECTION:
			m->close |= http_list_has(f->value, "close");
			m->keep_alive |= http_list_has(f->value, "keep-alive");
			break;
		default:
			break;
		}
	}
}

static bool parse_length(struct slice text, uint64_t *ret_length)
{
	return text.n <= HTTP_CONTENT_LENGTH_MAX_DIGITS && slice_to_u64(text, ret_length) >= 0;
}

static bool persists(int minor, const struct message *m)
{
	return minor == 0 ? m->keep_alive && !m->close : !m->close;
}

/* "HTTP/1.1"; the minor version, or -1 for another major one, or -2. */
static int parse_version(struct slice text)
{
	if (text.n != 8 || memcmp(text.p, "HTTP/", 5) != 0 || text.p[6] != '.' || text.p[5] < '0' ||
		text.p[5] > '9' || text.p[7] < '0' || text.p[7] > '9')
		return -2;
	if (text.p[5] != '1' || text.p[7] > '1')
		return -1;
	return text.p[7] - '0';
}

/* "http://host[:port]" off the front of an absolute target; its path may be empty then. */
static bool cut_authority(struct slice *target, struct slice *ret_host)
{
	size_t scheme = 0, n = 0;

	if (target->n > 7 && strncasecmp(target->p, "http://", 7) == 0)
		scheme = 7;
	else if (target->n > 8 && strncasecmp(target->p, "https://", 8) == 0)
		scheme = 8;
	if (!scheme)
		return false;
	while (scheme + n < target->n && target->p[scheme + n] != '/' &&
		target->p[scheme + n] != '?')
		n++;
	*ret_host = (struct slice){ target->p + scheme, n };
	*target = (struct slice){ target->p + scheme + n, target->n - scheme - n };
	return n;
}

static int parse_target(struct slice target, struct http_request_head *head)
{
	const char *mark;

	head->host = (struct slice){ NULL, 0 };
	if (!http_is_target(target))
		return BAD_REQUEST;
	if (*target.p != '/') {
		if (!cut_authority(&target, &head->host))
			return BAD_REQUEST;
		if (!target.n || *target.p != '/') {
			/* "http://host" and "http://host?x" have the path "/". */
			if (target.n)
				return BAD_REQUEST;
			target = SLICE("/");
		}
	}
	mark = memchr(target.p, '?', target.n);
	head->path = target;
	head->query = (struct slice){ NULL, 0 };
	if (mark) {
		head->path.n = (size_t)(mark - target.p);
		head->query = (struct slice){ mark + 1, target.n - head->path.n - 1 };
	}
	return 0;
}

/* Method, one blank, target, one blank, version: nothing else splits in one way only. */
static int parse_request_line(struct slice line, struct http_request_head *head)
{
	const char *first = memchr(line.p, ' ', line.n), *second;
	struct slice target, version;
	int minor, r;

	if (!first)
		return BAD_REQUEST;
	head->method = (struct slice){ line.p, (size_t)(first - line.p) };
	if (!http_is_token(head->method) || head->method.n > HTTP_METHOD_MAX)
		return BAD_REQUEST;
	target = (struct slice){ first + 1, line.n - head->method.n - 1 };
	second = memchr(target.p, ' ', target.n);
	if (!second)
		return BAD_REQUEST;
	version = (struct slice){ second + 1, target.n - (size_t)(second - target.p) - 1 };
	target.n = (size_t)(second - target.p);
	minor = parse_version(version);
	if (minor < 0)
		return minor == -1 ? VERSION_NOT_SUPPORTED : BAD_REQUEST;
	head->minor = minor;
	r = parse_target(target, head);
	return r;
}

static int check_host(struct http_request_head *head, const struct message *m)
{
	if (m->n_host > 1 || (head->minor == 1 && !m->n_host) || !all_are(m->host, HOST))
		return BAD_REQUEST;
	if (!head->host.n) {
		head->host = m->host;
		return 0;
	}
	/* RFC 9112 3.2.2 prefers the target's; a server behind might not. */
	if (!all_are(head->host, HOST))
		return BAD_REQUEST;
	if (m->n_host &&
		(m->host.n != head->host.n || strncasecmp(m->host.p, head->host.p, m->host.n) != 0))
		return BAD_REQUEST;
	return 0;
}

static int frame_request(struct http_request_head *head, const struct message *m)
{
	head->framing = HTTP_BODY_NONE;
	head->content_length = 0;
	if (m->n_length > 1 || m->n_coding > 1 || (m->n_length && m->n_coding))
		return BAD_REQUEST;
	if (m->n_coding) {
		if (head->minor == 0)
			return BAD_REQUEST;
		if (!is_name(m->coding, "chunked"))
			return NOT_IMPLEMENTED;
		head->framing = HTTP_BODY_CHUNKED;
	}
	if (m->n_length) {
		if (!parse_length(m->length, &head->content_length))
			return BAD_REQUEST;
		head->framing = head->content_length ? HTTP_BODY_LENGTH : HTTP_BODY_NONE;
	}
	return 0;
}

int http_request_head_parse(struct slice head, struct http_request_head *ret_head)
{
	struct slice line;
	struct message m;
	int r;

	if (!next_line(&head, &line))
		return BAD_REQUEST;
	r = parse_request_line(line, ret_head);
	if (r)
		return r;
	r = http_fields_parse(head, &ret_head->fields);
	if (r < 0)
		return r == -E2BIG ? FIELDS_TOO_LARGE : BAD_REQUEST;
	look_at_fields(&ret_head->fields, &m);
	r = check_host(ret_head, &m);
	if (!r)
		r = frame_request(ret_head, &m);
	if (r)
		return r;
	ret_head->expect_continue = false;
	if (m.n_expect) {
		if (m.n_expect > 1 || !is_name(m.expect, "100-continue"))
			return EXPECTATION_FAILED;
		/* Without a body there is nothing to wait for (RFC 9110 10.1.1). */
		ret_head->expect_continue = ret_head->minor == 1 &&
			ret_head->framing != HTTP_BODY_NONE;
	}
	ret_head->keep_alive = persists(ret_head->minor, &m);
	return 0;
}

static int parse_status_line(struct slice line, struct http_response_head *head)
{
	int minor;

	if (line.n < 12 || line.p[8] != ' ')
		return -EBADMSG;
	minor = parse_version((struct slice){ line.p, 8 });
	if (minor < 0)
		return -EBADMSG;
	head->minor = minor;
	head->status = 0;
	for (int i = 9; i < 12; i++) {
		if (line.p[i] < '0' || line.p[i] > '9')
			return -EBADMSG;
		head->status = 10 * head->status + line.p[i] - '0';
	}
	if (head->status < 100 || (line.n > 12 && line.p[12] != ' '))
		return -EBADMSG;
	head->reason = (struct slice){ "", 0 };
	if (line.n > 13)
		head->reason = (struct slice){ line.p + 13, line.n - 13 };
	return http_is_field_value(head->reason) ? 0 : -EBADMSG;
}

/* RFC 9112 6.3. */
static int frame_response(
	struct http_response_head *head, const struct message *m, bool to_head_request)
{
	head->content_length = 0;
	head->has_length = m->n_length;
	if (m->n_length > 1 || m->n_coding > 1 || (m->n_length && m->n_coding))
		return -EBADMSG;
	if (m->n_length && !parse_length(m->length, &head->content_length))
		return -EBADMSG;
	if (m->n_coding && (head->minor == 0 || !is_name(m->coding, "chunked")))
		return -EBADMSG;
	if (to_head_request || head->status < 200 || head->status == 204 || head->status == 304)
		head->framing = HTTP_BODY_NONE;
	else if (m->n_coding)
		head->framing = HTTP_BODY_CHUNKED;
	else if (m->n_length)
		head->framing = head->content_length ? HTTP_BODY_LENGTH : HTTP_BODY_NONE;
	else
		head->framing = HTTP_BODY_CLOSE;
	return 0;
}

int http_response_head_parse(
	struct slice head, bool to_head_request, struct http_response_head *ret_head)
{
	struct slice line;
	struct message m;
	int r;

	if (!next_line(&head, &line))
		return -EBADMSG;
	r = parse_status_line(line, ret_head);
	if (r >= 0)
		r = http_fields_parse(head, &ret_head->fields);
	if (r < 0)
		return r;
	look_at_fields(&ret_head->fields, &m);
	ret_head->keep_alive = persists(ret_head->minor, &m);
	return frame_response(ret_head, &m, to_head_request);
}
