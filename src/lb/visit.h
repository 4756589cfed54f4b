// SPDX-License-Identifier: Apache-2.0
/*
 * One request on its way through the load balancer (spec lb-and-proxies.md 2.5). It lives in the
 * arena of its exchange.
 *
 *   policy.c      the steps in their order, until the request is refused, answered or forwarded
 *   decide.c      the gate and the owners: what a user's request becomes
 *   forward.c     choosing servers, limits, filters of answers
 *   reply.c       answers of the load balancer itself
 *   authorise.c   the decision alone, for other proxies
 */
#ifndef CEEMS_LB_VISIT_H
#define CEEMS_LB_VISIT_H

#include "lb/access/filter.h"
#include "lb/lb.h"
#include "lb/proxy/proxy.h"

struct visit {
	struct lb *lb;
	struct state *state;
	struct exchange *x;
	enum gate_kind kind;
	enum outcome outcome;
	const char *reason; /* for logs and metrics; one of a fixed set */
	const char *detail; /* for people; may be NULL */

	const char *cluster; /* of the header, then of the query */
	const char *user;
	bool admin;
	bool authorise; /* only the decision is wanted */

	struct gate_request request;
	bool body_read;
	struct gate_plan plan;
	enum owners_verdict verdict;
	const struct gate_unit_lives *lives;
	struct gate_forward decided;
	int result; /* of what ran on a worker thread */

	struct pool *pool;
	uint64_t tried;
	struct server *server; /* of the current attempt */
	struct exchange_forward out;
	const char *set[4][2]; /* headers */
	struct filter *filter;
	enum gate_filter filter_kind;
	const char *filter_label;
	struct user_waiter waiter;
	struct user_slot *slot; /* NULL: holds none */
};

/* policy.c: what the proxy calls. ctx is the struct lb. */
extern const struct proxy_handler policy_handler;

/* decide.c: ends in visit_forward() or an answer. The body was read if there is one. */
void visit_decide(struct visit *v);
/* Whether the request is for administrators whatever its body says; then the reason is set. */
bool visit_is_closed(struct visit *v);
/* Makes plan of the request. -ENOMEM. */
int visit_read(struct visit *v);
void visit_refuse_as_the_gate_says(struct visit *v, const struct gate_refusal *refusal);
/* Of the pool, which is there. */
struct gate_cluster visit_cluster_of(const struct visit *v);

/* forward.c */
void visit_forward(struct visit *v); /* out is filled */
void visit_forward_as_it_came(struct visit *v); /* plan is filled if labels are hidden */
bool visit_hides_labels(const struct visit *v);
struct upstream *visit_pick(struct visit *v);
void visit_leave(struct visit *v); /* gives back all that is not the arena's */

/* reply.c */
enum reply {
	REPLY_CLUSTER,
	REPLY_USER,
	REPLY_RESOURCE,
	REPLY_UNITS,
	REPLY_MALFORMED,
	REPLY_TOO_LARGE,
	REPLY_TOO_MANY,
	REPLY_UNAVAILABLE, /* no server, no memory */
	N_REPLIES,
};
/* detail may be NULL. */
void visit_refuse(struct visit *v, enum reply reply, const char *reason, const char *detail);
/* There was none: this process's, or what one request may take (EXCHANGE_ARENA_MAX_BYTES). */
void visit_refuse_for_memory(struct visit *v);
void visit_answer(struct visit *v, const char *content_type, struct slice body);

/* authorise.c: "/-/authorize" and what is behind it. False: the request asks for something else. */
bool authorise_begin(struct visit *v);
/* The decision was made: tells it. */
void authorise_allow(struct visit *v);

/* The header's value as text; NULL: absent, empty, repeated or with a NUL byte in it. */
const char *visit_header(struct visit *v, const char *name);

#endif
