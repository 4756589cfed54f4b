// SPDX-License-Identifier: Apache-2.0
/* A connection to a plain server: HTTP/1.1, one request at a time, kept for the next one. */
#include <errno.h>
#include <string.h>

#include "lb/proxy/wire.h"

struct stream *wire_stream(struct wire *w)
{
	return &w->in;
}

void wire_set_timeout(struct wire *w)
{
	int64_t timeout_ms = w->x->forward.timeout_ms;

	if (timeout_ms > 0)
		loop_timer_set(wire_loop(w), &w->timer, wire_loop(w)->now_ms + timeout_ms);
	else
		loop_timer_clear(&w->timer);
}

/* The client's body: false, if the exchange went another way. */
static bool fill_from_client(struct wire *w)
{
	struct exchange *x = w->x;
	struct client *c = x->client;
	int r = exchange_fill_body(x);

	if (r >= 0)
		return true;
	if (r == -EPIPE || x->answered) {
		client_close(c, r != -EPIPE);
	} else {
		forward_abort(x);
		answer_refuse(c, x, 400, "Bad Request\n");
	}
	return false;
}

static void note_sent(struct wire *w, size_t n)
{
	struct exchange *x = w->x;
	size_t head = MIN(n, x->request.len - w->request_sent);

	w->sent_any = true;
	w->request_sent += head;
	n -= head;
	if (!n)
		return;
	if (forward_streams(x)) {
		x->body_begun = true;
		x->client->in.start += n;
		wire_set_timeout(w);
	} else {
		w->body_sent += n;
	}
}

static int gather(struct wire *w, struct iovec v[static 2])
{
	struct exchange *x = w->x;
	struct slice body = forward_body(x);
	int k = 0;

	if (w->request_sent < x->request.len)
		v[k++] = (struct iovec){ x->request.data + w->request_sent,
			x->request.len - w->request_sent };
	if (forward_streams(x)) {
		const struct stream *in = &x->client->in;

		if (in->ready > in->start)
			v[k++] = (struct iovec){ in->data + in->start, in->ready - in->start };
	} else if (w->body_sent < body.n) {
		v[k++] = (struct iovec){ (char *)body.p + w->body_sent, body.n - w->body_sent };
	}
	return k;
}

/* False: the exchange went another way. */
static bool run_send(struct wire *w)
{
	bool streams = forward_streams(w->x);

	for (int rounds = 0; !w->sent_all && !w->send_failed && w->io.writable; rounds++) {
		struct iovec v[2];
		ssize_t n;
		int k;

		if (rounds > ROUNDS_MAX) {
			client_yield(w->x->client);
			break;
		}
		if (streams && !fill_from_client(w))
			return false;
		k = gather(w, v);
		if (!k) {
			w->sent_all = !streams || w->x->reader.done;
			break;
		}
		n = io_writev(&w->io, v, k);
		if (n == -EAGAIN)
			break;
		if (n < 0) {
			/* It may have answered before it closed. */
			w->send_failed = true;
			w->io.readable = true;
			break;
		}
		note_sent(w, (size_t)n);
	}
	if (w->sent_all)
		stream_trim(&w->x->client->in, wire_loop(w));
	return true;
}

/* The server's part is over. */
static void complete(struct wire *w)
{
	struct exchange *x = w->x;
	bool again = w->keep_alive && w->sent_all && !w->io.hangup && w->in.start == w->in.end &&
		w->body.framing != HTTP_BODY_CLOSE;

	if (again)
		wire_keep(w);
	else
		wire_abort(w);
	forward_complete(x);
}

static void broken(struct wire *w, const char *why)
{
	struct exchange *x = w->x;

	if (w->head_seen) {
		forward_cut(x);
		return;
	}
	if (w->reused && (!w->got_any || !w->sent_any) && forward_renew(x, !w->sent_any))
		return;
	forward_failed(x, ATTEMPT_BROKEN, why);
}

static void ended(struct wire *w, ssize_t r)
{
	if (r == 0 && w->head_seen && http_body_may_end(&w->body)) {
		complete(w);
		return;
	}
	broken(w, r ? "the connection broke" : "the server closed the connection");
}

static void see_head(struct wire *w, size_t n)
{
	struct exchange *x = w->x;
	struct http_response_head *head = &x->loop->answer;
	struct slice text = { w->in.data + w->in.start, n };
	int r = http_response_head_parse(text, str_eq(forward_method(x), "HEAD"), head);

	if (r < 0 || head->status == 101) {
		broken(w, "the server's answer is no proper HTTP/1.1");
		return;
	}
	w->scanned = 0;
	if (head->status >= 200) {
		w->head_seen = true;
		w->keep_alive = head->keep_alive;
		http_body_init(&w->body, head->framing, head->content_length);
		forward_answered(x);
		answer_head(x, true);
	}
	w->in.start += n;
	w->in.ready = w->in.start;
}

