// SPDX-License-Identifier: Apache-2.0
/*
 * The way of a request (spec api-server.md 5.1-5.6): rate, method, who asks, CORS, handler. Access
 * is decided here, by the route's column, before any handler runs.
 */
#include <errno.h>
#include <stdarg.h>

#include "api/api.h"
#include "api/api_metrics.h"
#include "format/json_writer.h"

int api_init(struct api *api, const struct api_server_config *config, struct err *err)
{
	const char *origin = config->cors_origin;
	CLEANUP(buffer_done) struct buffer whole = { 0 };
	int r;

	*api = (struct api){ .config = config };
	if (!str_eq(config->route_prefix, "/") &&
		(config->route_prefix[0] != '/' || str_ends(config->route_prefix, "/") ||
			!http_path_is_clean(config->route_prefix)))
		return err_set(err, -EINVAL,
			"--web.route-prefix: '%s' does not begin with a slash, or ends with one",
			config->route_prefix);
	api->usage_cache = result_cache_new();
	api->stats = api_stats_new(clock_realtime_ns(config->clock));
	if (!api->usage_cache || !api->stats)
		return err_errno(err, -ENOMEM, "starting the API");
	if (config->max_requests > 0) {
		api->rate_limit = rate_limit_new(config->max_requests);
		if (!api->rate_limit)
			return err_errno(err, -ENOMEM, "starting the API");
	}
	if (!origin || str_eq(origin, ".*"))
		return 0;
	buffer_init(&whole, 0);
	buffer_printf(&whole, "^(?s:%s)$", origin);
	if (buffer_error(&whole))
		return err_errno(err, -ENOMEM, "starting the API");
	r = pattern_new(buffer_text(&whole), &api->cors_origin, err);
	if (r < 0)
		return err_prefix(
			err, r, "failed to compile option for --web.cors.origin: '%s'", origin);
	return 0;
}

void api_done(struct api *api)
{
	pattern_free(api->cors_origin);
	rate_limit_free(api->rate_limit);
	result_cache_free(api->usage_cache);
	api_stats_free(api->stats);
	*api = (struct api){ 0 };
}

void api_header(
	struct api_request *req, struct api_response *res, const char *name, const char *value, ...)
{
	struct buffer text;
	va_list args;
	char *copy = NULL;

	buffer_init(&text, 0);
	va_start(args, value);
	buffer_vprintf(&text, value, args);
	va_end(args);
	if (!buffer_error(&text))
		copy = arena_strdup(req->arena, buffer_text(&text));
	buffer_done(&text);
	if (!copy || res->n_headers == API_HEADERS_MAX)
		return;
	res->headers[res->n_headers].name = name;
	res->headers[res->n_headers++].value = copy;
}

void api_error(struct api_request *req, struct api_response *res, int status, const char *type,
	const char *text)
{
	struct json_writer w;

	buffer_clear(res->body);
	res->status = status;
	w = json_writer(res->body);
	json_writer_open_object(&w);
	json_writer_key(&w, "status");
	json_writer_string(&w, "error");
	json_writer_key(&w, "data");
	json_writer_null(&w);
	json_writer_key(&w, "errorType");
	json_writer_string(&w, type);
	json_writer_key(&w, "error");
	json_writer_string(&w, text);
	json_writer_close_object(&w);
	buffer_putc(res->body, '\n');
}

/* Failures that are the disk's or the file's, and may be over with the next request. */
static bool is_outage(int r)
{
	static const int codes[] = { -ENOSPC, -EROFS, -EIO, -EBUSY, -EUCLEAN, -EACCES, -ENOENT };

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		if (codes[i] == r)
			return true;
	}
	return false;
}

void api_store_error(
	struct api *api, struct api_request *req, struct api_response *res, const struct err *err)
{
	api_stats_count_store_error(api->stats);
	log_error(api->config->log, "a request failed", LOG_STR("path", req->path), LOG_ERR(err));
	if (is_outage(err->code))
		api_error(req, res, 503, "unavailable", err->text);
	else
		api_error(req, res, 500, "internal", err->text);
}

