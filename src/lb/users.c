// SPDX-License-Identifier: Apache-2.0
#include "lb/users.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 4096 };

struct user_slot {
	struct user_slot *chain;
	size_t bucket, active, waiting;
	struct user_waiter *first, *last;
	char name[];
};

struct users {
	pthread_mutex_t lock;
	size_t active, waiting;
	struct user_slot *buckets[BUCKETS];
};

int users_new(struct users **ret_users)
{
	struct users *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	pthread_mutex_init(&u->lock, NULL);
	*ret_users = u;
	return 0;
}

void users_free(struct users *u)
{
	if (!u)
		return;
	pthread_mutex_destroy(&u->lock);
	free(u);
}

/* Names are those of people that the front has let in, so nobody can make a bucket long. */
static size_t bucket_of(const char *name)
{
	uint32_t hash = 2166136261u;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	return (hash ^ hash >> 16) % BUCKETS;
}

static struct user_slot *find_locked(struct users *u, const char *name)
{
	size_t bucket = bucket_of(name), n = strlen(name) + 1;
	struct user_slot *slot = u->buckets[bucket];

	while (slot && strcmp(slot->name, name) != 0)
		slot = slot->chain;
	if (slot)
		return slot;
	slot = calloc(1, sizeof(*slot) + n);
	if (!slot)
		return NULL;
	memcpy(slot->name, name, n);
	slot->bucket = bucket;
	slot->chain = u->buckets[bucket];
	u->buckets[bucket] = slot;
	return slot;
}

static void drop_unused_locked(struct users *u, struct user_slot *slot)
{
	struct user_slot **at = &u->buckets[slot->bucket];

	if (slot->active || slot->waiting)
		return;
	while (*at != slot)
		at = &(*at)->chain;
	*at = slot->chain;
	free(slot);
}

static int enter_locked(struct users *u, struct user_slot *slot, size_t max_active,
	size_t max_waiting, struct user_waiter *waiter)
{
	if (!max_active || slot->active < max_active) {
		slot->active++;
		u->active++;
		return 1;
	}
	if (slot->waiting >= max_waiting)
		return -EAGAIN;
	waiter->next = NULL;
	waiter->prev = slot->last;
	waiter->queued = true;
	*(slot->last ? &slot->last->next : &slot->first) = waiter;
	slot->last = waiter;
	slot->waiting++;
	u->waiting++;
	return 0;
}

int users_enter(struct users *u, const char *name, size_t max_active, size_t max_waiting,
	struct user_waiter *waiter, struct user_slot **ret_slot)
{
	struct user_slot *slot;
	int r = -ENOMEM;

	pthread_mutex_lock(&u->lock);
	slot = find_locked(u, name);
	if (slot) {
		r = enter_locked(u, slot, max_active, max_waiting, waiter);
		if (r >= 0)
			*ret_slot = slot;
		else
			drop_unused_locked(u, slot);
	}
	pthread_mutex_unlock(&u->lock);
	return r;
}

static void dequeue_locked(struct users *u, struct user_slot *slot, struct user_waiter *waiter)
{
	*(waiter->prev ? &waiter->prev->next : &slot->first) = waiter->next;
	*(waiter->next ? &waiter->next->prev : &slot->last) = waiter->prev;
	waiter->queued = false;
	slot->waiting--;
	u->waiting--;
}

/* The limit may have changed since the waiters came. */
static void let_in_locked(struct users *u, struct user_slot *slot, size_t max_active)
{
	while (slot->first && (!max_active || slot->active < max_active)) {
		struct user_waiter *waiter = slot->first;

		dequeue_locked(u, slot, waiter);
		slot->active++;
		u->active++;
		waiter->go_on(waiter);
	}
}

bool users_cancel(struct users *u, struct user_slot *slot, struct user_waiter *waiter)
{
	bool waited;

	pthread_mutex_lock(&u->lock);
	waited = waiter->queued;
	if (waited) {
		dequeue_locked(u, slot, waiter);
		drop_unused_locked(u, slot);
	}
	pthread_mutex_unlock(&u->lock);
	return waited;
}

void users_leave(struct users *u, struct user_slot *slot, size_t max_active)
{
	pthread_mutex_lock(&u->lock);
	slot->active--;
	u->active--;
	let_in_locked(u, slot, max_active);
	drop_unused_locked(u, slot);
	pthread_mutex_unlock(&u->lock);
}

void users_count(struct users *u, size_t *ret_active, size_t *ret_waiting)
{
	pthread_mutex_lock(&u->lock);
	*ret_active = u->active;
	*ret_waiting = u->waiting;
	pthread_mutex_unlock(&u->lock);
}
