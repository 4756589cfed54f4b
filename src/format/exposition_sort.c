// SPDX-License-Identifier: Apache-2.0
#include "format/exposition_sort.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int sample_compare(const struct sample *a, const struct sample *b)
{
	const struct family *fa = a->family, *fb = b->family;
	int r;

	if (fa->n_labels != fb->n_labels)
		return fa->n_labels < fb->n_labels ? -1 : 1;
	for (size_t i = 0; i < fa->n_labels; i++) {
		if (a->values[i] == b->values[i])
			continue;
		r = strcmp(a->values[i], b->values[i]);
		if (r)
			return r;
	}
	/* Descriptors that share a name but not their labels. */
	for (size_t i = 0; fa != fb && i < fa->n_labels; i++) {
		r = strcmp(fa->metric->labels[fa->order[i]], fb->metric->labels[fb->order[i]]);
		if (r)
			return r;
	}
	return 0;
}

bool families_same(const struct family *a, const struct family *b)
{
	return strcmp(a->metric->name, b->metric->name) == 0;
}

static int compare_families(const void *a, const void *b)
{
	const struct family *fa = *(struct family *const *)a, *fb = *(struct family *const *)b;
	int r = strcmp(fa->metric->name, fb->metric->name);

	return r ? r : fa->index < fb->index ? -1 : 1;
}

void families_sort(struct family **families, size_t n)
{
	if (n > 1)
		qsort(families, n, sizeof(*families), compare_families);
}

int sorter_init(struct sorter *sorter, struct arena *arena, size_t max_samples)
{
	sorter->samples = ARENA_ARRAY(arena, const struct sample *, max_samples);
	sorter->scratch = ARENA_ARRAY(arena, const struct sample *, max_samples);
	sorter->order = ARENA_ARRAY(arena, uint32_t, max_samples);
	return sorter->samples && sorter->scratch && sorter->order ? 0 : -ENOMEM;
}

static void merge(const struct sample **v, size_t middle, size_t n, const struct sample **scratch)
{
	size_t left = 0, right = middle, out = 0;

	memcpy(scratch, v, middle * sizeof(*v));
	while (left < middle && right < n)
		v[out++] = sample_compare(scratch[left], v[right]) <= 0 ? scratch[left++]
									: v[right++];
	memcpy(v + out, scratch + left, (middle - left) * sizeof(*v));
}

/* Stable, so that of equal samples the first stays first; n - 1 comparisons if all is in order. */
static void merge_sort(const struct sample **v, size_t n, const struct sample **scratch)
{
	size_t middle = n / 2;

	if (n < 2)
		return;
	merge_sort(v, middle, scratch);
	merge_sort(v + middle, n - middle, scratch);
	if (sample_compare(v[middle - 1], v[middle]) > 0)
		merge(v, middle, n, scratch);
}

static bool is_sorted(const struct sample *const *v, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		int r = sample_compare(v[i - 1], v[i]);

		if (r > 0 || (r == 0 && v[i - 1]->index > v[i]->index))
			return false;
	}
	return true;
}

/*
 * A collector adds the same units to family after family, so what put the last family in order
 * mostly does it for this one.
 */
static bool same_order_fits(struct sorter *sorter)
{
	if (sorter->n != sorter->n_order)
		return false;
	for (size_t i = 0; i < sorter->n; i++)
		sorter->scratch[i] = sorter->samples[sorter->order[i]];
	if (!is_sorted(sorter->scratch, sorter->n))
		return false;
	memcpy(sorter->samples, sorter->scratch, sorter->n * sizeof(*sorter->samples));
	return true;
}

void sorter_load(struct sorter *sorter, struct family *const *families, size_t n_families)
{
	sorter->n = 0;
	for (size_t i = 0; i < n_families; i++) {
		for (const struct sample *s = families[i]->first; s; s = s->next)
			sorter->samples[sorter->n++] = s;
	}
	if (n_families > 1) {
		merge_sort(sorter->samples, sorter->n, sorter->scratch);
		return;
	}
	if (same_order_fits(sorter))
		return;
	merge_sort(sorter->samples, sorter->n, sorter->scratch);
	sorter->n_order = sorter->n;
	for (size_t i = 0; i < sorter->n; i++)
		sorter->order[i] = sorter->samples[i]->index;
}
