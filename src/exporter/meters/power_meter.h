// SPDX-License-Identifier: Apache-2.0
/*
 * Meters of the whole node's power that collectors read anyway, offered to the energy ledger: a
 * collector hands its meter in while it is opened (exporter_add_power_meter) and keeps owning it
 * until its close(). The ledger takes the first of them by the order of enum power_meter_source.
 * (RAPL and GPUs measure parts of the node and have interfaces of their own.)
 */
#ifndef CEEMS_EXPORTER_METERS_POWER_METER_H
#define CEEMS_EXPORTER_METERS_POWER_METER_H

#include <stdbool.h>
#include <stdint.h>

/* The better one first: an energy counter is exact, a power is a sample. */
enum power_meter_source {
	POWER_METER_CRAY, /* cray_pm_counters: energy of the node */
	POWER_METER_REDFISH,
	POWER_METER_IPMI,
	POWER_METER_HWMON, /* an ACPI power meter (chip name power_meter) */
	N_POWER_METER_SOURCES
};
extern const char *const power_meter_source_names[N_POWER_METER_SOURCES]; /* label 'source' */

struct power_reading {
	int64_t sample_ns; /* monotonic: when it was taken; unchanged = nothing new since */
	bool energy_known, power_known; /* at least one */
	uint64_t energy_uj; /* counter; falls only when it restarts */
	uint64_t power_uw; /* mean or instantaneous, as the meter has it */
};

struct power_meter {
	enum power_meter_source source;
	/*
	 * The latest reading, of any age, at most one short read of a file away: slow sources are
	 * polled. 0, or -ENODATA: none yet, or it failed. Any thread.
	 */
	int (*read)(void *ctx, struct power_reading *ret_reading);
	void *ctx;
	int64_t resolution_ns; /* how often its value changes at best; 0 = unknown */
};

#endif
