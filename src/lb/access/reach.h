// SPDX-License-Identifier: Apache-2.0
/* Which times the selectors of a query read (spec promql.md 4.5). */
#ifndef CEEMS_LB_ACCESS_REACH_H
#define CEEMS_LB_ACCESS_REACH_H

#include "format/promql/promql.h"

/* How the server will evaluate the query. */
struct reach_query {
	int64_t start_ms, end_ms; /* equal for an instant query */
	int64_t step_ns; /* 0: an instant query */
	int64_t lookback_ms;
};

/* A selector reads samples with from < time <= to. */
struct reach {
	bool known; /* false: its durations cannot be told from here */
	bool fixed; /* by '@': Unix ms; else relative to the time of each evaluation */
	int64_t from_ms, to_ms;
};

typedef int (*reach_fn)(void *ctx, const struct promql_node *selector, const struct reach *reach);

/* Calls each() for every selector; a negative result ends the walk. */
int reach_walk(
	const struct promql_node *node, const struct reach_query *query, reach_fn each, void *ctx);

#endif
