// SPDX-License-Identifier: Apache-2.0
/*
 * The access decision (spec lb-and-proxies.md 2.5-2.8; promql.md; pyroscope-api.md): which units a
 * request is about, and the request that may go on instead of it. What goes on is written anew
 * from what was understood; nothing that was not understood goes on. No I/O, no clock: ownership is
 * asked by the caller between the two steps. A request is decided in one arena, which holds all
 * that is returned.
 *
 *   gate_read()   request -> plan: refused, or free, or bound to these units of this cluster
 *   (the caller asks the owners: owners.h)
 *   gate_write()  plan + lifetimes of the units -> the request for the server
 */
#ifndef CEEMS_LB_ACCESS_GATE_H
#define CEEMS_LB_ACCESS_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "basic/arena.h"
#include "basic/err.h"
#include "basic/options.h" /* struct strings */
#include "basic/str.h"

enum {
	GATE_UNITS_MAX = 1000, /* distinct ids of one request */
	GATE_BODY_MAX_BYTES = 1 << 20, /* of a request that is decided, compressed or not */
	GATE_TARGET_MAX_BYTES = 64 << 10,
};

enum gate_kind { GATE_TSDB, GATE_PYROSCOPE, N_GATE_KINDS };

struct gate_request {
	enum gate_kind kind;
	const char *method; /* as sent */
	struct slice path; /* raw, from the first '/', no query */
	struct slice query; /* raw, without '?'; p NULL: no '?' */
	struct slice content_type,
		content_encoding; /* n 0: absent; repeated headers were refused */
	struct slice accept; /* of the same rule */
	struct slice body; /* whole, as sent */
	const char *cluster; /* of the header X-Ceems-Cluster-Id */
	int64_t now_ms; /* of the request: default of time parameters, end of running units */
};

enum gate_outcome {
	GATE_REFUSED,
	GATE_FREE, /* concerns nobody's series; gate_write() without lifetimes */
	GATE_BOUND, /* for those who may see all units of the plan */
};

/* Why a request was refused; for replies, logs and metrics. */
enum gate_reason {
	GATE_RESOURCE, /* path or method is for administrators: 403 "resource" text */
	GATE_UNBOUND, /* a selector without units: 403 "unit metrics" text */
	GATE_MALFORMED, /* not understood: 403 likewise, never passed on */
	GATE_TOO_LARGE,
	N_GATE_REASONS,
};

struct gate_plan {
	enum gate_outcome outcome;
	enum gate_reason reason; /* of GATE_REFUSED */
	/* Of GATE_REFUSED, for the person: the selector that failed and what is missing there. */
	const char *why;
	const char *cluster; /* ceems_id where the query names one, else the request's */
	struct strings units; /* distinct, sorted */
	const struct gate_route *route;
	void *parsed; /* between gate_read() and gate_write() */
};

struct gate_options {
	const char *route_prefix; /* "" or "/x": paths count behind it as well */
	int promql_level; /* enum promql_level */
	bool experimental_functions;
	/* The label that names the cluster where several share one server; NULL: none is added. */
	const char *cluster_label;
};

/* 0 with a plan, or -ENOMEM. */
int gate_read(const struct gate_options *options, const struct gate_request *request,
	struct arena *arena, struct gate_plan *ret_plan);

/* When a unit existed in the eyes of the caller: one row of the accounts. */
struct gate_life {
	int64_t start_ms, end_ms; /* end INT64_MAX: it runs */
};
struct gate_unit_lives {
	const struct gate_life *v; /* sorted by start; at least one */
	size_t n;
	/* The same id belonged to somebody else at another time: times must be cut. */
	bool recycled;
};

/* What parts of the answer need work: spec 2.12. */
enum gate_filter {
	GATE_FILTER_NONE,
	GATE_FILTER_METRICS, /* labels of data.result[].metric */
	GATE_FILTER_SERIES, /* of data[] */
	GATE_FILTER_LABEL_NAMES, /* names in data[] */
	GATE_FILTER_LABEL_VALUES, /* of one label: all or nothing */
	GATE_FILTER_EXEMPLARS, /* data[].seriesLabels */
};

struct gate_forward {
	const char *method;
	struct slice path; /* below the server's own prefix, raw */
	struct slice query; /* without '?', p NULL: none */
	struct slice body;
	const char *content_type; /* of the body; NULL: none */
	const char *accept; /* NULL: the default */
	enum gate_filter filter;
	const char *filter_label; /* of GATE_FILTER_LABEL_VALUES */
	/* Nothing is left of the time asked for: the empty answer of this route, 200. NULL: ask. */
	const char *empty_answer;
	int64_t reach_start_ms, reach_end_ms; /* what the server must hold: a routing hint */
};

/* lives: one for each of plan->units, NULL for GATE_FREE. 0, -ENOMEM, or -EACCES: cannot be cut. */
int gate_write(const struct gate_options *options, const struct gate_request *request,
	const struct gate_plan *plan, const struct gate_unit_lives *lives, struct arena *arena,
	struct gate_forward *ret_forward);

/* How the answer to an administrator's or an unguarded request must be filtered (spec 2.12). */
enum gate_filter gate_filter_of_path(struct slice path, struct slice *ret_label);

#endif
