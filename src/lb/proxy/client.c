// SPDX-License-Identifier: Apache-2.0
/* A client's connection: heads in, answers out, and how long each may take. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lb/proxy/internal.h"
#include "net/http_plain.h"

enum { MS_PER_S = 1000, TLS_RECORD_HANDSHAKE = 22 };

static void on_timer(struct loop_timer *timer);

static void on_ready(struct loop_watch *watch, uint32_t events)
{
	struct client *c = (struct client *)watch;

	io_note(&c->io, events);
	client_run(c);
}

static void set_timeout(struct client *c, int64_t timeout_ms)
{
	loop_timer_set(&c->loop->loop, &c->timer, c->loop->loop.now_ms + timeout_ms);
}

static void enlist(struct client *c)
{
	struct proxy_loop *loop = c->loop;

	c->prev = loop->newest;
	c->next = NULL;
	if (loop->newest)
		loop->newest->next = c;
	else
		loop->oldest = c;
	loop->newest = c;
}

static void delist(struct client *c)
{
	struct proxy_loop *loop = c->loop;

	if (c->prev)
		c->prev->next = c->next;
	else
		loop->oldest = c->next;
	if (c->next)
		c->next->prev = c->prev;
	else
		loop->newest = c->prev;
}

/* Near the limit, whoever waits longest without asking anything makes room. */
static bool make_room(struct proxy_loop *loop)
{
	for (struct client *c = loop->oldest; c; c = c->next) {
		if (c->state == CLIENT_HEAD && c->fresh) {
			client_close(c, false);
			return true;
		}
	}
	return false;
}

static int start_tls(struct client *c, struct web_state *web)
{
	const unsigned flags = GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL;

	if (web->broken || !web->tls)
		return -EINVAL;
	if (gnutls_init(&c->io.tls, flags) < 0)
		return -ENOMEM;
	if (http_tls_attach(web->tls, c->io.tls) < 0)
		return -ENOMEM;
	c->tls = http_tls_ref(web->tls);
	gnutls_transport_set_int(c->io.tls, c->io.fd);
	return 0;
}

static void free_client(struct loop_trash *trash)
{
	struct client *c = (struct client *)((char *)trash - offsetof(struct client, trash));

	/* The loop has a task of it, which frees it then. */
	c->left_over = c->waits_turn;
	if (c->left_over)
		return;
	buffer_done(&c->out);
	http_tls_unref(c->tls);
	free(c);
}

static void on_turn(struct loop_task *task)
{
	struct client *c = (struct client *)((char *)task - offsetof(struct client, turn));

	c->waits_turn = false;
	/* One that was closed just now is in the trash already. */
	if (c->left_over)
		loop_discard(&c->loop->loop, &c->trash, free_client);
	else if (c->state != CLIENT_CLOSED)
		client_run(c);
}

void client_yield(struct client *c)
{
	if (c->waits_turn)
		return;
	c->waits_turn = true;
	c->turn.run = on_turn;
	loop_post(&c->loop->loop, &c->turn);
}

static void note_peer(struct client *c)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&c->peer;
	const struct sockaddr_in *in = (const struct sockaddr_in *)&c->peer;
	socklen_t len = sizeof(c->peer);

	/* A peer that is gone already stays AF_UNSPEC. */
	(void)getpeername(c->io.fd, (struct sockaddr *)&c->peer, &len);
	if (c->peer.ss_family == AF_INET)
		inet_ntop(AF_INET, &in->sin_addr, c->peer_text, sizeof(c->peer_text));
	else if (c->peer.ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], c->peer_text, sizeof(c->peer_text));
	else if (c->peer.ss_family == AF_INET6)
		inet_ntop(AF_INET6, &in6->sin6_addr, c->peer_text, sizeof(c->peer_text));
}

