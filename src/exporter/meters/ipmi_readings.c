// SPDX-License-Identifier: Apache-2.0
#include "exporter/meters/ipmi_readings.h"

#include <errno.h>
#include <math.h>
#include <time.h>

static const int64_t S_NS = 1000000000, MS_NS = 1000000;

void ipmi_readings_init(struct ipmi_readings *readings)
{
	pthread_condattr_t attr;

	*readings = (struct ipmi_readings){ .result = -EINPROGRESS };
	pthread_mutex_init(&readings->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&readings->ended, &attr);
	pthread_condattr_destroy(&attr);
}

void ipmi_readings_done(struct ipmi_readings *readings)
{
	pthread_cond_destroy(&readings->ended);
	pthread_mutex_destroy(&readings->lock);
}

void ipmi_readings_begin(struct ipmi_readings *readings)
{
	pthread_mutex_lock(&readings->lock);
	readings->n_begun++;
	pthread_mutex_unlock(&readings->lock);
}

int ipmi_readings_end(
	struct ipmi_readings *readings, int r, const struct dcmi_power *power, int64_t now_ns)
{
	if (r >= 0)
		r = power->watts[DCMI_CURRENT] > 0 ? 0 : 1;
	pthread_mutex_lock(&readings->lock);
	readings->result = r;
	if (r == 0) {
		readings->power = *power;
		readings->sample_ns = now_ns;
	}
	readings->n_ended++;
	pthread_cond_broadcast(&readings->ended);
	pthread_mutex_unlock(&readings->lock);
	return r;
}

int ipmi_readings_get(struct ipmi_readings *readings, int64_t oldest_ns,
	struct dcmi_power *ret_power, int64_t *ret_sample_ns)
{
	int r = -ENODATA;

	pthread_mutex_lock(&readings->lock);
	if (readings->sample_ns && readings->sample_ns >= oldest_ns) {
		*ret_power = readings->power;
		*ret_sample_ns = readings->sample_ns;
		r = 0;
	} else if (readings->result == 1) {
		r = 1;
	}
	pthread_mutex_unlock(&readings->lock);
	return r;
}

uint64_t ipmi_readings_next(struct ipmi_readings *readings)
{
	uint64_t number;

	pthread_mutex_lock(&readings->lock);
	number = readings->n_begun + 1;
	pthread_mutex_unlock(&readings->lock);
	return number;
}

void ipmi_readings_wait(struct ipmi_readings *readings, uint64_t number, int64_t wait_ms)
{
	struct timespec until;
	int64_t ns;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	ns = until.tv_nsec + wait_ms * MS_NS;
	until.tv_sec += ns / S_NS;
	until.tv_nsec = ns % S_NS;
	pthread_mutex_lock(&readings->lock);
	while (readings->n_ended < number && r != ETIMEDOUT)
		r = pthread_cond_timedwait(&readings->ended, &readings->lock, &until);
	pthread_mutex_unlock(&readings->lock);
}

int ipmi_readings_meter(void *ctx, struct power_reading *ret_reading)
{
	struct ipmi_readings *readings = ctx;
	int r = -ENODATA;

	pthread_mutex_lock(&readings->lock);
	if (readings->sample_ns) {
		*ret_reading = (struct power_reading){
			.sample_ns = readings->sample_ns,
			.power_known = true,
			.power_uw = (uint64_t)llround(readings->power.watts[DCMI_CURRENT] * 1e6),
		};
		r = 0;
	}
	pthread_mutex_unlock(&readings->lock);
	return r;
}
