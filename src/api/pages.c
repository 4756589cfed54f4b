// SPDX-License-Identifier: Apache-2.0
/*
 * What is not the API itself: the first page, health, the description's page, looking inside (spec
 * api-server.md 5.1, 5.13). Pages hold no scripts and nothing of other hosts.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "api/api.h"
#include "api/openapi.h"
#include "api/openapi_page.h"
#include "basic/file.h"
#include "format/json_writer.h"

enum { THREADS_MAX = 1000, MS_PER_S = 1000, HEALTH_CLUSTERS_MAX = 256 };

static void html_headers(struct api_request *req, struct api_response *res)
{
	api_header(req, res, "Content-Type", "text/html; charset=utf-8");
	api_header(req, res, "X-Content-Type-Options", "nosniff");
	api_header(req, res, "Content-Security-Policy",
		"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
}

static void link_to(struct buffer *out, const struct api_route *route)
{
	buffer_printf(out, "<li><a href=\"%s\">%s</a></li>\n", route->path, route->help);
}

void api_get_landing(struct api *api, struct api_request *req, struct api_response *res)
{
	static const char page[] =
		"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
		"<title>CEEMS API Server</title>\n%s</head>\n<body><h1>CEEMS API Server</h1>\n"
		"<p>API server for reporting usage statistics for batchjobs/VMs/Pods.</p>\n"
		"<p>Version: %s</p>\n<ul>\n";
	const char *prefix = api->config->route_prefix;

	html_headers(req, res);
	buffer_printf(res->body, page, openapi_page_style, api->config->version);
	for (size_t i = 0; i < api_routes_count; i++) {
		const struct api_route *route = &api_routes[i];

		if (route->handler == api_get_landing || route->handler == api_get_swagger ||
			route->flags & API_DEBUG)
			continue;
		if (route->flags & API_ROOTED)
			link_to(res->body, route);
		else
			buffer_printf(res->body,
				"<li><a href=\"/swagger/index.html#%s\"><code>%s" API_ROOT
				"%s</code></a>: %s</li>\n",
				route->path + 1, str_eq(prefix, "/") ? "" : prefix, route->path,
				route->help);
	}
	buffer_puts(res->body, "</ul></body></html>\n");
}

struct health {
	struct json_writer json;
	int64_t now_ms;
	const struct strings *cluster_ids;
	uint64_t seen[HEALTH_CLUSTERS_MAX / 64]; /* bits of these */
};

/* end_ms 0: nothing was ever stored for it. */
static void put_cluster(struct health *h, const char *cluster_id, int64_t end_ms)
{
	json_writer_open_object(&h->json);
	json_writer_key(&h->json, "cluster_id");
	json_writer_string(&h->json, cluster_id);
	json_writer_key(&h->json, "last_update_ts");
	if (end_ms)
		json_writer_int(&h->json, end_ms);
	else
		json_writer_null(&h->json);
	json_writer_key(&h->json, "age_seconds");
	if (end_ms)
		json_writer_int(&h->json, (h->now_ms - end_ms) / MS_PER_S);
	else
		json_writer_null(&h->json);
	json_writer_close_object(&h->json);
}

static int put_watermark(void *ctx, const char *cluster_id, int64_t end_ms)
{
	struct health *h = ctx;

	for (size_t i = 0; i < MIN(h->cluster_ids->n, (size_t)HEALTH_CLUSTERS_MAX); i++)
		if (str_eq(h->cluster_ids->v[i], cluster_id))
			h->seen[i / 64] |= UINT64_C(1) << i % 64;
	put_cluster(h, cluster_id, end_ms);
	return 0;
}

static void put_others(struct health *h)
{
	for (size_t i = 0; i < MIN(h->cluster_ids->n, (size_t)HEALTH_CLUSTERS_MAX); i++)
		if (!(h->seen[i / 64] >> i % 64 & 1))
			put_cluster(h, h->cluster_ids->v[i], 0);
}

/* problem: NULL if it is well. */
static void json_health(
	struct api *api, struct api_request *req, struct api_response *res, const char *problem)
{
	struct health h = { .json = json_writer(res->body),
		.now_ms = api_now_s(api) * MS_PER_S,
		.cluster_ids = &api->config->cluster_ids };
	struct err err = { 0 };

	api_header(req, res, "Content-Type", "application/json");
	api_header(req, res, "X-Content-Type-Options", "nosniff");
	res->status = problem ? 503 : 200;
	json_writer_open_object(&h.json);
	json_writer_key(&h.json, "status");
	json_writer_string(&h.json, problem ? "error" : "success");
	json_writer_key(&h.json, "data");
	json_writer_open_array(&h.json);
	/* A store that cannot be read is what the status tells. */
	if (!problem && store_get_watermarks(api->store, put_watermark, &h, &err) < 0)
		log_error(api->config->log, "a request failed", LOG_STR("path", req->path),
			LOG_ERR(&err));
	else if (!problem)
		put_others(&h);
	json_writer_close_array(&h.json);
	if (problem) {
		json_writer_key(&h.json, "errorType");
		json_writer_string(&h.json, "unavailable");
		json_writer_key(&h.json, "error");
		json_writer_string(&h.json, problem);
	}
	json_writer_close_object(&h.json);
	buffer_putc(res->body, '\n');
}

