// SPDX-License-Identifier: Apache-2.0
/*
 * The configuration file of ceems_lb (spec lb-and-proxies.md 2.2). It may be the API server's, so
 * that program's sections are checked as it does, and unknown keys are passed over.
 */
#ifndef CEEMS_LB_CONFIG_H
#define CEEMS_LB_CONFIG_H

#include "format/promql/promql.h"
#include "lb/access/gate.h"
#include "net/http_client.h"

struct lb_web_config {
	const char *url;
	struct http_client_config client;
};

/* A server. */
struct lb_server_config {
	bool has_web;
	struct lb_web_config web;
	struct strings filter_labels; /* has no effect on Pyroscope's */
};

/* An item of ceems_lb.backends; several may have one id, and are one pool then. */
struct lb_backend_config {
	const char *id;
	struct config_list servers[N_GATE_KINDS]; /* of struct lb_server_config */
	const char *cluster_label;
};

struct lb_config {
	const char *strategy;
	struct config_list backends; /* of struct lb_backend_config */
	const char *cluster_label; /* of items that have none; "": none is added */
	const char *route_prefix; /* "" or "/x" */
	bool experimental_functions;
	const char *promql_level_name;
	enum promql_level promql_level; /* the same, found */
	struct strings forward_headers; /* tenant headers that go on all the same */
	int64_t requests_per_user, queued_per_user; /* 0: no limit; no queue */
	int64_t upstream_timeout_ms; /* until the head of an answer; 0: no limit */
	/* The last segment of the path -> a duration, for paths that need another. */
	struct config_map upstream_timeouts;
	struct lb_timeout {
		const char *segment;
		int64_t timeout_ms;
	} * timeouts; /* the same, parsed */
	const char *data_path; /* NULL: there is no section 'data' */
	struct lb_web_config api;
	struct strings cluster_ids; /* of 'clusters' */
};

/* Strings live in the arena. Errors are sentences for the user. */
int lb_config_load(const char *path, bool expand_env, struct arena *arena,
	struct lb_config *ret_config, struct err *err);

/* The keys of the section ceems_lb, for the reference page. */
extern const struct config_table lb_config_table;

/* How long a server may take for a request of this raw path. */
int64_t lb_config_timeout_ms(const struct lb_config *config, struct slice path);

#endif
