// SPDX-License-Identifier: Apache-2.0
/*
 * Which times the selectors of a query read (spec promql.md 4.5), and which more VictoriaMetrics
 * fetches. Of what it has fetched its increase, delta, changes, rate and others may use anything,
 * so that what must not be read may not be fetched. As of 1.79:
 * - a range, or the step if that is longer, and 5 minutes or the lookback in front of it, for the
 *   sample before the range;
 * - of a subquery the same with its own step, moved to multiples of it, and a step beyond the end.
 * Thanos's query frontend moves start and end of a range query down to multiples of the step.
 */
#ifndef CEEMS_LB_ACCESS_REACH_H
#define CEEMS_LB_ACCESS_REACH_H

#include "format/promql/promql.h"

/* How the server will evaluate the query. */
struct reach_query {
	int64_t start_ms, end_ms; /* equal for an instant query */
	int64_t step_ns; /* 0: an instant query */
	int64_t lookback_ms; /* also the step of an instant query, to VictoriaMetrics */
	bool fetched; /* what may be fetched counts, not only what PromQL says is read */
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
