// SPDX-License-Identifier: Apache-2.0
/* The units of all tables in one list, and the CPU time of all of them together. */
#ifndef CEEMS_EXPORTER_LEDGER_UNIT_READINGS_H
#define CEEMS_EXPORTER_LEDGER_UNIT_READINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exporter/ledger/unit_overlap.h"
#include "exporter/units/unit.h"

enum { UNIT_READINGS_TABLES_MAX = 8 };

struct unit_readings {
	struct unit_table *tables[UNIT_READINGS_TABLES_MAX];
	uint64_t roots_us[UNIT_READINGS_TABLES_MAX];
	bool roots_known[UNIT_READINGS_TABLES_MAX];
	int event_fds[UNIT_READINGS_TABLES_MAX]; /* see unit_table_watch(); -1: none */
	size_t n_tables;
	struct unit_sample *all; /* of the last reading; keys belong to the tables */
	size_t n, cap;
	struct unit_overlap overlap;
	bool cpu_known; /* of the units since the last reading, of those that ended too */
	uint64_t cpu_us;
};

/* -ENOSPC: too many. */
int unit_readings_use(struct unit_readings *u, struct unit_table *const *tables, size_t n);
void unit_readings_done(struct unit_readings *u);

/* 0 or -errno: the units of some table are not known. No allocation unless there are more than
 * ever. */
int unit_readings_read(struct unit_readings *u);

/* From now on notices when units come and go; readable descriptors tell that some did. */
void unit_readings_watch(struct unit_readings *u);
/* Of all tables; see unit_table_take_events(). */
unsigned unit_readings_take_events(struct unit_readings *u);

#endif
