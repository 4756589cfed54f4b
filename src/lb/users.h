// SPDX-License-Identifier: Apache-2.0
/*
 * How many requests of each user servers work on at the same time, and those that wait for their
 * turn, in order. Any thread.
 */
#ifndef CEEMS_LB_USERS_H
#define CEEMS_LB_USERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct users;
struct user_slot; /* one user */

/* Embedded in a request that waits. */
struct user_waiter {
	struct user_waiter *next, *prev;
	bool queued;
	/* Called when its turn has come, with a lock held: it may only pass the word on. */
	void (*go_on)(struct user_waiter *waiter);
};

int users_new(struct users **ret_users);
void users_free(struct users *users); /* NULL is fine; nobody is in it */

/*
 * 1: go on. 0: wait for go_on(). Both: call users_leave() at the end. -EAGAIN: as many wait as may;
 * -ENOMEM. max_active 0 is without a limit.
 */
int users_enter(struct users *users, const char *name, size_t max_active, size_t max_waiting,
	struct user_waiter *waiter, struct user_slot **ret_slot);
/*
 * Takes back what waits. False: its turn has come, or is coming by go_on() on another thread, and
 * users_leave() is due. True: there is nothing to leave.
 */
bool users_cancel(struct users *users, struct user_slot *slot, struct user_waiter *waiter);
void users_leave(struct users *users, struct user_slot *slot, size_t max_active);

/* For /metrics. */
void users_count(struct users *users, size_t *ret_active, size_t *ret_waiting);

#endif
