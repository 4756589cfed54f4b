// SPDX-License-Identifier: Apache-2.0
/*
 * What the database needs besides collection, whether units are collected or not: too old rows are
 * deleted (spec api-server.md 3.7). A thread does it at the start and at each update interval, a
 * part at a time, so that collection comes in between.
 */
#ifndef CEEMS_API_HOUSEKEEPING_H
#define CEEMS_API_HOUSEKEEPING_H

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
};

struct housekeeping;

/* Everything is borrowed until housekeeping_stop(). */
int housekeeping_start(const struct housekeeping_config *config,
	struct housekeeping **ret_housekeeping, struct err *err);
/* Waits for the thread, for which cancel_fd must be readable. NULL is fine. */
void housekeeping_stop(struct housekeeping *housekeeping);

#endif
