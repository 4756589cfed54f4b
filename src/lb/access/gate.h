// SPDX-License-Identifier: Apache-2.0
/*
 * The access decision (spec lb-and-proxies.md 2.5-2.8; promql.md; pyroscope-api.md): which units a
 * request is about, and the request that may go on instead of it. What goes on is written anew
 * from what was understood; nothing that was not understood goes on. No I/O, no clock: ownership is
 * asked by the caller between the two steps. A request is decided in one arena, which holds all
 * that is returned; the texts of the request must live as long.
 *
 *   gate_read()   request -> plan: refused, or free, or bound to these units of this cluster
 *   (the caller asks the owners: owners.h)
 *   gate_write()  plan + lifetimes of the units -> the request for the server
 *
 * Administrators' requests go on as they came; gate_read() still tells the cluster that they name.
 */
#ifndef CEEMS_LB_ACCESS_GATE_H
#define CEEMS_LB_ACCESS_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "basic/arena.h"
#include "basic/options.h" /* struct strings */
#include "basic/str.h"

enum {
	GATE_UNITS_MAX = 1000, /* distinct ids of one request */
	GATE_UNIT_MAX_BYTES = 512, /* of an id, and of a cluster's */
	GATE_BODY_MAX_BYTES = 1 << 20, /* of a request that is decided, compressed or not */
	GATE_MESSAGE_MAX_BYTES = 128 << 10, /* of one of Pyroscope's, likewise */
	GATE_TARGET_MAX_BYTES = 64 << 10,
};

/* The label that names units in Prometheus, and the one that names the cluster (spec 2.8). */
#define GATE_UNIT_LABEL "uuid"
#define GATE_CLUSTER_LABEL "ceems_id"

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
	int64_t now_ms; /* of the request: default of time parameters */
};

enum gate_outcome {
	GATE_REFUSED,
	GATE_FREE, /* concerns nobody's series; gate_write() without lifetimes */
	GATE_BOUND, /* for those who may see all units of the plan */
};

/* Why a request was refused; for replies, logs and metrics. */
enum gate_reason {
	GATE_RESOURCE, /* the path or the method is for administrators */
	GATE_UNBOUND, /* a selector that names no units, or not only them */
	GATE_SYNTAX, /* a query that was not understood, or that has no place here */
	GATE_HIDDEN, /* a query that asks for a label which is taken out of answers */
	GATE_LIFETIME, /* reads times at which a unit's id was somebody else's */
	GATE_MALFORMED, /* parameters or body that two readers could read differently, bad values */
	GATE_TOO_LARGE,
	N_GATE_REASONS,
};

/* Of the reply: 403, 400 for GATE_MALFORMED, 413 for GATE_TOO_LARGE. */
int gate_status(enum gate_reason reason);
const char *gate_reason_name(enum gate_reason reason); /* "resource", ... */

struct gate_refusal {
	enum gate_reason reason;
	/* For the person: what failed, and what is missing there. One line, valid UTF-8. */
	const char *why;
};

struct gate_plan {
	enum gate_outcome outcome;
	struct gate_refusal refusal; /* of GATE_REFUSED */
	/* The one that the query names by ceems_id, else the request's; of refused ones too, where
	 * it could be read (administrators). */
	const char *cluster;
	struct strings units; /* distinct, sorted; not empty if bound */
	const void *parsed; /* between gate_read() and gate_write() */
};

struct gate_options {
	/* "" or "/x": paths count behind it as well, and go on with it. */
	const char *route_prefix;
	int promql_level; /* enum promql_level; 0 = the newest */
	bool experimental_functions; /* of PromQL, and fill modifiers */
};

/* 0 with a plan, or -ENOMEM. */
int gate_read(const struct gate_options *options, const struct gate_request *request,
	struct arena *arena, struct gate_plan *ret_plan);

