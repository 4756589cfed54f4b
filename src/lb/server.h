// SPDX-License-Identifier: Apache-2.0
/*
 * A server behind the load balancer: its connections, whether it is well, and what it says about
 * itself. It is probed by a thread of its own: at once, every 20 s, at once when a request failed,
 * and with growing pauses while it is dead. Counted; any thread.
 */
#ifndef CEEMS_LB_SERVER_H
#define CEEMS_LB_SERVER_H

#include <stdatomic.h>

#include "basic/log.h"
#include "lb/proxy/proxy.h"
#include "lb/settings.h"

struct server {
	struct upstream *upstream;
	enum gate_kind kind;
	const char *cluster, *name; /* its URL without secrets */
	const struct strings *filter_labels;
	/* Spec 2.2: without the files that its client needs it is as if it weren't there. */
	atomic_bool set_up;
	atomic_bool alive;
	/* Of Prometheus: how far back it answers (0: not known), and its lookback delta. */
	_Atomic int64_t retention_ms, lookback_ms;
	_Atomic uint64_t attempts[ATTEMPT_CLIENT_GONE + 1]; /* by result */
};

/* -EINVAL: it cannot be used. config belongs to settings. alive: as it was before a reload. */
int server_new(struct settings *settings, enum gate_kind kind, const char *cluster,
	const struct lb_server_config *config, bool alive, const struct log *log,
	struct server **ret_server, struct err *err);
/* Looks for the files of its client: -errno, and it is not alive, or it is set up. */
int server_set_up(struct server *server, struct err *err);
struct server *server_ref(struct server *server);
void server_unref(struct server *server); /* NULL is fine */

/* The thread ends soon after server_stop(), and keeps its own reference until then. */
int server_start(struct server *server, struct err *err);
void server_stop(struct server *server);

/* What came of an attempt: counts it, and has a server that failed probed, or calls it dead. */
void server_report(struct server *server, enum attempt_result result, const char *why);

const char *server_kind_name(enum gate_kind kind); /* "tsdb", "pyroscope" */

#endif
