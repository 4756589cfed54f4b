// SPDX-License-Identifier: Apache-2.0
/* A request from its head to its end: who asks, what the handler decides, the body if it wants it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lb/proxy/internal.h"

static void set_action(struct exchange *x, enum exchange_action action)
{
	x->action = action;
}

struct exchange *exchange_new(struct proxy_loop *loop)
{
	struct exchange *x = loop->spare;

	if (x) {
		loop->spare = (struct exchange *)x->trash.next;
		loop->n_spare--;
	} else {
		x = calloc(1, sizeof(*x));
		if (!x)
			return NULL;
		arena_init(&x->arena, EXCHANGE_ARENA_MAX_BYTES);
		buffer_init(&x->request, 0);
		buffer_init(&x->credentials, 0);
		buffer_init(&x->filter_out, 0);
	}
	x->loop = loop;
	loop->n_exchanges++;
	return x;
}

static void free_exchange(struct exchange *x)
{
	buffer_done(&x->body);
	buffer_done(&x->request);
	buffer_done(&x->filter_out);
	arena_done(&x->arena);
	free(x);
}

void exchange_spare_free(struct proxy_loop *loop)
{
	struct exchange *x;

	while ((x = loop->spare)) {
		loop->spare = (struct exchange *)x->trash.next;
		free_exchange(x);
	}
}

static void wipe(struct buffer *buf)
{
	if (buf->data)
		explicit_bzero(buf->data, buf->cap);
	buffer_done(buf);
}

/* A spare one is zero up to what is kept; and that is small. */
static void recycle(struct loop_trash *trash)
{
	struct exchange *x = (struct exchange *)((char *)trash - offsetof(struct exchange, trash));
	struct proxy_loop *loop = x->loop;

	wipe(&x->credentials);
	if (loop->n_spare >= SPARE_EXCHANGES) {
		free_exchange(x);
		return;
	}
	arena_reset(&x->arena);
	if (x->arena.total_bytes > SPARE_BUFFER_BYTES * 2)
		arena_done(&x->arena);
	if (x->body.cap > SPARE_BUFFER_BYTES)
		buffer_done(&x->body);
	if (x->request.cap > SPARE_BUFFER_BYTES)
		buffer_done(&x->request);
	buffer_done(&x->filter_out);
	/* Errors stick to them otherwise. */
	buffer_clear(&x->body);
	buffer_clear(&x->request);
	buffer_clear(&x->filter_out);
	buffer_clear(&x->credentials);
	memset(x, 0, offsetof(struct exchange, loop));
	x->trash.next = (struct loop_trash *)loop->spare;
	loop->spare = x;
	loop->n_spare++;
}

void exchange_finish(struct exchange *x, enum exchange_outcome outcome)
{
	struct proxy_loop *loop = x->loop;
	const struct proxy_config *config = &loop->proxy->config;

	forward_abort(x);
	x->state = EXCHANGE_OVER;
	x->report.outcome = outcome;
	x->report.duration_us = proxy_now_us() - x->started_us;
	x->report.upstream_us = x->head_us ? x->head_us - x->started_us : 0;
	if (x->introduced)
		config->handler->on_done(config->ctx, x, &x->report);
	if (x->client) {
		/* What no server took of its body is not the next request. */
		x->client->in.start = x->client->in.ready;
		x->client->x = NULL;
	}
	x->client = NULL;
	web_state_put(x->web);
	x->web = NULL;
	gunzip_free(TAKE(x->gunzip));
	loop->n_exchanges--;
	loop_discard(&loop->loop, &x->trash, recycle);
	proxy_loop_check_end(loop);
}

