// SPDX-License-Identifier: Apache-2.0
/*
 * The units that the ledger knows, and what each used in an interval: differences of counters,
 * births and deaths between two readings, job ids that are used again, counters that go back.
 */
#ifndef CEEMS_EXPORTER_LEDGER_TRACKER_H
#define CEEMS_EXPORTER_LEDGER_TRACKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exporter/ledger/ledger.h"
#include "exporter/ledger/split.h"

enum tracked_state {
	TRACKED_LIVE,
	TRACKED_ENDING, /* missing for the first time: this interval is its last */
	TRACKED_ENDED,
};

/* Weights summed over intervals, each times the millionths of it that count. */
struct gathered {
	split_weight dynamic, fixed;
};

struct tracked {
	char *text; /* holds the strings of key */
	struct unit_key key;
	uint64_t hash, incarnation;
	enum tracked_state state;
	int64_t start_realtime_ns; /* when its counters started at 0 */
	int64_t ended_ns; /* monotonic; when ENDING or ENDED */
	int64_t charged_ns; /* when energy was last charged that had flowed before */
	uint64_t energy_uj[N_ENERGY_DOMAINS];
	struct gathered gathered[N_ENERGY_DOMAINS]; /* of energy that has not come in yet */
	/* Of the rest: intervals whose place is not known yet, see struct backlog_interval. */
	struct gathered waiting[LEDGER_BACK_INTERVALS];
	struct gathered head; /* see struct backlog_head */
	unsigned n_shares; /* of devices, that refer to it: it isn't forgotten before */
	/* Last readings. */
	uint64_t cpu_usage_us;
	int64_t cpu_read_ns;
	uint64_t working_set_bytes, memory_used_bytes, alloc_cpus_milli, alloc_memory_bytes;
	/* Of the interval; both 0 when it has no part in it. */
	uint64_t used_us; /* CPU time */
	uint64_t present_us; /* how long it lived in it */
	/* Of the interval before. */
	uint64_t last_used_us, last_present_us;
	uint64_t pass; /* of the last reading */
};

struct tracker {
	struct tracked **units; /* in the order in which they came */
	size_t n, cap, max;
	uint32_t *slots; /* hash table of index + 1; a power of two, at most half full */
	size_t n_slots;
	size_t n_ended; /* at least so many; a unit may have come back since */
	struct tracked others; /* all units beyond max, as one without a name */
	uint64_t others_hash; /* which they were */
	bool changed; /* a unit came or went since the owner last cleared it */
	bool came_or_went; /* in the last interval */
	uint64_t pass;
	uint64_t outside_us, outside_span_us; /* CPU time outside units in the last interval */
};

void tracker_init(struct tracker *tracker, size_t max_units);
void tracker_done(struct tracker *tracker);

/*
 * Takes the units' readings of an interval in and sets what each used. 0 or -ENOMEM (some readings
 * are kept, none is lost).
 */
int tracker_follow(struct tracker *tracker, const struct ledger_interval *interval);

/* NULL: there is none of that name. */
struct tracked *tracker_find(const struct tracker *tracker, const struct unit_key *key);

/*
 * Forgets units that ended more than keep_ns ago, have got all of their energy, and were scraped
 * since, or LEDGER_KEEP_UNSCRAPED_NS.
 */
void tracker_forget(
	struct tracker *tracker, int64_t now_ns, int64_t keep_ns, int64_t last_scrape_ns);

#endif
