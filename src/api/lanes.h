// SPDX-License-Identifier: Apache-2.0
/*
 * Updaters that answer together. Where two may fill the same metric the later one's answer counts,
 * so neither can be stored without the other; all others are independent, and when one fails only
 * its own metrics wait. A lane is named by the ids of its updaters, joined by '+'.
 */
#ifndef CEEMS_API_LANES_H
#define CEEMS_API_LANES_H

#include "api/collect.h"

enum { LANE_UPDATERS_MAX = 64, LANE_NAME_MAX = 4096 };

struct lane {
	char *name;
	uint64_t updaters; /* bits of the cluster's updaters, asked in their order */
	unsigned metrics; /* bits of enum unit_metric that they may fill */
};

struct lanes {
	struct lane *v;
	size_t n;
};

/* -E2BIG, -ENOMEM. Updaters that fill nothing have a lane, too. */
int lanes_make(const struct collect_cluster *cluster, struct lanes *ret_lanes, struct err *err);
void lanes_free(struct lanes *lanes);

/*
 * What is left of a lane that an earlier configuration had: those of its updaters that the cluster
 * has now. False if there are none.
 */
bool lane_find(const struct collect_cluster *cluster, const char *name, struct lane *ret_lane);

/* Asks the updaters. When one fails, no metrics of the lane are set. */
int lane_update(const struct lane *lane, const struct collect_cluster *cluster,
	const struct window *window, struct unit_list *units, struct arena *arena, struct err *err);
/* See struct updater. */
void lane_stored(const struct lane *lane, const struct collect_cluster *cluster,
	const struct window *window, const struct unit_list *units, struct arena *arena);

#endif