void api_text(struct api_request *req, struct api_response *res, int status, const char *text)
{
	res->status = status;
	api_header(req, res, "Content-Type", "text/plain; charset=utf-8");
	api_header(req, res, "X-Content-Type-Options", "nosniff");
	buffer_puts(res->body, text);
}

static const char *header(const struct api_request *req, const char *name)
{
	return req->header(req->header_ctx, name);
}

static bool within_rate(struct api *api, struct api_request *req, struct api_response *res)
{
	struct rate_client client;
	struct rate_state state;
	struct address address;
	bool allowed;

	if (!api->rate_limit)
		return true;
	allowed = api_client_address(
		&api->config->identity, req->peer, req->header, req->header_ctx, &address);
	client = rate_client(allowed ? &address : NULL);
	allowed = rate_limit_take(api->rate_limit, &client, api_now_s(api), &state);
	api_header(req, res, "X-RateLimit-Limit", "%lld", (long long)state.limit);
	api_header(req, res, "X-RateLimit-Remaining", "%lld", (long long)state.remaining);
	api_header(req, res, "X-RateLimit-Reset", "%lld", (long long)state.reset_s);
	if (!allowed) {
		api_header(req, res, "Retry-After", "60");
		api_text(req, res, 429, "Too Many Requests\n");
	}
	return allowed;
}

static void json_headers(struct api_request *req, struct api_response *res)
{
	api_header(req, res, "Content-Type", "application/json");
	api_header(req, res, "X-Content-Type-Options", "nosniff");
}

/* A claim that was not believed; the first one is told, as it may be a site's own proxy. */
static void refuse_claim(
	struct api *api, struct api_request *req, struct api_response *res, int reason)
{
	char address[ADDRESS_TEXT_MAX] = "unknown";

	if (req->peer->has_address)
		address_format(&req->peer->address, address);
	if (reason != -ENODATA && !atomic_exchange(&api->told_of_strangers, true))
		log_warn(api->config->log,
			reason == -EPERM
				? "a user header that claims the internal account is refused"
				: "user headers of a peer that is no trusted proxy are refused",
			LOG_STR("peer", address));
	json_headers(req, res);
	if (reason == -EPERM)
		api_error(req, res, 403, "forbidden",
			"the account '" API_INTERNAL_ACCOUNT "' is not for people");
	else if (reason == -EACCES)
		api_error(req, res, 401, "unauthorized",
			"no user identified: the user header is believed from authenticated "
			"peers and trusted proxies only");
	else
		api_error(req, res, 401, "unauthorized", "no user identified");
}

/* Fills req->user and req->admin, or answers with a refusal. */
static bool may_pass(struct api *api, const struct api_route *route, struct api_request *req,
	struct api_response *res)
{
	struct err err = { 0 };
	bool admin = false;
	int r;

	if (route->access == API_OPEN)
		return true;
	r = api_identify(
		&api->config->identity, req->peer, req->header, req->header_ctx, &req->user);
	if (r < 0) {
		refuse_claim(api, req, res, r);
		return false;
	}
	if (route->access == API_USER)
		return true;
	/* Without an answer from the store nobody is an administrator. */
	if (store_is_admin(api->store, req->user, &admin, &err) < 0)
		log_error(api->config->log, "cannot tell whether a user is an administrator",
			LOG_STR("user", req->user), LOG_ERR(&err));
	if (!admin) {
		json_headers(req, res);
		api_error(
			req, res, 403, "forbidden", "current user does not have admin privileges");
		return false;
	}
	req->admin = true;
	return true;
}

