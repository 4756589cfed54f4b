// SPDX-License-Identifier: Apache-2.0
#include "lb/proxy/loop.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/macros.h"

enum { NS_PER_MS = 1000000, TIMERS_FIRST = 64 };

static int64_t now_ms(void)
{
	return clock_monotonic_ns(clock_system()) / NS_PER_MS;
}

static void on_wake(struct loop_watch *watch, uint32_t events)
{
	uint64_t count;

	/* Edge-triggered: the counter may stay as it is, but must not overflow. */
	while (read(watch->fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
}

int loop_init(struct loop *loop)
{
	int r;

	*loop = (struct loop){ .epoll = -1, .event = -1 };
	pthread_mutex_init(&loop->lock, NULL);
	loop->own.tail = &loop->own.first;
	loop->posted.tail = &loop->posted.first;
	loop->now_ms = now_ms();
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	loop->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->epoll < 0 || loop->event < 0)
		return -errno;
	loop->wake = (struct loop_watch){ on_wake, loop->event };
	r = loop_add(loop, &loop->wake, EPOLLIN | EPOLLET);
	return r;
}

static void empty_trash(struct loop *loop)
{
	struct loop_trash *trash;

	while ((trash = loop->trash)) {
		loop->trash = trash->next;
		trash->free(trash);
	}
}

void loop_done(struct loop *loop)
{
	struct loop_block *block;

	if (!loop->posted.tail)
		return;
	empty_trash(loop);
	while ((block = loop->blocks)) {
		loop->blocks = block->next;
		free(block);
	}
	free(loop->timers);
	if (loop->epoll >= 0)
		close(loop->epoll);
	if (loop->event >= 0)
		close(loop->event);
	pthread_mutex_destroy(&loop->lock);
	*loop = (struct loop){ 0 };
}

/* True: it is the first one. */
static bool put_task(struct loop_tasks *tasks, struct loop_task *task)
{
	bool first = !tasks->first;

	task->next = NULL;
	*tasks->tail = task;
	tasks->tail = &task->next;
	return first;
}

static struct loop_task *take_tasks(struct loop_tasks *tasks)
{
	struct loop_task *first = tasks->first;

	tasks->first = NULL;
	tasks->tail = &tasks->first;
	return first;
}

void loop_post(struct loop *loop, struct loop_task *task)
{
	const uint64_t one = 1;

	/* It is awake, and looks before it sleeps. */
	if (pthread_equal(atomic_load(&loop->thread), pthread_self())) {
		put_task(&loop->own, task);
		return;
	}
	pthread_mutex_lock(&loop->lock);
	/* Under the lock, so that the loop can't end and close the descriptor in between. */
	if (put_task(&loop->posted, task) && write(loop->event, &one, sizeof(one)) < 0) {
		/* Only a full counter is possible, and then it wakes anyway. */
	}
	pthread_mutex_unlock(&loop->lock);
}

void loop_stop(struct loop *loop)
{
	loop->stop = true;
}

static void run_each(struct loop_task *task)
{
	while (task) {
		struct loop_task *next = task->next;

		task->run(task);
		task = next;
	}
}

/* Those that they post come with the next turn. */
static void run_tasks(struct loop *loop)
{
	struct loop_task *own = take_tasks(&loop->own), *posted;

	pthread_mutex_lock(&loop->lock);
	posted = take_tasks(&loop->posted);
	pthread_mutex_unlock(&loop->lock);
	run_each(own);
	run_each(posted);
}

int loop_add(struct loop *loop, struct loop_watch *watch, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, watch->fd, &event) < 0 ? -errno : 0;
}

int loop_change(struct loop *loop, struct loop_watch *watch, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	return epoll_ctl(loop->epoll, EPOLL_CTL_MOD, watch->fd, &event) < 0 ? -errno : 0;
}

void loop_remove(struct loop *loop, struct loop_watch *watch)
{
	(void)epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
}

/* The heap: timers[0] comes first; children of i are 2i+1 and 2i+2. */
static void place(struct loop *loop, size_t i, struct loop_timer *timer)
{
	loop->timers[i] = timer;
	timer->pos = i + 1;
}

static void sift_up(struct loop *loop, size_t i, struct loop_timer *timer)
{
	while (i) {
		size_t parent = (i - 1) / 2;

		if (loop->timers[parent]->at_ms <= timer->at_ms)
			break;
		place(loop, i, loop->timers[parent]);
		i = parent;
	}
	place(loop, i, timer);
}

