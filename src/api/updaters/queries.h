// SPDX-License-Identifier: Apache-2.0
/* Which queries the TSDB updater asks: those of the configuration, or the default set. */
#ifndef CEEMS_API_UPDATERS_QUERIES_H
#define CEEMS_API_UPDATERS_QUERIES_H

#include "api/model.h"
#include "basic/log.h"
#include "format/config.h"

enum { QUERIES_MAX = 256 };

struct query {
	enum unit_metric metric;
	const char *key; /* "total" */
	const char *text; /* template */
	bool failing; /* said so already */
	size_t units_max; /* see struct ask */
};

struct query_list {
	struct query *v; /* sorted by metric */
	size_t n;
};

/*
 * node is extra_config.queries (NULL or empty: the default set); it is borrowed. Everything else
 * lives in the arena. -EBADMSG names file:line of a bad template.
 */
int queries_load(const struct config_node *node, const char *config_name, const struct log *log,
	struct arena *arena, struct query_list *ret_queries, struct err *err);

#endif
