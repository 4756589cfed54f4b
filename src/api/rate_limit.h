// SPDX-License-Identifier: Apache-2.0
/*
 * Requests per client and minute (spec api-server.md 5.3): a sliding window over two aligned
 * minutes. The table has a fixed size; when a set of it is full, who was seen longest ago is
 * forgotten.
 */
#ifndef CEEMS_API_RATE_LIMIT_H
#define CEEMS_API_RATE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "net/address.h"

struct rate_limit;

struct rate_limit *rate_limit_new(int64_t per_minute); /* NULL: out of memory */
void rate_limit_free(struct rate_limit *limit);

/* Who a request is from: an IPv4 address, the /64 of an IPv6 one, or nobody known (NULL). */
struct rate_client {
	struct address address;
};
struct rate_client rate_client(const struct address *address);

struct rate_state {
	int64_t limit, remaining;
	int64_t reset_s; /* Unix time of the end of the minute */
};
/* Counts a request of the client. False: over the limit (and not counted). Thread-safe. */
bool rate_limit_take(struct rate_limit *limit, const struct rate_client *client, int64_t now_s,
	struct rate_state *ret_state);

#endif
