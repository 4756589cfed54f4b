// SPDX-License-Identifier: Apache-2.0
/*
 * What the files of the proxy share. Everything here belongs to the thread of its loop, but for
 * what says otherwise.
 *
 *   proxy.c     listeners, threads, start and stop
 *   client.c    a client's connection: reading heads, writing answers, time-outs
 *   exchange.c  a request from its head to its end, as its handler sees it (exchange_body.c)
 *   answer.c    what the client gets: heads, framing, filters
 *   forward.c   attempts at servers; forward_head.c: the head that they get
 *   upstream.c  a server: its URL, addresses, credentials, idle connections
 *   wire.c      a connection to a plain server
 *   courier.c   an exchange with any other one, on libcurl (post_office.c)
 *
 * Everything that happens to a client, its exchange or the server's connection ends in
 * client_run(), which goes on as far as the three of them can.
 */
#ifndef CEEMS_LB_PROXY_INTERNAL_H
#define CEEMS_LB_PROXY_INTERNAL_H

#include <netinet/in.h>
#include <stdatomic.h>

#include "format/http_body.h"
#include "format/http_head.h"
#include "lb/proxy/io.h"
#include "lb/proxy/loop.h"
#include "lb/proxy/proxy.h"
#include "net/basic_auth.h"
#include "net/gzip.h"
#include "net/http_listen.h"
#include "net/http_pool.h"
#include "net/web_watch.h"

enum {
	HEAD_DEFAULT_BYTES = 32 << 10,
	HEAD_MAX_BYTES = 60 << 10, /* it has to fit a block */
	ANSWER_HEAD_MAX_BYTES = 64 << 10, /* of a server */
	OUT_HIGH_BYTES = 128 << 10, /* of an answer that is framed or filtered, unsent */
	CODED_STEP_BYTES = 512, /* of a coded answer: half a MiB may come of them */
	/* A peer that sends or takes a body more slowly than this is cut off. */
	MIN_BYTES_PER_S = 4 << 10,
	/* So much of a body that nobody wants is read, so that the client sees its answer. */
	LINGER_MAX_BYTES = 1 << 20,
	LINGER_MS = 2000,
	ACCEPT_BATCH = 64,
	/* Reads, or requests, of one client in a row while others wait. */
	ROUNDS_MAX = 16,
	ACCEPT_PAUSE_MS = 100, /* when there are no descriptors */
	LOOPS_MAX = 256,
	ATTEMPTS_MAX = 16,
	BROKEN_MAX = 2, /* of these, where a connection was lost after the request was sent */
	SMALL_BODY_BYTES = 4 << 10, /* sent with the head */
	SPARE_EXCHANGES = 64,
	SPARE_BUFFER_BYTES = 16 << 10, /* a buffer that grew beyond is not kept */
	DATE_TEXT_BYTES = 32,
};

struct proxy_loop;
struct wire;
struct courier;

enum client_state {
	CLIENT_HANDSHAKE,
	CLIENT_HEAD, /* waiting for a request, or in the middle of its head */
	CLIENT_BUSY, /* has an exchange */
	CLIENT_LINGER, /* answered; what the client still sends is dropped */
	CLIENT_CLOSED,
};

struct client {
	struct loop_watch watch;
	struct loop_timer timer;
	struct loop_trash trash;
	struct loop_task turn;
	bool waits_turn;
	bool left_over; /* closed, and kept for its turn alone */
	struct proxy_loop *loop;
	struct client *prev, *next; /* in the loop's list, the longest there first */
	struct io io;
	enum client_state state;
	bool running; /* client_run() is on the stack */
	unsigned fills; /* of in, for bodies, since it began */
	bool fresh; /* no byte of its next request came yet */
	bool tls_checked;
	bool close_after; /* the answer under way is the last one */
	bool shut; /* our side; nothing more is written */
	bool cert;
	struct stream in;
	size_t scanned; /* of a head, from in.start on */
	struct buffer out; /* head, and body if it is framed or made here */
	size_t out_sent;
	uint64_t window_bytes; /* moved since the timer was set */
	uint64_t acked_bytes; /* by the peer, then */
	size_t lingered;
	struct exchange *x;
	struct http_tls *tls;
	size_t listener;
	struct sockaddr_storage peer;
	char peer_text[INET6_ADDRSTRLEN]; /* the address alone; "" where there is none */
};

