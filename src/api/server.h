// SPDX-License-Identifier: Apache-2.0
/*
 * The HTTP API (spec api-server.md 5) on the HTTP server of src/net.
 *
 * The order at start: api_server_open() takes the listeners, then the program changes its user,
 * then api_server_serve() answers, with 503 for what needs the store until api_server_use().
 */
#ifndef CEEMS_API_SERVER_H
#define CEEMS_API_SERVER_H

#include <stdatomic.h>

#include "api/identity.h"
#include "api/store.h"
#include "api/timezone.h"
#include "basic/clock.h"
#include "basic/log.h"
#include "format/exposition.h"
#include "net/http_server.h"

struct api_server_config {
	struct http_server_config http; /* handler, ctx and limits of sizes and times are ours */
	const char *route_prefix; /* "/" or "/x": in front of /api/v1 */
	int64_t max_requests; /* per client and minute, 0 = no limit */
	const char *cors_origin; /* regular expression for the whole Origin */
	struct api_identity_config identity; /* but for own_uid */
	bool told_whom_to_trust; /* identity.trusted_proxies was set on purpose */
	int64_t max_period_ms; /* of a query, 0 = no limit */
	const struct timezone_ *zone;
	const struct clock *clock;
	const struct log *log;
	const char *version; /* for the landing page */
	bool debug_server; /* /debug/ for localhost */
	const char *external_url; /* in the API's description; NULL or "": the first address */
	const char *data_dir; /* of the store, to tell its size; NULL: not told */
	const atomic_bool *damaged; /* the store is; NULL: that isn't known */
	struct strings cluster_ids; /* that are configured; told by /health */
	/* More metrics of the program, or NULL: 0 or -ENOMEM. Any thread. */
	int (*add_metrics)(void *ctx, struct exposition *out);
	void *metrics_ctx;
};

struct api_server;

/* Strings, lists, zone, clock and log are borrowed until api_server_stop(). */
int api_server_open(
	const struct api_server_config *config, struct api_server **ret_server, struct err *err);
int api_server_serve(struct api_server *server, struct err *err);
/* Borrowed until api_server_stop(). Before or after api_server_serve(), once. */
void api_server_use(struct api_server *server, struct store *store);
int api_server_port(const struct api_server *server, size_t listener);
/* Lets running requests finish for at most grace_ms. NULL is fine. */
void api_server_stop(struct api_server *server, int64_t grace_ms);

#endif
