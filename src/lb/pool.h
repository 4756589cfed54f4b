// SPDX-License-Identifier: Apache-2.0
/* The servers of each cluster, for one kind of server. Immutable but for the servers' state. */
#ifndef CEEMS_LB_POOL_H
#define CEEMS_LB_POOL_H

#include "lb/server.h"

enum { POOL_SERVERS_MAX = 64 /* of one cluster */ };

struct pool {
	const char *id, *cluster_label; /* label NULL: none */
	struct server *servers[POOL_SERVERS_MAX];
	size_t n;
	struct strings hidden_labels; /* filter_labels of all servers */
	atomic_uint turn;
};

struct pools {
	enum gate_kind kind;
	const struct strategy *strategy;
	struct pool *v;
	size_t n;
};

/*
 * Those of the configuration. Servers that can't be used are logged and left out, clusters without
 * any as well. before: of the last configuration, whose servers' state is taken over; may be NULL.
 */
int pools_new(struct settings *settings, enum gate_kind kind, const struct pools *before,
	const struct log *log, struct pools **ret_pools, struct err *err);
void pools_free(struct pools *pools); /* NULL is fine; ends the servers' threads */
int pools_start(struct pools *pools, struct err *err);
/* Ends the servers' threads: what they are known to be they stay, but for what requests tell. */
void pools_stop(struct pools *pools);

/* NULL: there is none of this id, or its servers are not set up. */
struct pool *pools_find(const struct pools *pools, const char *id);

/*
 * A server that is alive and not among those tried (a bit for each), if possible one that still
 * has data of reach_start_ms (INT64_MAX: any will do). NULL: there is none. Marks it as tried.
 */
struct server *pool_pick(const struct pools *pools, struct pool *pool, uint64_t *tried,
	int64_t reach_start_ms, int64_t now_ms);

/* The longest that its servers look back for a sample; the default for those that don't tell. */
int64_t pool_lookback_ms(const struct pool *pool);

#endif
