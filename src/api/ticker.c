// SPDX-License-Identifier: Apache-2.0
#include "api/ticker.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "basic/clock.h"

struct ticker {
	pthread_t thread;
	int64_t first_ms, interval_ms;
	int cancel_fd;
	void (*tick)(void *ctx);
	void *ctx;
};

static int64_t monotonic_ms(void)
{
	return clock_monotonic_ns(clock_system()) / 1000000;
}

bool ticker_sleep(int cancel_fd, int64_t ms)
{
	struct pollfd fd = { .fd = cancel_fd, .events = POLLIN };
	int64_t end = monotonic_ms() + ms;

	for (;;) {
		int64_t left = end - monotonic_ms();
		int r = poll(&fd, 1, left > 0 ? (int)MIN(left, INT_MAX) : 0);

		if (r > 0)
			return true;
		if (r == 0 && monotonic_ms() >= end)
			return false;
	}
}

static void *run(void *ctx)
{
	struct ticker *t = ctx;
	int64_t next = monotonic_ms() + t->first_ms;

	while (!ticker_sleep(t->cancel_fd, MAX(next - monotonic_ms(), 0))) {
		t->tick(t->ctx);
		next = MAX(next + t->interval_ms, monotonic_ms());
	}
	return NULL;
}

int ticker_start(const char *name, int64_t first_ms, int64_t interval_ms, int cancel_fd,
	void (*tick)(void *ctx), void *ctx, struct ticker **ret_ticker, struct err *err)
{
	struct ticker *t = malloc(sizeof(*t));
	int r;

	if (!t)
		return err_errno(err, -ENOMEM, "thread '%s'", name);
	*t = (struct ticker){ .first_ms = first_ms,
		.interval_ms = interval_ms,
		.cancel_fd = cancel_fd,
		.tick = tick,
		.ctx = ctx };
	r = pthread_create(&t->thread, NULL, run, t);
	if (r) {
		free(t);
		return err_errno(err, -r, "thread '%s'", name);
	}
	pthread_setname_np(t->thread, name);
	*ret_ticker = t;
	return 0;
}

void ticker_join(struct ticker *ticker)
{
	if (!ticker)
		return;
	pthread_join(ticker->thread, NULL);
	free(ticker);
}
