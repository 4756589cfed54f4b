// SPDX-License-Identifier: Apache-2.0
#include "exporter/meters/sysfs_meter.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "basic/file.h"
#include "host/sysfs.h"

struct attribute {
	const char *path; /* NULL: none */
	int fd;
};

struct sysfs_meter {
	struct sysfs_meter_config config;
	struct power_meter meter;
	pthread_mutex_t lock; /* of all below */
	struct attribute energy, power[2];
	unsigned generation; /* of sysfs */
	bool had_energy;
	char sample[SYSFS_TEXT_MAX]; /* text of the latest */
	size_t sample_len;
	int64_t sample_ns;
};

static bool read_attribute(const struct sysfs_meter *m, struct attribute *a,
	char text[static SYSFS_TEXT_MAX], struct slice *ret_text, uint64_t *ret_micro)
{
	struct slice rest, word;
	uint64_t value;

	if (!a->path || sysfs_read_kept(m->config.host->sysfs_fd, a->path, &a->fd, text, &rest) < 0)
		return false;
	*ret_text = rest;
	if (!slice_next_word(&rest, &word) || slice_to_u64(word, &value) < 0 ||
		value > UINT64_MAX / m->config.micros)
		return false;
	*ret_micro = value * m->config.micros;
	return true;
}

static bool read_power(struct sysfs_meter *m, char text[static SYSFS_TEXT_MAX],
	struct slice *ret_text, uint64_t *ret_uw)
{
	for (size_t i = 0; i < ARRAY_SIZE(m->power); i++)
		if (read_attribute(m, &m->power[i], text, ret_text, ret_uw) && *ret_uw)
			return true;
	return false;
}

static int64_t sample_time(struct sysfs_meter *m, struct slice text)
{
	const int64_t now_ns = clock_monotonic_ns(m->config.clock);

	if (m->config.is_stamped && m->sample_ns && text.n == m->sample_len &&
		memcmp(text.p, m->sample, text.n) == 0)
		return m->sample_ns;
	memcpy(m->sample, text.p, text.n);
	m->sample_len = text.n;
	m->sample_ns = now_ns;
	return now_ns;
}

static void close_all(struct sysfs_meter *m)
{
	file_closep(&m->energy.fd);
	for (size_t i = 0; i < ARRAY_SIZE(m->power); i++)
		file_closep(&m->power[i].fd);
}

/* What was opened in another sysfs is no attribute of this node. */
static void follow_sysfs(struct sysfs_meter *m)
{
	const unsigned generation = host_root_generation(m->config.host, HOST_SYSFS);

	if (generation != m->generation)
		close_all(m);
	m->generation = generation;
}

static int read_locked(struct sysfs_meter *m, struct power_reading *ret_reading)
{
	char energy_text[SYSFS_TEXT_MAX], power_text[SYSFS_TEXT_MAX];
	struct slice energy, power;
	struct power_reading reading = { 0 };

	follow_sysfs(m);
	reading.energy_known = read_attribute(
		m, &m->energy, energy_text, &energy, &reading.energy_uj);
	if (!reading.energy_known && m->had_energy)
		return -ENODATA;
	reading.power_known = read_power(m, power_text, &power, &reading.power_uw);
	if (!reading.energy_known && !reading.power_known)
		return -ENODATA;
	m->had_energy |= reading.energy_known;
	reading.sample_ns = sample_time(m, reading.energy_known ? energy : power);
	*ret_reading = reading;
	return 0;
}

static int read_meter(void *ctx, struct power_reading *ret_reading)
{
	struct sysfs_meter *m = ctx;
	int r;

	pthread_mutex_lock(&m->lock);
	r = read_locked(m, ret_reading);
	pthread_mutex_unlock(&m->lock);
	return r;
}

int sysfs_meter_new(const struct sysfs_meter_config *config, struct sysfs_meter **ret_meter)
{
	struct sysfs_meter *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->config = *config;
	m->generation = host_root_generation(config->host, HOST_SYSFS);
	m->meter = (struct power_meter){ config->source, read_meter, m, config->resolution_ns };
	m->energy = (struct attribute){ config->energy_path, -1 };
	for (size_t i = 0; i < ARRAY_SIZE(m->power); i++)
		m->power[i] = (struct attribute){ config->power_paths[i], -1 };
	pthread_mutex_init(&m->lock, NULL);
	*ret_meter = m;
	return 0;
}

void sysfs_meter_free(struct sysfs_meter *meter)
{
	if (!meter)
		return;
	close_all(meter);
	pthread_mutex_destroy(&meter->lock);
	free(meter);
}

const struct power_meter *sysfs_meter_power_meter(const struct sysfs_meter *meter)
{
	return &meter->meter;
}
