// SPDX-License-Identifier: Apache-2.0
#include "api/api_metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "api/api.h"
#include "basic/version.h"
#include "host/process_metrics.h"

enum { ROUTES_MAX = 64, NS_PER_MS = 1000000, MS_PER_S = 1000 };

static const int statuses[] = { 200, 301, 400, 401, 403, 404, 405, 429, 500, 503 };
/* Upper bounds of the histogram, in milliseconds. */
static const int bounds_ms[] = { 1, 2, 5, 10, 25, 50, 100, 250, 1000, 5000 };

struct route_stats {
	atomic_uint_fast64_t by_status[ARRAY_SIZE(statuses) + 1]; /* the last: any other */
	atomic_uint_fast64_t buckets[ARRAY_SIZE(bounds_ms) + 1]; /* not cumulative */
	atomic_uint_fast64_t sum_ns;
};

struct api_stats {
	int64_t start_ns; /* realtime */
	struct route_stats routes[ROUTES_MAX];
	atomic_uint_fast64_t store_errors;
};

enum {
	BUILD_INFO,
	CACHE_BYTES,
	CACHE_ENTRIES,
	CACHE_HITS,
	CACHE_MISSES,
	CONNECTIONS,
	DB_BYTES,
	DB_DAMAGED,
	DB_ERRORS,
	DB_UP,
	QUEUE,
	QUEUED_WINDOWS,
	QUEUED_AGE,
	REQUESTS,
	IN_PROGRESS,
	UPDATE_AGE,
	UPDATE_END,
	N_METRICS,
};

static const struct metric metrics[N_METRICS] = {
	[BUILD_INFO] = { "ceems_api_server_build_info",
		"Always 1; the labels tell how the server was built.", METRIC_GAUGE,
		{ "branch", "revision", "version" } },
	[CACHE_BYTES] = { "ceems_api_server_cache_bytes", "Answers that are kept.", METRIC_GAUGE,
		{ NULL } },
	[CACHE_ENTRIES] = { "ceems_api_server_cache_entries", "Answers that are kept.",
		METRIC_GAUGE, { NULL } },
	[CACHE_HITS] = { "ceems_api_server_cache_hits_total", "Answers that were kept.",
		METRIC_COUNTER, { NULL } },
	[CACHE_MISSES] = { "ceems_api_server_cache_misses_total", "Answers that had to be made.",
		METRIC_COUNTER, { NULL } },
	[CONNECTIONS] = { "ceems_api_server_http_connections", "Open connections.", METRIC_GAUGE,
		{ NULL } },
	[DB_BYTES] = { "ceems_api_server_database_bytes", "Size of the database's files.",
		METRIC_GAUGE, { "file" } },
	[DB_DAMAGED] = { "ceems_api_server_database_damaged",
		"Whether the last check found damage.", METRIC_GAUGE, { NULL } },
	[DB_ERRORS] = { "ceems_api_server_database_errors_total",
		"Requests that failed because of the database.", METRIC_COUNTER, { NULL } },
	[DB_UP] = { "ceems_api_server_database_up", "Whether the database answers.", METRIC_GAUGE,
		{ NULL } },
	[QUEUE] = { "ceems_api_server_http_queue_length",
		"Requests that wait for a thread to work on them.", METRIC_GAUGE, { NULL } },
	[QUEUED_WINDOWS] = { "ceems_api_server_cluster_queued_windows",
		"Windows that are stored but for the metrics of these updaters.", METRIC_GAUGE,
		{ "cluster", "updaters" } },
	[QUEUED_AGE] = { "ceems_api_server_cluster_queue_age_seconds",
		"How long ago the oldest of these windows began.", METRIC_GAUGE,
		{ "cluster", "updaters" } },
	[REQUESTS] = { "ceems_api_server_http_requests_total", "Requests by route and status.",
		METRIC_COUNTER, { "route", "code" } },
	[IN_PROGRESS] = { "ceems_api_server_http_requests_in_progress",
		"Connections with a request that is not answered to its end.", METRIC_GAUGE,
		{ NULL } },
	[UPDATE_AGE] = { "ceems_api_server_cluster_update_age_seconds",
		"How long ago the last window ended that is stored.", METRIC_GAUGE, { "cluster" } },
	[UPDATE_END] = { "ceems_api_server_cluster_update_timestamp_seconds",
		"End of the last window that is stored, in seconds since 1970.", METRIC_GAUGE,
		{ "cluster" } },
};

/* Written by hand, as a histogram; here for its name and help. */
static const struct metric duration = { "ceems_api_server_http_request_duration_seconds",
	"Time until an answer began to be sent, by route.", METRIC_GAUGE, { "route" } };

