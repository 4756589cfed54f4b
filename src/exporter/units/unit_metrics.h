// SPDX-License-Identifier: Apache-2.0
/* The series of compute units, the same for every resource manager (spec exporter-units.md 3). */
#ifndef CEEMS_EXPORTER_UNITS_UNIT_METRICS_H
#define CEEMS_EXPORTER_UNITS_UNIT_METRICS_H

#include "exporter/collector.h"
#include "exporter/units/unit_table.h"

enum {
	/* The first are those of enum unit_value. */
	UNIT_METRIC_UNITS = UNIT_CPU_USAGE,
	UNIT_METRIC_RDMA_HANDLES,
	UNIT_METRIC_RDMA_OBJECTS,
	UNIT_METRIC_COLLECT_ERROR,
	UNIT_METRIC_GPU_FLAG,
	UNIT_METRIC_GPU_UNITS,
	N_UNIT_METRICS_WITHOUT_BLKIO,
	UNIT_METRIC_BLKIO_READ_BYTES = N_UNIT_METRICS_WITHOUT_BLKIO,
	UNIT_METRIC_BLKIO_WRITE_BYTES,
	UNIT_METRIC_BLKIO_READS,
	UNIT_METRIC_BLKIO_WRITES,
	N_UNIT_METRICS
};

extern const struct metric unit_metrics[N_UNIT_METRICS];

/* Reads the units and adds their series; sets as the table was made with. 0, -ENODATA, -ENOMEM. */
int unit_metrics_collect(
	struct unit_table *table, const char *manager, unsigned sets, struct scrape *s);

#endif