/* 1: go on; 0: more bytes are needed; -1: the exchange went another way. */
static int run_head(struct wire *w)
{
	size_t have = w->in.end - w->in.start;
	struct exchange *x = w->x;
	ssize_t n = 0;

	if (have)
		n = http_head_length((struct slice){ w->in.data + w->in.start, have }, &w->scanned);
	if (n < 0 || (n == 0 ? have : (size_t)n) > ANSWER_HEAD_MAX_BYTES) {
		broken(w, "the head of the server's answer is malformed or too large");
		return -1;
	}
	if (!n)
		return 0;
	see_head(w, (size_t)n);
	return x->wire == w && x->state == EXCHANGE_FORWARDING ? 1 : -1;
}

/* Looks through what came in: false if it is malformed. */
static bool scan(struct wire *w)
{
	struct stream *in = &w->in;

	while (in->ready < in->end && !w->body.done) {
		enum http_piece piece;
		size_t n;

		if (http_body_next(&w->body,
			    (struct slice){ in->data + in->ready, in->end - in->ready }, &piece,
			    &n) < 0)
			return false;
		in->ready += n;
		if (piece == HTTP_PIECE_DATA)
			w->x->report.response_bytes += n;
		if (piece == HTTP_PIECE_SKIP) {
			memmove(in->data + in->start + n, in->data + in->start,
				in->ready - n - in->start);
			in->start += n;
		}
	}
	return true;
}

/* 0: more bytes are needed; -1: the client has to take some first, or it is over. */
static int relay_direct(struct wire *w)
{
	struct exchange *x = w->x;
	bool good = scan(w);
	int r = client_flush(x->client);

	if (r < 0)
		client_close(x->client, true);
	if (r <= 0)
		return -1;
	if (!good)
		broken(w, "");
	else if (w->body.done)
		complete(w);
	else
		return 0;
	return -1;
}

static int flush_some(struct wire *w)
{
	struct client *c = w->x->client;
	int r;

	if (answer_is_held(w->x))
		return 0;
	r = client_flush(c);
	if (r < 0)
		client_close(c, true);
	return r < 0 || answer_unsent(c->x) > OUT_HIGH_BYTES ? -1 : 0;
}

static int relay_copied(struct wire *w)
{
	struct stream *in = &w->in;
	struct exchange *x = w->x;

	if (answer_unsent(x) > OUT_HIGH_BYTES && flush_some(w) < 0)
		return -1;
	while (in->start < in->end && !w->body.done) {
		enum http_piece piece;
		size_t n;
		int r = http_body_next(&w->body,
			(struct slice){ in->data + in->start, answer_step(x, in->end - in->start) },
			&piece, &n);

		if (r >= 0 && piece == HTTP_PIECE_DATA)
			r = answer_data(x, in->data + in->start, n);
		if (r < 0) {
			forward_cut(x);
			return -1;
		}
		in->start += n;
		in->ready = in->start;
		if (answer_unsent(x) > OUT_HIGH_BYTES && flush_some(w) < 0)
			return -1;
	}
	if (w->body.done) {
		complete(w);
		return -1;
	}
	return flush_some(w);
}

static void run_receive(struct wire *w)
{
	struct exchange *x = w->x;

	for (int rounds = 0;; rounds++) {
		ssize_t n;
		int r;

		r = !w->head_seen ? run_head(w) : x->direct ? relay_direct(w) : relay_copied(w);
		if (r > 0)
			continue;
		if (r < 0)
			return;
		if (!w->io.readable)
			return;
		if (rounds > ROUNDS_MAX) {
			client_yield(x->client);
			return;
		}
		n = stream_fill(&w->in, &w->io, wire_loop(w));
		if (n == -EAGAIN) {
			stream_trim(&w->in, wire_loop(w));
			return;
		}
		if (n <= 0) {
			ended(w, n);
			return;
		}
		w->got_any = true;
		/* What it says before it was asked belongs to nobody. */
		if (!w->sent_any) {
			broken(w, "the server spoke before it was asked");
			return;
		}
		if (w->head_seen)
			wire_set_timeout(w);
	}
}

void wire_run(struct wire *w)
{
	if (w->state == WIRE_CONNECTING && !wire_connected(w))
		return;
	if (run_send(w))
		run_receive(w);
}

/* The server has all that there is of the request, which isn't all. */
static bool waits_for_client(const struct wire *w)
{
	const struct exchange *x = w->x;

	return forward_streams(x) && !x->reader.done && w->io.writable &&
		x->client->in.ready == x->client->in.start;
}

void wire_on_timer(struct loop_timer *timer)
{
	struct wire *w = (struct wire *)((char *)timer - offsetof(struct wire, timer));
	struct exchange *x = w->x;
	struct client *c = x ? x->client : NULL;

	if (w->state == WIRE_IDLE || !c) {
		wire_abort(w);
		return;
	}
	if (w->state == WIRE_CONNECTING)
		wire_connect_failed(w, -ETIMEDOUT);
	else if (!w->head_seen && waits_for_client(w))
		wire_set_timeout(w);
	else if (!w->head_seen)
		forward_failed(x, ATTEMPT_TIMEOUT, "no answer within the time limit");
	else if (answer_unsent(x))
		wire_set_timeout(w); /* it is the client who is slow */
	else
		forward_cut(x);
	client_run(c);
}