void client_accept(struct proxy_loop *loop, int fd, size_t listener)
{
	struct proxy *proxy = loop->proxy;
	const int on = 1;
	struct client *c;

	if (atomic_fetch_add(&proxy->n_connections, 1) >= proxy->config.max_connections &&
		!make_room(loop))
		goto refuse;
	c = calloc(1, sizeof(*c));
	if (!c)
		goto refuse;
	c->loop = loop;
	c->io.fd = fd;
	c->io.writable = true;
	c->watch = (struct loop_watch){ on_ready, fd };
	c->listener = listener;
	c->fresh = true;
	c->state = proxy->tls ? CLIENT_HANDSHAKE : CLIENT_HEAD;
	buffer_init(&c->out, 0);
	note_peer(c);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (loop_timer_init(&loop->loop, &c->timer, on_timer) < 0) {
		free(c);
		goto refuse;
	}
	if (loop_add(&loop->loop, &c->watch, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET) < 0) {
		loop_timer_done(&loop->loop, &c->timer);
		free(c);
		goto refuse;
	}
	enlist(c);
	loop->n_clients++;
	atomic_fetch_add(&proxy->accepted, 1);
	set_timeout(c, proxy->config.header_timeout_ms);
	return;
refuse:
	atomic_fetch_sub(&proxy->n_connections, 1);
	close(fd);
}

void client_close(struct client *c, bool reset)
{
	struct proxy_loop *loop = c->loop;

	if (c->state == CLIENT_CLOSED)
		return;
	c->state = CLIENT_CLOSED;
	if (c->x)
		exchange_client_gone(c->x);
	c->watch.fd = -1;
	io_close(&c->io, reset);
	loop_timer_done(&loop->loop, &c->timer);
	stream_drop(&c->in, &loop->loop);
	delist(c);
	loop->n_clients--;
	atomic_fetch_sub(&loop->proxy->n_connections, 1);
	loop_discard(&loop->loop, &c->trash, free_client);
	proxy_loop_check_end(loop);
}

void client_retire(struct client *c)
{
	if (c->state == CLIENT_HEAD && c->in.start == c->in.end) {
		/* A request may have come by now; the last one. */
		c->close_after = true;
		client_run(c);
		if (c->state == CLIENT_HEAD && c->in.start == c->in.end)
			client_close(c, false);
	} else {
		c->close_after = true;
	}
}

/* 0 where the kernel doesn't count: not TCP. */
static uint64_t acked_bytes(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		return 0;
	return info.tcpi_bytes_acked;
}

void client_expect(struct client *c, int64_t timeout_ms)
{
	if (c->timer.due_ms != INT64_MAX)
		return;
	c->window_bytes = 0;
	c->acked_bytes = acked_bytes(c->io.fd);
	set_timeout(c, timeout_ms);
}

/* Whether it got on since the timer was set; then there is a new one. */
static bool gets_on(struct client *c, int64_t timeout_ms)
{
	uint64_t moved = acked_bytes(c->io.fd) - c->acked_bytes + c->window_bytes;

	if (moved < (uint64_t)timeout_ms * MIN_BYTES_PER_S / MS_PER_S)
		return false;
	client_expect(c, timeout_ms);
	return true;
}

static void busy_timer(struct client *c)
{
	const struct proxy_config *config = &c->loop->proxy->config;
	struct exchange *x = c->x;

	if (answer_unsent(x)) {
		if (!gets_on(c, config->write_timeout_ms))
			client_close(c, true);
		return;
	}
	if (!exchange_body_pending(x))
		return;
	/* It is the server who is slow, and has a time limit of its own. */
	if (c->io.readable)
		client_expect(c, config->body_timeout_ms);
	if (c->io.readable || gets_on(c, config->body_timeout_ms))
		return;
	/* What a worker has can't be answered before it comes back. */
	if (x->answered || x->state == EXCHANGE_WORKING) {
		client_close(c, true);
		return;
	}
	forward_abort(x);
	answer_refuse(c, x, 408, "Request Timeout\n");
	client_run(c);
}

static void on_timer(struct loop_timer *timer)
{
	struct client *c = (struct client *)((char *)timer - offsetof(struct client, timer));

	switch (c->state) {
	case CLIENT_HEAD:
		if (!c->fresh) {
			answer_refuse(c, NULL, 408, "Request Timeout\n");
			client_run(c);
			break;
		}
		/* fallthrough */
	case CLIENT_HANDSHAKE:
	case CLIENT_LINGER:
		client_close(c, false);
		break;
	case CLIENT_BUSY:
		busy_timer(c);
		break;
	case CLIENT_CLOSED:
		break;
	}
}

