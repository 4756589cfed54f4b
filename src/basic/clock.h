// SPDX-License-Identifier: Apache-2.0
/* Time, injectable: a test hands in its own clock, a program clock_system(). */
#ifndef CEEMS_BASIC_CLOCK_H
#define CEEMS_BASIC_CLOCK_H

#include <stdint.h>

struct clock {
	int64_t (*realtime_ns)(void *ctx); /* Unix time; may step */
	int64_t (*monotonic_ns)(void *ctx); /* CLOCK_MONOTONIC; never steps */
	void *ctx;
};

const struct clock *clock_system(void);

static inline int64_t clock_realtime_ns(const struct clock *clock)
{
	return clock->realtime_ns(clock->ctx);
}

static inline int64_t clock_monotonic_ns(const struct clock *clock)
{
	return clock->monotonic_ns(clock->ctx);
}

#endif
