// SPDX-License-Identifier: Apache-2.0
/*
 * Requests and answers of the API apart from how they travel: server.c carries them over HTTP,
 * tests and fuzz targets hand them in directly.
 */
#ifndef CEEMS_API_API_H
#define CEEMS_API_API_H

#include <stdatomic.h>

#include "api/model_docs.h"
#include "api/rate_limit.h"
#include "api/result_cache.h"
#include "api/server.h"
#include "api/store.h"
#include "format/pattern.h"

struct api {
	const struct api_server_config *config;
	/* NULL while it is opened, which takes long when it has to be upgraded. */
	struct store *_Atomic store;
	struct rate_limit *rate_limit; /* NULL: none */
	struct result_cache *usage_cache;
	struct pattern *cors_origin; /* NULL: any */
	struct api_stats *stats;
	void (*http_stats)(void *ctx, struct http_server_stats *ret_stats); /* NULL: no network */
	void *http_ctx;
	atomic_bool told_of_strangers; /* whose claims were refused */
};

int api_init(struct api *api, const struct api_server_config *config, struct err *err);
void api_done(struct api *api);

struct api_route;

struct api_request {
	const char *method;
	const char *path; /* decoded */
	const char *query; /* raw, without the '?' */
	const struct http_param *params;
	size_t n_params;
	const struct api_peer *peer;
	const char *(*header)(void *ctx, const char *name);
	void *header_ctx;
	struct arena *arena;

	/* Filled by api_handle(). */
	const struct api_route *route;
	const char *user; /* NULL on open routes */
	bool admin; /* the route is an administrator's, and so is the user */
};

enum {
	API_HEADERS_MAX = 16,
	API_WRITE_S = 10, /* of answers that are ready and not long */
};

struct api_response {
	int status;
	struct {
		const char *name, *value; /* in the request's arena */
	} headers[API_HEADERS_MAX];
	size_t n_headers;
	unsigned write_s; /* that of the route, unless the handler knows better */
	struct buffer *body; /* given by the caller */
	/* If set, it takes the place of the body: see http_response_stream(). */
	http_stream_fn next;
	void (*free_ctx)(void *ctx);
	void *ctx;
};

void api_handle(struct api *api, struct api_request *req, struct api_response *res);

/* value is formatted into the request's arena; a header that does not fit there is left out. */
void api_header(struct api_request *req, struct api_response *res, const char *name,
	const char *value, ...) PRINTF_FORMAT(4, 5);
/* The envelope of an error (spec 5.6). */
void api_error(struct api_request *req, struct api_response *res, int status, const char *type,
	const char *text);
/* For a failure of the store, which is logged: 503 if it is the disk's, else 500. */
void api_store_error(
	struct api *api, struct api_request *req, struct api_response *res, const struct err *err);

static inline int64_t api_now_s(const struct api *api)
{
	return clock_realtime_ns(api->config->clock) / 1000000000;
}

/* Plain text. */
void api_text(struct api_request *req, struct api_response *res, int status, const char *text);

typedef void (*api_handler_fn)(struct api *api, struct api_request *req, struct api_response *res);

#define API_ROOT "/api/v1"
#define API_UPGRADING "the database is being upgraded; the log tells how far it is"

enum api_route_flags {
	API_ROOTED = 1 << 0, /* not below {prefix}/api/v1, and no envelope */
	API_CORS = 1 << 1, /* for browsers of other origins, preflight included */
	API_ANY_METHOD = 1 << 2,
	API_DEBUG = 1 << 3, /* with --web.debug-server only, and as localhost */
};

enum api_access {
	API_OPEN, /* anybody */
	API_USER, /* an identified user, who sees what is their own */
	API_ADMIN, /* administrators, who see all */
};

struct api_route {
	const char *path; /* below /api/v1, or the whole path of rooted ones */
	unsigned flags;
	enum api_access access;
	unsigned write_s; /* in what time a client has to take the answer */
	api_handler_fn handler;
	uint32_t params; /* set of API_TAKES(); handlers see no others */
	enum api_model_id model; /* what data holds */
	const char *help, *details; /* a sentence, and more or NULL */
};
/* Rooted ones first, each part sorted by path. */
extern const struct api_route api_routes[];
extern const size_t api_routes_count;

/* NULL: no such path. */
const struct api_route *api_route_find(const char *prefix, const char *path);

/* Handlers, by route. */
void api_get_landing(struct api *api, struct api_request *req, struct api_response *res);
void api_get_health(struct api *api, struct api_request *req, struct api_response *res);
void api_get_metrics(struct api *api, struct api_request *req, struct api_response *res);
void api_get_debug(struct api *api, struct api_request *req, struct api_response *res);
void api_get_debug_threads(struct api *api, struct api_request *req, struct api_response *res);
void api_get_swagger(struct api *api, struct api_request *req, struct api_response *res);
void api_get_swagger_page(struct api *api, struct api_request *req, struct api_response *res);
void api_get_openapi(struct api *api, struct api_request *req, struct api_response *res);
void api_get_demo_units(struct api *api, struct api_request *req, struct api_response *res);
void api_get_demo_usage(struct api *api, struct api_request *req, struct api_response *res);
void api_get_units(struct api *api, struct api_request *req, struct api_response *res);
void api_verify_units(struct api *api, struct api_request *req, struct api_response *res);
void api_get_users(struct api *api, struct api_request *req, struct api_response *res);
void api_get_projects(struct api *api, struct api_request *req, struct api_response *res);
void api_get_clusters(struct api *api, struct api_request *req, struct api_response *res);
void api_get_current_usage(struct api *api, struct api_request *req, struct api_response *res);
void api_get_global_usage(struct api *api, struct api_request *req, struct api_response *res);
void api_get_current_stats(struct api *api, struct api_request *req, struct api_response *res);
void api_get_global_stats(struct api *api, struct api_request *req, struct api_response *res);

#endif
