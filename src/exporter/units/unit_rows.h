// SPDX-License-Identifier: Apache-2.0
/*
 * Which controller files of a unit are read, in which order, and how each is understood (spec
 * exporter-units.md 3): two tables, one for each version of control groups. Pure but for the names
 * of block devices.
 */
#ifndef CEEMS_EXPORTER_UNITS_UNIT_ROWS_H
#define CEEMS_EXPORTER_UNITS_UNIT_ROWS_H

#include "basic/str.h"
#include "exporter/units/block_devices.h"
#include "exporter/units/unit_values.h"
#include "host/cgroup.h"

/* Where a v1 file lies; in v2 there is one hierarchy, which is the first. */
enum unit_hierarchy {
	V2_ONLY = 0,
	V1_CPUACCT = 0,
	V1_MEMORY,
	V1_CPUSET,
	V1_RDMA,
	V1_BLKIO,
	V1_UNIFIED, /* the v2 mount of a hybrid host */
	V1_ACTIVE, /* the one in which units are searched */
	UNIT_HIERARCHIES
};

enum unit_row_flags {
	UNIT_ROW_OPTIONAL = 1 << 0, /* says nothing about the group when it isn't there */
	UNIT_ROW_LENIENT = 1 << 1, /* a failure means 0 and is no failure of the unit */
	UNIT_ROW_CHAINED = 1 << 2, /* when absent, the hierarchy's rows after it count as absent */
	UNIT_ROW_INSTEAD = 1 << 3, /* only when its values didn't come from a row before */
	UNIT_ROW_WITH_PREVIOUS = 1 << 4, /* only when the row before was there */
	UNIT_ROW_WITHOUT_BLKIO = 1 << 5, /* only when no block device has come yet */
};

/* What a parser needs besides the text. */
struct unit_parse {
	enum cgroup_version version;
	uint64_t memory_total_bytes, swap_total_bytes; /* of the host; 0 = unknown */
	struct block_devices *block_devices;
	struct unit_values *values; /* where values go */
};

struct unit_row {
	enum unit_hierarchy hierarchy;
	const char *name;
	unsigned set; /* enum unit_file_set */
	unsigned flags;
	uint32_t values; /* UNIT_VALUE_BIT()s that it gives */
	/* 0, -EBADMSG, -E2BIG. NULL: the file only has to be there. */
	int (*parse)(const struct unit_parse *p, struct slice text);
};

const struct unit_row *unit_rows(enum cgroup_version version, size_t *ret_n);

#endif
