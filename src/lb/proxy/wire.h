// SPDX-License-Identifier: Apache-2.0
/* A connection to a plain server: wire_connect.c has it opened, kept and closed, wire.c uses it. */
#ifndef CEEMS_LB_PROXY_WIRE_H
#define CEEMS_LB_PROXY_WIRE_H

#include "lb/proxy/internal.h"

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

static inline struct loop *wire_loop(const struct wire *w)
{
	return &w->pool->loop->loop;
}

/* True: it is connected. */
bool wire_connected(struct wire *w);
/* Tries the next address; without one, the attempt has failed. */
void wire_connect_failed(struct wire *w, int r);
/* Keeps the connection for the next exchange. */
void wire_keep(struct wire *w);

/* From now on the server has the exchange's time limit for the next thing to happen. */
void wire_set_timeout(struct wire *w);
void wire_on_timer(struct loop_timer *timer);

#endif
