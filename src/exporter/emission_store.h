// SPDX-License-Identifier: Apache-2.0
/*
 * What a provider of emission factors gave last, each with the moment at which it came. Locks
 * itself: a poller fills it, scrapes read it.
 */
#ifndef CEEMS_EXPORTER_EMISSION_STORE_H
#define CEEMS_EXPORTER_EMISSION_STORE_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "remote/emissions/provider.h"

enum { EMISSION_FACTORS_MAX = 4096 };

struct emission_store {
	pthread_mutex_t lock;
	struct emission_entry *v;
	size_t n, cap;
	int64_t latest_ns; /* of all values; 0 = none yet */
};

void emission_store_init(struct emission_store *store);
void emission_store_done(struct emission_store *store);

/* A new value for a code; its first name stays. now_ns is monotonic. -ENOMEM, -ENOSPC. */
int emission_store_put(
	struct emission_store *store, const struct emission_factor *factor, int64_t now_ns);

/*
 * Hands out what is above 0 and came at oldest_ns or later, in the order of arrival; texts stay
 * valid until emission_store_done(). Returns what each() returns when that is negative.
 */
typedef int (*emission_each_fn)(void *ctx, const struct emission_factor *factor);
int emission_store_each(
	struct emission_store *store, int64_t oldest_ns, emission_each_fn each, void *ctx);

/* When the latest value came; 0 = none yet. */
int64_t emission_store_latest_ns(struct emission_store *store);

#endif
