// SPDX-License-Identifier: Apache-2.0
/* What the collectors of compute units have in common: making their unit table. */
#ifndef CEEMS_EXPORTER_UNITS_UNIT_COLLECTOR_H
#define CEEMS_EXPORTER_UNITS_UNIT_COLLECTOR_H

#include "exporter/collector.h"
#include "exporter/units/unit_table.h"

/*
 * Makes the table of a manager's units on this node by the flags that all managers share, and hands
 * it to the exporter; sets as in unit_table_config. During open(). The caller frees the table in
 * its close().
 */
int unit_collector_open(const struct collector_env *env, const struct unit_manager *manager,
	void *manager_ctx, unsigned sets, struct unit_table **ret_table, struct err *err);

/* What the table has in a scrape, and with --collector.rdma.stats what its units hold of RDMA. */
int unit_collector_collect(
	struct unit_table *table, const char *manager, unsigned sets, struct scrape *s);

#endif
