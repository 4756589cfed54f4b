// SPDX-License-Identifier: Apache-2.0
/*
 * The controller files of one unit: kept open where that saves much, and parsed into values. What
 * is read from where is spec exporter-units.md 3, as two tables of rows in unit_files.c.
 */
#ifndef CEEMS_EXPORTER_UNIT_FILES_H
#define CEEMS_EXPORTER_UNIT_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/cgroup.h"
#include "host/root.h"

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
	N_UNIT_VALUES
};

enum { UNIT_RDMA_DEVICES_MAX = 64, UNIT_RDMA_NAME_MAX = 64 };

struct unit_rdma {
	char device[UNIT_RDMA_NAME_MAX];
	uint64_t handles, objects;
};

#define UNIT_VALUE_BIT(value) (UINT32_C(1) << (value))

struct unit_values {
	uint64_t v[N_UNIT_VALUES];
	uint32_t present; /* its file was there; otherwise the value is 0 */
	uint32_t failed; /* its file could not be read or parsed; the value means nothing */
	bool unlimited; /* the memory limit is none */
	struct unit_rdma rdma[UNIT_RDMA_DEVICES_MAX];
	size_t n_rdma, rdma_lines;
};

enum {
	UNIT_FILES_MAX = 16,
	UNIT_HIERARCHIES = 4,
	UNIT_FILE_MAX_BYTES = 64 * 1024,
};

/* Groups of files that a caller may leave out. */
enum unit_file_set {
	UNIT_FILES_USAGE = 1 << 0, /* what the ledger needs */
	UNIT_FILES_MORE = 1 << 1, /* what a scrape shows besides */
	UNIT_FILES_SWAP = 1 << 2,
	UNIT_FILES_PRESSURE = 1 << 3,
};

/* How files are read; shared by all units of a table, whose lock covers it. */
struct unit_reader {
	enum cgroup_version version;
	enum cgroup_fs fs;
	int hierarchy_fd[UNIT_HIERARCHIES]; /* v2: the mount in [0]; -1: not there */
	size_t n_open, open_max; /* kept descriptors */
	uint64_t memory_total_bytes, swap_total_bytes; /* of the host; 0 = unknown */
	char text[UNIT_FILE_MAX_BYTES];
};

struct unit_files {
	int fd[UNIT_FILES_MAX]; /* -1: not kept */
	uint16_t seen; /* files that are only looked for, and were there */
};

/* open_max: how many descriptors may be kept. Cannot fail: hierarchies may come later. */
void unit_reader_init(struct unit_reader *reader, const struct host_root *host,
	enum cgroup_version version, size_t open_max);
void unit_reader_done(struct unit_reader *reader);
/* Opens what wasn't there before. */
void unit_reader_find_hierarchies(struct unit_reader *reader, const struct host_root *host);

void unit_files_init(struct unit_files *files);
void unit_files_done(struct unit_files *files, struct unit_reader *reader);

/* Says which file failed. */
typedef void (*unit_files_failed_fn)(void *ctx, const char *file, int r);

/*
 * Reads the sets' files of the group at path. 0; 1: some that should be there are not, so the group
 * may have vanished meanwhile and the caller looks; -ENODEV: it has vanished.
 */
int unit_files_read(struct unit_reader *reader, struct unit_files *files, const char *path,
	unsigned sets, struct unit_values *ret_values, unit_files_failed_fn failed, void *ctx);

/* Whether the group or one below has a process, as v2's cgroup.events says. -ENOENT, -errno. */
int unit_files_populated(struct unit_reader *reader, struct unit_files *files, const char *path);

/* CPU time of a group and all that ever were below it. */
int unit_files_cpu_usage(
	struct unit_reader *reader, struct unit_files *files, const char *path, uint64_t *ret_us);

#endif
