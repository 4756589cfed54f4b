// SPDX-License-Identifier: Apache-2.0
/* What the files of the collection loop share. Nobody else includes this. */
#ifndef CEEMS_API_COLLECT_INTERNAL_H
#define CEEMS_API_COLLECT_INTERNAL_H

#include "api/collect.h"
#include "api/lanes.h"
#include "api/ticker.h"

enum { COLLECT_CAUSES_MAX = 8 };

/* A present failure: each cause of it is said once. */
struct failing {
	int said[COLLECT_CAUSES_MAX];
	size_t n; /* 0: it works */
	int64_t since_ms;
};

/* A lane of a cluster as it stands. */
struct lane_state {
	struct lane lane; /* the name is borrowed from the cluster's lanes */
	struct failing failing;
	bool failed; /* in this tick: it isn't asked again */
	int64_t waiting, due; /* windows of the queue */
	int64_t head_id; /* the window that failed last, and how often in a row */
	int head_failures;
};

struct cluster {
	struct collect *collect;
	const struct collect_cluster *in;
	struct lanes lanes;
	struct lane_state *lane_states; /* one for each lane */
	struct updater_timing *timings; /* of each updater, as of this tick */
	bool orphans_said; /* that windows wait for updaters that are no longer there */
	struct arena arena; /* reset for each window */
	struct arena queue_arena; /* reset whenever the queue is looked at */
	struct store_queue_state queue; /* in it */
	struct untold *untold; /* see cluster_complete() */
	size_t n_untold;
	bool untold_said; /* that there are too many */
	struct ticker *ticker;
	bool known; /* watermark_ms was read */
	bool recalled; /* the manager knows what runs as far as the database knows */
	int64_t last_units; /* of the last window; 0 at first */
	int64_t watermark_ms;
	int64_t origin_ms; /* no unit is listed from before it; 0: no such time */
	struct failing failing;
	bool ahead; /* the watermark lies in the future, and this was said */
};

struct collect {
	struct collect_config config;
	struct cluster *clusters;
	size_t n;
};

int64_t collect_now_ms(const struct collect *collect);
bool collect_cancelled(const struct collect *collect);

/* Whether the cause is new. When there is no room left for causes, nothing is. */
bool failing_note(struct failing *failing, int r, int64_t now_ms);

/* What all of these updaters (bits) need. */
struct updater_timing cluster_timing(const struct cluster *cluster, uint64_t updaters);

/*
 * A window, no part of which waits in the queue, to be told to the updaters; and telling them all
 * that is older than the queue.
 */
void cluster_complete(
	struct cluster *cluster, const struct window *window, const struct unit_list *units);
void cluster_tell(struct cluster *cluster);
void cluster_forget_untold(struct cluster *cluster);

/* Reads the queue of the cluster and how its lanes stand. */
int cluster_look_at_queue(struct cluster *cluster, struct err *err);

/* That a lane's updaters don't answer, and that they do again. */
void lane_say_failure(
	const struct cluster *cluster, struct lane_state *state, int r, const struct err *err);
void lane_say_recovery(const struct cluster *cluster, struct lane_state *state);
/* Rows of a window that could not be stored. */
void collect_say_failed_rows(const struct cluster *cluster, const struct store_step_result *result);

/*
 * Adds metrics to windows that wait for them, until none are due, their updaters fail, or a time
 * (Unix ms) has come.
 */
void cluster_drain(struct cluster *cluster, int64_t until_ms);

#endif
