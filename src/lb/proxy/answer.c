// SPDX-License-Identifier: Apache-2.0
/* What a client gets: heads of servers and our own, and bodies that have to be framed anew. */
#include <errno.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>

#include "lb/proxy/internal.h"

const char *answer_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {
		{ 200, "OK" },
		{ 204, "No Content" },
		{ 301, "Moved Permanently" },
		{ 302, "Found" },
		{ 304, "Not Modified" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 411, "Length Required" },
		{ 413, "Content Too Large" },
		{ 415, "Unsupported Media Type" },
		{ 417, "Expectation Failed" },
		{ 422, "Unprocessable Content" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		if (reasons[i].status == status)
			return reasons[i].reason;
	}
	return "Status";
}

void answer_put_number(struct buffer *out, uint64_t number)
{
	char text[24], *p = text + sizeof(text);

	do
		*--p = (char)('0' + number % 10);
	while (number /= 10);
	buffer_append(out, p, (size_t)(text + sizeof(text) - p));
}

size_t answer_unsent(const struct exchange *x)
{
	const struct client *c = x->client;
	size_t n = c->out.len - c->out_sent;

	if (x->direct && x->wire) {
		const struct stream *s = wire_stream(x->wire);

		n += s->ready - s->start;
	}
	return n;
}

/* What the web config adds to each answer, and how the connection goes on. */
static void end_head(struct client *c, const struct exchange *x)
{
	struct buffer *out = &c->out;

	if (x && x->web) {
		const struct config_map *headers = &x->web->config.http.headers;

		for (size_t i = 0; i < headers->n; i++)
			buffer_printf(out, "%s: %s\r\n", headers->names[i], headers->values[i]);
	}
	if (c->close_after)
		buffer_puts(out, "Connection: close\r\n");
	else if (x && x->head.minor == 0)
		buffer_puts(out, "Connection: keep-alive\r\n");
	buffer_puts(out, "\r\n");
}

static void put_length(struct buffer *out, uint64_t length)
{
	buffer_puts(out, "Content-Length: ");
	answer_put_number(out, length);
	buffer_append(out, "\r\n", 2);
}

static void put_slice(struct buffer *out, struct slice s)
{
	buffer_append(out, s.p, s.n);
}

static void put_own(struct client *c, struct exchange *x, int status, const char *content_type,
	const char *const *headers, struct slice body)
{
	struct buffer *out = &c->out;
	bool bodiless = status == 204 || status == 304;

	buffer_printf(out, "HTTP/1.1 %d %s\r\nDate: %s\r\n", status, answer_reason(status),
		proxy_loop_date(c->loop));
	if (content_type)
		buffer_printf(out, "Content-Type: %s\r\n", content_type);
	for (; headers && *headers; headers++)
		buffer_printf(out, "%s\r\n", *headers);
	if (!bodiless)
		put_length(out, body.n);
	end_head(c, x);
	if (!bodiless && !(x && x->method && strcmp(x->method, "HEAD") == 0)) {
		put_slice(out, body);
		if (x)
			x->report.response_bytes = body.n;
	}
	if (x) {
		x->answered = true;
		x->report.status = status;
	}
	if (buffer_error(out))
		client_close(c, true);
}

void answer_own(struct exchange *x, int status, const char *content_type,
	const char *const *headers, struct slice body)
{
	if (exchange_body_pending(x))
		x->client->close_after = true;
	put_own(x->client, x, status, content_type, headers, body);
}

void answer_refuse(struct client *c, struct exchange *x, int status, const char *text)
{
	static const char *const plain[] = { "X-Content-Type-Options: nosniff", NULL };
	static const char *const login[] = { "X-Content-Type-Options: nosniff",
		"WWW-Authenticate: Basic", NULL };
	static const char *const later[] = { "X-Content-Type-Options: nosniff", "Retry-After: 1",
		NULL };
	const struct proxy_config *config = &c->loop->proxy->config;
	bool keep = x && (status == 401 || status >= 502) && !exchange_body_pending(x);

	c->close_after |= !keep;
	if (!x || !x->introduced) {
		atomic_fetch_add(&c->loop->proxy->refused, 1);
		if (config->handler->on_refused)
			config->handler->on_refused(config->ctx, c->listener,
				(const struct sockaddr *)&c->peer, status);
	}
	put_own(c, x, status, "text/plain; charset=utf-8",
		status == 401                                    ? login
			: status == 503 && !(x && x->introduced) ? later
								 : plain,
		slice_from(text));
	if (c->state == CLIENT_CLOSED)
		return;
	if (x)
		x->state = EXCHANGE_SENDING;
	else
		c->state = CLIENT_LINGER;
}

static bool is_coding(struct slice value, const char *name)
{
	return value.n == strlen(name) && strncasecmp(value.p, name, value.n) == 0;
}

/* Codings of an answer: how many, and whether the last one is a known one. */
static unsigned count_codings(const struct http_response_head *head, bool *ret_known)
{
	unsigned n = 0;

	*ret_known = false;
	for (size_t i = 0; i < head->fields.n; i++) {
		const struct http_field *f = &head->fields.v[i];

		if (f->id != HTTP_FIELD_CONTENT_ENCODING || !f->value.n ||
			is_coding(f->value, "identity"))
			continue;
		n++;
		*ret_known = is_coding(f->value, "gzip") || is_coding(f->value, "x-gzip") ||
			is_coding(f->value, "deflate");
	}
	return n;
}

