// SPDX-License-Identifier: Apache-2.0
#include "exporter/pages/pages.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "basic/path.h"
#include "basic/str.h"
#include "basic/version.h"
#include "exporter/pages/negotiate.h"
#include "exporter/self_metrics.h"
#include "host/process_metrics.h"

struct pages {
	struct pages_config config;
	struct handler_counters counters;
	atomic_int_fast64_t targets_in_flight;
	double start_time_seconds;
	pthread_mutex_t lock; /* of spare */
	struct arena *spare; /* of the last scrape, for the next one */
};

int pages_new(const struct pages_config *config, struct pages **ret_pages, struct err *err)
{
	struct pages *pages = calloc(1, sizeof(*pages));

	if (!pages)
		return err_errno(err, -ENOMEM, "preparing the pages");
	pages->config = *config;
	pages->start_time_seconds = (double)clock_realtime_ns(config->clock) / 1e9;
	pthread_mutex_init(&pages->lock, NULL);
	*ret_pages = pages;
	return 0;
}

static void arena_free(struct arena *arena)
{
	if (!arena)
		return;
	arena_done(arena);
	free(arena);
}

void pages_free(struct pages *pages)
{
	if (!pages)
		return;
	arena_free(pages->spare);
	pthread_mutex_destroy(&pages->lock);
	free(pages);
}

static struct arena *take_arena(struct pages *pages)
{
	struct arena *arena;

	pthread_mutex_lock(&pages->lock);
	arena = TAKE(pages->spare);
	pthread_mutex_unlock(&pages->lock);
	if (arena)
		return arena;
	arena = malloc(sizeof(*arena));
	if (arena)
		arena_init(arena, SCRAPE_ARENA_MAX_BYTES);
	return arena;
}

static void give_arena(struct pages *pages, struct arena *arena)
{
	if (!arena)
		return;
	arena_reset(arena);
	pthread_mutex_lock(&pages->lock);
	if (!pages->spare)
		pages->spare = TAKE(arena);
	pthread_mutex_unlock(&pages->lock);
	arena_free(arena);
}

static int gather(struct pages *pages, struct exposition *out, struct arena *arena)
{
	int r = self_metrics_add_build(out);

	if (r >= 0)
		r = exporter_gather(pages->config.exporter, out, arena);
	if (r >= 0)
		r = exporter_add_accounts(pages->config.exporter, out);
	if (r >= 0 && pages->config.exporter_metrics)
		r = self_metrics_add_handler(out, &pages->counters);
	if (r >= 0 && pages->config.exporter_metrics)
		r = process_metrics_add(out, pages->start_time_seconds);
	return r;
}

/* Fills the body. What was gathered before memory ran out is given out all the same. */
static int write_metrics(struct pages *pages, struct arena *arena, enum exposition_format format,
	struct buffer *body)
{
	struct exposition *out = exposition_new(arena);
	size_t duplicates = 0;
	int r = out ? gather(pages, out, arena) : -ENOMEM;

	if (r < 0)
		atomic_fetch_add(&pages->counters.gathering_errors, 1);
	if (!out || exposition_count(out) == 0)
		return r;
	r = exposition_write(out, format, body, &duplicates);
	if (r >= 0)
		r = buffer_error(body);
	if (r < 0)
		atomic_fetch_add(&pages->counters.encoding_errors, 1);
	if (duplicates > 0) {
		atomic_fetch_add(&pages->counters.gathering_errors, 1);
		log_warn(pages->config.log, "series that came twice were left out",
			LOG_INT("series", (int64_t)duplicates));
	}
	return r;
}

static void answer_metrics(struct pages *pages, struct http_request *req, struct http_response *res)
{
	struct negotiated form = negotiate(
		http_request_header(req, "Accept"), pages->config.openmetrics);
	int64_t start_ns = clock_monotonic_ns(pages->config.clock);
	struct arena *arena = take_arena(pages);
	int r = -ENOMEM;

	if (arena)
		r = write_metrics(pages, arena, form.format, http_response_body(res));
	give_arena(pages, arena);
	if (r < 0) {
		char *text = arena_printf(http_request_arena(req),
			"An error has occurred while serving metrics:\n\n%s\n", err_name(r));

		log_error(pages->config.log, "a scrape failed", LOG_STR("err", err_name(r)));
		atomic_fetch_add(&pages->counters.failed, 1);
		http_response_text(res, 500, text ? text : "out of memory\n");
		return;
	}
	http_response_header(res, "Content-Type", form.content_type);
	exporter_answered(pages->config.exporter, start_ns);
	atomic_fetch_add(&pages->counters.ok, 1);
}

/* Whether there are too many, which is the answer then. */
static bool refuse(const struct pages *pages, int64_t in_flight, struct http_request *req,
	struct http_response *res)
{
	const int64_t limit = pages->config.max_requests;
	char *text;

	if (limit <= 0 || in_flight <= limit)
		return false;
	text = arena_printf(http_request_arena(req),
		"Limit of concurrent requests reached (%lld), try again later.\n",
		(long long)limit);
	http_response_text(res, 503, text ? text : "");
	return true;
}

