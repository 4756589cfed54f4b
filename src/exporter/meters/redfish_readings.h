// SPDX-License-Identifier: Apache-2.0
/*
 * What the redfish collector read last: written by its poller, read by scrapes and the energy
 * ledger. It locks itself; nobody holds the lock during a request.
 */
#ifndef CEEMS_EXPORTER_METERS_REDFISH_READINGS_H
#define CEEMS_EXPORTER_METERS_REDFISH_READINGS_H

#include <pthread.h>

#include "exporter/meters/power_meter.h"
#include "remote/redfish_chassis.h"

enum { REDFISH_LABEL_MAX_BYTES = REDFISH_ID_MAX_BYTES + 16 };

struct redfish_reading {
	char chassis[REDFISH_LABEL_MAX_BYTES]; /* label */
	double watts[REDFISH_N_VALUES]; /* 0: not told */
	int64_t sample_ns; /* monotonic */
};

struct redfish_readings {
	pthread_mutex_t lock;
	struct redfish_reading v[REDFISH_CHASSIS_MAX];
	size_t n;
	struct power_reading total; /* sample_ns 0: none yet */
};

void redfish_readings_init(struct redfish_readings *readings);
void redfish_readings_done(struct redfish_readings *readings);

/* Replaces the chassis's reading. Without room, one that is older than all others makes some. */
void redfish_readings_put(struct redfish_readings *readings, const char *chassis,
	const struct redfish_power *power, int64_t now_ns);

/* The power of all chassis together. */
void redfish_readings_put_total(struct redfish_readings *readings, double watts, int64_t now_ns);

/* Copies those that were taken at oldest_ns or later; returns how many. */
size_t redfish_readings_get(struct redfish_readings *readings, int64_t oldest_ns,
	struct redfish_reading ret_readings[static REDFISH_CHASSIS_MAX]);

/* Has the form of a power meter's read(): ctx is the readings. */
int redfish_readings_total(void *ctx, struct power_reading *ret_reading);

#endif