void exchange_client_gone(struct exchange *x)
{
	const struct proxy_config *config = &x->loop->proxy->config;

	if (x->waits && config->handler->on_left && config->handler->on_left(config->ctx, x)) {
		exchange_finish(x, EXCHANGE_CLIENT_GONE);
		return;
	}
	/* Work that is under way has x until it comes back. */
	if (x->state == EXCHANGE_WORKING || x->state == EXCHANGE_LOGIN) {
		x->client->x = NULL;
		x->client = NULL;
		return;
	}
	exchange_finish(x, x->cut ? EXCHANGE_CUT : EXCHANGE_CLIENT_GONE);
}

/* The handler is asked, and its decision carried out when client_run() comes by. */
static void decide(struct exchange *x, void (*ask)(void *ctx, struct exchange *x), void *ctx)
{
	x->state = EXCHANGE_DECIDED;
	x->action = ACTION_NONE;
	ask(ctx, x);
}

static void introduce(struct exchange *x)
{
	const struct proxy_config *config = &x->loop->proxy->config;

	x->introduced = true;
	decide(x, config->handler->on_head, config->ctx);
}

static void after_login(struct exchange *x)
{
	switch (x->login) {
	case BASIC_AUTH_GRANTED:
		introduce(x);
		break;
	case BASIC_AUTH_DENIED:
		x->user = NULL;
		answer_refuse(x->client, x, 401, "Unauthorized\n");
		break;
	default:
		x->user = NULL;
		answer_refuse(
			x->client, x, 503, "Too many logins are being checked, try again later.\n");
	}
}

static void on_login_known(struct loop_task *task)
{
	struct exchange *x = (struct exchange *)((char *)task - offsetof(struct exchange, task));
	struct client *c = x->client;

	if (!c) {
		exchange_finish(x, EXCHANGE_CLIENT_GONE);
		return;
	}
	x->state = EXCHANGE_NEW;
	after_login(x);
	client_run(c);
}

/* On the checking thread. */
static void on_checked(struct basic_auth_waiter *waiter, enum basic_auth_result result)
{
	struct exchange *x = (struct exchange *)((char *)waiter -
		offsetof(struct exchange, waiter));

	x->login = result;
	x->task.run = on_login_known;
	loop_post(&x->loop->loop, &x->task);
}

static void log_in(struct exchange *x)
{
	struct basic_auth *auth = x->loop->proxy->auth;
	CLEANUP(basic_auth_login_done) struct basic_auth_login login;
	struct slice value = { NULL, 0 };
	const char *header = NULL;
	int r;

	/* Two of them could be believed by two programs. */
	if (http_fields_find(&x->head.fields, "Authorization", &value) == 1)
		header = arena_strndup(&x->arena, value.p, value.n);
	r = basic_auth_parse(auth, header, &x->web->config.users, &login);
	x->login = BASIC_AUTH_DENIED;
	if (r >= 0) {
		x->user = arena_strdup(&x->arena, login.name);
		x->login = x->user ? basic_auth_lookup(auth, &login) : BASIC_AUTH_BUSY;
	}
	if (x->login == BASIC_AUTH_UNKNOWN) {
		x->state = EXCHANGE_LOGIN;
		x->waiter.done = on_checked;
		r = (int)basic_auth_submit(
			auth, &login, (const struct sockaddr *)&x->client->peer, &x->waiter);
		if (r == BASIC_AUTH_PENDING)
			return;
		x->state = EXCHANGE_NEW;
		x->login = (enum basic_auth_result)r;
	}
	after_login(x);
}

static void begin(struct exchange *x)
{
	struct proxy *proxy = x->loop->proxy;

	if (!proxy->auth) {
		introduce(x);
		return;
	}
	x->web = web_watch_get(proxy->web);
	if (!x->web || x->web->broken)
		answer_refuse(x->client, x, 500, "Internal Server Error\n");
	else if (x->web->config.users.n)
		log_in(x);
	else
		introduce(x);
}

static const char *refusal_text(int status)
{
	switch (status) {
	case 417:
		return "Expectation Failed\n";
	case 431:
		return "Request Header Fields Too Large\n";
	case 501:
		return "Not Implemented\n";
	case 505:
		return "HTTP Version Not Supported\n";
	default:
		return "Bad Request\n";
	}
}