static void serve_metrics(struct pages *pages, struct http_request *req, struct http_response *res)
{
	int64_t in_flight = atomic_fetch_add(&pages->counters.in_flight, 1) + 1;

	if (refuse(pages, in_flight, req, res))
		atomic_fetch_add(&pages->counters.refused, 1);
	else
		answer_metrics(pages, req, res);
	atomic_fetch_sub(&pages->counters.in_flight, 1);
}

static void answer_targets(struct pages *pages, struct http_request *req, struct http_response *res)
{
	struct buffer *body = http_response_body(res);
	struct err err = { 0 };
	int r = alloy_targets_write(pages->config.targets, body, &err);

	if (r >= 0 && buffer_error(body) < 0)
		r = err_errno(&err, buffer_error(body), "writing the targets");
	if (r < 0) {
		char *text = arena_printf(http_request_arena(req),
			"An error has occurred while looking for targets:\n\n%s\n", err.text);

		http_response_text(res, 500, text ? text : "out of memory\n");
		return;
	}
	http_response_header(res, "Content-Type", "application/json");
}

static void serve_targets(struct pages *pages, struct http_request *req, struct http_response *res)
{
	int64_t in_flight = atomic_fetch_add(&pages->targets_in_flight, 1) + 1;

	if (!refuse(pages, in_flight, req, res))
		answer_targets(pages, req, res);
	atomic_fetch_sub(&pages->targets_in_flight, 1);
}

static const char LANDING_HEAD[] =
	"<!DOCTYPE html>\n"
	"<html lang=\"en\">\n<head>\n<meta charset=\"UTF-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	"<title>ceems_exporter</title>\n<style>\n"
	"body { font-family: sans-serif; margin: 0; }\n"
	"header { background-color: #3cc9beff; color: #fff; padding: 1rem; }\n"
	"main { padding: 1rem; }\n"
	"</style>\n</head>\n<body>\n<header><h1>ceems_exporter</h1></header>\n<main>\n"
	"<p>Prometheus exporter of the energy, the resource use and the emissions of compute "
	"units.</p>\n";

static void put_escaped(struct buffer *body, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			buffer_puts(body, "&amp;");
			break;
		case '<':
			buffer_puts(body, "&lt;");
			break;
		case '>':
			buffer_puts(body, "&gt;");
			break;
		case '"':
			buffer_puts(body, "&quot;");
			break;
		default:
			buffer_putc(body, *text);
		}
	}
}

static void serve_landing(const struct pages *pages, struct http_response *res)
{
	struct buffer *body = http_response_body(res);
	const struct version *v = version_info();

	http_response_header(res, "Content-Type", "text/html; charset=UTF-8");
	buffer_puts(body, LANDING_HEAD);
	buffer_printf(body,
		"<p>Version: (version=%s, branch=%s, revision=%s)</p>\n<ul>\n<li><a href=\"",
		v->version, v->branch, v->revision);
	put_escaped(body, pages->config.telemetry_path);
	buffer_puts(body, "\">Metrics</a></li>\n<li><a href=\"");
	put_escaped(body, pages->config.targets_path);
	buffer_puts(body, "\">Grafana Alloy Targets</a></li>\n</ul>\n</main>\n</body>\n</html>\n");
}

char *pages_redirect(struct arena *arena, const char *path)
{
	size_t len = strlen(path), n;
	char *clean = arena_alloc(arena, len + 3);

	if (!clean || path[0] != '/')
		return NULL;
	n = path_clean(path, clean);
	if (len > 1 && path[len - 1] == '/' && n > 1) {
		clean[n++] = '/';
		clean[n] = '\0';
	}
	return str_eq(path, clean) ? NULL : clean;
}

/* The path was decoded: what may not stand in a URL is encoded again. */
static const char *encode_location(struct arena *arena, const char *path)
{
	static const char PLAIN[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~/$&+,:;=@";
	char *encoded = arena_alloc(arena, strlen(path) * 3 + 1), *to = encoded;

	if (!encoded)
		return "/";
	for (; *path; path++) {
		if (strchr(PLAIN, *path))
			*to++ = *path;
		else
			to += sprintf(to, "%%%02X", (unsigned char)*path);
	}
	*to = '\0';
	return encoded;
}

static void serve_redirect(struct http_request *req, struct http_response *res, const char *path)
{
	struct arena *arena = http_request_arena(req);
	const char *query = strchr(http_request_raw_target(req), '?');
	const char *location = arena_printf(
		arena, "%s%s", encode_location(arena, path), query ? query : "");

	http_response_text(res, 301, "Moved Permanently\n");
	http_response_header(res, "Location", location ? location : "/");
}

void pages_handle(void *ctx, struct http_request *req, struct http_response *res)
{
	struct pages *pages = ctx;
	const char *path = http_request_path(req);
	const char *elsewhere = pages_redirect(http_request_arena(req), path);

	if (elsewhere)
		serve_redirect(req, res, elsewhere);
	else if (str_eq(path, pages->config.telemetry_path))
		serve_metrics(pages, req, res);
	else if (pages->config.targets && str_eq(path, pages->config.targets_path))
		serve_targets(pages, req, res);
	else if (str_eq(path, "/"))
		serve_landing(pages, res);
	else if (str_eq(path, "/health"))
		http_response_text(res, 200, "CEEMS Exporter is healthy");
	else
		http_response_text(res, 404, "404 page not found\n");
}
