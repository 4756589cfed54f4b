// SPDX-License-Identifier: Apache-2.0
/*
 * Names of block devices by their numbers, from /proc/diskstats (Documentation/admin-guide/
 * iostats.rst). Read once, and again when a number isn't known, if the owner allows that.
 */
#ifndef CEEMS_EXPORTER_UNITS_BLOCK_DEVICES_H
#define CEEMS_EXPORTER_UNITS_BLOCK_DEVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/diskstats.h"

enum { BLOCK_DEVICES_MAX = 65536, BLOCK_DEVICES_MAX_BYTES = 16 << 20 };

struct block_device {
	uint32_t major, minor;
	char name[DISKSTATS_NAME_MAX];
};

struct block_devices {
	int procfs_fd;
	struct block_device *v; /* sorted by number */
	size_t n;
	bool may_read; /* set by the owner when a reading may be spent, cleared by it */
};

void block_devices_init(struct block_devices *devices, int procfs_fd);
void block_devices_done(struct block_devices *devices);

/* "" for a number that isn't known. Valid until the next call that finds something unknown. */
const char *block_devices_name(struct block_devices *devices, uint32_t major, uint32_t minor);

#endif