static bool wants_json(const struct api_request *req)
{
	const char *accept = req->header(req->header_ctx, "Accept");

	for (size_t i = 0; i < req->n_params; i++) {
		if (str_eq(req->params[i].name, "format"))
			return str_eq(req->params[i].value, "json");
	}
	return accept && str_starts(accept, "application/json");
}

void api_get_health(struct api *api, struct api_request *req, struct api_response *res)
{
	const char *problem = NULL;

	if (!api->store)
		problem = API_UPGRADING;
	else if (store_ping(api->store) < 0)
		problem = "the database does not answer";
	if (wants_json(req))
		json_health(api, req, res, problem);
	else if (!problem)
		api_text(req, res, 200, "CEEMS API Server is healthy");
	else
		api_text(req, res, 503, api->store ? "KO" : "KO: " API_UPGRADING);
}

void api_get_swagger(struct api *api, struct api_request *req, struct api_response *res)
{
	api_header(req, res, "Location", "/swagger/index.html");
	api_text(req, res, 301, "Moved Permanently\n");
}

static struct openapi_config description(const struct api *api)
{
	const struct api_server_config *c = api->config;
	const struct strings *headers = &c->identity.user_headers;
	const struct strings *addresses = &c->http.listen_addresses;

	return (struct openapi_config){
		.external_url = c->external_url,
		.listen_address = addresses->n ? addresses->v[0] : "",
		.route_prefix = c->route_prefix,
		.user_header = headers->n ? headers->v[0] : "X-Grafana-User",
	};
}

void api_get_openapi(struct api *api, struct api_request *req, struct api_response *res)
{
	const struct openapi_config config = description(api);

	api_header(req, res, "Content-Type", "application/json");
	api_header(req, res, "X-Content-Type-Options", "nosniff");
	openapi_write(&config, res->body);
}

void api_get_swagger_page(struct api *api, struct api_request *req, struct api_response *res)
{
	const struct openapi_config config = description(api);

	html_headers(req, res);
	openapi_write_page(&config, res->body);
}

void api_get_debug(struct api *api, struct api_request *req, struct api_response *res)
{
	html_headers(req, res);
	buffer_puts(res->body,
		"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
		"<title>Debug</title></head>\n<body><h1>Debug</h1>\n<ul>\n");
	for (size_t i = 0; i < api_routes_count; i++) {
		if (api_routes[i].flags & API_DEBUG && api_routes[i].handler != api_get_debug)
			link_to(res->body, &api_routes[i]);
	}
	buffer_puts(res->body,
		"</ul>\n<p>Profiles are taken from outside: perf record -g -p PID. There is no "
		"/debug/pprof, which is the Go runtime's.</p></body></html>\n");
}

/* "utime stime" in clock ticks, behind the name, which may hold anything (proc(5)). */
static bool thread_line(const char *id, struct buffer *out)
{
	char path[64], text[1024];
	struct slice rest, field;
	uint64_t ticks[2] = { 0 };
	char *name, *end;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/task/%.20s/stat", id);
	n = file_read_small(AT_FDCWD, path, text, sizeof(text));
	name = n > 0 ? strchr(text, '(') : NULL;
	end = name ? strrchr(name, ')') : NULL;
	if (!end)
		return false;
	*end = '\0';
	rest = slice_from(end + 1);
	/* Fields 3 (state), 14 and 15. */
	for (int i = 3; i <= 15 && slice_next_word(&rest, &field); i++) {
		if (i == 3)
			buffer_printf(out, "%-10.20s %.*s", id, (int)field.n, field.p);
		else if (i >= 14)
			(void)slice_to_u64(field, &ticks[i - 14]);
	}
	buffer_printf(out, " %10.2f %s\n",
		(double)(ticks[0] + ticks[1]) / (double)sysconf(_SC_CLK_TCK), name + 1);
	return true;
}

void api_get_debug_threads(struct api *api, struct api_request *req, struct api_response *res)
{
	DIR *dir = opendir("/proc/self/task");
	const struct dirent *d;
	size_t n = 0;

	api_text(req, res, 200, "ID         S  CPU in s NAME\n");
	while (dir && n < THREADS_MAX && (d = readdir(dir)))
		n += d->d_name[0] != '.' && thread_line(d->d_name, res->body);
	if (dir)
		closedir(dir);
}
