// SPDX-License-Identifier: Apache-2.0
/*
 * A meter that counts microjoules up and restarts at 0 after its range. Tells a wrap from a
 * restart, notices when it stands still, and says which energy is too old to charge anybody with.
 */
#ifndef CEEMS_EXPORTER_LEDGER_ENERGY_COUNTER_H
#define CEEMS_EXPORTER_LEDGER_ENERGY_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

enum {
	/* No zone of a processor takes more: what would be more is a restart, not a wrap. */
	ENERGY_COUNTER_MAX_WATTS = 2000,
	ENERGY_COUNTER_FROZEN_S = 10,
};

struct energy_counter {
	uint64_t max_uj; /* the range; 0 = it never wraps */
	uint64_t max_watts; /* 0 = ENERGY_COUNTER_MAX_WATTS */
	bool known; /* it was read before */
	bool frozen;
	uint64_t last_uj;
	int64_t moved_ns; /* monotonic: when its value last changed */
};

struct energy_span {
	int64_t now_ns; /* monotonic */
	int64_t max_gap_ns; /* energy that gathered over a longer time is late */
	bool slept; /* the machine was suspended since the last reading */
};

enum energy_event {
	ENERGY_EVENT_NONE,
	ENERGY_EVENT_FROZEN, /* it has stood still for ENERGY_COUNTER_FROZEN_S */
	ENERGY_EVENT_MOVES, /* again */
	ENERGY_EVENT_RESTART, /* an impossible step: what flowed since the last reading is lost */
};

/*
 * Takes a reading in. What it adds to the meter, and which part of that is late, are added to
 * *energy_uj and *late_uj.
 */
enum energy_event energy_counter_read(struct energy_counter *counter, uint64_t value_uj,
	const struct energy_span *span, uint64_t *energy_uj, uint64_t *late_uj);

/* Whether such a value can come after what was read before. */
bool energy_counter_plausible(
	const struct energy_counter *counter, uint64_t value_uj, const struct energy_span *span);

#endif
