// SPDX-License-Identifier: Apache-2.0
/*
 * One unary call of gRPC over HTTP/2 on a unix socket, without TLS, as node-local daemons offer it
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). Messages are bytes here: what
 * they mean is format/protobuf.h's and the caller's business.
 */
#ifndef CEEMS_NET_GRPC_H
#define CEEMS_NET_GRPC_H

#include <stdint.h>

#include "basic/buffer.h"
#include "basic/err.h"
#include "basic/str.h"
#include "net/http_client.h"

struct grpc_call {
	const char *unix_socket;
	const char *method; /* "/v1.PodResourcesLister/List" */
	struct slice request; /* the message */
	int64_t timeout_ms; /* whole call; > 0 */
	size_t max_reply_bytes;
	int cancel_fd; /* readable = give up (-ECANCELED); <= 0 for none */
};

/*
 * The reply's message into ret_message, which the caller has initialised. Besides the errors of
 * http_client_call(): -ENOENT (no such socket), -EACCES, and what the server answered: -ENOSYS (it
 * doesn't know the method), -EREMOTEIO for other states; -EBADMSG for what is no gRPC.
 */
int grpc_call(struct http_client *client, const struct grpc_call *call, struct buffer *ret_message,
	struct err *err);

/*
 * For grpc_call() and its tests: takes an answer apart. The message is borrowed from the body.
 * -EBADMSG, -ENOSYS, -EACCES, -EREMOTEIO.
 */
int grpc_reply(int http_status, struct slice headers, struct slice body, struct slice *ret_message,
	struct err *err);

#endif
