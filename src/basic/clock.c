// SPDX-License-Identifier: Apache-2.0
#include "basic/clock.h"

#include <stddef.h>
#include <time.h>

static int64_t now(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int64_t system_realtime(void *ctx)
{
	return now(CLOCK_REALTIME);
}

static int64_t system_monotonic(void *ctx)
{
	return now(CLOCK_MONOTONIC);
}

const struct clock *clock_system(void)
{
	static const struct clock clock = { system_realtime, system_monotonic, NULL };

	return &clock;
}
