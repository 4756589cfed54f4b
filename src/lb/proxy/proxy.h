// SPDX-License-Identifier: Apache-2.0
/*
 * The reverse proxy: HTTP/1.1 to clients on event loops of its own (RFC 9110, 9112), HTTP/1.1 with
 * kept connections to plain servers on the same loops, libcurl on them for TLS, HTTP/2 and proxies.
 * Bodies stream both ways through bounded buffers. It knows nothing of access control: for each
 * request it calls a handler, on the loop's thread, which answers, or names the servers to try.
 *
 * A message that two readers could read differently (RFC 9112 6.3: both Content-Length and
 * Transfer-Encoding, differing lengths, bare CR, folded lines, a blank before the colon, ...) is
 * answered 400 and the connection closed; nothing of it goes on. Upgrades and interim answers are
 * not passed on either. A client that closes its side has gone: its request is cancelled.
 */
#ifndef CEEMS_LB_PROXY_PROXY_H
#define CEEMS_LB_PROXY_PROXY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "basic/arena.h"
#include "basic/buffer.h"
#include "basic/err.h"
#include "basic/log.h"
#include "basic/options.h"
#include "basic/str.h"
#include "net/http_client.h"

/* One request and its answer; lives until on_done() returns. Of its loop's thread. */
struct exchange;

/* The request as it came. */
const char *exchange_method(const struct exchange *x);
struct slice exchange_path(const struct exchange *x); /* raw, from the first '/' */
struct slice exchange_query(const struct exchange *x); /* p NULL: no '?' */
struct slice exchange_host(const struct exchange *x); /* n 0: none */
/* n of a header: 0 absent, 1, more: repeated. ret_value (may be NULL) gets the first, trimmed. */
size_t exchange_header(const struct exchange *x, const char *name, struct slice *ret_value);
const char *exchange_user(const struct exchange *x); /* authenticated by basic auth; NULL */
bool exchange_client_cert(const struct exchange *x); /* the client showed a verified certificate */
const struct sockaddr *exchange_peer(const struct exchange *x);
size_t exchange_listener(const struct exchange *x); /* index of the listener */
/* For whatever lives as long as the exchange; capped at EXCHANGE_ARENA_MAX_BYTES. */
struct arena *exchange_arena(struct exchange *x);
bool exchange_has_body(const struct exchange *x);
struct slice exchange_body(const struct exchange *x); /* after exchange_read_body() */
void exchange_set_data(struct exchange *x, void *data); /* the handler's own */
void *exchange_data(const struct exchange *x);

enum { EXCHANGE_ARENA_MAX_BYTES = 64 << 20 };

/* A server, and its connections; one for each URL. Counted; any thread. */
struct upstream;

struct upstream_config {
	const char *url; /* http(s)://host[:port][/prefix][?query] */
	const struct http_client_config *client; /* borrowed until the end; NULL: defaults */
	const char *user_agent;
	int64_t connect_timeout_ms; /* 0: 10 s */
};
/* -EINVAL: no such URL, or settings that exclude each other. */
int upstream_new(
	const struct upstream_config *config, struct upstream **ret_upstream, struct err *err);
struct upstream *upstream_ref(struct upstream *upstream);
/* Running exchanges keep it; its idle connections are closed soon after the last unref. */
void upstream_unref(struct upstream *upstream); /* NULL is fine */
unsigned upstream_active(const struct upstream *upstream); /* requests under way; any thread */
/* Whether its TLS files can be read now: -errno, with the file's name. */
int upstream_check_files(const struct upstream *upstream, struct err *err);
/*
 * Whether a connection can be had, TLS and a proxy's tunnel included; blocking, for probes on a
 * thread of their own.
 */
int upstream_probe(struct upstream *upstream, int64_t timeout_ms, struct err *err);

/* Rewrites the body of an answer; streaming. */
struct exchange_filter {
	/* On the head. 0: this answer passes as it is; 1: through data(); -errno: 502 instead of
	 * it. */
	int (*begin)(void *ctx, int status, struct slice content_type);
	/* Appends output for this input. -errno: the answer is cut (502 if nothing was sent). */
	int (*data)(void *ctx, const char *data, size_t n, bool last, struct buffer *out);
};

/* What goes to the server in place of the request. What it points to lives as long as x. */
struct exchange_forward {
	const char *method; /* NULL: the client's */
	/* path, query and body are what is given here, else the client's. */
	bool rewritten;
	struct slice path, query; /* raw; query.p NULL: none */
	struct slice body; /* p NULL: none */
	const char *content_type; /* of that body; NULL: none */
	/* May be repeated whatever its method says: a query sent with POST, with its body read. */
	bool safe;
	/*
	 * Headers to take away and to add or replace, beside those of spec 2.11 and hop-by-hop
	 * ones. Values must be fit for a header (http_is_field_value() of format/http_head.h).
	 */
	const char *const *drop; /* NULL-terminated, or NULL */
	const char *const (*set)[2]; /* name, value; terminated by a NULL name; or NULL */
	/*
	 * Only fields of plain names (http_name_is_plain()) go on, and those in odd_names (NULL:
	 * none). If not, what could be taken for a field that doesn't go on stays behind.
	 */
	bool plain_names;
	const struct strings *odd_names;
	/* Until the answer's head, and between two parts of its body; 0: no limit. */
	int64_t timeout_ms;
	/* Asks for identity encoding, and hands the answer's body to the filter piece by piece. */
	const struct exchange_filter *filter; /* NULL: none */
	void *filter_ctx;
};