enum exchange_state {
	EXCHANGE_NEW,
	EXCHANGE_LOGIN, /* its password is being checked */
	EXCHANGE_DECIDED, /* the handler has said what to do */
	EXCHANGE_WORKING, /* on a worker thread, or with its handler until exchange_resume() */
	EXCHANGE_READING, /* its body */
	EXCHANGE_FORWARDING,
	EXCHANGE_SENDING, /* the answer is complete, but for what the client has to take */
	EXCHANGE_OVER,
};

enum exchange_action {
	ACTION_NONE,
	ACTION_ANSWER,
	ACTION_READ,
	ACTION_FORWARD,
	ACTION_WORK,
	ACTION_WAIT
};

struct exchange {
	struct http_job job; /* first; on a worker */
	struct loop_task task; /* on the way back */
	struct loop_trash trash;
	struct basic_auth_waiter waiter;
	enum basic_auth_result login;
	struct client *client; /* NULL: gone */
	enum exchange_state state;
	enum exchange_action action;
	bool introduced; /* the handler knows it */
	bool waits; /* for exchange_resume() */
	bool cut; /* its end is missing */
	const char *method, *user;
	size_t listener;
	bool cert;
	struct sockaddr_storage peer;
	char peer_text[INET6_ADDRSTRLEN];
	struct web_state *web; /* NULL without a web config */
	void *data;
	void (*work)(void *ctx, struct exchange *x);
	void (*work_done)(void *ctx, struct exchange *x);
	void *work_ctx;

	struct http_body reader;
	bool continue_due; /* the client waits for "100 Continue" */
	bool body_read; /* it is in body, whole */
	bool body_begun; /* some of it went to a server */
	size_t body_max, skipped;

	struct exchange_forward forward;
	unsigned attempt, n_broken;
	struct upstream *upstream; /* held */
	bool renewed; /* a kept connection failed before; this one is new */
	bool prepared; /* what needs a worker has been done for this attempt */
	bool reported; /* the handler knows how it went */
	int prepare_result;
	char why[160]; /* of a failed attempt */
	enum attempt_result last_result;
	bool body_in_request; /* its bytes stand behind the head in request */
	struct wire *wire;
	struct courier *courier;

	bool answered; /* a head is in client->out, or was sent */
	bool sent; /* some of it was */
	bool direct; /* the body goes from wire->in to the client as it is */
	bool filtered;
	struct gunzip *gunzip; /* of what is filtered; NULL: it has no coding */
	bool chunked; /* the body is to be chunked here */
	bool bodiless; /* HEAD, 204, 304 */

	int64_t started_us, head_us;
	struct exchange_report report;

	/* From here on it is kept for the next one. */
	struct proxy_loop *loop;
	struct arena arena;
	struct buffer body;
	struct buffer credentials; /* header lines, when they are read for each request */
	struct buffer request; /* head to the server */
	struct buffer filter_out;
	struct http_request_head head;
};

struct listener {
	struct loop_watch watch;
	struct proxy_loop *loop;
	size_t index;
};

struct proxy_loop {
	struct loop loop;
	struct proxy *proxy;
	unsigned index;
	pthread_t thread;
	bool started, draining;
	bool empty; /* under the proxy's lock: nothing is left to do */
	struct listener *listeners;
	struct loop_timer accept_timer, sweep_timer;
	struct loop_task drain, cut, end;
	struct client *oldest, *newest;
	unsigned n_clients, n_exchanges;
	struct exchange *spare; /* by trash.next */
	unsigned n_spare;
	struct upstream_pool *pools;
	struct http_response_head answer; /* of the one that is being looked at */
	int64_t date_s;
	char date[DATE_TEXT_BYTES];
	struct post_office *post_office; /* libcurl's side; NULL until it is needed */
};

struct proxy {
	struct proxy_config config; /* zeros replaced by the defaults */
	int listeners[HTTP_LISTENERS_MAX];
	int ports[HTTP_LISTENERS_MAX];
	size_t n_listeners;
	struct web_watch *web;
	const char *files[WEB_WATCH_FILES_MAX];
	struct basic_auth *auth; /* NULL without a web config */
	bool tls;
	struct http_pool *pool;
	struct proxy_loop *loops;
	atomic_bool stopping;
	atomic_uint n_connections;
	atomic_ullong accepted, refused;
	pthread_mutex_t lock; /* with ended: a loop has nothing left to do */
	pthread_cond_t ended;
};

