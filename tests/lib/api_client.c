// SPDX-License-Identifier: Apache-2.0
#include "api_client.h"

#include <strings.h>

#include "net/http_target.h"
#include "unit_test.h"

struct sent_headers {
	const struct api_client *client;
	const char *user;
};

static int64_t now_ns(void *ctx)
{
	return ((struct api_client *)ctx)->now_s * 1000000000;
}

void api_client_init(struct api_client *c, struct sample_store *sample)
{
	struct err err = { 0 };

	*c = (struct api_client){ .sample = sample };
	c->now_s = SAMPLE_T0_S + 3 * SAMPLE_WINDOW_S;
	c->clock = (struct clock){ now_ns, now_ns, c };
	c->config = (struct api_server_config){
		.route_prefix = "/", .zone = sample->zone, .clock = &c->clock, .version = "0.0"
	};
	c->loopback = (struct network){ .bits = 96 + 8 };
	assert_int_equal(address_parse(SLICE("127.0.0.0"), &c->loopback.address), 0);
	c->config.identity.trusted_proxies = (struct networks){ &c->loopback, 1 };
	api_client_from(c, "127.0.0.1");
	if (api_init(&c->api, &c->config, &err) < 0)
		fail_msg("%s", err.text);
	c->api.store = sample->store;
	buffer_init(&c->body, 0);
	buffer_init(&c->headers, 0);
}

void api_client_from(struct api_client *c, const char *address)
{
	c->peer = (struct api_peer){ .has_address = true };
	assert_int_equal(address_parse(slice_from(address), &c->peer.address), 0);
}

void api_client_done(struct api_client *c)
{
	api_done(&c->api);
	buffer_done(&c->body);
	buffer_done(&c->headers);
}

static const char *header(void *ctx, const char *name)
{
	const struct sent_headers *sent = ctx;

	if (strcasecmp(name, "X-Grafana-User") == 0)
		return sent->user;
	if (strcasecmp(name, "Origin") == 0)
		return sent->client->origin;
	if (strcasecmp(name, "X-Forwarded-For") == 0)
		return sent->client->forwarded_for;
	if (strcasecmp(name, "Host") == 0)
		return sent->client->host;
	if (strcasecmp(name, "Accept") == 0)
		return sent->client->accept;
	return NULL;
}

static void drain(struct api_client *c, struct api_response *res)
{
	char data[777];
	ssize_t n;

	c->streamed = true;
	while ((n = res->next(res->ctx, data, sizeof(data))) > 0)
		buffer_append(&c->body, data, (size_t)n);
	assert_int_equal(n, 0);
	res->free_ctx(res->ctx);
}

const char *api_client_get(struct api_client *c, const char *user, const char *target)
{
	struct sent_headers sent = { c, user };
	struct http_params params = { 0 };
	struct http_target parsed = { 0 };
	struct api_response res = { .body = &c->body };
	struct api_request req = { 0 };
	struct arena arena;

	arena_init(&arena, 64 << 20);
	buffer_clear(&c->body);
	buffer_clear(&c->headers);
	c->streamed = false;
	assert_int_equal(http_target_parse(target, &arena, &parsed), 0);
	if (parsed.query)
		assert_int_equal(
			http_params_parse(parsed.query, strlen(parsed.query), &arena, &params), 0);
	req = (struct api_request){ .method = c->method ? c->method : "GET",
		.path = parsed.path,
		.query = parsed.query,
		.params = params.v,
		.n_params = params.n,
		.peer = &c->peer,
		.header = header,
		.header_ctx = &sent,
		.arena = &arena };
	api_handle(&c->api, &req, &res);
	c->status = res.status;
	c->write_s = res.write_s;
	for (size_t i = 0; i < res.n_headers; i++)
		buffer_printf(&c->headers, "%s: %s\n", res.headers[i].name, res.headers[i].value);
	if (res.next)
		drain(c, &res);
	arena_done(&arena);
	assert_int_equal(buffer_error(&c->body), 0);
	return buffer_text(&c->body);
}