/* A filter reads text. False: it can't be had. */
static bool prepare_decoding(struct exchange *x, const struct http_response_head *head)
{
	bool known;
	unsigned n = head->framing == HTTP_BODY_NONE ? 0 : count_codings(head, &known);

	if (!n)
		return true;
	x->gunzip = n == 1 && known ? gunzip_new() : NULL;
	return x->gunzip;
}

static struct slice content_type_of(const struct http_response_head *head)
{
	struct slice type = { "", 0 };

	for (size_t i = 0; i < head->fields.n; i++) {
		if (head->fields.v[i].id == HTTP_FIELD_CONTENT_TYPE)
			type = head->fields.v[i].value;
	}
	return type;
}

static void choose_framing(
	struct exchange *x, const struct http_response_head *head, bool may_be_direct)
{
	bool old = x->head.minor == 0;

	x->bodiless = head->framing == HTTP_BODY_NONE;
	x->direct = x->chunked = false;
	if (head->framing == HTTP_BODY_NONE)
		return;
	if (head->framing == HTTP_BODY_LENGTH && !x->filtered) {
		x->direct = may_be_direct;
		return;
	}
	if (old) {
		x->client->close_after = true;
		return;
	}
	x->direct = may_be_direct && !x->filtered && head->framing == HTTP_BODY_CHUNKED;
	x->chunked = !x->direct;
}

static void put_fields(struct exchange *x, const struct http_response_head *head)
{
	struct buffer *out = &x->client->out;
	struct connection_names listed;

	connection_names_find(&listed, &head->fields);
	for (size_t i = 0; i < head->fields.n; i++) {
		const struct http_field *f = &head->fields.v[i];

		if (http_field_is_hop_by_hop(f->id) || f->id == HTTP_FIELD_CONTENT_LENGTH ||
			(x->gunzip && f->id == HTTP_FIELD_CONTENT_ENCODING) ||
			connection_names_have(&listed, f->name))
			continue;
		put_slice(out, f->name);
		buffer_append(out, ": ", 2);
		put_slice(out, f->value);
		buffer_append(out, "\r\n", 2);
	}
}

void answer_head(struct exchange *x, bool may_be_direct)
{
	const struct http_response_head *head = &x->loop->answer;
	const struct exchange_filter *filter = x->forward.filter;
	struct client *c = x->client;
	struct buffer *out = &c->out;
	int filtered = filter
		? filter->begin(x->forward.filter_ctx, head->status, content_type_of(head))
		: 0;

	/* What can't be read can't be filtered. */
	if ((filtered < 0 && head->framing != HTTP_BODY_NONE) ||
		(filtered > 0 && !prepare_decoding(x, head))) {
		x->direct = false;
		forward_abort(x);
		answer_refuse(c, x, 502, "Bad Gateway\n");
		return;
	}
	x->filtered = filtered > 0;
	choose_framing(x, head, may_be_direct);
	x->answered = true;
	x->report.status = head->status;
	if (exchange_body_pending(x))
		c->close_after = true;
	buffer_append(out, "HTTP/1.1 ", 9);
	answer_put_number(out, (uint64_t)head->status);
	buffer_putc(out, ' ');
	put_slice(out, head->reason);
	buffer_append(out, "\r\n", 2);
	put_fields(x, head);
	if (head->has_length && head->status != 204 && !(x->filtered && head->content_length))
		put_length(out, head->content_length);
	else if (head->framing != HTTP_BODY_NONE && x->head.minor == 1)
		buffer_puts(out, "Transfer-Encoding: chunked\r\n");
	end_head(c, x);
}

static void put_framed(struct exchange *x, const char *data, size_t n)
{
	struct buffer *out = &x->client->out;

	if (!n)
		return;
	x->report.response_bytes += n;
	if (x->chunked)
		buffer_printf(out, "%zx\r\n", n);
	buffer_append(out, data, n);
	if (x->chunked)
		buffer_append(out, "\r\n", 2);
}

static int filter(struct exchange *x, const char *data, size_t n, bool last)
{
	struct buffer *out = &x->filter_out;
	int r = x->forward.filter->data(x->forward.filter_ctx, data, n, last, out);

	if (r >= 0)
		r = buffer_error(out);
	if (r < 0)
		return r;
	put_framed(x, buffer_text(out), out->len);
	buffer_clear(out);
	return 0;
}

size_t answer_step(const struct exchange *x, size_t n)
{
	return x->gunzip ? MIN(n, (size_t)CODED_STEP_BYTES) : n;
}

static int decode_and_filter(struct exchange *x, const char *data, size_t n)
{
	CLEANUP(buffer_done) struct buffer text = { 0 };
	int r = gunzip_add(x->gunzip, data, n, &text);

	return r < 0 ? r : filter(x, buffer_text(&text), text.len, false);
}

bool answer_is_held(const struct exchange *x)
{
	return x->filtered && !x->bodiless && !x->report.response_bytes;
}

int answer_data(struct exchange *x, const char *data, size_t n)
{
	int r = 0;

	if (x->gunzip)
		r = decode_and_filter(x, data, n);
	else if (x->filtered)
		r = filter(x, data, n, false);
	else
		put_framed(x, data, n);
	return r < 0 ? r : buffer_error(&x->client->out);
}

int answer_end(struct exchange *x)
{
	if (x->gunzip && !gunzip_is_whole(x->gunzip))
		return -EBADMSG;
	if (x->filtered && !x->bodiless) {
		int r = filter(x, "", 0, true);

		if (r < 0)
			return r;
	}
	if (x->chunked)
		buffer_puts(&x->client->out, "0\r\n\r\n");
	return buffer_error(&x->client->out);
}
