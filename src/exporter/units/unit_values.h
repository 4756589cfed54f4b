// SPDX-License-Identifier: Apache-2.0
/* What the controller files of one unit say, and the groups in which they are read. */
#ifndef CEEMS_EXPORTER_UNITS_UNIT_VALUES_H
#define CEEMS_EXPORTER_UNITS_UNIT_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/diskstats.h"

/* Values with a series each; times in microseconds, CPUs in thousandths. */
enum unit_value {
	UNIT_CPU_USER,
	UNIT_CPU_SYSTEM,
	UNIT_CPUS,
	UNIT_CPU_PRESSURE,
	UNIT_MEMORY_RSS,
	UNIT_MEMORY_CACHE,
	UNIT_MEMORY_USED,
	UNIT_MEMORY_LIMIT,
	UNIT_MEMORY_FAILURES,
	UNIT_MEMORY_PRESSURE,
	UNIT_SWAP_USED,
	UNIT_SWAP_LIMIT,
	UNIT_SWAP_FAILURES,
	/* Without a series. */
	UNIT_CPU_USAGE,
	UNIT_INACTIVE_FILE,
	UNIT_BLKIO, /* stands for unit_values.blkio in sets of values */
	N_UNIT_VALUES
};

enum {
	UNIT_RDMA_DEVICES_MAX = 64,
	UNIT_RDMA_NAME_MAX = 64,
	UNIT_BLKIO_DEVICES_MAX = 1024,
};

struct unit_rdma {
	char device[UNIT_RDMA_NAME_MAX];
	uint64_t handles, objects;
};

/* Numbers that no device is known for share one entry without a name, of which the last counts. */
struct unit_blkio {
	char device[DISKSTATS_NAME_MAX]; /* "" = unknown */
	uint64_t read_bytes, write_bytes, read_requests, write_requests;
};

#define UNIT_VALUE_BIT(value) (UINT32_C(1) << (value))

struct unit_values {
	uint64_t v[N_UNIT_VALUES];
	uint32_t present; /* its file was there; otherwise the value is 0 */
	uint32_t failed; /* its file could not be read or parsed; the value means nothing */
	bool unlimited; /* the memory limit is none */
	struct unit_rdma rdma[UNIT_RDMA_DEVICES_MAX];
	size_t n_rdma;
	size_t rdma_lines; /* of v1's limits */
	struct unit_blkio *blkio; /* the reader's, UNIT_BLKIO_DEVICES_MAX of them */
	size_t n_blkio;
};

/* Groups of files that a caller may leave out. */
enum unit_file_set {
	UNIT_FILES_USAGE = 1 << 0, /* what the ledger needs every second */
	UNIT_FILES_MORE = 1 << 1, /* what a scrape shows besides */
	UNIT_FILES_SWAP = 1 << 2,
	UNIT_FILES_PRESSURE = 1 << 3,
	UNIT_FILES_BLKIO = 1 << 4,
	/* Where the number of CPUs is from; the table adds the manager's (enum unit_cpus_from). */
	UNIT_FILES_CPUSET = 1 << 5,
	UNIT_FILES_SHARES = 1 << 6,
	UNIT_FILES_VCPU_DIRS = 1 << 7,
	UNIT_FILES_MEMORY_LIMIT = 1 << 8,
};

#endif
