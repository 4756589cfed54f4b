// SPDX-License-Identifier: Apache-2.0
/*
 * What the load balancer tells about itself (docs/load-balancer.md). No metric names a user or a
 * unit. Counting is lock-free; any thread.
 */
#ifndef CEEMS_LB_METRICS_H
#define CEEMS_LB_METRICS_H

#include "basic/buffer.h"
#include "lb/access/gate.h"
#include "lb/proxy/proxy.h"

enum outcome {
	OUTCOME_REFUSED,
	OUTCOME_ANSWERED, /* by the load balancer itself */
	OUTCOME_ALLOWED, /* forwarded for a user whose units were checked */
	OUTCOME_ADMIN, /* forwarded for an administrator */
	OUTCOME_OPEN, /* forwarded without access control */
	N_OUTCOMES,
};
const char *outcome_name(enum outcome outcome);

struct lb;
struct metrics;

int metrics_new(struct metrics **ret_metrics);
void metrics_free(struct metrics *metrics); /* NULL is fine */

/* reason is one of those that metrics_reasons lists; another one counts as "other". */
extern const char *const metrics_reasons[]; /* NULL-terminated */
void metrics_count(struct metrics *metrics, enum gate_kind kind, enum outcome outcome,
	const char *reason, const struct exchange_report *report);
void metrics_begin(struct metrics *metrics, enum gate_kind kind);
/* A request that was refused before it was one: bad syntax, a failed login. */
void metrics_count_early(struct metrics *metrics, enum gate_kind kind);

/* The Prometheus text format. */
void metrics_write(struct lb *lb, struct buffer *out);

#endif
