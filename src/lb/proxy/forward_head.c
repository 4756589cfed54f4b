// SPDX-License-Identifier: Apache-2.0
/* The head that a server gets (spec lb-and-proxies.md 2.11; RFC 9110 7.6). */
#include <errno.h>
#include <strings.h>

#include "lb/proxy/internal.h"

enum { NAME_MAX_BYTES = 128 };

static bool is_name(struct slice name, const char *text)
{
	return strncasecmp(name.p, text, name.n) == 0 && text[name.n] == '\0';
}

void connection_names_find(struct connection_names *names, const struct http_fields *fields)
{
	names->n = 0;
	for (size_t i = 0; i < fields->n && names->n < CONNECTION_NAMES_MAX; i++) {
		const struct http_field *f = &fields->v[i];

		if (f->id == HTTP_FIELD_CONNECTION && !is_name(f->value, "close") &&
			!is_name(f->value, "keep-alive"))
			names->v[names->n++] = f->value;
	}
}

bool connection_names_have(const struct connection_names *names, struct slice name)
{
	char text[NAME_MAX_BYTES];

	if (!names->n || name.n >= sizeof(text))
		return false;
	memcpy(text, name.p, name.n);
	text[name.n] = '\0';
	for (size_t i = 0; i < names->n; i++) {
		if (http_list_has(names->v[i], text))
			return true;
	}
	return false;
}

static void put(struct buffer *out, struct slice s)
{
	buffer_append(out, s.p, s.n);
}

static void put_field(struct buffer *out, struct slice name, struct slice value)
{
	put(out, name);
	buffer_append(out, ": ", 2);
	put(out, value);
	buffer_append(out, "\r\n", 2);
}

const char *forward_method(const struct exchange *x)
{
	return x->forward.method ? x->forward.method : x->method;
}

bool forward_streams(const struct exchange *x)
{
	return !x->forward.rewritten && !x->body_read && x->head.framing != HTTP_BODY_NONE;
}

struct slice forward_body(const struct exchange *x)
{
	if (x->forward.rewritten)
		return x->forward.body;
	if (x->body_read)
		return exchange_body(x);
	return (struct slice){ NULL, 0 };
}

enum http_framing forward_framing(const struct exchange *x)
{
	if (forward_streams(x))
		return x->head.framing;
	return forward_body(x).n ? HTTP_BODY_LENGTH : HTTP_BODY_NONE;
}

static bool method_has_content(const char *method)
{
	return str_eq(method, "POST") || str_eq(method, "PUT") || str_eq(method, "PATCH");
}

static void put_framing(struct exchange *x, struct buffer *out)
{
	uint64_t length = 0;

	switch (forward_framing(x)) {
	case HTTP_BODY_CHUNKED:
		buffer_puts(out, "Transfer-Encoding: chunked\r\n");
		return;
	case HTTP_BODY_LENGTH:
		length = forward_streams(x) ? x->head.content_length : forward_body(x).n;
		break;
	case HTTP_BODY_NONE:
	case HTTP_BODY_CLOSE:
		if (!method_has_content(forward_method(x)))
			return;
		break;
	}
	buffer_puts(out, "Content-Length: ");
	answer_put_number(out, length);
	buffer_append(out, "\r\n", 2);
}

static void put_forwarded_for(struct exchange *x, struct buffer *out)
{
	const char *peer = x->peer_text;
	bool any = false;

	for (size_t i = 0; i < x->head.fields.n; i++) {
		const struct http_field *f = &x->head.fields.v[i];

		if (f->id != HTTP_FIELD_X_FORWARDED_FOR || !f->value.n)
			continue;
		buffer_puts(out, any ? ", " : "X-Forwarded-For: ");
		put(out, f->value);
		any = true;
	}
	if (*peer)
		buffer_puts(out, any ? ", " : "X-Forwarded-For: ");
	buffer_puts(out, peer);
	if (any || *peer)
		buffer_append(out, "\r\n", 2);
}

static bool is_set_or_dropped(const struct exchange_forward *f, struct slice name)
{
	for (const char *const *d = f->drop; d && *d; d++) {
		if (is_name(name, *d))
			return true;
	}
	for (const char *const(*s)[2] = f->set; s && (*s)[0]; s++) {
		if (is_name(name, (*s)[0]))
			return true;
	}
	return false;
}

