// SPDX-License-Identifier: Apache-2.0
#include "api/server.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/api.h"

enum {
	HEADER_MAX_BYTES = 64 << 10, /* room for a thousand uuids in a query */
	BODY_MAX_BYTES = 64 << 10, /* nobody needs one; small ones are read and dropped */
	RESPONSE_MAX_BYTES = 256 << 20,
	HEADER_TIMEOUT_MS = 2000,
	BODY_TIMEOUT_MS = 10 * 1000,
	IDLE_TIMEOUT_MS = 60 * 1000,
	MS_PER_S = 1000,
};

struct api_server {
	struct api_server_config config;
	struct api api;
	struct http_server *http;
};

static const char *header(void *ctx, const char *name)
{
	if (str_eq(name, "X-Forwarded-For"))
		return http_request_header_list(ctx, name);
	return http_request_single_header(ctx, name);
}

static int owner(void *ctx, uid_t *ret_uid)
{
	return http_request_peer_uid(ctx, ret_uid);
}

static struct api_peer make_peer(
	struct http_request *http, char cert_name[static HTTP_CERT_NAME_MAX])
{
	const struct sockaddr *socket = http_request_peer(http);
	struct api_peer peer = {
		.login = http_request_user(http),
		.has_cert = http_request_has_cert(http, cert_name),
		.cert_name = cert_name,
		.owner = owner,
		.owner_ctx = http,
	};

	if (socket->sa_family == AF_UNIX)
		peer.has_address = address_parse(SLICE("127.0.0.1"), &peer.address) >= 0;
	else
		peer.has_address = address_from_socket(socket, &peer.address) >= 0;
	return peer;
}

static void handle(void *ctx, struct http_request *http, struct http_response *http_res)
{
	struct api_server *server = ctx;
	const char *target = http_request_raw_target(http), *query = strchr(target, '?');
	char cert_name[HTTP_CERT_NAME_MAX] = "";
	const struct api_peer peer = make_peer(http, cert_name);
	struct api_request req = {
		.method = http_request_method(http),
		.path = http_request_path(http),
		.query = query ? query + 1 : NULL,
		.peer = &peer,
		.header = header,
		.header_ctx = http,
		.arena = http_request_arena(http),
	};
	struct api_response res = { .body = http_response_body(http_res) };

	req.params = http_request_params(http, &req.n_params);
	api_handle(&server->api, &req, &res);
	http_response_status(http_res, res.status);
	http_response_timeout(http_res, (int64_t)res.write_s * MS_PER_S);
	for (size_t i = 0; i < res.n_headers; i++)
		http_response_header(http_res, res.headers[i].name, res.headers[i].value);
	if (res.next)
		http_response_stream(http_res, res.next, res.free_ctx, res.ctx);
}

static void http_stats(void *ctx, struct http_server_stats *ret_stats)
{
	http_server_stats(ctx, ret_stats);
}

int api_server_open(
	const struct api_server_config *config, struct api_server **ret_server, struct err *err)
{
	struct api_server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return err_errno(err, -ENOMEM, "starting the API");
	server->config = *config;
	server->config.http.handler = handle;
	server->config.http.ctx = server;
	server->config.http.max_request_body_bytes = BODY_MAX_BYTES;
	server->config.http.max_header_bytes = HEADER_MAX_BYTES;
	server->config.http.max_response_bytes = RESPONSE_MAX_BYTES;
	server->config.http.header_timeout_ms = HEADER_TIMEOUT_MS;
	server->config.http.body_timeout_ms = BODY_TIMEOUT_MS;
	server->config.http.idle_timeout_ms = IDLE_TIMEOUT_MS;
	server->config.http.write_timeout_ms = API_WRITE_S * MS_PER_S;
	r = api_init(&server->api, &server->config, err);
	if (r >= 0)
		r = http_server_open(&server->config.http, &server->http, err);
	if (r < 0) {
		api_server_stop(server, 0);
		return r;
	}
	*ret_server = server;
	return 0;
}

void api_server_use(struct api_server *server, struct store *store)
{
	server->api.store = store;
}

int api_server_serve(struct api_server *server, struct err *err)
{
	struct api_identity_config *identity = &server->config.identity;

	server->api.http_stats = http_stats;
	server->api.http_ctx = server->http;
	identity->own_uid = geteuid();
	if (!server->config.told_whom_to_trust && !http_server_authenticates(server->http) &&
		!http_server_is_local(server->http))
		log_warn(server->config.log,
			"requests of people are answered on this machine only: for others there is "
			"neither authentication in --web.config.file nor --web.trusted-proxies");
	return http_server_serve(server->http, err);
}

int api_server_port(const struct api_server *server, size_t listener)
{
	return http_server_port(server->http, listener);
}

void api_server_stop(struct api_server *server, int64_t grace_ms)
{
	if (!server)
		return;
	http_server_stop(server->http, grace_ms);
	api_done(&server->api);
	free(server);
}
