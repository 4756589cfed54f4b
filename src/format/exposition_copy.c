// SPDX-License-Identifier: Apache-2.0
/*
 * Neighbours mostly share their descriptor and all label values but one, as pointers: what is the
 * same pointer as in the sample before is not copied again.
 */
#include "format/exposition_copy.h"

#include <errno.h>

enum { FIRST_SAMPLES = 64 };

/* The sample before, as it came and as it was copied. */
struct last {
	struct exposition_sample from, to;
};

void exposition_copy_init(struct exposition_copy *copy, size_t limit_bytes)
{
	*copy = (struct exposition_copy){ .n = 0 };
	arena_init(&copy->arena, limit_bytes);
}

void exposition_copy_done(struct exposition_copy *copy)
{
	arena_done(&copy->arena);
	copy->v = NULL;
	copy->n = copy->cap = 0;
}

static const struct metric *copy_metric(struct arena *arena, const struct metric *from)
{
	struct metric *to = ARENA_NEW(arena, struct metric);

	if (!to)
		return NULL;
	to->type = from->type;
	to->name = arena_strdup(arena, from->name);
	to->help = arena_strdup(arena, from->help);
	if (!to->name || !to->help)
		return NULL;
	for (size_t i = 0; i < METRIC_LABELS_MAX && from->labels[i]; i++) {
		to->labels[i] = arena_strdup(arena, from->labels[i]);
		if (!to->labels[i])
			return NULL;
	}
	return to;
}

/* Into last->to. */
static int copy_sample(
	struct arena *arena, struct last *last, const struct exposition_sample *sample)
{
	struct exposition_sample to = *sample;
	const bool same_metric = sample->metric == last->from.metric;

	to.metric = same_metric ? last->to.metric : copy_metric(arena, sample->metric);
	if (!to.metric)
		return -ENOMEM;
	for (size_t i = 0; i < sample->n_values; i++) {
		const bool same = i < last->from.n_values &&
			sample->values[i] == last->from.values[i];

		to.values[i] = same ? last->to.values[i] : arena_strdup(arena, sample->values[i]);
		if (!to.values[i])
			return -ENOMEM;
	}
	last->from = *sample;
	last->to = to;
	return 0;
}

struct taking {
	struct exposition_copy *copy;
	struct last last;
};

static int take(void *ctx, const struct exposition_sample *sample)
{
	struct taking *taking = ctx;
	struct exposition_copy *copy = taking->copy;

	if (copy->n == copy->cap) {
		const size_t cap = copy->cap ? copy->cap * 2 : FIRST_SAMPLES;
		struct exposition_sample *v = arena_grow(
			&copy->arena, copy->v, copy->n, cap, sizeof(*v));

		if (!v)
			return -ENOMEM;
		copy->v = v;
		copy->cap = cap;
	}
	if (copy_sample(&copy->arena, &taking->last, sample) < 0)
		return -ENOMEM;
	copy->v[copy->n++] = taking->last.to;
	return 0;
}

static void clear(struct exposition_copy *copy)
{
	arena_reset(&copy->arena);
	copy->v = NULL;
	copy->n = copy->cap = 0;
}

int exposition_copy_take(struct exposition_copy *copy, const struct exposition *e)
{
	struct taking taking = { .copy = copy };
	int r;

	clear(copy);
	r = exposition_each_marked(e, take, &taking);
	if (r < 0)
		clear(copy);
	return r;
}

int exposition_copy_add(
	const struct exposition_copy *copy, struct exposition *e, struct arena *arena)
{
	struct last last = { .from = { .n_values = 0 } };
	int r = 0;

	for (size_t i = 0; r >= 0 && i < copy->n; i++) {
		r = copy_sample(arena, &last, &copy->v[i]);
		if (r < 0)
			return r;
		r = last.to.is_micro
			? exposition_add_micro(e, last.to.metric, last.to.micro, last.to.values)
			: exposition_add(e, last.to.metric, last.to.value, last.to.values);
	}
	return r;
}
