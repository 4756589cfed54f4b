// SPDX-License-Identifier: Apache-2.0
/*
 * A meter of the node's power whose readings are attributes in sysfs: an energy counter, a power or
 * both. A reading is one short read for each, on descriptors that are kept. It locks itself.
 */
#ifndef CEEMS_EXPORTER_METERS_SYSFS_METER_H
#define CEEMS_EXPORTER_METERS_SYSFS_METER_H

#include <stdbool.h>
#include <stdint.h>

#include "basic/clock.h"
#include "basic/macros.h"
#include "exporter/meters/power_meter.h"
#include "host/root.h"

/* Pointers are borrowed and outlive the meter. Paths are below the root of sysfs; NULL: none. */
struct sysfs_meter_config {
	enum power_meter_source source;
	const struct clock *clock;
	const struct host_root *host;
	const char *energy_path;
	const char *power_paths[2]; /* the second when the first can't be read or is 0 */
	uint64_t micros; /* in the unit of the files: 1000000 for J and W */
	/* The text tells the time of its sample: the same text is the same sample. Otherwise each
	 * reading is one. */
	bool is_stamped;
	int64_t resolution_ns;
};

struct sysfs_meter;

int sysfs_meter_new(const struct sysfs_meter_config *config, struct sysfs_meter **ret_meter);
void sysfs_meter_free(struct sysfs_meter *meter); /* NULL is fine */
DEFINE_CLEANUP(struct sysfs_meter *, sysfs_meter_free);

/*
 * For exporter_add_power_meter(); lives as long as the meter. With an energy file, a reading
 * without it fails once there has been one with it: power would be counted a second time when the
 * counter is back. A power of 0 is none: a node that reads it takes some.
 */
const struct power_meter *sysfs_meter_power_meter(const struct sysfs_meter *meter);

#endif
