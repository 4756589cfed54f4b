// SPDX-License-Identifier: Apache-2.0
/*
 * HTTP/1.1 server on libmicrohttpd: listeners, TLS and basic auth from a web config file (spec
 * exporter-node.md 5), limits, time-outs, gzip, graceful stop. Handlers run on the server's worker
 * threads and may run concurrently; a slow one keeps a worker busy, but no connection waiting that
 * needs none. The web config's 'http2' is taken and has no effect: HTTP/1.1 is spoken. Plain HTTP
 * on a TLS port is cut off without an answer.
 */
#ifndef CEEMS_NET_HTTP_SERVER_H
#define CEEMS_NET_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "basic/arena.h"
#include "basic/buffer.h"
#include "basic/err.h"
#include "basic/log.h"
#include "basic/options.h"
#include "net/http_target.h" /* struct http_param: const char *name, *value */

struct http_request; /* opaque; valid inside the handler only */

const char *http_request_method(const struct http_request *req); /* "GET" */
const char *http_request_path(const struct http_request *req); /* percent-decoded once */
const char *http_request_raw_target(const struct http_request *req); /* as sent */
const char *http_request_header(
	const struct http_request *req, const char *name); /* NULL if absent */
/* NULL as well if it is given more than once, so that nobody can put a line before another's. */
const char *http_request_single_header(const struct http_request *req, const char *name);
/* All lines of a header that is a list, joined (RFC 9110 5.3); NULL if absent or without memory. */
const char *http_request_header_list(struct http_request *req, const char *name);
const char *http_request_user(
	const struct http_request *req); /* authenticated basic-auth user or NULL */
const struct sockaddr *http_request_peer(const struct http_request *req);
/* As socket_owner(): who on this machine is at the other end. */
int http_request_peer_uid(const struct http_request *req, uid_t *ret_uid);
/*
 * Whether the handshake verified a certificate of the client, and the common name of its subject
 * (empty if it has none or one that is longer). The web config's client_auth_type has to ask for
 * that.
 */
enum { HTTP_CERT_NAME_MAX = 256 };
bool http_request_has_cert(const struct http_request *req, char name[static HTTP_CERT_NAME_MAX]);
const void *http_request_body(const struct http_request *req, size_t *ret_len);
struct arena *http_request_arena(struct http_request *req); /* lives until the answer is out */

/*
 * Query parameters in order, decoded ("+" is a blank). A pair with a malformed escape or a ';' is
 * left out. NULL at the end. The form body of a POST counts too, after the query.
 */
const struct http_param *http_request_params(const struct http_request *req, size_t *ret_n);
const char *http_request_param(
	const struct http_request *req, const char *name); /* first, or NULL */

struct http_response; /* opaque */

void http_response_status(struct http_response *res, int status); /* default 200 */
/* Both strings are copied. Repeated names are sent repeatedly. */
void http_response_header(struct http_response *res, const char *name, const char *value);
/*
 * In what time the client has to take the answer, from its first byte to its last; else the
 * connection is cut. 0: however long it takes, if the client gets on with it (some kB/s) in each
 * idle_timeout_ms.
 */
void http_response_timeout(struct http_response *res, int64_t timeout_ms);
/* The body: append to it. Capped by http_server_config.max_response_bytes. */
struct buffer *http_response_body(struct http_response *res);
/* Status, plain text body (as it is, line end included) and the headers of an error page. */
void http_response_text(struct http_response *res, int status, const char *text);

/*
 * Instead of a body: a generator, called on the worker thread until it returns 0 (end) or negative
 * (the connection is cut). free_ctx runs when the answer is over, however it ended.
 */
typedef ssize_t (*http_stream_fn)(void *ctx, char *data, size_t max);
void http_response_stream(
	struct http_response *res, http_stream_fn next, void (*free_ctx)(void *ctx), void *ctx);

typedef void (*http_handler_fn)(void *ctx, struct http_request *req, struct http_response *res);

struct http_server_config {
	struct strings listen_addresses; /* host:port, :port, [v6]:port, vsock://:port */
	const char *web_config_file; /* "" or NULL = plain HTTP without authentication */
	bool systemd_socket; /* use LISTEN_FDS of the environment instead of addresses */
	unsigned threads; /* workers, >= 1 */
	unsigned max_connections; /* 0 = a sensible default */
	size_t max_request_body_bytes; /* 413 beyond it; 0 = bodies are refused */
	size_t max_header_bytes;
	size_t max_response_bytes; /* of buffered bodies */
	int64_t header_timeout_ms, idle_timeout_ms;
	int64_t body_timeout_ms; /* for a whole body of a request; 0 = idle_timeout_ms */
	int64_t write_timeout_ms; /* as http_response_timeout(), for all that don't say another */
	bool gzip; /* compress buffered bodies and streams when the client asks for it */
	bool deflate; /* with gzip: raw deflate, too, to those who take no gzip */
	int gzip_level; /* GZIP_LEVEL_MIN..GZIP_LEVEL_MAX of net/gzip.h */
	const struct log *log; /* listening, TLS on or off, web config trouble (each said once) */
	http_handler_fn handler;
	void *ctx;
};

struct http_server;

/*
 * Listens and loads the web config and its TLS files, without accepting or starting a thread yet:
 * a program that changes its user does so between this and http_server_serve(). An address that
 * cannot be had or a bad web config is an error here, with a sentence that names it.
 */
int http_server_open(
	const struct http_server_config *config, struct http_server **ret_server, struct err *err);
/*
 * The web config and the TLS files that it names: they are read again when they change, so they
 * must stay readable after a change of user. Absolute; only before http_server_serve().
 */
struct strings http_server_files(struct http_server *server);
/*
 * Starts the workers. The web config and the TLS files are looked at again when they change;
 * while they are broken requests get 500 and handshakes fail. After an error only
 * http_server_stop() may follow.
 */
int http_server_serve(struct http_server *server, struct err *err);
/* Whether nobody gets an answer without a password or a verified certificate, by the web config
 * now. */
bool http_server_authenticates(struct http_server *server);
struct http_server_stats {
	size_t connections;
	size_t busy; /* connections with a request that is not answered to its end */
	size_t queued; /* requests that wait for a worker */
};
/* While it serves. */
void http_server_stats(struct http_server *server, struct http_server_stats *ret_stats);
/* Whether only this machine can connect: loopback addresses and sockets in the file system. */
bool http_server_is_local(const struct http_server *server);
/* Port of listener i, useful after ":0". */
int http_server_port(const struct http_server *server, size_t i);
/*
 * Stops accepting, lets running requests finish for at most grace_ms, closes and frees. A handler
 * that runs on after the grace has lost its connection, but is waited for: it may use what the
 * caller frees next. NULL is fine.
 */
void http_server_stop(struct http_server *server, int64_t grace_ms);

/* Checks a web config file as 'ceems_tool check web-config' does. */
int http_web_config_check(const char *path, struct err *err);

#endif
