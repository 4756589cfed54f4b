// SPDX-License-Identifier: Apache-2.0
/*
 * When the ledger reads: once an interval, and once more right after a unit came or went, as what
 * two units used that ended between the same two readings cannot be told apart. How many such
 * readings there are is limited, however many units come and go. No clock of its own; monotonic.
 */
#ifndef CEEMS_EXPORTER_LEDGER_TICK_PACE_H
#define CEEMS_EXPORTER_LEDGER_TICK_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	TICK_PACE_LEAST_PARTS = 20, /* two readings are a 20th of an interval apart, at least */
	/* Readings beyond one each interval: so many an interval, saved up for up to that many. */
	TICK_PACE_EXTRA = 2,
	TICK_PACE_EXTRA_SAVED = 8,
};

struct tick_pace {
	int64_t interval_ns;
	int64_t last_ns; /* the last reading */
	int64_t next_ns; /* the next regular one */
	int64_t extra_ns; /* the next one because of an event; 0 = there is none */
	int64_t credit_ns; /* one extra reading costs interval_ns / TICK_PACE_EXTRA */
};

void tick_pace_init(struct tick_pace *pace, int64_t interval_ns, int64_t now_ns);

/* A unit came or went. One that came is read when it had time to start. */
void tick_pace_event(struct tick_pace *pace, int64_t now_ns, bool came);

/*
 * Whether an event now would change when to read: not while a reading for one is due already, nor
 * when no more are allowed. So who waits for events need not, and what makes many costs no more
 * than the readings.
 */
bool tick_pace_listens(const struct tick_pace *pace);

/* When to read next. */
int64_t tick_pace_due_ns(const struct tick_pace *pace);

/* It was read now. */
void tick_pace_read(struct tick_pace *pace, int64_t now_ns);

#endif
