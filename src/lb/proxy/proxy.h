// SPDX-License-Identifier: Apache-2.0
/*
 * The reverse proxy: HTTP/1.1 to clients on event loops of its own (RFC 9110, 9112), HTTP/1.1 with
 * kept connections to plain servers on the same loops, libcurl on them for TLS, HTTP/2 and proxies.
 * Bodies stream both ways through bounded buffers. It knows nothing of access control: for each
 * request it calls a handler, on the loop's thread, which answers, or names the servers to try.
 *
 * A message that two readers could read differently (RFC 9112 6.3: both Content-Length and
 * Transfer-Encoding, differing lengths, bare CR, folded lines, a blank before the colon, ...) is
 * answered 400 and the connection closed; nothing of it goes on.
 */
#ifndef CEEMS_LB_PROXY_PROXY_H
#define CEEMS_LB_PROXY_PROXY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "basic/arena.h"
#include "basic/err.h"
#include "basic/log.h"
#include "basic/options.h"
#include "basic/str.h"
#include "net/http_client.h"

struct exchange; /* one request and its answer; lives until on_done() returns */

/* The request as it came. */
const char *exchange_method(const struct exchange *x);
struct slice exchange_path(const struct exchange *x); /* raw, from the first '/' */
struct slice exchange_query(const struct exchange *x); /* p NULL: no '?' */
/* n of a header: 0 absent, 1, more: repeated. ret_value gets the first, trimmed. */
size_t exchange_header(const struct exchange *x, const char *name, struct slice *ret_value);
const char *exchange_user(const struct exchange *x); /* authenticated by basic auth; NULL */
bool exchange_client_cert(const struct exchange *x); /* the client showed a verified certificate */
const struct sockaddr *exchange_peer(const struct exchange *x);
size_t exchange_listener(const struct exchange *x); /* index of the listener */
struct arena *exchange_arena(struct exchange *x);
bool exchange_has_body(const struct exchange *x);
struct slice exchange_body(const struct exchange *x); /* after exchange_read_body() */
void exchange_set_data(struct exchange *x, void *data); /* the handler's own */
void *exchange_data(const struct exchange *x);

/* A server, and its connections; one for each URL. */
struct upstream;

struct upstream_config {
	const char *url; /* http(s)://host[:port][/prefix][?query] */
	const struct http_client_config *client; /* NULL: defaults */
	const char *user_agent;
	int64_t connect_timeout_ms;
};
int upstream_new(
	const struct upstream_config *config, struct upstream **ret_upstream, struct err *err);
void upstream_unref(struct upstream *upstream); /* running exchanges keep it */
unsigned upstream_active(const struct upstream *upstream); /* requests under way; any thread */
/* TCP (and TLS) reachability, blocking; for probes on a thread of their own. */
int upstream_probe(struct upstream *upstream, int64_t timeout_ms, struct err *err);

/* What goes to the server in place of the request. */
struct exchange_forward {
	const char *method; /* NULL: the client's; likewise below */
	struct slice path, query;
	bool rewritten; /* path, query and body are what is given here, else the client's */
	struct slice body;
	const char *content_type;
	/* Headers to take away and to add or replace, beside those of spec 2.11 and hop-by-hop
	 * ones. */
	const char *const *drop; /* NULL-terminated */
	const char *const (*set)[2]; /* name, value; terminated by a NULL name */
	int64_t timeout_ms; /* until the answer's head; 0: no limit */
	/* Asks for identity encoding, and hands the answer's body to the filter piece by piece. */
	const struct exchange_filter *filter; /* NULL: none */
	void *filter_ctx;
};

/* Rewrites the body of an answer; streaming. */
struct exchange_filter {
	/* On the head; false: this answer passes as it is. */
	bool (*begin)(void *ctx, int status, struct slice content_type);
	/* Appends output for this input. -errno: the answer is cut (502 if nothing was sent). */
	int (*data)(void *ctx, const char *data, size_t n, bool last, struct buffer *out);
};

/* Outcome of one attempt, told to the handler, which chooses the next server. */
enum attempt_result {
	ATTEMPT_ANSWERED, /* a head came, whatever its status */
	ATTEMPT_UNREACHABLE, /* nothing was sent to it: safe to repeat */
	ATTEMPT_BROKEN, /* sent, and no head came back */
	ATTEMPT_TIMEOUT,
	ATTEMPT_CLIENT_GONE, /* says nothing about the server */
};

enum exchange_outcome { EXCHANGE_ANSWERED, EXCHANGE_CUT, EXCHANGE_CLIENT_GONE };

struct exchange_report { /* for logs and metrics */
	enum exchange_outcome outcome;
	int status; /* 0: none was sent */
	uint64_t request_bytes, response_bytes;
	int64_t duration_us, upstream_us;
};

struct proxy_handler {
	/* The head is here. Calls exactly one of the functions below, now or later (from this
	 * thread). */
	void (*on_head)(void *ctx, struct exchange *x);
	/* The body that was asked for is here; likewise. */
	void (*on_body)(void *ctx, struct exchange *x);
	/* The server for this attempt (0, 1, ...); NULL: no more, the client gets 503. */
	struct upstream *(*pick)(void *ctx, struct exchange *x, unsigned attempt);
	void (*on_attempt)(void *ctx, struct exchange *x, struct upstream *upstream,
		enum attempt_result result);
	void (*on_done)(void *ctx, struct exchange *x, const struct exchange_report *report);
};

/* Answers from here. headers: "Name: value" lines, NULL-terminated, or NULL. */
void exchange_answer(struct exchange *x, int status, const char *content_type,
	const char *const *headers, struct slice body);
/* Reads the body into memory, then on_body(). More than max_bytes: 413 before it is read. */
void exchange_read_body(struct exchange *x, size_t max_bytes);
/*
 * Forwards. A body that was not read is streamed. Repeated on another server only if nothing went
 * out, or the method is safe and no byte of an answer came.
 */
void exchange_forward(struct exchange *x, const struct exchange_forward *forward);
/*
 * For handlers that wait for another thread: work() runs on a worker thread, then done() on the
 * loop's, unless the client went away meanwhile (then on_done() comes after work()).
 */
void exchange_work(struct exchange *x, void (*work)(void *ctx, struct exchange *x),
	void (*done)(void *ctx, struct exchange *x));

struct proxy_config {
	/* Either addresses or inherited sockets. Each exchange knows its listener's index. */
	struct strings listen_addresses;
	bool systemd_socket;
	const char
		*web_config_file; /* TLS, basic auth (spec 1.2); looked at again when it changes */
	unsigned loops, workers; /* threads */
	unsigned max_connections;
	size_t max_header_bytes;
	int64_t header_timeout_ms, body_timeout_ms, idle_timeout_ms, write_timeout_ms;
	const struct log *log;
	const struct proxy_handler *handler;
	void *ctx;
};

struct proxy;

/* As http_server_open(), http_server_serve(), ..._files, _port and _stop of net/http_server.h. */
int proxy_open(const struct proxy_config *config, struct proxy **ret_proxy, struct err *err);
struct strings proxy_files(struct proxy *proxy);
int proxy_serve(struct proxy *proxy, struct err *err);
int proxy_port(const struct proxy *proxy, size_t listener);
void proxy_stop(struct proxy *proxy, int64_t grace_ms);

#endif
