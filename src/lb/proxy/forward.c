// SPDX-License-Identifier: Apache-2.0
/* Attempts at servers: which one, what it needs before, and what becomes of a failure. */
#include <errno.h>
#include <stdio.h>

#include "lb/proxy/internal.h"

bool forward_is_safe(const struct exchange *x)
{
	return x->forward.safe || http_method_is_safe(slice_from(forward_method(x)));
}

static void tell(struct exchange *x, enum attempt_result result, const char *why)
{
	const struct proxy_config *config = &x->loop->proxy->config;

	if (x->reported)
		return;
	x->reported = true;
	x->last_result = result;
	if (config->handler->on_attempt)
		config->handler->on_attempt(config->ctx, x, x->upstream, result, why);
}

static void let_go(struct exchange *x)
{
	struct upstream *upstream = TAKE(x->upstream);

	if (!upstream)
		return;
	atomic_fetch_sub(&upstream->active, 1);
	upstream_release(upstream);
}

void forward_start(struct exchange *x)
{
	x->attempt = 0;
	x->last_result = ATTEMPT_UNREACHABLE;
	x->state = EXCHANGE_FORWARDING;
}

static void give_up(struct exchange *x)
{
	if (x->last_result == ATTEMPT_TIMEOUT)
		answer_refuse(x->client, x, 504, "Gateway Timeout\n");
	else
		answer_refuse(x->client, x, 503, "Service not available\n");
}

/* False: the client has its answer. */
static bool pick(struct exchange *x)
{
	const struct proxy_config *config = &x->loop->proxy->config;
	struct upstream *upstream = NULL;

	if (x->attempt < ATTEMPTS_MAX)
		upstream = config->handler->pick(config->ctx, x, x->attempt);
	x->attempt++;
	if (!upstream) {
		give_up(x);
		return false;
	}
	upstream_hold(upstream);
	atomic_fetch_add(&upstream->active, 1);
	x->upstream = upstream;
	x->prepared = x->renewed = x->reported = false;
	return true;
}

/* On a worker. */
static void prepare(void *ctx, struct exchange *x)
{
	struct upstream *u = x->upstream;

	x->prepare_result = 0;
	buffer_clear(&x->credentials);
	if (u->unsettled)
		x->prepare_result = upstream_credentials(
			u, &x->credentials, x->why, sizeof(x->why));
	if (x->prepare_result >= 0 && u->plain)
		x->prepare_result = upstream_resolve(u, x->why, sizeof(x->why));
}

static void on_prepared(void *ctx, struct exchange *x)
{
	x->state = EXCHANGE_FORWARDING;
	x->prepared = true;
	if (x->prepare_result < 0)
		forward_failed(x, ATTEMPT_UNREACHABLE, x->why);
}

static bool needs_worker(struct exchange *x)
{
	struct upstream_address addresses[UPSTREAM_ADDRESSES_MAX];

	if (x->prepared)
		return false;
	if (x->upstream->unsettled)
		return true;
	return x->upstream->plain &&
		!upstream_addresses(
			x->upstream, x->loop->proxy->pool, x->loop->loop.now_ms, addresses);
}

/* What is missing here is no fault of the server's. */
static void launch_failed(struct exchange *x, int r)
{
	if (r != -EMFILE && r != -ENFILE && r != -ENOMEM && r != -ENOBUFS && r != -EADDRNOTAVAIL) {
		forward_failed(x, ATTEMPT_UNREACHABLE, x->why);
		return;
	}
	tell(x, ATTEMPT_CLIENT_GONE, x->why);
	let_go(x);
	give_up(x);
}

/* False: it goes on later, or the attempt has failed. */
static bool launch(struct exchange *x)
{
	int r;

	if (needs_worker(x)) {
		if (!exchange_send_to_worker(x, prepare, on_prepared, NULL))
			give_up(x);
		return false;
	}
	if (x->upstream->plain) {
		r = forward_build_head(x);
		if (r >= 0)
			r = wire_start(x, x->renewed);
	} else {
		r = courier_start(x);
	}
	if (r < 0) {
		snprintf(x->why, sizeof(x->why), "connecting: %s", err_name(r));
		launch_failed(x, r);
		return false;
	}
	return true;
}

void forward_run(struct exchange *x)
{
	while (x->state == EXCHANGE_FORWARDING) {
		if (!x->upstream && !pick(x))
			return;
		if (!x->wire && !x->courier && !launch(x))
			continue;
		if (x->wire)
			wire_run(x->wire);
		else
			courier_run(x->courier);
		if (x->wire || x->courier)
			return;
	}
}

/* What has broken two servers may be what breaks them, and spares the others (spec 2.9). */
static bool may_repeat(struct exchange *x, enum attempt_result result)
{
	if (x->answered || x->body_begun)
		return false;
	return result == ATTEMPT_UNREACHABLE ||
		(result == ATTEMPT_BROKEN && forward_is_safe(x) && ++x->n_broken < BROKEN_MAX);
}

static void drop_connection(struct exchange *x)
{
	if (x->wire)
		wire_abort(x->wire);
	if (x->courier)
		courier_abort(x->courier);
}

void forward_failed(struct exchange *x, enum attempt_result result, const char *why)
{
	drop_connection(x);
	tell(x, result, why);
	let_go(x);
	if (!may_repeat(x, result))
		give_up(x);
}

void forward_unfit(struct exchange *x)
{
	drop_connection(x);
	tell(x, ATTEMPT_CLIENT_GONE, x->why);
	let_go(x);
	if (!may_repeat(x, ATTEMPT_UNREACHABLE))
		give_up(x);
}

bool forward_renew(struct exchange *x, bool nothing_sent)
{
	if (x->renewed || x->answered || x->body_begun || !(nothing_sent || forward_is_safe(x)))
		return false;
	drop_connection(x);
	x->renewed = true;
	return true;
}

void forward_answered(struct exchange *x)
{
	struct upstream *u = x->upstream;

	x->head_us = proxy_now_us();
	if (x->loop->answer.status == 401 && u->unsettled)
		http_client_fields_refused(u->client, buffer_text(&x->credentials));
	tell(x, ATTEMPT_ANSWERED, "");
}

void forward_complete(struct exchange *x)
{
	if (answer_end(x) < 0) {
		forward_cut(x);
		return;
	}
	x->direct = false;
	x->state = EXCHANGE_SENDING;
}

void forward_cut(struct exchange *x)
{
	struct client *c = x->client;

	drop_connection(x);
	/* Of an answer that is still here, whole, the client needn't know. */
	if (!x->sent) {
		buffer_clear(&c->out);
		c->out_sent = 0;
		x->direct = x->chunked = x->filtered = false;
		answer_refuse(c, x, 502, "Bad Gateway\n");
		return;
	}
	x->cut = true;
	client_close(c, true);
}

void forward_abort(struct exchange *x)
{
	drop_connection(x);
	if (x->upstream)
		tell(x, ATTEMPT_CLIENT_GONE, "the client has gone");
	let_go(x);
}
