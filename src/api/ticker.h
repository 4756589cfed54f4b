// SPDX-License-Identifier: Apache-2.0
/* A thread that does something at once and then at each interval until the program stops. */
#ifndef CEEMS_API_TICKER_H
#define CEEMS_API_TICKER_H

#include <stdbool.h>
#include <stdint.h>

#include "basic/err.h"

struct ticker;

/*
 * tick() is called first after first_ms, then every interval_ms (> 0); ticks that fall into a
 * running one are made up for by one. Readable cancel_fd: no further tick. name: of the thread,
 * at most 15 bytes.
 */
int ticker_start(const char *name, int64_t first_ms, int64_t interval_ms, int cancel_fd,
	void (*tick)(void *ctx), void *ctx, struct ticker **ret_ticker, struct err *err);
/* Waits for the end of the thread, for which cancel_fd must be readable. NULL is fine. */
void ticker_join(struct ticker *ticker);

/* Sleeps until cancel_fd is readable (true) or the time is over. */
bool ticker_sleep(int cancel_fd, int64_t ms);

#endif
