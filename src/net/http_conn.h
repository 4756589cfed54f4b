// SPDX-License-Identifier: Apache-2.0
/*
 * The open connections of a server and their deadlines. The library's own time-out restarts with
 * every byte, which a slow client can exploit; here a request head, a body and an answer each have
 * a point in time, and a thread of our own shuts down the sockets that pass it.
 */
#ifndef CEEMS_NET_HTTP_CONN_H
#define CEEMS_NET_HTTP_CONN_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct http_conn {
	struct http_conn *prev, *next;
	int fd;
	bool busy; /* between a request line and the end of its answer */
	int64_t deadline_ms; /* CLOCK_MONOTONIC; INT64_MAX for none */
	bool sending; /* an answer */
	int64_t window_ms; /* of such an answer: how often progress is looked at; else 0 */
	int64_t end_ms; /* when such an answer has to be out; 0: it only has to get on */
	uint64_t acked_bytes; /* by the peer, when that was done last */
	struct sockaddr_storage peer;
	void *request; /* the one in progress; of the thread that serves the connection */
	void *tls; /* what its handshake uses; likewise */
};

/* All under lock, but for what struct http_conn says otherwise. */
struct http_conns {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct http_conn *list; /* newest first */
	size_t n, n_busy, limit;
	int64_t wake_ms; /* when the thread looks again */
	bool started, stopping, draining;
	pthread_t thread;
};

enum {
	HTTP_CONN_NO_DEADLINE = -1,
	/* A client that takes an answer more slowly than this is cut off. */
	HTTP_CONN_MIN_BYTES_PER_S = 4 << 10,
};

/* Near limit, the longest-waiting idle connection makes room for a new one. */
void http_conns_init(struct http_conns *conns, size_t limit);
int http_conns_start(struct http_conns *conns);
void http_conns_done(struct http_conns *conns);

/* NULL without memory. fd stays its owner's; call http_conn_close() before closing it. */
struct http_conn *http_conn_open(struct http_conns *conns, int fd, int64_t timeout_ms);
void http_conn_close(struct http_conns *conns, struct http_conn *conn);

/* A new deadline, from now. */
void http_conn_deadline(struct http_conns *conns, struct http_conn *conn, int64_t timeout_ms);
/*
 * An answer begins: the peer has to take all of it in timeout_ms or, where that is 0, to get on
 * with it in each window.
 */
void http_conn_answer(
	struct http_conns *conns, struct http_conn *conn, int64_t timeout_ms, int64_t window_ms);
/* It goes on, perhaps after a pause of ours. */
void http_conn_sending(struct http_conns *conns, struct http_conn *conn, int64_t window_ms);
void http_conn_busy(
	struct http_conns *conns, struct http_conn *conn, bool busy, int64_t timeout_ms);

/*
 * Shuts down idle connections, and from now on those that become idle, and waits until none is left
 * or grace_ms are over.
 */
void http_conns_drain(struct http_conns *conns, int64_t grace_ms);
void http_conns_cut(struct http_conns *conns);

#endif
