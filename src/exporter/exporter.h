// SPDX-License-Identifier: Apache-2.0
/*
 * The exporter's core: what collectors and the energy ledger share, and the life of the program.
 * Lives from before the collectors' open() until after their close().
 */
#ifndef CEEMS_EXPORTER_EXPORTER_H
#define CEEMS_EXPORTER_EXPORTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/err.h"

struct exporter;
struct unit_table;

/* Flags that several collectors share; the core owns them. */
struct exporter_settings {
	const char *cgroups_active_subsystem; /* --collector.cgroups.active-subsystem, "cpuacct" */
	int cgroups_force_version; /* --collector.cgroups.force-version: 0 = detect, 1 or 2 */
};
const struct exporter_settings *exporter_settings(const struct exporter *exporter);

/*
 * Resource-manager collectors hand in their units while they are opened and keep owning the table,
 * which stays valid until their close(). The ledger lists the tables in its start(), when all are
 * there, and lets go of them in its stop(), which runs before any close().
 * -ENOSPC: too many tables.
 */
enum { EXPORTER_UNIT_TABLES_MAX = 8 };
int exporter_add_unit_table(struct exporter *exporter, struct unit_table *table);
size_t exporter_unit_tables(const struct exporter *exporter, struct unit_table *const **ret_tables);

/* A path that must stay accessible after the change of user. During open() only. -ENOMEM. */
int exporter_need_path(struct exporter *exporter, const char *path, bool for_writing);

/* Scrapes that were answered with metrics. A person's curl counts too, so this is a hint. */
struct exporter_scrapes {
	uint64_t answered;
	int64_t last_start_ns; /* monotonic clock: when the latest answered one began; 0 = never */
};
void exporter_scrapes(struct exporter *exporter, struct exporter_scrapes *ret_scrapes);

#endif
