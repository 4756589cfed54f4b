// SPDX-License-Identifier: Apache-2.0
/*
 * The energy of the whole node, from the meters that collectors offer. The first one by the order
 * of enum power_meter_source that gives new readings is used; another takes over when it falls
 * silent, and it comes back when it speaks again. All of them are followed all the time, so that
 * who takes over brings the energy since the moment to which the one before had told it: no moment
 * is counted twice, and none is left out.
 */
#ifndef CEEMS_EXPORTER_LEDGER_NODE_METER_H
#define CEEMS_EXPORTER_LEDGER_NODE_METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/log.h"
#include "exporter/ledger/energy_lag.h"
#include "exporter/ledger/meter_energy.h"
#include "exporter/meters/power_meter.h"

enum {
	NODE_METERS_MAX = 16,
	/* Silent for so long, or for NODE_METER_SILENT_READINGS of its readings if that is longer:
	   another one takes over. */
	NODE_METER_SILENT_S = 10,
	NODE_METER_SILENT_READINGS = 3,
	/* How many readings in a row it must bring before it is used (again). */
	NODE_METER_READINGS_TO_RETURN = 3,
	NODE_METER_MAX_WATTS = 50000, /* default of --ledger.max-node-watts */
	/* A power that stays exactly the same, when by the load it should have changed by more than
	   that part of it, is no new reading: the meter is stuck. Not for longer than another one
	   would be called silent, as it may just be a coarse one. What the load did is only known
	   at the next reading. */
	NODE_METER_STUCK_PERCENT = 3,
};

struct node_meter_one {
	const struct power_meter *meter;
	bool answered; /* when it was asked last, with the reading: */
	struct power_reading reading;
	struct meter_energy energy;
	struct power_reading held; /* it tells the same again; sample_ns 0: there is none */
	/* Of the time that is not booked yet: from the mark to its last reading. */
	int64_t mark_ns;
	uint64_t since_uj, since_late_uj;
	unsigned in_a_row; /* readings since it was silent */
	int64_t since_line_ns; /* the last line in it */
	uint64_t since_line_uj;
	bool failed; /* said so in the log */
};

struct node_meter {
	const struct log *log;
	struct node_meter_one meters[NODE_METERS_MAX]; /* the best first */
	size_t n;
	struct node_meter_one *active; /* NULL: none speaks */
	const struct energy_lag *lag; /* what it should do; NULL: nobody knows */
	bool told; /* some energy was booked: booked_ns holds */
	int64_t booked_ns; /* to which moment the energy was told */
	uint64_t switches;
};

/* max_watts: a higher power of the node is refused. A meter beyond NODE_METERS_MAX is left out. */
void node_meter_init(struct node_meter *node, const struct power_meter *const *meters, size_t n,
	uint64_t max_watts, const struct log *log);

struct node_energy {
	/* What came in: one may have been held back. Each begins where the last one ended, unless
	   there was a gap of which nothing is known. */
	struct meter_segment segments[2];
	size_t n;
	int64_t period_ns; /* of the meter's readings, usually; 0 = unknown */
};

/* Asks each meter once: before the moment of node_meter_read(), as a meter that is a file is read
 * now and not some time ago. */
void node_meter_ask(struct node_meter *node);

/* Takes in what they answered. */
void node_meter_read(
	struct node_meter *node, const struct energy_span *span, struct node_energy *ret_energy);

/* How often a meter that tells powers does so usually; 0 = unknown. */
int64_t node_meter_period_ns(const struct node_meter_one *one);

/* How often the active one changes at best, in ns; 0 = unknown. */
int64_t node_meter_resolution_ns(const struct node_meter *node);

#endif
