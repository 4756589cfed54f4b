// SPDX-License-Identifier: Apache-2.0
/*
 * The chassis of a Redfish service that tell their power, and where each tells it, the first of
 *  - Power (DSP2046; deprecated there, and what most firmware has),
 *  - EnvironmentMetrics.PowerWatts, with the statistics of the sensor that it is an excerpt of,
 *  - PowerSubsystem: the inputs of all power supplies,
 *  - Sensors: those of the power of the whole chassis, or else of all supply inputs.
 */
#ifndef CEEMS_REMOTE_REDFISH_CHASSIS_H
#define CEEMS_REMOTE_REDFISH_CHASSIS_H

#include "remote/redfish.h"

enum {
	REDFISH_CHASSIS_MAX = 64, /* that tell their power */
	REDFISH_PAGES_MAX = 32, /* of a collection */
	REDFISH_SUPPLIES_MAX = 32,
	REDFISH_SENSORS_MAX = 128, /* that are looked at; each takes a request */
};

enum redfish_source {
	REDFISH_NO_SOURCE,
	REDFISH_POWER,
	REDFISH_ENVIRONMENT,
	REDFISH_SUPPLIES,
	REDFISH_SENSORS,
};

struct redfish_chassis {
	const char *path;
	const char *id; /* its Id, or the end of its path */
	enum redfish_source source;
	const char **resources; /* what is read, in the source's order; the sum counts */
	size_t n_resources;
	const char *statistics; /* the sensor behind EnvironmentMetrics, or NULL */
	const char *contained_by; /* path, or NULL */
	const char **contains; /* paths */
	size_t n_contains;
};

/* Told of a chassis or resource that is left out, and why. */
typedef void (*redfish_note)(void *ctx, const char *path, const struct err *why);

/*
 * Finds the chassis, in the service's order. What an arena holds lives as long as it does; note may
 * be NULL. A chassis that fails is left out. -ENODATA: none tells its power; otherwise as
 * redfish_get() when the service can't be talked to at all.
 */
int redfish_discover(struct redfish *redfish, struct arena *arena, redfish_note note, void *ctx,
	struct redfish_chassis **ret_chassis, size_t *ret_n, struct err *err);

/* Reads the power of one; as redfish_get(). */
int redfish_read_power(struct redfish *redfish, const struct redfish_chassis *chassis,
	struct redfish_power *ret_power, struct err *err);

/*
 * Which of them to add up for the power of all: those with power that aren't, over any number of
 * steps, in another one with power. Of a circle, and of those that tell the same resource, one
 * counts.
 */
void redfish_outermost(
	const struct redfish_chassis *chassis, size_t n, const bool *has_power, bool *ret_counts);

#endif
