// SPDX-License-Identifier: Apache-2.0
#include "exporter/ledger/unit_overlap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macros.h"

struct unit_place {
	const char *path;
	size_t len, table, unit;
};

void unit_overlap_done(struct unit_overlap *overlap)
{
	free(overlap->inner);
	free(overlap->places);
	*overlap = (struct unit_overlap){ .cap = 0 };
}

static int compare_paths(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int r = memcmp(a, b, MIN(a_len, b_len));

	return r ? r : (a_len > b_len) - (a_len < b_len);
}

static int compare_places(const void *a, const void *b)
{
	const struct unit_place *pa = a, *pb = b;
	int r = compare_paths(pa->path, pa->len, pb->path, pb->len);

	return r ? r : (pa->table > pb->table) - (pa->table < pb->table);
}

/* The first place of that path; NULL: there is none. */
static const struct unit_place *find(
	const struct unit_overlap *o, size_t n, const char *path, size_t len)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct unit_place *p = &o->places[middle];

		if (compare_paths(p->path, p->len, path, len) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == n || compare_paths(o->places[low].path, o->places[low].len, path, len) != 0)
		return NULL;
	return &o->places[low];
}

/* Whether a unit of another table is above it, or is the same and comes first. */
static bool is_inner(const struct unit_overlap *o, size_t n, const struct unit_place *p)
{
	for (size_t len = 1; len <= p->len; len++) {
		const struct unit_place *outer;

		if (len < p->len && p->path[len] != '/')
			continue;
		outer = find(o, n, p->path, len);
		if (!outer)
			continue;
		if (len == p->len)
			return outer->table < p->table;
		/* Tables don't list a unit within another one of theirs. */
		if (outer->table != p->table)
			return true;
	}
	return false;
}

static int reserve(struct unit_overlap *o, size_t n)
{
	size_t cap = MAX(n, o->cap * 2);
	struct unit_place *places;
	bool *inner;

	if (n <= o->cap)
		return 0;
	places = reallocarray(o->places, cap, sizeof(*places));
	if (!places)
		return -ENOMEM;
	o->places = places;
	inner = reallocarray(o->inner, cap, sizeof(*inner));
	if (!inner)
		return -ENOMEM;
	o->inner = inner;
	o->cap = cap;
	return 0;
}

static int look(struct unit_overlap *o, const struct unit_sample *units, const size_t *ends,
	size_t n_tables)
{
	size_t n = ends[n_tables - 1], n_places = 0, table = 0;
	int r = reserve(o, n);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		while (i >= ends[table])
			table++;
		o->inner[i] = false;
		if (units[i].path)
			o->places[n_places++] = (struct unit_place){ units[i].path,
				strlen(units[i].path), table, i };
	}
	if (n_places)
		qsort(o->places, n_places, sizeof(*o->places), compare_places);
	o->any = false;
	for (size_t i = 0; i < n_places; i++) {
		o->inner[o->places[i].unit] = is_inner(o, n_places, &o->places[i]);
		o->any |= o->inner[o->places[i].unit];
	}
	return 0;
}

/* Differs when the units or their order do. */
static uint64_t fingerprint(const struct unit_sample *units, const size_t *ends, size_t n_tables)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (size_t i = 0; i < n_tables; i++)
		hash = (hash ^ ends[i]) * 0x100000001b3;
	for (size_t i = 0; i < ends[n_tables - 1]; i++)
		hash = (hash ^ units[i].incarnation) * 0x100000001b3;
	return hash;
}

int unit_overlap_remove(struct unit_overlap *o, struct unit_sample *units, const size_t *ends,
	size_t n_tables, size_t *ret_n)
{
	size_t n = n_tables ? ends[n_tables - 1] : 0, kept = 0;
	uint64_t seen;

	if (n_tables < 2 || ends[0] == n) { /* one manager has them all */
		*ret_n = n;
		return 0;
	}
	seen = fingerprint(units, ends, n_tables);
	if (seen != o->seen || n != o->n_seen) {
		int r = look(o, units, ends, n_tables);

		if (r < 0)
			return r;
		o->seen = seen;
		o->n_seen = n;
	}
	for (size_t i = 0; i < n; i++)
		if (!o->any || !o->inner[i])
			units[kept++] = units[i];
	*ret_n = kept;
	return 0;
}
