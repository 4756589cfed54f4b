// SPDX-License-Identifier: Apache-2.0
/*
 * RDMA counters of ports and of units (spec exporter-units.md 8). Ports come from sysfs in the
 * scrape; what processes hold comes from the rdma command, which a thread of its own runs. One for
 * all managers, whose scrapes may run at the same time.
 */
#ifndef CEEMS_EXPORTER_UNITS_RDMA_STATS_H
#define CEEMS_EXPORTER_UNITS_RDMA_STATS_H

#include "exporter/collector.h"
#include "exporter/units/unit_table.h"
#include "host/thread_usage.h"

/* Pointers are borrowed and outlive the object. */
struct rdma_stats_config {
	const struct host_root *host;
	const struct clock *clock;
	const struct log *log;
	const char *command; /* name or path */
	struct usage_account *account; /* of the thread; may be NULL */
};

struct rdma_stats;

int rdma_stats_new(const struct rdma_stats_config *config, struct rdma_stats **ret_stats);
/* Starts the thread where there are RDMA devices; waits up to 2 s for what is first known. */
int rdma_stats_start(struct rdma_stats *stats, struct err *err);
/* Ends the thread, and the counting by process that the devices do. NULL is fine. */
void rdma_stats_stop(struct rdma_stats *stats);
void rdma_stats_free(struct rdma_stats *stats); /* NULL is fine */

/* Adds the series of a manager. 0, -ENODATA (no RDMA devices) or -errno. */
int rdma_stats_collect(
	struct rdma_stats *stats, struct unit_table *table, const char *manager, struct scrape *s);

extern const struct metric rdma_metrics[];
extern const size_t n_rdma_metrics;

#endif