ssize_t client_fill(struct client *c)
{
	ssize_t n;

	if (!c->io.readable)
		return -EAGAIN;
	n = stream_fill(&c->in, &c->io, &c->loop->loop);
	if (n > 0)
		c->window_bytes += (uint64_t)n;
	return n;
}

static void consume(struct client *c, struct stream *direct, size_t n)
{
	size_t own = MIN(n, c->out.len - c->out_sent);

	if (c->x && c->x->answered)
		c->x->sent = true;
	c->out_sent += own;
	if (c->out_sent == c->out.len) {
		buffer_clear(&c->out);
		c->out_sent = 0;
	}
	if (direct)
		direct->start += n - own;
}

int client_flush(struct client *c)
{
	struct stream *direct = c->x && c->x->direct && c->x->wire ? wire_stream(c->x->wire) : NULL;

	for (;;) {
		struct iovec v[2];
		ssize_t n;
		int k = 0;

		if (c->out.len > c->out_sent)
			v[k++] = (struct iovec){ c->out.data + c->out_sent,
				c->out.len - c->out_sent };
		if (direct && direct->ready > direct->start)
			v[k++] = (struct iovec){ direct->data + direct->start,
				direct->ready - direct->start };
		if (!k)
			return 1;
		if (!c->io.writable) {
			client_expect(c, c->loop->proxy->config.write_timeout_ms);
			return 0;
		}
		n = io_writev(&c->io, v, k);
		/* Of a record that waits to be sent nothing can be taken back. */
		if (n == -EAGAIN && c->io.tls_unsent && c->x)
			c->x->sent = c->x->answered;
		if (n == -EAGAIN || n == -EINTR)
			continue;
		if (n < 0)
			return (int)n;
		c->window_bytes += (uint64_t)n;
		consume(c, direct, (size_t)n);
	}
}

/* A client that speaks plain HTTP where TLS is asked for is told so. */
static bool looks_plain(struct client *c)
{
	char start[HTTP_PLAIN_BYTES] = { 0 };
	ssize_t n = recv(c->io.fd, start, sizeof(start), MSG_PEEK);

	c->tls_checked = n == sizeof(start) || (n > 0 && start[0] == TLS_RECORD_HANDSHAKE);
	return n == sizeof(start) && http_plain_begins(start);
}

static bool begin_tls(struct client *c)
{
	struct web_state *web;
	int r = -ENOMEM;

	if (looks_plain(c)) {
		answer_refuse(c, NULL, 400, HTTP_PLAIN_TEXT);
		return true;
	}
	if (!c->tls_checked) {
		if (c->io.hangup)
			client_close(c, false);
		return false;
	}
	web = web_watch_get(c->loop->proxy->web);
	if (web)
		r = start_tls(c, web);
	web_state_put(web);
	if (r < 0)
		client_close(c, true);
	return r >= 0;
}

static bool run_handshake(struct client *c)
{
	int r;

	if (!c->io.tls)
		return c->io.readable && begin_tls(c);
	r = gnutls_handshake(c->io.tls);
	if (r == GNUTLS_E_AGAIN || r == GNUTLS_E_INTERRUPTED)
		return r == GNUTLS_E_INTERRUPTED;
	if (r < 0) {
		if (!gnutls_error_is_fatal(r))
			return true;
		(void)gnutls_alert_send_appropriate(c->io.tls, r);
		client_close(c, false);
		return false;
	}
	c->cert = http_tls_peer_is_verified(c->tls, c->io.tls);
	c->io.readable = c->io.writable = true;
	c->state = CLIENT_HEAD;
	set_timeout(c, c->loop->proxy->config.header_timeout_ms);
	return true;
}