/* Whether the client's field stays behind, as far as the proxy itself has a say. */
static bool stays_behind(const struct exchange *x, const struct http_field *f)
{
	if (http_field_is_hop_by_hop(f->id))
		return true;
	switch (f->id) {
	case HTTP_FIELD_AUTHORIZATION:
	case HTTP_FIELD_CONTENT_LENGTH:
	case HTTP_FIELD_EXPECT:
	case HTTP_FIELD_HOST:
	case HTTP_FIELD_USER_AGENT:
	case HTTP_FIELD_X_FORWARDED_FOR:
		return true;
	case HTTP_FIELD_ACCEPT_ENCODING:
		return x->forward.filter != NULL;
	case HTTP_FIELD_CONTENT_TYPE:
	case HTTP_FIELD_CONTENT_ENCODING:
		return x->forward.rewritten;
	default:
		return false;
	}
}

static bool goes_on(
	const struct exchange *x, const struct http_field *f, const struct connection_names *listed)
{
	return !stays_behind(x, f) && !connection_names_have(listed, f->name) &&
		!is_set_or_dropped(&x->forward, f->name) &&
		!upstream_sets_header(x->upstream, f->name);
}

static bool is_named(const struct strings *names, struct slice name)
{
	for (size_t i = 0; names && i < names->n; i++) {
		if (is_name(name, names->v[i]))
			return true;
	}
	return false;
}

/* "X_Scope_OrgID": some servers take it for another one. */
static bool odd_goes_on(
	const struct exchange *x, const struct http_field *f, const struct connection_names *listed)
{
	struct http_field folded = *f;
	char text[NAME_MAX_BYTES];

	if (is_named(x->forward.odd_names, f->name))
		return true;
	if (x->forward.plain_names)
		return false;
	folded.name = http_name_fold(f->name, text, sizeof(text), &folded.id);
	return folded.name.n && goes_on(x, &folded, listed);
}

static void put_client_fields(struct exchange *x, struct buffer *out)
{
	const struct http_fields *fields = &x->head.fields;
	struct connection_names listed;

	connection_names_find(&listed, fields);
	for (size_t i = 0; i < fields->n; i++) {
		const struct http_field *f = &fields->v[i];

		if (!goes_on(x, f, &listed))
			continue;
		if (http_name_is_plain(f->name) || odd_goes_on(x, f, &listed))
			put_field(out, f->name, f->value);
	}
}

int forward_build_fields(struct exchange *x, struct buffer *out)
{
	const struct upstream *u = x->upstream;

	put_field(out, SLICE("Host"), x->head.host.n ? x->head.host : slice_from(u->authority));
	if (u->user_agent)
		put_field(out, SLICE("User-Agent"), slice_from(u->user_agent));
	put_client_fields(x, out);
	put_forwarded_for(x, out);
	if (x->forward.filter)
		buffer_puts(out, "Accept-Encoding: identity\r\n");
	if (x->forward.rewritten && x->forward.content_type)
		put_field(out, SLICE("Content-Type"), slice_from(x->forward.content_type));
	for (const char *const(*s)[2] = x->forward.set; s && (*s)[0]; s++)
		put_field(out, slice_from((*s)[0]), slice_from((*s)[1]));
	/* A server that knows TRACE would show them to the client (RFC 9110 9.3.8). */
	if (str_eq(forward_method(x), "TRACE"))
		return buffer_error(out);
	if (u->unsettled)
		buffer_append(out, x->credentials.data, x->credentials.len);
	else if (u->credentials)
		buffer_puts(out, u->credentials);
	return buffer_error(out);
}

void forward_build_target(struct exchange *x, struct buffer *out)
{
	const struct upstream *u = x->upstream;
	struct slice path = x->forward.rewritten ? x->forward.path : x->head.path;
	struct slice query = x->forward.rewritten ? x->forward.query : x->head.query;

	/* The prefix has no slash at its end. */
	buffer_puts(out, u->prefix);
	if (!path.n || *path.p != '/')
		buffer_putc(out, '/');
	put(out, path);
	if (u->query || query.p)
		buffer_putc(out, '?');
	if (u->query)
		buffer_puts(out, u->query);
	if (u->query && *u->query && query.n)
		buffer_putc(out, '&');
	if (query.p)
		put(out, query);
}

int forward_build_head(struct exchange *x)
{
	struct slice body = forward_body(x);
	struct buffer *out = &x->request;
	int r;

	buffer_clear(out);
	buffer_puts(out, forward_method(x));
	buffer_putc(out, ' ');
	forward_build_target(x, out);
	buffer_puts(out, " HTTP/1.1\r\n");
	r = forward_build_fields(x, out);
	put_framing(x, out);
	buffer_append(out, "\r\n", 2);
	x->body_in_request = !forward_streams(x) && body.n <= SMALL_BODY_BYTES;
	if (x->body_in_request)
		put(out, body);
	return r < 0 ? r : buffer_error(out);
}