void exchange_start(struct client *c, size_t head_bytes)
{
	struct exchange *x = exchange_new(c->loop);
	char *text;
	int status;

	if (!x) {
		client_close(c, true);
		return;
	}
	x->client = c;
	x->cert = c->cert;
	x->listener = c->listener;
	x->peer = c->peer;
	memcpy(x->peer_text, c->peer_text, sizeof(x->peer_text));
	c->x = x;
	c->state = CLIENT_BUSY;
	x->started_us = proxy_now_us();
	text = arena_strndup(&x->arena, c->in.data + c->in.start, head_bytes);
	c->in.start += head_bytes;
	c->in.ready = c->in.start;
	c->scanned = 0;
	if (!text) {
		client_close(c, true);
		return;
	}
	status = http_request_head_parse((struct slice){ text, head_bytes }, &x->head);
	if (status) {
		http_body_init(&x->reader, HTTP_BODY_NONE, 0);
		answer_refuse(c, x, status, refusal_text(status));
		return;
	}
	x->method = arena_strndup(&x->arena, x->head.method.p, x->head.method.n);
	http_body_init(&x->reader, x->head.framing, x->head.content_length);
	x->continue_due = x->head.expect_continue;
	if (!x->head.keep_alive || atomic_load(&c->loop->proxy->stopping))
		c->close_after = true;
	if (x->method)
		begin(x);
	else
		client_close(c, true);
}

/* True: the state has changed. */
static bool read_body(struct exchange *x)
{
	struct stream *in = &x->client->in;
	const struct proxy_config *config = &x->loop->proxy->config;

	while (!x->reader.done) {
		enum http_piece piece;
		size_t n;
		int r = exchange_fill(x);

		if (r < 0)
			client_close(x->client, false);
		if (r <= 0)
			return false;
		r = http_body_next(&x->reader,
			(struct slice){ in->data + in->ready, in->end - in->ready }, &piece, &n);
		if (r >= 0 && piece == HTTP_PIECE_DATA)
			buffer_append(&x->body, in->data + in->ready, n);
		if (r < 0) {
			answer_refuse(x->client, x, 400, "Bad Request\n");
			return true;
		}
		in->ready += n;
		in->start = in->ready;
		if (buffer_error(&x->body)) {
			answer_refuse(x->client, x, buffer_error(&x->body) == -E2BIG ? 413 : 500,
				buffer_error(&x->body) == -E2BIG ? "Request Entity Too Large\n"
								 : "Internal Server Error\n");
			return true;
		}
	}
	exchange_note_body_end(x);
	x->report.request_bytes = x->body.len;
	x->body_read = true;
	stream_trim(in, &x->loop->loop);
	decide(x, config->handler->on_body, config->ctx);
	return true;
}

static void start_reading(struct exchange *x)
{
	x->body.limit = MAX(x->body_max, (size_t)1);
	if (x->head.framing == HTTP_BODY_LENGTH && x->head.content_length > x->body_max)
		answer_refuse(x->client, x, 413, "Request Entity Too Large\n");
	else
		x->state = EXCHANGE_READING;
}

static void run_job(struct http_job *job)
{
	struct exchange *x = (struct exchange *)job;

	x->work(x->work_ctx, x);
	loop_post(&x->loop->loop, &x->task);
}

static void on_work_done(struct loop_task *task)
{
	struct exchange *x = (struct exchange *)((char *)task - offsetof(struct exchange, task));
	struct client *c = x->client;

	x->waits = false;
	if (!c) {
		exchange_finish(x, EXCHANGE_CLIENT_GONE);
		return;
	}
	decide(x, x->work_done, x->work_ctx);
	client_run(c);
}

