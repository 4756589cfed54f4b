// SPDX-License-Identifier: Apache-2.0
#include "api/updaters/ask.h"

#include <errno.h>
#include <string.h>

enum { FIRST_SAMPLES = 64 };

struct samples {
	struct arena *arena;
	struct tsdb_sample *v;
	size_t n, cap;
};

static int add(struct samples *all, const struct tsdb_sample *part, size_t n)
{
	if (n > all->cap - all->n) {
		const size_t cap = MAX(MAX(2 * all->cap, all->n + n), FIRST_SAMPLES);
		struct tsdb_sample *v = arena_grow(all->arena, all->v, all->n, cap, sizeof(*v));

		if (!v)
			return -ENOMEM;
		all->v = v;
		all->cap = cap;
	}
	if (n)
		memcpy(all->v + all->n, part, n * sizeof(*part));
	all->n += n;
	return 0;
}

static int ask_once(const struct ask *ask, const char *const *ids, size_t n, struct samples *all,
	struct err *err)
{
	CLEANUP(buffer_done) struct buffer list = { .limit = ASK_TEXT_MAX_BYTES };
	CLEANUP(buffer_done) struct buffer text = { .limit = ASK_TEXT_MAX_BYTES };
	struct template_value values[ASK_VALUES_MAX] = { { "UUIDs", NULL } };
	struct tsdb_sample *part = NULL;
	size_t n_part = 0;
	int r;

	template_join_ids(ids, n, &list);
	if (buffer_error(&list) < 0)
		return err_errno(err, buffer_error(&list), "query for %zu units", n);
	values[0].text = buffer_text(&list);
	memcpy(values + 1, ask->values, ask->n_values * sizeof(*values));
	r = template_expand(ask->query, values, ask->n_values + 1, &text, err);
	if (r >= 0)
		r = tsdb_query(ask->tsdb, buffer_text(&text), ask->time, ask->lookback_ms,
			all->arena, &part, &n_part, err);
	if (r < 0)
		return r;
	r = add(all, part, n_part);
	return r < 0 ? err_errno(err, r, "answer for %zu units", n) : 0;
}

/* A query that is wrong whatever the units are fails for the first of them, after a few steps. */
static int ask_in_halves(const struct ask *ask, const char *const *ids, size_t n,
	struct samples *all, struct err *err)
{
	const size_t half = n / 2;
	int r = ask_once(ask, ids, n, all, err);

	if (r != -EINVAL || n <= 1)
		return r;
	r = ask_in_halves(ask, ids, half, all, err);
	if (r >= 0)
		r = ask_in_halves(ask, ids + half, n - half, all, err);
	if (r >= 0 && (!*ask->units_max || n - half < *ask->units_max))
		*ask->units_max = n - half;
	return r;
}

int ask_for_units(const struct ask *ask, const char *const *ids, size_t n, struct arena *arena,
	struct tsdb_sample **ret_samples, size_t *ret_n, struct err *err)
{
	struct samples all = { .arena = arena };
	int r = 0;

	for (size_t i = 0, part; r >= 0 && i < n; i += part) {
		const size_t known = *ask->units_max;

		part = known ? MIN(known, n - i) : n - i;
		r = ask_in_halves(ask, ids + i, part, &all, err);
	}
	if (r < 0)
		return r;
	*ret_samples = all.v;
	*ret_n = all.n;
	return 0;
}
