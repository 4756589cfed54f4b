// SPDX-License-Identifier: Apache-2.0
#include "api/rate_limit.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "basic/macros.h"

enum {
	SETS = 4096,
	WAYS = 4,
	MINUTE_S = 60,
	NETWORK_BITS = 64, /* of IPv6: one client has that much */
};

struct counter {
	struct rate_client client;
	int64_t minute; /* of current */
	int64_t current, previous;
};

struct rate_limit {
	int64_t per_minute;
	uint64_t seed; /* so that nobody can aim at a set */
	pthread_mutex_t lock;
	struct counter counters[SETS][WAYS]; /* under lock */
};

struct rate_limit *rate_limit_new(int64_t per_minute)
{
	struct rate_limit *limit = calloc(1, sizeof(*limit));

	if (!limit)
		return NULL;
	limit->per_minute = per_minute;
	if (getrandom(&limit->seed, sizeof(limit->seed), GRND_NONBLOCK) < 0)
		limit->seed = (uint64_t)(uintptr_t)limit;
	pthread_mutex_init(&limit->lock, NULL);
	return limit;
}

void rate_limit_free(struct rate_limit *limit)
{
	if (!limit)
		return;
	pthread_mutex_destroy(&limit->lock);
	free(limit);
}

/* FNV-1a, with a last mix since only the low bits are used. */
static size_t set_of(const struct rate_limit *limit, const struct rate_client *client)
{
	uint64_t hash = 14695981039346656037U ^ limit->seed;

	for (size_t i = 0; i < sizeof(client->address.bytes); i++)
		hash = (hash ^ client->address.bytes[i]) * 1099511628211U;
	return (size_t)((hash ^ hash >> 32) % SETS);
}

static struct counter *find(
	struct rate_limit *limit, const struct rate_client *client, int64_t minute)
{
	struct counter *set = limit->counters[set_of(limit, client)], *oldest = set;

	for (size_t i = 0; i < WAYS; i++) {
		if (memcmp(&set[i].client, client, sizeof(*client)) == 0)
			return &set[i];
		if (set[i].minute < oldest->minute)
			oldest = &set[i];
	}
	*oldest = (struct counter){ .client = *client, .minute = minute };
	return oldest;
}

struct rate_client rate_client(const struct address *address)
{
	struct rate_client client = { 0 };

	if (address)
		client.address = *address;
	if (address && !address_is_v4(address))
		address_mask(&client.address, NETWORK_BITS);
	return client;
}

bool rate_limit_take(struct rate_limit *limit, const struct rate_client *client, int64_t now_s,
	struct rate_state *ret_state)
{
	int64_t minute = now_s / MINUTE_S, second = now_s % MINUTE_S, rate;
	struct counter *c;
	bool allowed;

	pthread_mutex_lock(&limit->lock);
	c = find(limit, client, minute);
	if (c->minute != minute) {
		c->previous = c->minute + 1 == minute ? c->current : 0;
		c->current = 0;
		c->minute = minute;
	}
	rate = c->current +
		llround((double)c->previous * (double)(MINUTE_S - second) / (double)MINUTE_S);
	allowed = rate < limit->per_minute;
	if (allowed) {
		c->current++;
		rate++;
	}
	pthread_mutex_unlock(&limit->lock);
	*ret_state = (struct rate_state){ .limit = limit->per_minute,
		.remaining = MAX(limit->per_minute - rate, 0),
		.reset_s = (minute + 1) * MINUTE_S };
	return allowed;
}
