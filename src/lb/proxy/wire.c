// SPDX-License-Identifier: Apache-2.0
/* A connection to a plain server: HTTP/1.1, one request at a time, kept for the next one. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lb/proxy/internal.h"

enum {
	KEEPALIVE_S = 30,
	FIRST_ADDRESS_MS = 250,
	/* Later the server may be closing it just now, as idle; too bad for what can't be repeated.
	 */
	SURE_IDLE_MS = 30000,
};

enum wire_state { WIRE_CONNECTING, WIRE_BUSY, WIRE_IDLE, WIRE_CLOSED };

struct wire {
	struct loop_watch watch;
	struct loop_timer timer;
	struct loop_trash trash;
	struct upstream_pool *pool;
	struct wire *prev, *next; /* of the idle ones */
	enum wire_state state;
	struct io io;
	struct exchange *x;
	struct upstream_address addresses[UPSTREAM_ADDRESSES_MAX];
	unsigned n_addresses, at;
	int64_t connect_end_ms, idle_since_ms;
	bool reused;
	/* Of the exchange under way: */
	bool sent_any, sent_all, send_failed, got_any, head_seen, keep_alive;
	size_t request_sent, body_sent;
	size_t scanned;
	struct http_body body;
	struct stream in;
};

static struct loop *loop_of(const struct wire *w)
{
	return &w->pool->loop->loop;
}

static void free_wire(struct loop_trash *trash)
{
	free((char *)trash - offsetof(struct wire, trash));
}

static void close_socket(struct wire *w)
{
	w->watch.fd = -1;
	io_close(&w->io, false);
}

static void delist(struct wire *w)
{
	if (w->prev)
		w->prev->next = w->next;
	else
		w->pool->idle = w->next;
	if (w->next)
		w->next->prev = w->prev;
	w->prev = w->next = NULL;
	w->pool->n_idle--;
}

void wire_abort(struct wire *w)
{
	struct loop *loop = loop_of(w);

	if (w->state == WIRE_CLOSED)
		return;
	if (w->state == WIRE_IDLE)
		delist(w);
	w->state = WIRE_CLOSED;
	if (w->x)
		w->x->wire = NULL;
	w->x = NULL;
	close_socket(w);
	loop_timer_done(loop, &w->timer);
	stream_drop(&w->in, loop);
	w->pool->n_wires--;
	loop_discard(loop, &w->trash, free_wire);
}

void wire_close_idle(struct upstream_pool *pool)
{
	while (pool->idle)
		wire_abort(pool->idle);
}

struct stream *wire_stream(struct wire *w)
{
	return &w->in;
}

/* Keeps the connection for the next exchange. */
static void keep(struct wire *w)
{
	struct upstream_pool *pool = w->pool;

	w->x->wire = NULL;
	w->x = NULL;
	stream_drop(&w->in, loop_of(w));
	if (pool->n_idle >= UPSTREAM_IDLE_MAX || atomic_load(&pool->upstream->closed)) {
		wire_abort(w);
		return;
	}
	w->state = WIRE_IDLE;
	w->prev = NULL;
	w->next = pool->idle;
	if (w->next)
		w->next->prev = w;
	pool->idle = w;
	pool->n_idle++;
	w->idle_since_ms = loop_of(w)->now_ms;
	loop_timer_set(loop_of(w), &w->timer, w->idle_since_ms + UPSTREAM_IDLE_MS);
}

static void on_ready(struct loop_watch *watch, uint32_t events)
{
	struct wire *w = (struct wire *)watch;

	io_note(&w->io, events);
	/* A server has nothing to say to a connection that is not in use but that it closes it. */
	if (w->state == WIRE_IDLE && (events & ~(uint32_t)EPOLLOUT))
		wire_abort(w);
	else if (w->x)
		client_run(w->x->client);
}