/* client.c */
void client_accept(struct proxy_loop *loop, int fd, size_t listener);
void client_run(struct client *c);
/* client_run() when others have had their turn. */
void client_yield(struct client *c);
/* Whatever is under way is over; reset: the client must see that something is missing. */
void client_close(struct client *c, bool reset);
/* Closes it if it waits for a request; else it is closed after its answer. */
void client_retire(struct client *c);
/* 1: all is written; 0: the socket is full; -errno. Direct bodies are written, too. */
int client_flush(struct client *c);
/* Reads more of the client's bytes; as stream_fill(). */
ssize_t client_fill(struct client *c);
/* The client must get on with its body, or with taking its answer. */
void client_expect(struct client *c, int64_t timeout_ms);

/* exchange.c */
/* The head is at the start of client->in. The exchange is the client's then. */
void exchange_start(struct client *c, size_t head_bytes);
/* True: it is over, and the client may go on with the next one. */
bool exchange_run(struct exchange *x);
void exchange_finish(struct exchange *x, enum exchange_outcome outcome);
/* The client has closed or broken its connection. */
void exchange_client_gone(struct exchange *x);
/* From any thread: client_run() on the loop's. */
void exchange_wake(struct exchange *x);
/* Runs work() on a worker and then done() on the loop's thread. False: the pool is stopping. */
bool exchange_send_to_worker(struct exchange *x, void (*work)(void *ctx, struct exchange *x),
	void (*done)(void *ctx, struct exchange *x), void *ctx);
/* exchange_body.c */
/* 1: there are bytes in client->in; 0: not now; -EPIPE. */
int exchange_fill(struct exchange *x);
/* The reader may be done: nothing more is expected of the client then. */
void exchange_note_body_end(struct exchange *x);
/* Takes in what is there of a body that nobody wants, if that is all of it. */
void exchange_skip_body(struct exchange *x);
/*
 * Makes client->in.ready pass start, where there is more of the body. 1: done so; 0: not now, or
 * reader.done; -EPIPE: the client is gone; -EBADMSG, -E2BIG: the body is malformed.
 */
int exchange_fill_body(struct exchange *x);
/* Takes some data of the body out of client->in: how much; else as exchange_fill_body(). */
int exchange_take_body(struct exchange *x, struct buffer *out);
/* Whether the client may still send something of this request. */
bool exchange_body_pending(const struct exchange *x);
struct exchange *exchange_new(struct proxy_loop *loop);
void exchange_spare_free(struct proxy_loop *loop);

/* answer.c */
/* Decimal; printf(3) would take longer than all else in a head. */
void answer_put_number(struct buffer *out, uint64_t number);
/* A page of the proxy's own; the connection is closed after it. x may be NULL: no exchange yet. */
void answer_refuse(struct client *c, struct exchange *x, int status, const char *text);
void answer_own(struct exchange *x, int status, const char *content_type,
	const char *const *headers, struct slice body);
/* The server's head is in loop->answer. */
void answer_head(struct exchange *x, bool may_be_direct);
/* How much of n bytes of a body to hand over at once: what comes of them is kept. */
size_t answer_step(const struct exchange *x, size_t n);
/* While it is filtered and nothing came of it, its head stays here: it may become a 502. */
bool answer_is_held(const struct exchange *x);
/* Some of the body, as data. -errno: the filter gave up. */
int answer_data(struct exchange *x, const char *data, size_t n);
int answer_end(struct exchange *x);
size_t answer_unsent(const struct exchange *x);
const char *answer_reason(int status);

/* forward_head.c */
/* Values of the Connection fields, without those that say only how the connection goes on. */
enum { CONNECTION_NAMES_MAX = 8 };
struct connection_names {
	size_t n;
	struct slice v[CONNECTION_NAMES_MAX];
};
void connection_names_find(struct connection_names *names, const struct http_fields *fields);
bool connection_names_have(const struct connection_names *names, struct slice name);
/* What the server gets, into x->request: the lines of fields alone, or a whole head. */
int forward_build_fields(struct exchange *x, struct buffer *out);
int forward_build_head(struct exchange *x);
/* Path and query as they are sent, behind the server's own. */
void forward_build_target(struct exchange *x, struct buffer *out);
/* How the body of the request is framed, and what it is unless it is streamed. */
enum http_framing forward_framing(const struct exchange *x);
bool forward_streams(const struct exchange *x);
struct slice forward_body(const struct exchange *x);
const char *forward_method(const struct exchange *x);