const struct metric *const api_metrics[] = {
	&metrics[BUILD_INFO],
	&metrics[CACHE_BYTES],
	&metrics[CACHE_ENTRIES],
	&metrics[CACHE_HITS],
	&metrics[CACHE_MISSES],
	&metrics[QUEUED_AGE],
	&metrics[QUEUED_WINDOWS],
	&metrics[UPDATE_AGE],
	&metrics[UPDATE_END],
	&metrics[DB_BYTES],
	&metrics[DB_DAMAGED],
	&metrics[DB_ERRORS],
	&metrics[DB_UP],
	&metrics[CONNECTIONS],
	&metrics[QUEUE],
	&duration,
	&metrics[IN_PROGRESS],
	&metrics[REQUESTS],
};
const size_t n_api_metrics = ARRAY_SIZE(api_metrics);

#define ADD(out, id, value, ...) \
	exposition_add((out), &metrics[id], (double)(value), (const char *const[]){ __VA_ARGS__ })

struct api_stats *api_stats_new(int64_t now_ns)
{
	struct api_stats *stats = calloc(1, sizeof(*stats));

	if (stats)
		stats->start_ns = now_ns;
	return stats;
}

void api_stats_free(struct api_stats *stats)
{
	free(stats);
}

void api_stats_count(struct api_stats *stats, size_t route, int status, int64_t duration_ns)
{
	struct route_stats *r = &stats->routes[MIN(route, (size_t)ROUTES_MAX - 1)];
	size_t s = 0, b = 0;

	while (s < ARRAY_SIZE(statuses) && statuses[s] != status)
		s++;
	while (b < ARRAY_SIZE(bounds_ms) && duration_ns > (int64_t)bounds_ms[b] * NS_PER_MS)
		b++;
	atomic_fetch_add(&r->by_status[s], 1);
	atomic_fetch_add(&r->buckets[b], 1);
	atomic_fetch_add(&r->sum_ns, (uint64_t)MAX(duration_ns, 0));
}

void api_stats_count_store_error(struct api_stats *stats)
{
	atomic_fetch_add(&stats->store_errors, 1);
}

static const char *route_name(size_t i)
{
	return i < api_routes_count ? api_routes[i].path : "other";
}

static int add_requests(const struct api_stats *stats, struct exposition *out)
{
	static const char *const names[] = { "200", "301", "400", "401", "403", "404", "405", "429",
		"500", "503", "other" };
	int r = 0;

	for (size_t i = 0; i <= api_routes_count; i++) {
		for (size_t s = 0; r >= 0 && s < ARRAY_SIZE(names); s++) {
			uint64_t n = atomic_load(&stats->routes[i].by_status[s]);

			if (n)
				r = ADD(out, REQUESTS, n, route_name(i), names[s]);
		}
	}
	return r;
}

/* The exposition has no histograms; paths need no escapes. */
static void write_durations(const struct api_stats *stats, struct buffer *out)
{
	buffer_printf(out, "# HELP %s %s\n# TYPE %s histogram\n", duration.name, duration.help,
		duration.name);
	for (size_t i = 0; i <= api_routes_count; i++) {
		const struct route_stats *r = &stats->routes[i];
		uint64_t n = 0, counts[ARRAY_SIZE(bounds_ms) + 1];

		for (size_t b = 0; b < ARRAY_SIZE(counts); b++) {
			n += atomic_load(&r->buckets[b]);
			counts[b] = n;
		}
		for (size_t b = 0; n && b < ARRAY_SIZE(bounds_ms); b++)
			buffer_printf(out, "%s_bucket{route=\"%s\",le=\"%g\"} %llu\n",
				duration.name, route_name(i), (double)bounds_ms[b] / MS_PER_S,
				(unsigned long long)counts[b]);
		if (n)
			buffer_printf(out,
				"%s_bucket{route=\"%s\",le=\"+Inf\"} %llu\n"
				"%s_sum{route=\"%s\"} %.9g\n%s_count{route=\"%s\"} %llu\n",
				duration.name, route_name(i), (unsigned long long)n, duration.name,
				route_name(i), (double)atomic_load(&r->sum_ns) / 1e9, duration.name,
				route_name(i), (unsigned long long)n);
	}
}

