// SPDX-License-Identifier: Apache-2.0
/*
 * A gRPC server on a unix socket for tests, on libnghttp2: it answers each unary call as its
 * handler says, faults included. One thread, one connection at a time.
 */
#ifndef CEEMS_TESTS_GRPC_PEER_H
#define CEEMS_TESTS_GRPC_PEER_H

#include <stdbool.h>

#include "basic/buffer.h"
#include "basic/str.h"

enum grpc_peer_fault {
	GRPC_PEER_NO_FAULT,
	GRPC_PEER_HANGS, /* takes the request and says nothing */
	GRPC_PEER_RESETS, /* the stream ends in the middle of the message */
	GRPC_PEER_CLOSES, /* the connection does */
	GRPC_PEER_SPEAKS_HTTP1,
	GRPC_PEER_NO_TRAILERS, /* the stream ends well, without a state */
	GRPC_PEER_WRONG_LENGTH, /* of the message, in its prefix */
	GRPC_PEER_COMPRESSED, /* the prefix says so */
	GRPC_PEER_ENDLESS, /* the message never ends */
};

struct grpc_peer_reply {
	enum grpc_peer_fault fault;
	int http_status; /* 0: 200 */
	const char *content_type; /* NULL: gRPC's */
	int state; /* grpc-status */
	const char *text; /* grpc-message, percent-encoded; NULL: none */
	struct buffer message; /* filled by the handler */
};

/* path: "/v1.PodResourcesLister/List"; message: the request's, without its prefix. */
typedef void (*grpc_peer_fn)(
	void *ctx, const char *path, struct slice message, struct grpc_peer_reply *reply);

struct grpc_peer;

/* Makes the socket anew. */
struct grpc_peer *grpc_peer_start(const char *socket, grpc_peer_fn handler, void *ctx);
void grpc_peer_stop(struct grpc_peer *peer); /* removes the socket */

/*
 * A handler whose ctx is the name of a folder: FOLDER/pods has a line "NAMESPACE NAME [ID...]" for
 * each pod, FOLDER/fault, if there, a number of enum grpc_peer_fault, FOLDER/state a state. Each
 * call adds a line to FOLDER/calls.
 */
void grpc_peer_pod_resources(
	void *ctx, const char *path, struct slice message, struct grpc_peer_reply *reply);

#endif