/* One empty line in front of a request is what old clients leave behind a body (RFC 9112 2.2). */
static void skip_empty_line(struct client *c)
{
	if (c->scanned || c->in.end - c->in.start < 2 ||
		memcmp(c->in.data + c->in.start, "\r\n", 2) != 0)
		return;
	c->in.start += 2;
	c->in.ready = c->in.start;
}

/* The next head; true: something was done with it. */
static bool run_head(struct client *c)
{
	const struct proxy_config *config = &c->loop->proxy->config;
	ssize_t n = 0, got;

	for (;;) {
		size_t have = c->in.end - c->in.start;

		if (have) {
			if (c->fresh)
				skip_empty_line(c);
			have = c->in.end - c->in.start;
			c->fresh = !have;
		}
		if (have) {
			n = http_head_length(
				(struct slice){ c->in.data + c->in.start, have }, &c->scanned);
		}
		if (n || have > config->max_header_bytes)
			break;
		got = client_fill(c);
		if (got == -EAGAIN) {
			stream_trim(&c->in, &c->loop->loop);
			/* The clock of a head runs from its first byte on. */
			if (have &&
				c->timer.due_ms - c->loop->loop.now_ms > config->header_timeout_ms)
				set_timeout(c, config->header_timeout_ms);
			return false;
		}
		if (got <= 0) {
			client_close(c, got < 0);
			return false;
		}
	}
	if (n < 0 || (n == 0 || (size_t)n > config->max_header_bytes)) {
		answer_refuse(c, NULL, n < 0 ? 400 : 431,
			n < 0 ? "Bad Request\n" : "Request Header Fields Too Large\n");
		return true;
	}
	loop_timer_clear(&c->timer);
	exchange_start(c, (size_t)n);
	return true;
}

static void shut(struct client *c)
{
	c->shut = true;
	if (c->io.tls)
		(void)gnutls_bye(c->io.tls, GNUTLS_SHUT_WR);
	(void)shutdown(c->io.fd, SHUT_WR);
	set_timeout(c, LINGER_MS);
}

/* Reads and drops what the client still sends, so that no RST overtakes the answer. */
static void run_linger(struct client *c)
{
	struct proxy_loop *loop = c->loop;
	int r = client_flush(c);

	if (r == 0)
		return;
	if (r < 0) {
		client_close(c, true);
		return;
	}
	if (!c->shut)
		shut(c);
	for (;;) {
		ssize_t n;

		stream_drop(&c->in, &loop->loop);
		n = client_fill(c);
		if (n == -EAGAIN) {
			stream_trim(&c->in, &loop->loop);
			return;
		}
		c->lingered += n > 0 ? (size_t)n : 0;
		if (n <= 0 || c->lingered > LINGER_MAX_BYTES) {
			client_close(c, n > 0);
			return;
		}
	}
}

/* The answer is out. */
static bool after_answer(struct client *c)
{
	if (c->close_after) {
		c->state = CLIENT_LINGER;
		return true;
	}
	c->fresh = true;
	c->scanned = 0;
	stream_trim(&c->in, &c->loop->loop);
	set_timeout(c, c->loop->proxy->config.idle_timeout_ms);
	return true;
}

static bool run_busy(struct client *c)
{
	if (!exchange_run(c->x))
		return false;
	if (c->state == CLIENT_CLOSED)
		return false;
	c->state = CLIENT_HEAD;
	if (c->out.cap > SPARE_BUFFER_BYTES)
		buffer_done(&c->out);
	return after_answer(c);
}

void client_run(struct client *c)
{
	bool again = true;
	int rounds = 0;

	if (c->running)
		return;
	c->running = true;
	c->fills = 0;
	while (again) {
		if (c->state == CLIENT_HEAD && ++rounds > ROUNDS_MAX) {
			client_yield(c);
			break;
		}
		switch (c->state) {
		case CLIENT_HANDSHAKE:
			again = run_handshake(c);
			break;
		case CLIENT_HEAD:
			again = run_head(c);
			break;
		case CLIENT_BUSY:
			again = run_busy(c);
			break;
		case CLIENT_LINGER:
			run_linger(c);
			again = false;
			break;
		case CLIENT_CLOSED:
			again = false;
			break;
		}
	}
	c->running = false;
}
