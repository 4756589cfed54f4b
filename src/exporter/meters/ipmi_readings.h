// SPDX-License-Identifier: Apache-2.0
/*
 * What the BMC told last, and how it went since. Locks itself: a thread fills it, scrapes and the
 * energy ledger read it.
 */
#ifndef CEEMS_EXPORTER_METERS_IPMI_READINGS_H
#define CEEMS_EXPORTER_METERS_IPMI_READINGS_H

#include <pthread.h>
#include <stdint.h>

#include "exporter/meters/power_meter.h"
#include "host/dcmi.h"

struct ipmi_readings {
	pthread_mutex_t lock;
	pthread_cond_t ended;
	struct dcmi_power power; /* the last one with a current power */
	int64_t sample_ns; /* of it, monotonic; 0 = none yet */
	int result; /* of the latest reading: 0, 1: no current power, or -errno */
	uint64_t n_begun, n_ended;
};

void ipmi_readings_init(struct ipmi_readings *readings);
void ipmi_readings_done(struct ipmi_readings *readings);

/* A reading begins, and ends with its power or with a failure (power is NULL). Returns 1 when it
 * succeeded without a current power, r otherwise. */
void ipmi_readings_begin(struct ipmi_readings *readings);
int ipmi_readings_end(
	struct ipmi_readings *readings, int r, const struct dcmi_power *power, int64_t now_ns);

/*
 * 0: the last good reading, if it was taken at oldest_ns or later. 1: there is none, and the BMC
 * tells no power; -ENODATA: there is none.
 */
int ipmi_readings_get(struct ipmi_readings *readings, int64_t oldest_ns,
	struct dcmi_power *ret_power, int64_t *ret_sample_ns);

/* A number for ipmi_readings_wait(), which waits until a reading that began later has ended, but no
 * longer than wait_ms. */
uint64_t ipmi_readings_next(struct ipmi_readings *readings);
void ipmi_readings_wait(struct ipmi_readings *readings, uint64_t number, int64_t wait_ms);

/* Has the form of a power meter's read(): ctx is the readings. */
int ipmi_readings_meter(void *ctx, struct power_reading *ret_reading);

#endif
