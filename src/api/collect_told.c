// SPDX-License-Identifier: Apache-2.0
/*
 * Telling updaters which windows are complete. They may delete series then, so a window is told
 * when neither it nor an older one waits for metrics of any lane; until then it is kept here, in
 * memory: after a restart it isn't told, and its series stay.
 */
#include <stdlib.h>
#include <string.h>

#include "api/collect_internal.h"

enum { UNTOLD_MAX = 256, UNTOLD_ARENA_BYTES = 64 << 20 };

struct untold {
	struct window window; /* several that follow each other */
	struct unit_list units;
	struct arena arena;
};

/* The one that the window continues, or a new one in its place: they are in order. */
static struct untold *find_untold(struct cluster *cluster, const struct window *window)
{
	struct untold *v = cluster->untold;
	size_t i = cluster->n_untold;

	while (i && v[i - 1].window.start_ms > window->start_ms)
		i--;
	if (i && v[i - 1].window.end_ms == window->start_ms)
		return &v[i - 1];
	if (!v)
		v = cluster->untold = calloc(UNTOLD_MAX, sizeof(*v));
	if (!v || cluster->n_untold == UNTOLD_MAX)
		return NULL;
	memmove(v + i + 1, v + i, (cluster->n_untold++ - i) * sizeof(*v));
	v[i] = (struct untold){ .window = *window };
	arena_init(&v[i].arena, UNTOLD_ARENA_BYTES);
	return &v[i];
}

static bool keep_units(struct untold *untold, const struct unit_list *units)
{
	for (size_t i = 0; i < units->n; i++) {
		const struct unit *unit = &units->v[i];
		struct unit *kept;

		if (!unit->ignore)
			continue;
		kept = unit_list_push(&untold->units, &untold->arena);
		if (!kept)
			return false;
		kept->uuid = arena_strdup(&untold->arena, unit->uuid);
		if (!kept->uuid) {
			untold->units.n--;
			return false;
		}
		kept->started_at_ms = unit->started_at_ms;
		kept->ended_at_ms = unit->ended_at_ms;
		kept->ignore = true;
	}
	return true;
}

void cluster_complete(
	struct cluster *cluster, const struct window *window, const struct unit_list *units)
{
	struct untold *untold = find_untold(cluster, window);

	if (untold)
		untold->window.end_ms = window->end_ms;
	if (untold && keep_units(untold, units))
		return;
	if (!cluster->untold_said)
		log_warn(cluster->collect->config.log,
			"too many windows are complete while older ones wait for metrics: some "
			"series that should be deleted stay",
			LOG_STR("cluster_id", cluster->in->id));
	cluster->untold_said = true;
}

static void release(struct cluster *cluster, size_t n)
{
	for (size_t i = 0; i < n; i++)
		arena_done(&cluster->untold[i].arena);
	cluster->n_untold -= n;
	if (n)
		memmove(cluster->untold, cluster->untold + n,
			cluster->n_untold * sizeof(*cluster->untold));
}

void cluster_tell(struct cluster *cluster)
{
	const struct store_queue_state *queue = &cluster->queue;
	size_t n = 0;

	while (n < cluster->n_untold &&
		(!queue->windows || queue->oldest_start_ms >= cluster->untold[n].window.end_ms)) {
		struct untold *untold = &cluster->untold[n++];

		for (size_t i = 0; i < cluster->lanes.n; i++)
			lane_stored(&cluster->lane_states[i].lane, cluster->in, &untold->window,
				&untold->units, &cluster->arena);
	}
	release(cluster, n);
}

void cluster_forget_untold(struct cluster *cluster)
{
	release(cluster, cluster->n_untold);
	free(cluster->untold);
}