bool exchange_send_to_worker(struct exchange *x, void (*work)(void *ctx, struct exchange *x),
	void (*done)(void *ctx, struct exchange *x), void *ctx)
{
	x->work = work;
	x->work_done = done;
	x->work_ctx = ctx;
	x->job.run = run_job;
	x->task.run = on_work_done;
	x->state = EXCHANGE_WORKING;
	return http_pool_add(x->loop->proxy->pool, &x->job);
}

static void carry_out(struct exchange *x)
{
	switch (x->action) {
	case ACTION_ANSWER:
		x->state = EXCHANGE_SENDING;
		break;
	case ACTION_READ:
		start_reading(x);
		break;
	case ACTION_FORWARD:
		forward_start(x);
		break;
	case ACTION_WORK:
		if (exchange_send_to_worker(x, x->work, x->work_done, x->loop->proxy->config.ctx))
			break;
		answer_refuse(x->client, x, 503, "Service not available\n");
		break;
	case ACTION_WAIT:
		x->state = EXCHANGE_WORKING;
		x->waits = true;
		break;
	case ACTION_NONE:
		answer_refuse(x->client, x, 500, "Internal Server Error\n");
		break;
	}
}

/* A connection that is closed, and from which nothing more is to be read. */
static bool client_has_left(const struct exchange *x)
{
	bool listens = (x->state == EXCHANGE_FORWARDING && !forward_streams(x)) || x->waits;

	return x->client->io.hangup && (x->reader.done || listens) &&
		x->state != EXCHANGE_SENDING && x->state != EXCHANGE_DECIDED;
}

bool exchange_run(struct exchange *x)
{
	for (;;) {
		int r;

		/* The client was closed, for there is no memory for its answer. */
		if (x->state == EXCHANGE_OVER)
			return false;
		if (client_has_left(x)) {
			client_close(x->client, false);
			return false;
		}
		switch (x->state) {
		case EXCHANGE_DECIDED:
			carry_out(x);
			break;
		case EXCHANGE_READING:
			if (!read_body(x))
				return false;
			break;
		case EXCHANGE_FORWARDING:
			forward_run(x);
			if (x->state == EXCHANGE_FORWARDING || x->state == EXCHANGE_OVER)
				return false;
			break;
		case EXCHANGE_SENDING:
			r = client_flush(x->client);
			if (r < 0)
				client_close(x->client, true);
			if (r <= 0)
				return false;
			loop_timer_clear(&x->client->timer);
			exchange_finish(x, EXCHANGE_ANSWERED);
			return true;
		case EXCHANGE_NEW:
		case EXCHANGE_LOGIN:
		case EXCHANGE_WORKING:
		case EXCHANGE_OVER:
			return false;
		}
	}
}

void exchange_answer(struct exchange *x, int status, const char *content_type,
	const char *const *headers, struct slice body)
{
	exchange_skip_body(x);
	answer_own(x, status, content_type, headers, body);
	set_action(x, ACTION_ANSWER);
}

void exchange_read_body(struct exchange *x, size_t max_bytes)
{
	x->body_max = max_bytes;
	set_action(x, ACTION_READ);
}

void exchange_forward(struct exchange *x, const struct exchange_forward *forward)
{
	x->forward = *forward;
	set_action(x, ACTION_FORWARD);
}

void exchange_work(struct exchange *x, void (*work)(void *ctx, struct exchange *x),
	void (*done)(void *ctx, struct exchange *x))
{
	x->work = work;
	x->work_done = done;
	set_action(x, ACTION_WORK);
}

void exchange_wait(struct exchange *x, void (*done)(void *ctx, struct exchange *x))
{
	x->work_done = done;
	x->work_ctx = x->loop->proxy->config.ctx;
	set_action(x, ACTION_WAIT);
}

/* The loop takes the task when its thread has left the handler that is to call exchange_wait(). */
void exchange_resume(struct exchange *x)
{
	x->task.run = on_work_done;
	loop_post(&x->loop->loop, &x->task);
}
