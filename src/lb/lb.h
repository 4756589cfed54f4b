// SPDX-License-Identifier: Apache-2.0
/*
 * What the requests share: the state that the configuration made, whom to believe, limits and
 * counts. It outlives all requests.
 */
#ifndef CEEMS_LB_LB_H
#define CEEMS_LB_LB_H

#include <pthread.h>

#include "lb/metrics.h"
#include "lb/state.h"
#include "lb/users.h"
#include "net/address.h"

struct lb {
	const struct clock *clock;
	const struct log *log;
	bool log_requests;
	struct networks trusted; /* whose user header is believed without a login */
	enum gate_kind kinds[N_GATE_KINDS]; /* by listener */
	size_t n_kinds;
	struct users *users;
	struct metrics *metrics;
	struct proxy *proxy; /* NULL before it is open */
	pthread_mutex_t lock; /* of the next */
	struct state *state;
};

/* The current state; put it back with state_unref(), never as the last one (state.h). */
struct state *lb_state(struct lb *lb);
/* Replaces it; the old one is handed over. */
struct state *lb_set_state(struct lb *lb, struct state *state);

#endif
