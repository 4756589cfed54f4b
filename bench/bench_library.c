// SPDX-License-Identifier: Apache-2.0
/*
 * bench_library URL: the plainest proxy that libmicrohttpd and libcurl make, to be compared with
 * the one that is written for the purpose: one thread for I/O and one worker (net/http_server.h),
 * whole answers by handles that keep their connections (net/http_client.h). Prints its port.
 */
#include <signal.h>
#include <stdio.h>

#include "net/http_client.h"
#include "net/http_server.h"

enum { ANSWER_MAX_BYTES = 1 << 20, TIMEOUT_MS = 10000 };

struct proxy {
	struct http_client *client;
	const char *url;
};

static void handle(void *ctx, struct http_request *req, struct http_response *res)
{
	struct proxy *proxy = ctx;
	struct http_reply reply = { 0 };
	struct err err = { 0 };
	size_t len;
	const void *body = http_request_body(req, &len);
	char *url = arena_printf(
		http_request_arena(req), "%s%s", proxy->url, http_request_raw_target(req));
	struct http_call call = {
		.method = http_request_method(req),
		.url = url,
		.body = len ? body : NULL,
		.body_len = len,
		.timeout_ms = TIMEOUT_MS,
		.max_response_bytes = ANSWER_MAX_BYTES,
	};

	if (!url || http_client_call(proxy->client, &call, &reply, &err) < 0) {
		http_response_text(res, 503, err.text);
		return;
	}
	http_response_status(res, reply.status);
	http_response_header(res, "Content-Type", reply.content_type);
	buffer_append(http_response_body(res), reply.body.data, reply.body.len);
	http_reply_done(&reply);
}

int main(int argc, char **argv)
{
	static const char *addresses[] = { "127.0.0.1:0" };
	struct proxy proxy = { .url = argc > 1 ? argv[1] : "" };
	struct http_server_config config = {
		.listen_addresses = { addresses, 1 },
		.threads = 1,
		.max_connections = 4096,
		.max_request_body_bytes = ANSWER_MAX_BYTES,
		.max_response_bytes = ANSWER_MAX_BYTES,
		.handler = handle,
		.ctx = &proxy,
	};
	struct http_server *server = NULL;
	struct err err = { 0 };
	sigset_t set;
	int number, r;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	r = http_client_new(NULL, "bench", &proxy.client, &err);
	if (r >= 0)
		r = http_server_open(&config, &server, &err);
	if (r >= 0)
		r = http_server_serve(server, &err);
	if (r < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	printf("%d\n", http_server_port(server, 0));
	fflush(stdout);
	(void)sigwait(&set, &number);
	http_server_stop(server, 0);
	http_client_free(proxy.client);
	return 0;
}
