// SPDX-License-Identifier: Apache-2.0
/*
 * The controller files of one unit: kept open where that saves much, and parsed into values. What
 * is read from where is spec exporter-units.md 3, as two tables of rows in unit_rows.c.
 */
#ifndef CEEMS_EXPORTER_UNITS_UNIT_FILES_H
#define CEEMS_EXPORTER_UNITS_UNIT_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exporter/units/block_devices.h"
#include "exporter/units/unit_hierarchies.h"
#include "exporter/units/unit_rows.h"
#include "exporter/units/unit_values.h"
#include "host/cgroup.h"
#include "host/root.h"

enum {
	UNIT_FILES_MAX = 24, /* rows of a version, and one */
	UNIT_FILES_OF_EACH_SECOND = 4, /* of a unit, with the one that tells whether it lives */
	UNIT_FILE_MAX_BYTES = 64 * 1024,
};

/* How files are read; shared by all units of a table, whose lock covers it. */
struct unit_reader {
	enum cgroup_version version;
	enum cgroup_fs fs;
	struct unit_hierarchies hierarchies;
	struct block_devices block_devices;
	size_t n_open, open_max; /* kept descriptors */
	size_t n_rare; /* those of them that aren't read every second */
	size_t n_units; /* that want theirs of each second kept first; set by the owner */
	uint64_t memory_total_bytes, swap_total_bytes; /* of the host; 0 = unknown */
	struct unit_blkio blkio[UNIT_BLKIO_DEVICES_MAX];
	char text[UNIT_FILE_MAX_BYTES];
};

/* Which directory it was when its files were opened; changes of names in it change the time. */
struct unit_dir {
	uint64_t inode;
	int64_t changed_ns; /* Unix time; 0: nothing is known */
};

struct unit_files {
	int fd[UNIT_FILES_MAX]; /* -1: not kept */
	uint32_t seen; /* files that are only looked for, and were there */
	uint32_t absent; /* files that weren't there */
	uint16_t reads; /* since absent ones were looked for */
	struct unit_dir dirs[UNIT_HIERARCHIES]; /* of a copy of a tree */
};

/* open_max: how many descriptors may be kept. Cannot fail: hierarchies may come later. */
void unit_reader_init(struct unit_reader *reader, const struct host_root *host,
	enum cgroup_version version, size_t open_max);
void unit_reader_done(struct unit_reader *reader);
/* It reads control groups, and not a copy of a tree. */
bool unit_reader_is_real(const struct unit_reader *reader);
/* Reads once what of procfs stands in units' values: the host's memory, names of block devices. */
void unit_reader_learn_host(struct unit_reader *reader);

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
