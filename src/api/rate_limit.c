// SPDX-License-Identifier: Apache-2.0
#include "api/rate_limit.h"

#include <arpa/inet.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "basic/macros.h"
#include "basic/str.h"

enum { SETS = 4096, WAYS = 4, MINUTE_S = 60 };

struct counter {
	char client[RATE_CLIENT_MAX];
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
static size_t set_of(const struct rate_limit *limit, const char *client)
{
	uint64_t hash = 14695981039346656037U ^ limit->seed;

	for (; *client; client++)
		hash = (hash ^ (unsigned char)*client) * 1099511628211U;
	return (size_t)((hash ^ hash >> 32) % SETS);
}

static struct counter *find(struct rate_limit *limit, const char *client, int64_t minute)
{
	struct counter *set = limit->counters[set_of(limit, client)], *oldest = set;

	for (size_t i = 0; i < WAYS; i++) {
		if (str_eq(set[i].client, client))
			return &set[i];
		if (set[i].minute < oldest->minute)
			oldest = &set[i];
	}
	*oldest = (struct counter){ .minute = minute };
	snprintf(oldest->client, sizeof(oldest->client), "%s", client);
	return oldest;
}

bool rate_limit_take(
	struct rate_limit *limit, const char *client, int64_t now_s, struct rate_state *ret_state)
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

void rate_client(const char *address, char client[static RATE_CLIENT_MAX])
{
	struct in6_addr v6;

	if (inet_pton(AF_INET6, address, &v6) == 1) {
		memset(v6.s6_addr + 8, 0, 8);
		if (inet_ntop(AF_INET6, &v6, client, RATE_CLIENT_MAX))
			return;
	}
	snprintf(client, RATE_CLIENT_MAX, "%s", address);
}
