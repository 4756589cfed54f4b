// SPDX-License-Identifier: Apache-2.0
/*
 * A world for the collection loop that is made up: jobs whose seconds and energy are known, an
 * updater that sees energy late and another one for GPUs, a store in memory, and a clock that the
 * test moves.
 */
#ifndef CEEMS_TESTS_COLLECT_WORLD_H
#define CEEMS_TESTS_COLLECT_WORLD_H

#include "api/collect.h"

enum { MS = 1000, T0 = 1900000000, JOBS = 40, QUEUE_MAX = 400 };

struct job {
	char uuid[16];
	int64_t start_s, end_s;
	double stored_seconds, stored_joules, stored_gpu; /* what came into the store */
	int64_t stored_end_ms;
	bool ignored, told;
};

/* A window that waits in a lane. */
struct waiting {
	struct store_queued window; /* id 0: free */
	char lane[32];
	int64_t not_before_ms;
	size_t jobs[JOBS], n;
};

/* One cluster with its store. */
struct world {
	int64_t now_s;
	struct job jobs[JOBS];
	int manager_error, accounts_error, updater_error, commit_error;
	int running_error;
	size_t refused; /* by the updater */
	size_t recalled, owners;
	int lost_answer; /* commits, but says that it failed */
	struct updater_timing timing;
	int64_t gpu_min_window_ms; /* of the second updater if it is longer */
	int64_t watermark_ms;
	size_t commits;
	int64_t shortest_ms, longest_ms, shortest_asked_ms;
	int cancel_fd, log_fd;
	struct clock clock;
	struct log log;
	int64_t bad_window_ms; /* the updater fails for the window that begins then */
	int gpu_error; /* of the second updater, as updater_error of the first */
	struct waiting queue[QUEUE_MAX];
	int64_t queue_units; /* is added to what the queue says of itself */
	int crowd; /* units beside the jobs, which nobody looks at */
	int64_t window_units; /* that each window says to have */
	size_t most_joined; /* windows that got their metrics together */
	int64_t told_end_ms; /* of the last window that the updater was told to be complete */
	size_t told, told_gaps;
	struct collect_updater updaters[2];
	struct collect_cluster cluster;
	struct collect *collect;
};

/* With the same metric as the first updater, so that they wait for each other. */
extern const struct updater world_rival_updater;

struct world *world_new(void);
void world_free(struct world *w);
/* Anew, as after a restart, with the cluster as it is now. */
void world_start_collect(struct world *w);
/* One tick a minute. */
void world_run_minutes(struct world *w, int minutes);
size_t world_count_log(const struct world *w, const char *text);
size_t world_waiting_in(const struct world *w, const char *lane);
/* Each second and joule of every job came into the store once. */
void world_assert_counted_once(const struct world *w);

#endif