/* forward.c */
/* May be sent twice. */
bool forward_is_safe(const struct exchange *x);
void forward_start(struct exchange *x);
void forward_run(struct exchange *x);
/* The connection could not be used: forward_run() goes on with another one, or it has ended. */
void forward_failed(struct exchange *x, enum attempt_result result, const char *why);
/* Nothing was sent, and that says nothing about the server (x->why): another one may do. */
void forward_unfit(struct exchange *x);
/* A kept connection was closed by its server before it answered: another one is worth a try. */
bool forward_renew(struct exchange *x, bool nothing_sent);
/* A head is in loop->answer. */
void forward_answered(struct exchange *x);
/* The server's part is complete. */
void forward_complete(struct exchange *x);
/* The answer can't be finished. */
void forward_cut(struct exchange *x);
/* Lets go of the server, whatever is under way. */
void forward_abort(struct exchange *x);

/* upstream.c */
struct upstream_pool {
	struct upstream_pool *next;
	struct upstream *upstream; /* held */
	struct proxy_loop *loop;
	struct wire *idle; /* the one used last first */
	unsigned n_idle, n_wires;
};

struct upstream_address {
	socklen_t len;
	struct sockaddr_storage sa;
};
enum { UPSTREAM_ADDRESSES_MAX = 8, UPSTREAM_IDLE_MAX = 1000, UPSTREAM_IDLE_MS = 300000 };

struct upstream {
	atomic_uint owners, holders;
	atomic_uint active;
	atomic_bool closed; /* no owner left */
	unsigned id;
	bool tls;
	bool plain; /* served by a wire, else by a courier */
	bool unsettled; /* credentials are read for each request */
	char *url, *host, *port, *authority; /* authority: for Host */
	char *prefix, *query; /* of the path; NULL: no query */
	char *user_agent;
	char *credentials; /* header lines */
	int64_t connect_timeout_ms;
	const struct http_client_config *client_config;
	struct http_client *client;
	pthread_mutex_t lock; /* of the addresses */
	struct upstream_address addresses[UPSTREAM_ADDRESSES_MAX];
	unsigned n_addresses;
	int64_t resolved_ms;
	bool numeric, resolving;
	struct http_job resolve_job;
};

void upstream_hold(struct upstream *upstream);
void upstream_release(struct upstream *upstream);
struct upstream_pool *upstream_pool_of(struct proxy_loop *loop, struct upstream *upstream);
void upstream_pools_sweep(struct proxy_loop *loop, bool all);
/* Addresses for a connection now, how many; 0: not resolved. May start to resolve them anew. */
unsigned upstream_addresses(struct upstream *upstream, struct http_pool *workers, int64_t now_ms,
	struct upstream_address ret_addresses[static UPSTREAM_ADDRESSES_MAX]);
/* Blocking, on a worker. */
int upstream_resolve(struct upstream *upstream, char *ret_why, size_t cap);
/* Header lines for one request, blocking. */
int upstream_credentials(
	struct upstream *upstream, struct buffer *ret_lines, char *ret_why, size_t cap);
/* Whether http_headers of the configuration set a header of that name. */
bool upstream_sets_header(const struct upstream *upstream, struct slice name);

/* wire.c */
/* Takes a kept connection or begins a new one; x->wire is set, and x->request is to be sent. */
int wire_start(struct exchange *x, bool fresh);
/* As far as it goes. x->wire is NULL afterwards if the server's part is over in any way. */
void wire_run(struct wire *w);
/* What the server sent, from which client_flush() takes direct bodies. */
struct stream *wire_stream(struct wire *w);
void wire_abort(struct wire *w);
void wire_close_idle(struct upstream_pool *pool);

/* courier.c */
/* x->courier is set. */
int courier_start(struct exchange *x);
/* As wire_run(). */
void courier_run(struct courier *p);
void courier_abort(struct courier *p);

/* proxy.c */
void proxy_loop_check_end(struct proxy_loop *loop);
const char *proxy_loop_date(struct proxy_loop *loop);
int64_t proxy_now_us(void);

#endif
