// SPDX-License-Identifier: Apache-2.0
/*
 * What the database needs besides collection, whether units are collected or not. Too old rows are
 * deleted (spec api-server.md 3.7) at the start and at each update interval, a part at a time, so
 * that collection comes in between; so is usage of units that CEEMS 0.10.2 stored spread over time.
 * Another thread looks for damage in the file, at the start and then at times, beside everything
 * else.
 */
#ifndef CEEMS_API_HOUSEKEEPING_H
#define CEEMS_API_HOUSEKEEPING_H

#include <stdatomic.h>

#include "api/store.h"
#include "basic/clock.h"
#include "basic/log.h"

struct housekeeping_config {
	struct store *store;
	const struct clock *clock;
	const struct log *log;
	int cancel_fd; /* readable: stop */
	int64_t interval_ms;
	int retention_days;
	bool purge;
	const char *database; /* path */
	int64_t check_interval_ms; /* 0: damage isn't looked for */
	atomic_bool *damaged; /* set when there is any, cleared when there is none */
};

struct housekeeping;

/* Everything is borrowed until housekeeping_stop(), which may be needed after a failure, too. */
int housekeeping_start(const struct housekeeping_config *config,
	struct housekeeping **ret_housekeeping, struct err *err);
/* Waits for the thread, for which cancel_fd must be readable. NULL is fine. */
void housekeeping_stop(struct housekeeping *housekeeping);

#endif
