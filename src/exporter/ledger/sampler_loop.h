// SPDX-License-Identifier: Apache-2.0
/* The ledger's thread: reads when tick_pace.h says so, until it is stopped. */
#ifndef CEEMS_EXPORTER_LEDGER_SAMPLER_LOOP_H
#define CEEMS_EXPORTER_LEDGER_SAMPLER_LOOP_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/clock.h"
#include "basic/err.h"
#include "exporter/ledger/unit_readings.h"
#include "host/thread_usage.h"

struct sampler_loop {
	/* Set before sampler_loop_start(), and borrowed. */
	const struct clock *clock; /* monotonic as CLOCK_MONOTONIC */
	int64_t interval_ns;
	struct unit_readings *units; /* of whose events it learns */
	struct usage_account *account; /* where the thread's use is booked; NULL: nowhere */
	void (*tick)(void *ctx);
	void (*went)(void *ctx, int64_t from_ns, int64_t to_ns); /* some unit, between the two */
	void *ctx;
	/* Its own. */
	pthread_t thread;
	bool running;
	int stop_fd, timer_fd; /* -1: none */
	int64_t heard_ns; /* when events were last taken */
};

/* Reads once at once, in the caller's thread. */
int sampler_loop_start(struct sampler_loop *loop, struct err *err);
void sampler_loop_stop(struct sampler_loop *loop); /* waits for the thread, if there is one */
void sampler_loop_done(struct sampler_loop *loop); /* after it was stopped */

#endif
