// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lb/proxy/wire.h"

enum {
	KEEPALIVE_S = 30,
	FIRST_ADDRESS_MS = 250,
	/* Later the server may be closing it just now, as idle; too bad for what can't be repeated.
	 */
	SURE_IDLE_MS = 30000,
};

static void free_wire(struct loop_trash *trash)
{
	free((char *)trash - offsetof(struct wire, trash));
}

static void close_socket(struct wire *w, bool reset)
{
	w->watch.fd = -1;
	io_close(&w->io, reset);
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
	struct loop *loop = wire_loop(w);
	/* Of a request that is given up no port stays behind, which clients that leave could use
	 * up. */
	const bool reset = w->state == WIRE_BUSY && !w->body.done;

	if (w->state == WIRE_CLOSED)
		return;
	if (w->state == WIRE_IDLE)
		delist(w);
	w->state = WIRE_CLOSED;
	if (w->x)
		w->x->wire = NULL;
	w->x = NULL;
	close_socket(w, reset);
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

void wire_keep(struct wire *w)
{
	struct upstream_pool *pool = w->pool;

	w->x->wire = NULL;
	w->x = NULL;
	stream_drop(&w->in, wire_loop(w));
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
	w->idle_since_ms = wire_loop(w)->now_ms;
	loop_timer_set(wire_loop(w), &w->timer, w->idle_since_ms + UPSTREAM_IDLE_MS);
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
	struct loop *loop = wire_loop(w);
	const int on = 1, idle = KEEPALIVE_S;
	int r = -EHOSTUNREACH;

	while (w->at < w->n_addresses) {
		const struct upstream_address *a = &w->addresses[w->at++];
		int64_t left = w->connect_end_ms - loop->now_ms;

		if (left <= 0)
			return -ETIMEDOUT;
		close_socket(w, false);
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
	w->body.done = false;
	w->request_sent = w->scanned = 0;
	w->body_sent = x->body_in_request ? forward_body(x).n : 0;
}

/*
 * Whether the server has closed it meanwhile, and the loop doesn't know yet. Only asked where a
 * request could not be repeated if it had.
 */
static bool has_ended(const struct wire *w)
{
	char byte;

	return w->io.hangup || wire_loop(w)->now_ms - w->idle_since_ms > SURE_IDLE_MS ||
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
		wire_set_timeout(w);
		return 0;
	}
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->pool = pool;
	w->io.fd = w->watch.fd = -1;
	w->watch.ready = on_ready;
	if (loop_timer_init(&x->loop->loop, &w->timer, wire_on_timer) < 0) {
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

void wire_connect_failed(struct wire *w, int r)
{
	struct exchange *x = w->x;
	int next = connect_next(w);

	if (next >= 0)
		return;
	snprintf(x->why, sizeof(x->why), "connecting: %s", err_name(r));
	forward_failed(x, ATTEMPT_UNREACHABLE, x->why);
}

bool wire_connected(struct wire *w)
{
	socklen_t len = sizeof(int);
	int error = 0;

	if (!w->io.writable)
		return false;
	if (getsockopt(w->io.fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	if (error) {
		wire_connect_failed(w, -error);
		return false;
	}
	w->state = WIRE_BUSY;
	wire_set_timeout(w);
	return true;
}
