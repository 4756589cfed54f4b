// SPDX-License-Identifier: Apache-2.0
#include "api/lanes.h"

#include <errno.h>
#include <stdlib.h>

static unsigned metrics_of(const struct collect_updater *u)
{
	return u->updater->metrics(u->state);
}

static int name_lane(const struct collect_cluster *cluster, struct lane *lane)
{
	CLEANUP(buffer_done) struct buffer name = { .limit = LANE_NAME_MAX };

	for (size_t i = 0; i < cluster->n_updaters; i++) {
		if (!(lane->updaters & UINT64_C(1) << i))
			continue;
		if (name.len)
			buffer_putc(&name, '+');
		buffer_puts(&name, cluster->updaters[i].id);
	}
	if (buffer_error(&name) < 0)
		return buffer_error(&name);
	lane->name = strdup(buffer_text(&name));
	return lane->name ? 0 : -ENOMEM;
}

/* All lanes that may fill one of its metrics become one with it. */
static void add_updater(struct lanes *lanes, size_t updater, unsigned metrics)
{
	struct lane new = { NULL, UINT64_C(1) << updater, metrics };
	size_t kept = 0;

	for (size_t i = 0; i < lanes->n; i++) {
		if (lanes->v[i].metrics & metrics) {
			new.updaters |= lanes->v[i].updaters;
			new.metrics |= lanes->v[i].metrics;
		} else {
			lanes->v[kept++] = lanes->v[i];
		}
	}
	lanes->v[kept++] = new;
	lanes->n = kept;
}

int lanes_make(const struct collect_cluster *cluster, struct lanes *ret_lanes, struct err *err)
{
	struct lanes lanes = { 0 };
	int r = 0;

	if (cluster->n_updaters > LANE_UPDATERS_MAX)
		return err_set(err, -E2BIG, "cluster '%s': more than %d updaters", cluster->id,
			LANE_UPDATERS_MAX);
	lanes.v = calloc(cluster->n_updaters + 1, sizeof(*lanes.v));
	if (!lanes.v)
		return err_errno(err, -ENOMEM, "cluster '%s'", cluster->id);
	for (size_t i = 0; i < cluster->n_updaters; i++)
		add_updater(&lanes, i, metrics_of(&cluster->updaters[i]));
	for (size_t i = 0; r >= 0 && i < lanes.n; i++)
		r = name_lane(cluster, &lanes.v[i]);
	if (r < 0) {
		lanes_free(&lanes);
		return err_errno(err, r, "updaters of cluster '%s'", cluster->id);
	}
	*ret_lanes = lanes;
	return 0;
}

void lanes_free(struct lanes *lanes)
{
	for (size_t i = 0; lanes->v && i < lanes->n; i++)
		free(lanes->v[i].name);
	free(lanes->v);
	*lanes = (struct lanes){ 0 };
}

bool lane_find(const struct collect_cluster *cluster, const char *name, struct lane *ret_lane)
{
	struct slice rest = slice_from(name), id;
	struct lane lane = { 0 };

	while (slice_next(&rest, '+', &id))
		for (size_t i = 0; i < cluster->n_updaters; i++)
			if (slice_eq(id, cluster->updaters[i].id)) {
				lane.updaters |= UINT64_C(1) << i;
				lane.metrics |= metrics_of(&cluster->updaters[i]);
			}
	*ret_lane = lane;
	return lane.updaters != 0;
}

static void clear_metrics(struct unit_list *units, unsigned metrics)
{
	for (size_t i = 0; i < units->n; i++)
		for (int m = 0; m < N_UNIT_METRICS; m++)
			if (metrics & 1U << m)
				units->v[i].metrics[m] = (struct metric_map){ 0 };
}

int lane_update(const struct lane *lane, const struct collect_cluster *cluster,
	const struct window *window, struct unit_list *units, struct arena *arena, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < cluster->n_updaters; i++) {
		const struct collect_updater *u = &cluster->updaters[i];

		if (lane->updaters & UINT64_C(1) << i)
			r = u->updater->update(u->state, window, units, arena, err);
	}
	if (r < 0)
		clear_metrics(units, lane->metrics);
	return r;
}

void lane_stored(const struct lane *lane, const struct collect_cluster *cluster,
	const struct window *window, const struct unit_list *units, struct arena *arena)
{
	for (size_t i = 0; i < cluster->n_updaters; i++) {
		const struct collect_updater *u = &cluster->updaters[i];

		if ((lane->updaters & UINT64_C(1) << i) && u->updater->stored)
			u->updater->stored(u->state, window, units, arena);
	}
}