/* Outcome of one attempt, told to the handler, which chooses the next server. */
enum attempt_result {
	ATTEMPT_ANSWERED, /* a head came, whatever its status */
	ATTEMPT_UNREACHABLE, /* nothing was sent to it: safe to repeat */
	ATTEMPT_BROKEN, /* sent, and no (understandable) head came back */
	ATTEMPT_TIMEOUT,
	ATTEMPT_CLIENT_GONE, /* or memory and descriptors have: says nothing about the server */
};

enum exchange_outcome { EXCHANGE_ANSWERED, EXCHANGE_CUT, EXCHANGE_CLIENT_GONE };

struct exchange_report { /* for logs and metrics */
	enum exchange_outcome outcome;
	int status; /* 0: none was sent */
	uint64_t request_bytes, response_bytes; /* of bodies */
	int64_t duration_us; /* from the complete head on */
	int64_t upstream_us; /* of that, until the server's head; 0: none came */
};

struct proxy_handler {
	/*
	 * The head is here. It calls exactly one of exchange_answer(), _read_body(), _forward(),
	 * _work() and _wait() before it returns; that takes effect after the return.
	 */
	void (*on_head)(void *ctx, struct exchange *x);
	/* The body that was asked for is here; likewise. */
	void (*on_body)(void *ctx, struct exchange *x);
	/*
	 * The server for this attempt (0, 1, ...), borrowed. NULL: no more; the client gets 503, or
	 * 504 when the last attempt timed out.
	 */
	struct upstream *(*pick)(void *ctx, struct exchange *x, unsigned attempt);
	/* Comes once for each server that pick() returned. err: what happened, "" if answered. */
	void (*on_attempt)(void *ctx, struct exchange *x, struct upstream *upstream,
		enum attempt_result result, const char *why);
	/*
	 * The client of an exchange that waits has left. True: exchange_resume() will never come,
	 * and on_done() follows at once. NULL: it comes always.
	 */
	bool (*on_left)(void *ctx, struct exchange *x);
	/* Comes once for each on_head(), at the end, however that came. */
	void (*on_done)(void *ctx, struct exchange *x, const struct exchange_report *report);
	/* Answered from here without on_head(): a bad head, a failed login. May be NULL. */
	void (*on_refused)(void *ctx, size_t listener, const struct sockaddr *peer, int status);
};

/*
 * Answers from here. headers: "Name: value" lines, NULL-terminated, or NULL. Everything is copied.
 * To HEAD the body isn't sent, only its length.
 */
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
 * For handlers that wait for something: work() runs on a worker thread, then done() on the loop's,
 * which calls one of these functions again, unless the client went away meanwhile (then on_done()
 * comes after work()). work() has x to itself.
 */
void exchange_work(struct exchange *x, void (*work)(void *ctx, struct exchange *x),
	void (*done)(void *ctx, struct exchange *x));

/*
 * For handlers that wait for another exchange: nothing happens until exchange_resume(), which comes
 * exactly once, from any thread, even before exchange_wait(). Then done() as above. When the client
 * goes away meanwhile, on_left() is asked; on_done() comes then, or after exchange_resume().
 */
void exchange_wait(struct exchange *x, void (*done)(void *ctx, struct exchange *x));
void exchange_resume(struct exchange *x);

struct proxy_config {
	/* Either addresses or inherited sockets. Each exchange knows its listener's index. */
	struct strings listen_addresses;
	bool systemd_socket;
	/* TLS, basic auth (spec 1.2), looked at again when it changes; NULL or "": neither */
	const char *web_config_file;
	unsigned loops, workers; /* threads; 0: one, and four */
	unsigned max_connections; /* 0: 16384, or half of what RLIMIT_NOFILE allows */
	size_t max_header_bytes; /* 0: 32 KiB; at most 60 KiB */
	/* Zeros: 2 s, 60 s, 300 s, 60 s. A body and an answer must get on within each such time. */
	int64_t header_timeout_ms, body_timeout_ms, idle_timeout_ms, write_timeout_ms;
	/* An eventfd that is written when those who are at work must come to an end; 0: none */
	int cancel_fd;
	const struct log *log;
	const struct proxy_handler *handler;
	void *ctx;
};

struct proxy;

/*
 * Listens and reads the web config, without accepting or starting a thread: a program that changes
 * its user does so between this and proxy_serve(). The config is borrowed.
 */
int proxy_open(const struct proxy_config *config, struct proxy **ret_proxy, struct err *err);
/* The web config and the TLS files: they must stay readable. Absolute; before proxy_serve(). */
struct strings proxy_files(struct proxy *proxy);
/* Starts the threads. After an error only proxy_stop() may follow. */
int proxy_serve(struct proxy *proxy, struct err *err);
int proxy_port(const struct proxy *proxy, size_t listener); /* useful after ":0" */
size_t proxy_listeners(const struct proxy *proxy);

struct proxy_stats {
	unsigned connections; /* of clients */
	uint64_t accepted, refused; /* heads answered without the handler */
};
void proxy_stats(const struct proxy *proxy, struct proxy_stats *ret_stats); /* any thread */

/*
 * Stops accepting, lets running requests finish for at most grace_ms, cuts the rest, waits for
 * handlers that are at work, and frees. NULL is fine.
 */
void proxy_stop(struct proxy *proxy, int64_t grace_ms);

#endif
