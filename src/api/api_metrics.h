// SPDX-License-Identifier: Apache-2.0
/*
 * What the server tells of itself at /metrics: requests by route, collection, database, cache,
 * process. In the text format of Prometheus.
 */
#ifndef CEEMS_API_API_METRICS_H
#define CEEMS_API_API_METRICS_H

#include <stdint.h>

#include "format/exposition.h"

struct api_stats; /* counts of requests; any thread */

struct api_stats *api_stats_new(int64_t now_ns); /* NULL: out of memory */
void api_stats_free(struct api_stats *stats); /* NULL is fine */

/* One answer: index of the route in api_routes, or api_routes_count for no route. */
void api_stats_count(struct api_stats *stats, size_t route, int status, int64_t duration_ns);
void api_stats_count_store_error(struct api_stats *stats);

/* Every family but those of the process and the program's own, for the reference page. */
extern const struct metric *const api_metrics[];
extern const size_t n_api_metrics;

#endif