/* Begins a connection to the next address. */
static int connect_next(struct wire *w)
{
	struct loop *loop = loop_of(w);
	const int on = 1, idle = KEEPALIVE_S;
	int r = -EHOSTUNREACH;

	while (w->at < w->n_addresses) {
		const struct upstream_address *a = &w->addresses[w->at++];
		int64_t left = w->connect_end_ms - loop->now_ms;

		if (left <= 0)
			return -ETIMEDOUT;
		close_socket(w);
		w->io.fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (w->io.fd < 0) {
			r = -errno;
			continue;
		}
		(void)setsockopt(w->io.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		(void)setsockopt(w->io.fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
		(void)setsockopt(w->io.fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
		(void)setsockopt(w->io.fd, IPPROTO_TCP, TCP_KEEPINTVL, &idle, sizeof(idle));
		w->watch.fd = w->io.fd;
		r = connect(w->io.fd, (const struct sockaddr *)&a->sa, a->len) < 0 ? -errno : 0;
		if (r < 0 && r != -EINPROGRESS)
			continue;
		r = loop_add(loop, &w->watch, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
		if (r < 0)
			continue;
		w->state = WIRE_CONNECTING;
		/* Each further address gets its part of the time that is left. */
		left = MAX(left / (w->n_addresses - w->at + 1), MIN(left, FIRST_ADDRESS_MS));
		loop_timer_set(loop, &w->timer, loop->now_ms + left);
		return 0;
	}
	return r;
}

static void begin_exchange(struct wire *w, struct exchange *x)
{
	w->x = x;
	x->wire = w;
	w->sent_any = w->sent_all = w->send_failed = w->got_any = w->head_seen = false;
	w->request_sent = w->body_sent = w->scanned = 0;
}

/*
 * Whether the server has closed it meanwhile, and the loop doesn't know yet. Only asked where a
 * request could not be repeated if it had.
 */
static bool has_ended(const struct wire *w)
{
	char byte;

	return w->io.hangup || loop_of(w)->now_ms - w->idle_since_ms > SURE_IDLE_MS ||
		recv(w->io.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
}

static struct wire *take_idle(struct upstream_pool *pool, bool sure)
{
	while (pool->idle) {
		struct wire *w = pool->idle;

		if (!(sure || w->io.readable) || !has_ended(w)) {
			delist(w);
			w->state = WIRE_BUSY;
			w->reused = true;
			return w;
		}
		wire_abort(w);
	}
	return NULL;
}

static void on_timer(struct loop_timer *timer);

static void set_timeout(struct wire *w)
{
	int64_t timeout_ms = w->x->forward.timeout_ms;

	if (timeout_ms > 0)
		loop_timer_set(loop_of(w), &w->timer, loop_of(w)->now_ms + timeout_ms);
	else
		loop_timer_clear(&w->timer);
}

int wire_start(struct exchange *x, bool fresh)
{
	struct upstream_pool *pool = upstream_pool_of(x->loop, x->upstream);
	struct wire *w;
	int r;

	if (!pool)
		return -ENOMEM;
	w = fresh ? NULL : take_idle(pool, !forward_is_safe(x));
	if (w) {
		begin_exchange(w, x);
		set_timeout(w);
		return 0;
	}
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->pool = pool;
	w->io.fd = w->watch.fd = -1;
	w->watch.ready = on_ready;
	if (loop_timer_init(&x->loop->loop, &w->timer, on_timer) < 0) {
		free(w);
		return -ENOMEM;
	}
	pool->n_wires++;
	w->n_addresses = upstream_addresses(
		x->upstream, x->loop->proxy->pool, x->loop->loop.now_ms, w->addresses);
	w->connect_end_ms = x->loop->loop.now_ms + x->upstream->connect_timeout_ms;
	begin_exchange(w, x);
	r = connect_next(w);
	if (r < 0)
		wire_abort(w);
	return r;
}

static void connect_failed(struct wire *w, int r)
{
	struct exchange *x = w->x;
	int next = connect_next(w);

	if (next >= 0)
		return;
	snprintf(x->why, sizeof(x->why), "connecting: %s", err_name(r));
	forward_failed(x, ATTEMPT_UNREACHABLE, x->why);
}

/* True: it is connected. */
static bool run_connect(struct wire *w)
{
	socklen_t len = sizeof(int);
	int error = 0;

	if (!w->io.writable)
		return false;
	if (getsockopt(w->io.fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	if (error) {
		connect_failed(w, -error);
		return false;
	}
	w->state = WIRE_BUSY;
	set_timeout(w);
	return true;
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
		set_timeout(w);
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
		stream_trim(&w->x->client->in, loop_of(w));
	return true;
}

/* The server's part is over. */
static void complete(struct wire *w)
{
	struct exchange *x = w->x;
	bool again = w->keep_alive && w->sent_all && !w->io.hangup && w->in.start == w->in.end &&
		w->body.framing != HTTP_BODY_CLOSE;

	if (again)
		keep(w);
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
	int r = client_flush(c);

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
			(struct slice){ in->data + in->start, in->end - in->start }, &piece, &n);

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
		n = stream_fill(&w->in, &w->io, loop_of(w));
		if (n == -EAGAIN) {
			stream_trim(&w->in, loop_of(w));
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
			set_timeout(w);
	}
}

void wire_run(struct wire *w)
{
	if (w->state == WIRE_CONNECTING && !run_connect(w))
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

static void on_timer(struct loop_timer *timer)
{
	struct wire *w = (struct wire *)((char *)timer - offsetof(struct wire, timer));
	struct exchange *x = w->x;
	struct client *c = x ? x->client : NULL;

	if (w->state == WIRE_IDLE || !c) {
		wire_abort(w);
		return;
	}
	if (w->state == WIRE_CONNECTING)
		connect_failed(w, -ETIMEDOUT);
	else if (!w->head_seen && waits_for_client(w))
		set_timeout(w);
	else if (!w->head_seen)
		forward_failed(x, ATTEMPT_TIMEOUT, "no answer within the time limit");
	else if (answer_unsent(x))
		set_timeout(w); /* it is the client who is slow */
	else
		forward_cut(x);
	client_run(c);
}
