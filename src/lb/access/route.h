// SPDX-License-Identifier: Apache-2.0
/*
 * What users may ask Prometheus: method and path to the parameters that are known, and what must be
 * bound to units. All else is for administrators.
 */
#ifndef CEEMS_LB_ACCESS_ROUTE_H
#define CEEMS_LB_ACCESS_ROUTE_H

#include "lb/access/gate.h"
#include "lb/access/param.h"

enum route_method {
	ROUTE_GET = 1 << 0,
	ROUTE_HEAD = 1 << 1,
	ROUTE_POST = 1 << 2,
	ROUTE_OPTIONS = 1 << 3,
};

enum route_scope {
	ROUTE_FREE, /* concerns nobody's series */
	ROUTE_QUERY, /* a PARAM_EXPR: bound, or free if it has no selector */
	ROUTE_SERIES, /* PARAM_SELECTORs, one at least: bound */
};

/* How the times of a request bound what is read. */
enum route_time {
	ROUTE_TIMELESS,
	ROUTE_INSTANT, /* PARAM_TIME */
	ROUTE_RANGE, /* steps from PARAM_START to PARAM_END */
	ROUTE_WINDOW, /* samples between them; the query's own times do not count */
	ROUTE_INDEX, /* whole blocks of the storage that touch them */
};

enum { ROUTE_PARAMS_MAX = 8 };

struct route {
	const char *path; /* a star is a name */
	unsigned methods;
	enum route_scope scope;
	enum route_time time;
	enum gate_filter filter;
	const char *empty_answer; /* nothing is left of the time asked for; NULL: refused */
	struct param params[ROUTE_PARAMS_MAX + 1]; /* ends with a NULL name */
};

/* For tests and documentation. */
const struct route *route_table(size_t *ret_n);

struct route_match {
	const struct route *route;
	enum route_method method;
	struct slice prefix; /* "", or what options->route_prefix says */
	struct slice label; /* of the star, decoded */
};

/*
 * 0; -EACCES with a reason: not for users, where ret_match is set if only the method has no place;
 * -ENOMEM. Paths are decoded once and must be exact.
 */
int route_find(const char *method, struct slice path, const char *prefix, struct arena *arena,
	struct route_match *ret_match, const char **ret_reason);

/* Appends the path to ask for, escaped. */
void route_print_path(const struct route_match *match, struct buffer *out);

/*
 * The name that a server of version 3 may read in /label/NAME/values: "U__" escapes taken back
 * (spec promql.md 6.1). The name itself if it has none, or a malformed one. -ENOMEM.
 */
int route_unescape_label(struct slice name, struct arena *arena, struct slice *ret_name);

/*
 * Decodes a path. -EBADMSG with a reason: malformed or control bytes, an escaped '/', empty, "."
 * and ".." segments, no UTF-8; -ENOMEM.
 */
int route_decode_path(
	struct slice raw, struct arena *arena, struct slice *ret_path, const char **ret_reason);

#endif
