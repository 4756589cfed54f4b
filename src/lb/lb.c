// SPDX-License-Identifier: Apache-2.0
#include "lb/lb.h"

struct state *lb_state(struct lb *lb)
{
	struct state *state;

	pthread_mutex_lock(&lb->lock);
	state = state_ref(lb->state);
	pthread_mutex_unlock(&lb->lock);
	return state;
}

struct state *lb_set_state(struct lb *lb, struct state *state)
{
	struct state *old;

	pthread_mutex_lock(&lb->lock);
	old = lb->state;
	lb->state = state;
	pthread_mutex_unlock(&lb->lock);
	return old;
}