/* When a unit existed: one row of the accounts. */
struct gate_life {
	int64_t start_ms, end_ms; /* end INT64_MAX: it runs */
};
struct gate_unit_lives {
	const struct gate_life *v; /* as the caller's; sorted by start; n 0: not known */
	size_t n;
	/* When the same id of this cluster was somebody else's; n 0: never, nothing is cut. */
	const struct gate_life *foreign;
	size_t n_foreign;
};

enum {
	/* Samples may bear times so far beyond the recorded start and end of their unit. */
	GATE_LIFE_MARGIN_MS = 5 * 60 * 1000,
	/* /series, /labels, /label/NAME/values answer by whole blocks of the storage: up to 31 d.
	 */
	GATE_INDEX_MARGIN_DAYS = 31,
	/* Of a server that doesn't tell how far it looks back. */
	GATE_LOOKBACK_DEFAULT_MS = 5 * 60 * 1000,
};

/* What the plan's cluster wants. */
struct gate_cluster {
	/* Added to each selector with the cluster's id, where several clusters share one server;
	 * NULL: none is. */
	const char *label;
	struct strings hidden_labels; /* filter_labels of its servers, all together */
	/* The longest of its servers (--query.lookback-delta); 0: the default. */
	int64_t lookback_ms;
};

/* What parts of the answer need work: spec 2.12. */
enum gate_filter {
	GATE_FILTER_NONE,
	GATE_FILTER_METRICS, /* labels of data.result[].metric */
	GATE_FILTER_SERIES, /* of data[] */
	GATE_FILTER_LABEL_NAMES, /* names in data[] */
	GATE_FILTER_LABEL_VALUES, /* of one label: all or nothing */
	GATE_FILTER_EXEMPLARS, /* data[].seriesLabels, data[].exemplars[].labels */
};

struct gate_forward {
	const char *method;
	struct slice path; /* below the server's own prefix, escaped */
	struct slice query; /* without '?', p NULL: none */
	struct slice body; /* p NULL: none */
	const char *content_type; /* of the body; NULL: none */
	const char *accept; /* NULL: the default */
	enum gate_filter filter; /* NONE if the cluster hides no label */
	const char *filter_label; /* of GATE_FILTER_LABEL_VALUES */
	/* Do not ask the server: this is the answer, 200, application/json. NULL: ask. */
	const char *answer;
	int64_t reach_start_ms, reach_end_ms; /* what is read of the past: a routing hint */
};

/*
 * lives: one for each of plan->units; NULL for GATE_FREE. 0; -EACCES with a refusal; -ENOMEM.
 */
int gate_write(const struct gate_options *options, const struct gate_request *request,
	const struct gate_plan *plan, const struct gate_unit_lives *lives,
	const struct gate_cluster *cluster, struct arena *arena, struct gate_forward *ret_forward,
	struct gate_refusal *ret_refusal);

/*
 * Whether a request that goes on as it came (of administrators, or without access control) asks for
 * labels that its cluster hides, after gate_read(). What could not be read might, so it is refused
 * as well. Paths that are for administrators are let through, except those whose answer would be
 * filtered (gate_filter_of_path): a query behind a prefix that is not known here. Of GATE_TSDB. 0;
 * -EACCES with a refusal; -ENOMEM.
 */
int gate_judge_hidden(const struct gate_plan *plan, struct slice path,
	const struct gate_cluster *cluster, struct arena *arena, struct gate_refusal *ret_refusal);

/*
 * How the answer to a request that goes on as it came must be filtered (spec 2.12), by the end of
 * its raw path, where a '/' more makes no difference. The label is that of /label/NAME/values,
 * decoded. -EBADMSG: a path that servers read differently (escaped '/', "//", ".."), which should
 * go nowhere if labels are hidden; -ENOMEM.
 */
int gate_filter_of_path(struct slice path, struct arena *arena, enum gate_filter *ret_filter,
	const char **ret_label);

#endif
