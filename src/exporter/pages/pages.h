// SPDX-License-Identifier: Apache-2.0
/*
 * The pages that the exporter serves: landing page, /health, metrics, targets (spec
 * exporter-node.md 3).
 */
#ifndef CEEMS_EXPORTER_PAGES_PAGES_H
#define CEEMS_EXPORTER_PAGES_PAGES_H

#include "basic/clock.h"
#include "basic/log.h"
#include "exporter/exporter.h"
#include "exporter/pages/alloy_targets.h"
#include "net/http_server.h"

struct pages_config {
	struct exporter *exporter;
	const struct clock *clock;
	const struct log *log;
	const char *telemetry_path, *targets_path;
	struct alloy_targets *targets; /* NULL: that path is not there */
	int64_t max_requests; /* of metrics and, counted apart, of targets; <= 0: no limit */
	bool exporter_metrics, openmetrics;
};

enum { SCRAPE_ARENA_MAX_BYTES = 128 << 20 };

struct pages;

int pages_new(const struct pages_config *config, struct pages **ret_pages, struct err *err);
void pages_free(struct pages *pages); /* NULL is fine */

/* An http_handler_fn with a struct pages. */
void pages_handle(void *ctx, struct http_request *req, struct http_response *res);

/*
 * Where the path is to be looked for instead, cleaned as servers do: no doubled slash, no dot
 * segments, a trailing slash kept. NULL: it is clean already, or out of memory.
 */
char *pages_redirect(struct arena *arena, const char *path);

#endif