static int add_database(const struct api *api, struct exposition *out)
{
	static const char *const files[][2] = { { "database", "ceems.db" },
		{ "wal", "ceems.db-wal" } };
	const char *dir = api->config->data_dir;
	int r = ADD(out, DB_UP, api->store && store_ping(api->store) >= 0, NULL);

	if (r >= 0 && api->config->damaged)
		r = ADD(out, DB_DAMAGED, atomic_load(api->config->damaged), NULL);
	if (r >= 0)
		r = ADD(out, DB_ERRORS, atomic_load(&api->stats->store_errors), NULL);
	for (size_t i = 0; r >= 0 && dir && i < ARRAY_SIZE(files); i++) {
		char path[4096];
		struct stat st;

		snprintf(path, sizeof(path), "%s/%s", dir, files[i][1]);
		if (stat(path, &st) == 0)
			r = ADD(out, DB_BYTES, st.st_size, files[i][0]);
	}
	return r;
}

struct updates {
	struct exposition *out;
	struct arena *arena;
	int64_t now_ms;
};

static int add_update(void *ctx, const char *cluster_id, int64_t end_ms)
{
	struct updates *u = ctx;
	const char *id = arena_strdup(u->arena, cluster_id);
	int r = id ? 0 : -ENOMEM;

	if (r >= 0)
		r = ADD(u->out, UPDATE_AGE, (double)(u->now_ms - end_ms) / MS_PER_S, id);
	return r < 0 ? r : ADD(u->out, UPDATE_END, (double)end_ms / MS_PER_S, id);
}

static int add_backlog(void *ctx, const struct store_backlog *backlog)
{
	struct updates *u = ctx;
	const char *id = arena_strdup(u->arena, backlog->cluster_id);
	const char *lane = arena_strdup(u->arena, backlog->lane);
	int r = id && lane ? 0 : -ENOMEM;

	if (r >= 0)
		r = ADD(u->out, QUEUED_WINDOWS, backlog->windows, id, lane);
	return r < 0 ? r
		     : ADD(u->out, QUEUED_AGE, (double)(u->now_ms - backlog->oldest_ms) / MS_PER_S,
			       id, lane);
}

static int add_server(const struct api *api, struct exposition *out)
{
	struct result_cache_stats cache = { 0 };
	struct http_server_stats http = { 0 };
	int r;

	result_cache_stats(api->usage_cache, &cache);
	r = ADD(out, CACHE_BYTES, cache.bytes, NULL);
	if (r >= 0)
		r = ADD(out, CACHE_ENTRIES, cache.entries, NULL);
	if (r >= 0)
		r = ADD(out, CACHE_HITS, cache.hits, NULL);
	if (r >= 0)
		r = ADD(out, CACHE_MISSES, cache.misses, NULL);
	if (r < 0 || !api->http_stats)
		return r;
	api->http_stats(api->http_ctx, &http);
	r = ADD(out, CONNECTIONS, http.connections, NULL);
	if (r >= 0)
		r = ADD(out, IN_PROGRESS, http.busy, NULL);
	return r < 0 ? r : ADD(out, QUEUE, http.queued, NULL);
}

static int add_all(
	const struct api *api, struct api_request *req, struct exposition *out, struct err *err)
{
	const struct version *v = version_info();
	struct updates updates = { out, req->arena,
		clock_realtime_ns(api->config->clock) / NS_PER_MS };
	int r = ADD(out, BUILD_INFO, 1, v->branch, v->revision, v->version);

	if (r >= 0)
		r = add_requests(api->stats, out);
	if (r >= 0)
		r = add_server(api, out);
	if (r >= 0)
		r = add_database(api, out);
	if (r >= 0 && api->config->add_metrics)
		r = api->config->add_metrics(api->config->metrics_ctx, out);
	if (r >= 0)
		r = process_metrics_add(out, (double)api->stats->start_ns / 1e9);
	/* A store that doesn't answer is told by its own metric. */
	if (r >= 0 && api->store &&
		(store_get_watermarks(api->store, add_update, &updates, err) == -ENOMEM ||
			store_get_backlogs(api->store, add_backlog, &updates, err) == -ENOMEM))
		r = -ENOMEM;
	return r;
}

void api_get_metrics(struct api *api, struct api_request *req, struct api_response *res)
{
	struct exposition *out = exposition_new(req->arena);
	struct err err = { 0 };
	size_t duplicates;
	int r = out ? add_all(api, req, out, &err) : -ENOMEM;

	if (r >= 0)
		r = exposition_write(out, EXPOSITION_TEXT, res->body, &duplicates);
	if (r < 0) {
		buffer_clear(res->body);
		api_text(req, res, 500, "Internal Server Error\n");
		return;
	}
	write_durations(api->stats, res->body);
	api_header(req, res, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
	api_header(req, res, "X-Content-Type-Options", "nosniff");
}