static void cors_headers(struct api *api, struct api_request *req, struct api_response *res)
{
	const struct strings *names = &api->config->identity.user_headers;
	const char *origin = header(req, "Origin");
	struct buffer allowed;

	if (!origin)
		return;
	buffer_init(&allowed, 0);
	buffer_puts(&allowed, "Accept, Authorization, Content-Type, Origin");
	for (size_t i = 0; i < names->n; i++)
		buffer_printf(&allowed, ", %s", names->v[i]);
	if (!names->n)
		buffer_puts(&allowed, ", X-Grafana-User");
	api_header(req, res, "Access-Control-Allow-Headers", "%s", buffer_text(&allowed));
	buffer_done(&allowed);
	api_header(req, res, "Access-Control-Allow-Methods", "GET");
	api_header(req, res, "Access-Control-Expose-Headers", "Date");
	api_header(req, res, "Vary", "Origin");
	if (!api->cors_origin || pattern_matches(api->cors_origin, slice_from(origin)))
		api_header(req, res, "Access-Control-Allow-Origin", "%s", origin);
}

static bool only_reads(const struct api_request *req)
{
	return str_eq(req->method, "GET") || str_eq(req->method, "HEAD");
}

static void refuse_method(struct api_request *req, struct api_response *res, bool has_options)
{
	api_header(req, res, "Allow", "%s", has_options ? "GET, HEAD, OPTIONS" : "GET, HEAD");
	if (str_starts(req->path, "/swagger/"))
		api_text(req, res, 405, "Method not allowed\n");
	else
		res->status = 405;
}

/* While there is no store nobody's rights are known, and no data. */
static void refuse_for_now(const struct api_route *route, struct api *api, struct api_request *req,
	struct api_response *res)
{
	if (route->flags & API_CORS)
		cors_headers(api, req, res);
	json_headers(req, res);
	api_header(req, res, "Retry-After", "60");
	api_error(req, res, 503, "unavailable", API_UPGRADING);
}

static void answer(struct api *api, const struct api_route *route, struct api_request *req,
	struct api_response *res)
{
	if (route->flags & API_CORS && str_eq(req->method, "OPTIONS")) {
		cors_headers(api, req, res);
		return;
	}
	if (!(route->flags & API_ANY_METHOD) && !only_reads(req)) {
		refuse_method(req, res, route->flags & API_CORS);
		return;
	}
	if (!(route->flags & API_ROOTED) && !api->store) {
		refuse_for_now(route, api, req, res);
		return;
	}
	if (!may_pass(api, route, req, res))
		return;
	if (req->user)
		log_info(api->config->log, "request", LOG_STR("user", req->user),
			LOG_STR("path", req->path), LOG_STR("query", req->query ? req->query : ""));
	if (route->flags & API_CORS)
		cors_headers(api, req, res);
	if (!(route->flags & API_ROOTED))
		json_headers(req, res);
	req->route = route;
	res->write_s = route->write_s;
	route->handler(api, req, res);
}

/* The port doesn't matter. */
static bool may_debug(const struct api *api, const struct api_request *req)
{
	const char *host = header(req, "Host");

	return api->config->debug_server && host &&
		slice_eq((struct slice){ host, strcspn(host, ":") }, "localhost");
}

void api_handle(struct api *api, struct api_request *req, struct api_response *res)
{
	const struct api_route *route = api_route_find(api->config->route_prefix, req->path);
	int64_t start_ns = clock_monotonic_ns(api->config->clock);

	res->status = 200;
	res->write_s = API_WRITE_S;
	if (route && route->flags & API_DEBUG && !may_debug(api, req))
		route = NULL;
	if (route) {
		if (within_rate(api, req, res))
			answer(api, route, req, res);
	} else if (str_starts(req->path, "/swagger/") && !only_reads(req)) {
		/* In that folder the method counts first, whatever the file is. */
		refuse_method(req, res, false);
	} else {
		api_text(req, res, 404, "404 page not found\n");
	}
	if (buffer_error(res->body) && !res->next) {
		int r = buffer_error(res->body);

		api_error(req, res, 500, "internal",
			r == -E2BIG ? "the answer is too large; ask for less" : err_name(r));
	}
	api_stats_count(api->stats, route ? (size_t)(route - api_routes) : api_routes_count,
		res->status, clock_monotonic_ns(api->config->clock) - start_ns);
}
