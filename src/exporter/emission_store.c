// SPDX-License-Identifier: Apache-2.0
#include "exporter/emission_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macros.h"
#include "basic/str.h"

enum { FIRST_ENTRIES = 4 };

/* Never freed before the store, so that scrapes may borrow the texts. */
struct emission_entry {
	char *country_code, *country;
	double gco2_per_kwh;
	int64_t came_ns;
};

void emission_store_init(struct emission_store *store)
{
	*store = (struct emission_store){ 0 };
	pthread_mutex_init(&store->lock, NULL);
}

void emission_store_done(struct emission_store *store)
{
	for (size_t i = 0; i < store->n; i++) {
		free(store->v[i].country_code);
		free(store->v[i].country);
	}
	free(store->v);
	pthread_mutex_destroy(&store->lock);
}

static struct emission_entry *find_locked(struct emission_store *store, const char *country_code)
{
	for (size_t i = 0; i < store->n; i++)
		if (str_eq(store->v[i].country_code, country_code))
			return &store->v[i];
	return NULL;
}

static int add_locked(struct emission_store *store, const struct emission_factor *factor,
	struct emission_entry **ret_entry)
{
	struct emission_entry *e;

	if (store->n == EMISSION_FACTORS_MAX)
		return -ENOSPC;
	if (store->n == store->cap) {
		const size_t cap = store->cap ? store->cap * 2 : FIRST_ENTRIES;
		struct emission_entry *v = reallocarray(store->v, cap, sizeof(*v));

		if (!v)
			return -ENOMEM;
		store->v = v;
		store->cap = cap;
	}
	e = &store->v[store->n];
	*e = (struct emission_entry){ .country_code = strdup(factor->country_code),
		.country = strdup(factor->country) };
	if (!e->country_code || !e->country) {
		free(e->country_code);
		free(e->country);
		return -ENOMEM;
	}
	store->n++;
	*ret_entry = e;
	return 0;
}

int emission_store_put(
	struct emission_store *store, const struct emission_factor *factor, int64_t now_ns)
{
	struct emission_entry *e;
	int r = 0;

	pthread_mutex_lock(&store->lock);
	e = find_locked(store, factor->country_code);
	if (!e)
		r = add_locked(store, factor, &e);
	if (r >= 0) {
		e->gco2_per_kwh = factor->gco2_per_kwh;
		e->came_ns = now_ns;
		store->latest_ns = MAX(store->latest_ns, now_ns);
	}
	pthread_mutex_unlock(&store->lock);
	return r;
}

int emission_store_each(
	struct emission_store *store, int64_t oldest_ns, emission_each_fn each, void *ctx)
{
	int r = 0;

	pthread_mutex_lock(&store->lock);
	for (size_t i = 0; r >= 0 && i < store->n; i++) {
		const struct emission_entry *e = &store->v[i];
		const struct emission_factor factor = { e->country_code, e->country,
			e->gco2_per_kwh };

		if (e->gco2_per_kwh > 0 && e->came_ns >= oldest_ns)
			r = each(ctx, &factor);
	}
	pthread_mutex_unlock(&store->lock);
	return r;
}

int64_t emission_store_latest_ns(struct emission_store *store)
{
	int64_t latest_ns;

	pthread_mutex_lock(&store->lock);
	latest_ns = store->latest_ns;
	pthread_mutex_unlock(&store->lock);
	return latest_ns;
}
