// SPDX-License-Identifier: Apache-2.0
#include "exporter/meters/redfish_readings.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

void redfish_readings_init(struct redfish_readings *readings)
{
	*readings = (struct redfish_readings){ 0 };
	pthread_mutex_init(&readings->lock, NULL);
}

void redfish_readings_done(struct redfish_readings *readings)
{
	pthread_mutex_destroy(&readings->lock);
}

static struct redfish_reading *place_locked(struct redfish_readings *readings, const char *chassis)
{
	struct redfish_reading *oldest = &readings->v[0];

	for (size_t i = 0; i < readings->n; i++) {
		if (str_eq(readings->v[i].chassis, chassis))
			return &readings->v[i];
		if (readings->v[i].sample_ns < oldest->sample_ns)
			oldest = &readings->v[i];
	}
	return readings->n < REDFISH_CHASSIS_MAX ? &readings->v[readings->n++] : oldest;
}

void redfish_readings_put(struct redfish_readings *readings, const char *chassis,
	const struct redfish_power *power, int64_t now_ns)
{
	struct redfish_reading *reading;

	pthread_mutex_lock(&readings->lock);
	reading = place_locked(readings, chassis);
	snprintf(reading->chassis, sizeof(reading->chassis), "%s", chassis);
	memcpy(reading->watts, power->watts, sizeof(reading->watts));
	reading->sample_ns = now_ns;
	pthread_mutex_unlock(&readings->lock);
}

void redfish_readings_put_total(struct redfish_readings *readings, double watts, int64_t now_ns)
{
	pthread_mutex_lock(&readings->lock);
	readings->total = (struct power_reading){
		.sample_ns = now_ns,
		.power_known = true,
		.power_uw = (uint64_t)llround(watts * 1e6),
	};
	pthread_mutex_unlock(&readings->lock);
}

size_t redfish_readings_get(struct redfish_readings *readings, int64_t oldest_ns,
	struct redfish_reading ret_readings[static REDFISH_CHASSIS_MAX])
{
	size_t n = 0;

	pthread_mutex_lock(&readings->lock);
	for (size_t i = 0; i < readings->n; i++)
		if (readings->v[i].sample_ns >= oldest_ns)
			ret_readings[n++] = readings->v[i];
	pthread_mutex_unlock(&readings->lock);
	return n;
}

int redfish_readings_total(void *ctx, struct power_reading *ret_reading)
{
	struct redfish_readings *readings = ctx;
	struct power_reading total;

	pthread_mutex_lock(&readings->lock);
	total = readings->total;
	pthread_mutex_unlock(&readings->lock);
	if (!total.power_known)
		return -ENODATA;
	*ret_reading = total;
	return 0;
}
