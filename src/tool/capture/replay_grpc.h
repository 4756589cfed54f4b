// SPDX-License-Identifier: Apache-2.0
/*
 * A gRPC server on a unix socket (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md)
 * for unary calls, on libnghttp2, without TLS and compression. One thread of its own serves a few
 * connections; what is over a limit is cut off.
 */
#ifndef CEEMS_TOOL_CAPTURE_REPLAY_GRPC_H
#define CEEMS_TOOL_CAPTURE_REPLAY_GRPC_H

#include "basic/buffer.h"
#include "basic/err.h"
#include "basic/str.h"

enum {
	REPLAY_GRPC_CONNECTIONS_MAX = 8,
	REPLAY_GRPC_STREAMS_MAX = 8, /* of a connection, at a time */
	REPLAY_GRPC_REQUEST_MAX_BYTES = 64 << 10,
	REPLAY_GRPC_PATH_MAX = 256,
};

/* States of gRPC (google.golang.org/grpc/codes). */
enum { REPLAY_GRPC_OK = 0, REPLAY_GRPC_UNIMPLEMENTED = 12, REPLAY_GRPC_UNAVAILABLE = 14 };

/* path: "/v1.PodResourcesLister/List". Fills the message of the answer and returns its state; in
 * the server's thread. */
typedef int (*replay_grpc_fn)(void *ctx, const char *path, struct buffer *message);

struct replay_grpc;

/*
 * Makes the socket, which anybody may use, and begins. -EADDRINUSE: there is something of that
 * name; -ENAMETOOLONG: a socket's name has at most 107 bytes.
 */
int replay_grpc_start(const char *socket, replay_grpc_fn handler, void *ctx,
	struct replay_grpc **ret_server, struct err *err);
/* Removes the socket. NULL is fine. */
void replay_grpc_stop(struct replay_grpc *server);

#endif
