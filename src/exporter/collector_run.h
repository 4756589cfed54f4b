// SPDX-License-Identifier: Apache-2.0
/*
 * Runs a collector in a scrape: books what it took, and slows down one that takes more than its
 * budget of CPU time. A run that took N times the budget is followed by N - 1 scrapes (rounded up,
 * COLLECTOR_REPEATS_MAX at most) in which the samples of that run are shown again, so that over
 * time a scrape stays within the budget. Any thread; parallel scrapes share the state.
 */
#ifndef CEEMS_EXPORTER_COLLECTOR_RUN_H
#define CEEMS_EXPORTER_COLLECTOR_RUN_H

#include <pthread.h>

#include "exporter/collector.h"
#include "format/exposition_copy.h"
#include "host/thread_usage.h"

enum {
	COLLECTOR_REPEATS_MAX = 9, /* so every tenth scrape is collected at least */
	COLLECTOR_CALM_RUNS = 10, /* within the budget, one after the other, until that is said */
	COLLECTOR_KEPT_MAX_BYTES = 128 << 20,
};

struct collector_run {
	const struct collector *collector;
	void *state;
	struct usage_account account;
	pthread_mutex_t lock; /* of what follows */
	bool ran; /* its first run opens what later ones keep, and is not judged */
	bool over; /* the budget, and that was said */
	unsigned calm_runs, repeats_left;
	uint64_t repeated; /* scrapes that showed old samples */
	int64_t kept_ns; /* monotonic: when these were collected */
	struct exposition_copy kept;
};

void collector_run_init(struct collector_run *run, const struct collector *collector, void *state);
void collector_run_done(struct collector_run *run); /* the state is the caller's */

/* The meter is that of the scrape's thread, NULL: nothing is booked; and what it read last. */
struct collector_meter {
	struct thread_meter *meter;
	struct thread_usage before;
	int64_t cpu_budget_ns; /* of each collector; 0 = none */
};

/* What the collector returned, 0 for samples that are shown again, or -ENOMEM. */
int collector_run(struct collector_run *run, struct scrape *s, struct collector_meter *meter);

struct collector_run_status {
	bool over;
	uint64_t repeated;
};
void collector_run_status(struct collector_run *run, struct collector_run_status *ret_status);

#endif
