// SPDX-License-Identifier: Apache-2.0
/* A request for Prometheus's API as it was understood: between tsdb_read.c and tsdb_write.c. */
#ifndef CEEMS_LB_ACCESS_TSDB_REQUEST_H
#define CEEMS_LB_ACCESS_TSDB_REQUEST_H

#include "format/promql/promql.h"
#include "lb/access/route.h"

struct tsdb_value {
	const struct param *param;
	struct slice text; /* as given; of PARAM_TEXT, what goes on */
	struct promql_node *node; /* of PARAM_EXPR, PARAM_SELECTOR */
	int64_t number; /* of the others */
};

struct tsdb_request {
	struct route_match match;
	struct tsdb_value *values; /* in the order of the route's row */
	size_t n_values;
	unsigned reasons; /* bits of enum gate_reason: why it was refused */
};

/* NULL: not given. */
static inline struct tsdb_value *tsdb_value_find(
	const struct tsdb_request *request, enum param_kind kind)
{
	for (size_t i = 0; i < request->n_values; i++)
		if (request->values[i].param->kind == kind)
			return &request->values[i];
	return NULL;
}

#endif
