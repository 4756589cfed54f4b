// SPDX-License-Identifier: Apache-2.0
/*
 * The receiving side of a WebSocket connection (RFC 6455): the client asks, listens until the
 * server closes, and says nothing itself.
 */
#ifndef CEEMS_NET_WEBSOCKET_H
#define CEEMS_NET_WEBSOCKET_H

#include <stdint.h>

#include "basic/err.h"
#include "basic/str.h"
#include "net/http_client.h"

enum { WEBSOCKET_REFUSAL_MAX_BYTES = 64 << 10 };

struct websocket_call {
	const char *url; /* http or https */
	const char *const *headers; /* "Name: value", NULL-terminated; may be NULL */
	const char *protocol; /* that the server must agree to */
	int64_t timeout_ms; /* whole call; > 0 */
	size_t max_message_bytes;
	int cancel_fd; /* readable = give up (-ECANCELED); <= 0 for none */
	/* Takes a message, put together. An -errno ends the call and is what it returns. */
	int (*on_message)(void *ctx, struct slice message);
	void *ctx;
};

/*
 * 0: the server has closed the connection properly. Besides the errors of http_client_call(),
 * -EPROTO: no WebSocket, -EIO: cut off. -ECONNABORTED: the server answered with another status,
 * which is in ret_refusal with the start of its body.
 */
int websocket_call(struct http_client *client, const struct websocket_call *call,
	struct http_reply *ret_refusal, struct err *err);

#endif
