// SPDX-License-Identifier: Apache-2.0
/* The request as it came: what its head said, and its body on the way in. */
#include <errno.h>
#include <string.h>

#include "lb/proxy/internal.h"

bool exchange_body_pending(const struct exchange *x)
{
	return !x->reader.done;
}

static void say_continue(struct exchange *x)
{
	struct client *c = x->client;

	/* A client that has begun doesn't wait. */
	if (x->continue_due && c->in.start == c->in.end) {
		buffer_puts(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
		(void)client_flush(c);
	}
	x->continue_due = false;
}

int exchange_fill(struct exchange *x)
{
	struct client *c = x->client;
	ssize_t n;

	if (c->in.end > c->in.ready)
		return 1;
	if (++c->fills > ROUNDS_MAX) {
		client_yield(c);
		return 0;
	}
	say_continue(x);
	n = client_fill(c);
	if (n > 0)
		return 1;
	if (n != -EAGAIN && n != -ENOBUFS)
		return -EPIPE;
	if (n == -EAGAIN) {
		stream_trim(&c->in, &c->loop->loop);
		client_expect(c, c->loop->proxy->config.body_timeout_ms);
	}
	return 0;
}

void exchange_note_body_end(struct exchange *x)
{
	if (x->reader.done)
		loop_timer_clear(&x->client->timer);
}

int exchange_fill_body(struct exchange *x)
{
	struct stream *in = &x->client->in;

	while (!x->reader.done) {
		enum http_piece piece;
		size_t n;
		int r;

		if (in->end == in->ready) {
			if (in->ready > in->start)
				return 1;
			r = exchange_fill(x);
			if (r <= 0)
				return r;
		}
		r = http_body_next(&x->reader,
			(struct slice){ in->data + in->ready, in->end - in->ready }, &piece, &n);
		if (r < 0)
			return r;
		exchange_note_body_end(x);
		if (piece == HTTP_PIECE_DATA)
			x->report.request_bytes += n;
		in->ready += n;
		if (piece != HTTP_PIECE_SKIP)
			continue;
		/* It must not be sent: what is in front of it goes first. */
		if (in->start + n < in->ready) {
			memmove(in->data + in->start + n, in->data + in->start,
				in->ready - n - in->start);
		}
		in->start += n;
	}
	return in->ready > in->start;
}

int exchange_take_body(struct exchange *x, struct buffer *out)
{
	struct stream *in = &x->client->in;

	while (!x->reader.done) {
		enum http_piece piece;
		size_t n;
		int r = exchange_fill(x);

		if (r <= 0)
			return r;
		r = http_body_next(&x->reader,
			(struct slice){ in->data + in->ready, in->end - in->ready }, &piece, &n);
		if (r < 0)
			return r;
		exchange_note_body_end(x);
		if (piece == HTTP_PIECE_DATA)
			buffer_append(out, in->data + in->ready, n);
		in->ready += n;
		in->start = in->ready;
		if (piece == HTTP_PIECE_DATA) {
			x->report.request_bytes += n;
			return (int)n;
		}
	}
	return 0;
}

void exchange_skip_body(struct exchange *x)
{
	struct stream *in = &x->client->in;

	if (x->continue_due || !x->client)
		return;
	while (!x->reader.done) {
		enum http_piece piece;
		size_t n;

		if (in->end == in->ready && client_fill(x->client) <= 0)
			break;
		if (http_body_next(&x->reader,
			    (struct slice){ in->data + in->ready, in->end - in->ready }, &piece,
			    &n) < 0)
			break;
		in->ready += n;
		in->start = in->ready;
		x->skipped += n;
		if (x->skipped > SPARE_BUFFER_BYTES)
			break;
	}
}

const char *exchange_method(const struct exchange *x)
{
	return x->method;
}

struct slice exchange_path(const struct exchange *x)
{
	return x->head.path;
}

struct slice exchange_query(const struct exchange *x)
{
	return x->head.query;
}

struct slice exchange_host(const struct exchange *x)
{
	return x->head.host;
}

size_t exchange_header(const struct exchange *x, const char *name, struct slice *ret_value)
{
	return http_fields_find(&x->head.fields, name, ret_value);
}

const char *exchange_user(const struct exchange *x)
{
	return x->user;
}

bool exchange_client_cert(const struct exchange *x)
{
	return x->cert;
}

const struct sockaddr *exchange_peer(const struct exchange *x)
{
	return (const struct sockaddr *)&x->peer;
}

size_t exchange_listener(const struct exchange *x)
{
	return x->listener;
}

struct arena *exchange_arena(struct exchange *x)
{
	return &x->arena;
}

bool exchange_has_body(const struct exchange *x)
{
	return x->head.framing != HTTP_BODY_NONE;
}

struct slice exchange_body(const struct exchange *x)
{
	return (struct slice){ buffer_text(&x->body), x->body.len };
}

void exchange_set_data(struct exchange *x, void *data)
{
	x->data = data;
}

void *exchange_data(const struct exchange *x)
{
	return x->data;
}
