// SPDX-License-Identifier: Apache-2.0
/*
 * What the files of the HTTP server share. A request goes through these threads:
 *
 *   I/O thread of its listener (libmicrohttpd): reads the head, looks at it, reads the body;
 *   worker (http_pool): runs the handler, compresses; the connection is suspended meanwhile, so
 *   that a slow handler keeps no other connection waiting;
 *   I/O thread: sends the answer. A stream goes back to a worker for each of its blocks.
 *
 * One thread at a time has a request; suspending and resuming hands it over.
 */
#ifndef CEEMS_NET_HTTP_INTERNAL_H
#define CEEMS_NET_HTTP_INTERNAL_H

#include <microhttpd.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "basic/buffer.h"
#include "net/basic_auth.h"
#include "net/gzip.h"
#include "net/http_conn.h"
#include "net/http_listen.h"
#include "net/http_pool.h"
#include "net/http_server.h"
#include "net/http_target.h"
#include "net/web_watch.h"

enum {
	HTTP_HEAD_DEFAULT_BYTES = 16 << 10,
	HTTP_RESPONSE_DEFAULT_BYTES = 64 << 20,
	HTTP_ARENA_MAX_BYTES = 64 << 20,
	HTTP_CONNECTIONS_DEFAULT = 512,
	HTTP_HEADER_TIMEOUT_DEFAULT_MS = 2000,
	HTTP_IDLE_TIMEOUT_DEFAULT_MS = 60000,
	/*
	 * Of a connection, beside the head: the library's list of headers, and the answer on its
	 * way. All of it is resident in each open connection, as the library clears it after every
	 * answer.
	 */
	HTTP_CONN_MEMORY_BYTES = 24 << 10,
	HTTP_GZIP_MIN_BYTES = 256, /* smaller answers fit a packet anyway */
};

struct http_server {
	struct http_server_config config; /* zeros replaced by the defaults */
	int listeners[HTTP_LISTENERS_MAX];
	int ports[HTTP_LISTENERS_MAX];
	struct MHD_Daemon *daemons[HTTP_LISTENERS_MAX];
	size_t n_listeners;
	struct web_watch *web;
	const char *files[WEB_WATCH_FILES_MAX]; /* for http_server_files() */
	struct basic_auth *auth; /* NULL without a web config */
	bool tls;
	struct http_pool *pool;
	struct http_conns conns;
	atomic_bool stopping; /* answers close their connection */
	atomic_bool cutting; /* the grace is over: no handler starts any more */
};

enum http_request_state {
	HTTP_REQUEST_NEW,
	HTTP_REQUEST_AUTH, /* its password is being checked */
	HTTP_REQUEST_BODY, /* being read */
	HTTP_REQUEST_RUNNING, /* with a worker */
	HTTP_REQUEST_READY, /* the answer is built */
	HTTP_REQUEST_ANSWERED,
};

struct http_header {
	const char *name, *value;
	struct http_header *next;
};

struct http_response {
	int status;
	int error; /* -ENOMEM, sticky */
	int64_t timeout_ms; /* see http_response_timeout() */
	struct arena *arena;
	struct http_header *headers, **tail;
	struct buffer body;
	http_stream_fn next;
	void (*free_ctx)(void *ctx);
	void *ctx;
};

struct http_request {
	struct http_job job; /* first, so that a worker gets back at the request */
	struct http_server *server;
	struct http_conn *conn;
	struct MHD_Connection *connection;
	enum http_request_state state;
	char *raw_target; /* on the heap, as it is made before the arena */
	const char *library_target; /* the library's own copy; not read */
	const char *method;
	struct http_target target;
	struct http_params params;
	struct arena arena;
	struct buffer body;
	bool body_too_large;
	size_t dropped_bytes; /* of a body that is too large */
	const char *user; /* NULL, or who the request says it is, and is once past AUTH */
	struct web_state *web;
	struct basic_auth_waiter waiter;
	enum basic_auth_result auth_result;
	struct http_response response;
	struct MHD_Response *built;
};

/* Callbacks of libmicrohttpd. */
void *http_request_on_target(void *cls, const char *uri, struct MHD_Connection *connection);
enum MHD_Result http_request_on_data(void *cls, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *upload, size_t *upload_len,
	void **con_cls);
void http_request_on_end(void *cls, struct MHD_Connection *connection, void **con_cls,
	enum MHD_RequestTerminationCode code);
void http_request_free(struct http_request *req); /* NULL is fine */

void http_response_init(struct http_response *res, struct arena *arena, size_t limit);
void http_response_done(struct http_response *res);
/* Turns the response into req->built; a response that failed becomes a 500. NULL without memory. */
void http_response_build(struct http_request *req);

/* Takes over the response's generator; NULL (generator untouched) without memory. */
struct MHD_Response *http_stream_new(struct http_request *req, enum gzip_format format);

#endif
