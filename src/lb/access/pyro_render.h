// SPDX-License-Identifier: Apache-2.0
/* Parameters of /pyroscope/render (spec pyroscope-api.md 5). */
#ifndef CEEMS_LB_ACCESS_PYRO_RENDER_H
#define CEEMS_LB_ACCESS_PYRO_RENDER_H

#include "format/promql/promql.h"
#include "lb/access/bind.h"
#include "lb/access/gate.h"

enum { PYRO_GROUPS_MAX = 64 };

struct pyro_render {
	struct promql_node *query; /* "TYPE{matchers}" */
	int64_t from_ms, until_ms;
	bool from_given, until_given;
	struct slice max_nodes; /* digits; n 0: not given; likewise the next two */
	struct slice aggregation, format;
	struct slice group_by[PYRO_GROUPS_MAX];
	size_t n_group_by;
};

/* Refusals go to bind. -ENOMEM. */
int pyro_render_read(
	const struct gate_request *request, struct bind *bind, struct pyro_render *ret_render);
/* Appends the parameters for a URL. */
void pyro_render_write(const struct pyro_render *render, struct buffer *out);

/*
 * A time as render takes it, to Unix ms: seconds, ms (13 digits), us (16), ns (19), YYYYMMDD,
 * "now", "now-6h". -EBADMSG: any other word, which the server would take for now.
 */
int pyro_render_time(struct slice text, int64_t now_ms, int64_t *ret_ms);

#endif
