// SPDX-License-Identifier: Apache-2.0
#include "net/http_conn.h"

#include <errno.h>
#include <linux/tcp.h> /* the C library's struct tcp_info lacks tcpi_bytes_acked */
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "basic/clock.h"
#include "basic/macros.h"

enum { NS_PER_MS = 1000000, MS_PER_S = 1000 };

static int64_t now_ms(void)
{
	return clock_monotonic_ns(clock_system()) / NS_PER_MS;
}

static int64_t deadline(int64_t timeout_ms)
{
	return timeout_ms < 0 ? INT64_MAX : now_ms() + timeout_ms;
}

static void wait_until_locked(struct http_conns *conns, int64_t ms)
{
	struct timespec ts = {
		.tv_sec = ms / MS_PER_S,
		.tv_nsec = ms % MS_PER_S * NS_PER_MS,
	};

	if (ms == INT64_MAX)
		pthread_cond_wait(&conns->changed, &conns->lock);
	else
		pthread_cond_timedwait(&conns->changed, &conns->lock, &ts);
}

/* The owner sees the end of the stream and closes; until then the descriptor stays valid. */
static void cut_locked(struct http_conn *conn)
{
	const struct linger reset = { .l_onoff = 1 };

	conn->deadline_ms = INT64_MAX;
	/* What a peer doesn't take must not stay in the kernel after the close. */
	if (conn->sending)
		(void)setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	(void)shutdown(conn->fd, SHUT_RDWR);
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

/* Whether an answer goes out fast enough; then there is a new deadline. */
static bool gets_on_locked(struct http_conn *conn)
{
	uint64_t acked;

	if (!conn->window_ms)
		return false;
	acked = acked_bytes(conn->fd);
	if (acked - conn->acked_bytes <
		(uint64_t)conn->window_ms * HTTP_CONN_MIN_BYTES_PER_S / MS_PER_S)
		return false;
	conn->acked_bytes = acked;
	conn->deadline_ms = deadline(conn->window_ms);
	return true;
}

static void *reaper(void *arg)
{
	struct http_conns *conns = arg;

	pthread_mutex_lock(&conns->lock);
	while (!conns->stopping) {
		int64_t now = now_ms();

		conns->wake_ms = INT64_MAX;
		for (struct http_conn *c = conns->list; c; c = c->next) {
			if (c->deadline_ms <= now && !gets_on_locked(c))
				cut_locked(c);
			conns->wake_ms = MIN(conns->wake_ms, c->deadline_ms);
		}
		wait_until_locked(conns, conns->wake_ms);
	}
	pthread_mutex_unlock(&conns->lock);
	return NULL;
}

void http_conns_init(struct http_conns *conns, size_t limit)
{
	pthread_condattr_t attr;

	*conns = (struct http_conns){ .limit = limit, .wake_ms = INT64_MAX };
	pthread_mutex_init(&conns->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&conns->changed, &attr);
	pthread_condattr_destroy(&attr);
}

int http_conns_start(struct http_conns *conns)
{
	sigset_t all, old;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = -pthread_create(&conns->thread, NULL, reaper, conns);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	conns->started = r == 0;
	return r;
}

void http_conns_done(struct http_conns *conns)
{
	pthread_mutex_lock(&conns->lock);
	conns->stopping = true;
	pthread_cond_broadcast(&conns->changed);
	pthread_mutex_unlock(&conns->lock);
	if (conns->started)
		pthread_join(conns->thread, NULL);
	pthread_cond_destroy(&conns->changed);
	pthread_mutex_destroy(&conns->lock);
}

static void set_deadline_locked(struct http_conns *conns, struct http_conn *conn, int64_t ms)
{
	conn->deadline_ms = ms;
	conn->sending = false;
	conn->window_ms = 0;
	if (ms < conns->wake_ms) {
		conns->wake_ms = ms;
		pthread_cond_broadcast(&conns->changed);
	}
}

static void make_room_locked(struct http_conns *conns)
{
	struct http_conn *oldest = NULL;

	for (struct http_conn *c = conns->list; c; c = c->next) {
		if (!c->busy && c->deadline_ms != INT64_MAX &&
			(!oldest || c->deadline_ms <= oldest->deadline_ms))
			oldest = c;
	}
	if (oldest)
		cut_locked(oldest);
}

struct http_conn *http_conn_open(struct http_conns *conns, int fd, int64_t timeout_ms)
{
	struct http_conn *conn = calloc(1, sizeof(*conn));
	socklen_t len = sizeof(conn->peer);

	if (!conn)
		return NULL;
	conn->fd = fd;
	/* A peer that is gone already stays AF_UNSPEC. */
	(void)getpeername(fd, (struct sockaddr *)&conn->peer, &len);
	pthread_mutex_lock(&conns->lock);
	if (conns->n + 1 >= conns->limit)
		make_room_locked(conns);
	conn->next = conns->list;
	if (conn->next)
		conn->next->prev = conn;
	conns->list = conn;
	conns->n++;
	set_deadline_locked(conns, conn, deadline(timeout_ms));
	pthread_mutex_unlock(&conns->lock);
	return conn;
}

void http_conn_close(struct http_conns *conns, struct http_conn *conn)
{
	pthread_mutex_lock(&conns->lock);
	if (conn->prev)
		conn->prev->next = conn->next;
	else
		conns->list = conn->next;
	if (conn->next)
		conn->next->prev = conn->prev;
	conns->n--;
	conns->n_busy -= conn->busy;
	if (conns->draining)
		pthread_cond_broadcast(&conns->changed);
	pthread_mutex_unlock(&conns->lock);
	free(conn);
}

void http_conn_deadline(struct http_conns *conns, struct http_conn *conn, int64_t timeout_ms)
{
	pthread_mutex_lock(&conns->lock);
	set_deadline_locked(conns, conn, deadline(timeout_ms));
	pthread_mutex_unlock(&conns->lock);
}

static void send_locked(struct http_conns *conns, struct http_conn *conn, int64_t window_ms)
{
	if (conn->end_ms) {
		set_deadline_locked(conns, conn, conn->end_ms);
	} else {
		set_deadline_locked(conns, conn, deadline(window_ms));
		conn->window_ms = window_ms;
		conn->acked_bytes = acked_bytes(conn->fd);
	}
	conn->sending = true;
}

void http_conn_answer(
	struct http_conns *conns, struct http_conn *conn, int64_t timeout_ms, int64_t window_ms)
{
	pthread_mutex_lock(&conns->lock);
	conn->end_ms = timeout_ms ? deadline(timeout_ms) : 0;
	send_locked(conns, conn, window_ms);
	pthread_mutex_unlock(&conns->lock);
}

void http_conn_sending(struct http_conns *conns, struct http_conn *conn, int64_t window_ms)
{
	pthread_mutex_lock(&conns->lock);
	send_locked(conns, conn, window_ms);
	pthread_mutex_unlock(&conns->lock);
}

void http_conn_busy(struct http_conns *conns, struct http_conn *conn, bool busy, int64_t timeout_ms)
{
	pthread_mutex_lock(&conns->lock);
	conns->n_busy += busy;
	conns->n_busy -= conn->busy;
	conn->busy = busy;
	set_deadline_locked(conns, conn, deadline(timeout_ms));
	if (!busy && conns->draining)
		cut_locked(conn);
	pthread_mutex_unlock(&conns->lock);
}

void http_conns_drain(struct http_conns *conns, int64_t grace_ms)
{
	int64_t end = now_ms() + grace_ms;

	pthread_mutex_lock(&conns->lock);
	conns->draining = true;
	for (struct http_conn *c = conns->list; c; c = c->next) {
		if (!c->busy)
			cut_locked(c);
	}
	while (conns->n && now_ms() < end)
		wait_until_locked(conns, end);
	pthread_mutex_unlock(&conns->lock);
}

void http_conns_cut(struct http_conns *conns)
{
	pthread_mutex_lock(&conns->lock);
	for (struct http_conn *c = conns->list; c; c = c->next)
		cut_locked(c);
	pthread_mutex_unlock(&conns->lock);
}
