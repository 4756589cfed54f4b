// SPDX-License-Identifier: Apache-2.0
/*
 * An event loop: descriptors (epoll, edge-triggered), timers, tasks from other threads, and blocks
 * of memory. All but loop_post() and loop_stop() belong to the loop's thread.
 */
#ifndef CEEMS_LB_PROXY_LOOP_H
#define CEEMS_LB_PROXY_LOOP_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

enum {
	LOOP_BLOCK_BYTES = 96 << 10,
	LOOP_BLOCKS_KEPT = 32, /* of those not in use */
	LOOP_EVENTS_MAX = 256, /* taken from the kernel at once */
};

struct loop_watch {
	void (*ready)(struct loop_watch *watch, uint32_t events);
	int fd;
};

/* Embedded by its owner, who removes it before it is freed. */
struct loop_timer {
	void (*fire)(struct loop_timer *timer);
	int64_t due_ms; /* INT64_MAX: not set */
	int64_t at_ms; /* where it stands in the heap: at due_ms or earlier */
	size_t pos; /* 1 and up in the heap, 0: not in it */
};

struct loop_task {
	struct loop_task *next;
	void (*run)(struct loop_task *task);
};

struct loop_tasks {
	struct loop_task *first, **tail;
};

/* What may still be in use further up the stack, or named by an event that was fetched already. */
struct loop_trash {
	struct loop_trash *next;
	void (*free)(struct loop_trash *trash);
};

struct loop_block {
	struct loop_block *next;
};

struct loop {
	int epoll, event; /* the latter wakes it */
	int64_t now_ms; /* monotonic, when it woke */
	struct loop_watch wake;
	struct loop_timer **timers; /* a heap */
	size_t n_timers, cap_timers, n_reserved;
	struct loop_trash *trash;
	struct loop_block *blocks;
	unsigned n_blocks;
	bool stop;
	struct loop_tasks own; /* posted on the loop's thread */
	_Atomic pthread_t thread; /* that runs it; 0: none yet */
	pthread_mutex_t lock; /* of the next one */
	struct loop_tasks posted; /* by others */
};

int loop_init(struct loop *loop);
void loop_done(struct loop *loop); /* of a zeroed one, too */

/* Until a task calls loop_stop(). */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* Any thread. */
void loop_post(struct loop *loop, struct loop_task *task);

int loop_add(struct loop *loop, struct loop_watch *watch, uint32_t events);
int loop_change(struct loop *loop, struct loop_watch *watch, uint32_t events);
void loop_remove(struct loop *loop, struct loop_watch *watch);

/* Reserves what setting it needs: -ENOMEM. */
int loop_timer_init(
	struct loop *loop, struct loop_timer *timer, void (*fire)(struct loop_timer *timer));
void loop_timer_done(struct loop *loop, struct loop_timer *timer);
/* A point in time; cheap when it is later than the last one. */
void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t due_ms);
void loop_timer_clear(struct loop_timer *timer);

/* Frees it when nothing can refer to it any more. */
void loop_discard(
	struct loop *loop, struct loop_trash *trash, void (*free)(struct loop_trash *trash));

/* LOOP_BLOCK_BYTES; NULL without memory. */
char *loop_block_get(struct loop *loop);
void loop_block_put(struct loop *loop, char *block); /* NULL is fine */

#endif