static void sift_down(struct loop *loop, size_t i, struct loop_timer *timer)
{
	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= loop->n_timers)
			break;
		if (child + 1 < loop->n_timers &&
			loop->timers[child + 1]->at_ms < loop->timers[child]->at_ms)
			child++;
		if (timer->at_ms <= loop->timers[child]->at_ms)
			break;
		place(loop, i, loop->timers[child]);
		i = child;
	}
	place(loop, i, timer);
}

static void take_out(struct loop *loop, struct loop_timer *timer)
{
	size_t i = timer->pos - 1;
	struct loop_timer *last = loop->timers[--loop->n_timers];

	timer->pos = 0;
	if (last == timer)
		return;
	if (i && loop->timers[(i - 1) / 2]->at_ms > last->at_ms)
		sift_up(loop, i, last);
	else
		sift_down(loop, i, last);
}

int loop_timer_init(
	struct loop *loop, struct loop_timer *timer, void (*fire)(struct loop_timer *timer))
{
	if (loop->n_reserved == loop->cap_timers) {
		size_t cap = MAX(loop->cap_timers * 2, (size_t)TIMERS_FIRST);
		struct loop_timer **timers = reallocarray(
			loop->timers, cap, sizeof(struct loop_timer *));

		if (!timers)
			return -ENOMEM;
		loop->timers = timers;
		loop->cap_timers = cap;
	}
	loop->n_reserved++;
	*timer = (struct loop_timer){ .fire = fire, .due_ms = INT64_MAX };
	return 0;
}

void loop_timer_done(struct loop *loop, struct loop_timer *timer)
{
	if (!timer->fire)
		return;
	if (timer->pos)
		take_out(loop, timer);
	loop->n_reserved--;
	timer->fire = NULL;
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t due_ms)
{
	timer->due_ms = due_ms;
	/* One that is due later is found out when its place comes up. */
	if (timer->pos && timer->at_ms <= due_ms)
		return;
	timer->at_ms = due_ms;
	if (timer->pos)
		sift_up(loop, timer->pos - 1, timer);
	else
		sift_up(loop, loop->n_timers++, timer);
}

void loop_timer_clear(struct loop_timer *timer)
{
	timer->due_ms = INT64_MAX;
}

static void run_timers(struct loop *loop)
{
	while (loop->n_timers && loop->timers[0]->at_ms <= loop->now_ms) {
		struct loop_timer *timer = loop->timers[0];

		if (timer->due_ms > loop->now_ms) {
			if (timer->due_ms == INT64_MAX) {
				take_out(loop, timer);
				continue;
			}
			timer->at_ms = timer->due_ms;
			sift_down(loop, 0, timer);
			continue;
		}
		take_out(loop, timer);
		timer->due_ms = INT64_MAX;
		timer->fire(timer);
	}
}

static int wait_ms(const struct loop *loop)
{
	if (loop->trash || loop->own.first)
		return 0;
	if (!loop->n_timers)
		return -1;
	return (int)MAX(MIN(loop->timers[0]->at_ms - loop->now_ms, (int64_t)INT_MAX), (int64_t)0);
}

void loop_run(struct loop *loop)
{
	struct epoll_event events[LOOP_EVENTS_MAX];

	atomic_store(&loop->thread, pthread_self());
	while (!loop->stop) {
		int n;

		/* What was done since it woke took its time, too. */
		loop->now_ms = now_ms();
		n = epoll_wait(loop->epoll, events, LOOP_EVENTS_MAX, wait_ms(loop));

		loop->now_ms = now_ms();
		for (int i = 0; i < n; i++) {
			struct loop_watch *watch = events[i].data.ptr;

			if (watch->fd >= 0)
				watch->ready(watch, events[i].events);
		}
		run_tasks(loop);
		run_timers(loop);
		empty_trash(loop);
	}
}

void loop_discard(
	struct loop *loop, struct loop_trash *trash, void (*free)(struct loop_trash *trash))
{
	trash->free = free;
	trash->next = loop->trash;
	loop->trash = trash;
}

char *loop_block_get(struct loop *loop)
{
	struct loop_block *block = loop->blocks;

	if (!block)
		return malloc(LOOP_BLOCK_BYTES);
	loop->blocks = block->next;
	loop->n_blocks--;
	return (char *)block;
}

void loop_block_put(struct loop *loop, char *data)
{
	struct loop_block *block = (struct loop_block *)data;

	if (!block)
		return;
	if (loop->n_blocks >= LOOP_BLOCKS_KEPT) {
		free(block);
		return;
	}
	block->next = loop->blocks;
	loop->blocks = block;
	loop->n_blocks++;
}
