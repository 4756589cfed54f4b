// SPDX-License-Identifier: Apache-2.0
/*
 * Power and energy sensors of hardware monitors (/sys/class/hwmon). They are looked for at the
 * start and read in every scrape; one that can't be read, or is 0, has no series. The chip of an
 * ACPI power meter measures the whole node and is handed to the ledger.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "exporter/collector.h"
#include "exporter/exporter.h"
#include "exporter/meters/sysfs_meter.h"
#include "host/hwmon.h"
#include "host/sysfs.h"

#define ACPI_POWER_METER "power_meter" /* drivers/hwmon/acpi_power_meter.c */

enum { POWER_CURRENT, POWER_MIN, POWER_MAX, POWER_AVERAGE, ENERGY_CURRENT, N_METRICS };
enum { SENSORS_MAX_BYTES = 64 << 20 };

#define GAUGE(name_, help_)                                                                    \
	{                                                                                      \
		.name = "ceems_hwmon_" name_, .help = help_, .type = METRIC_GAUGE, .labels = { \
			"hostname",                                                            \
			"sensor",                                                              \
			"chip",                                                                \
			"chip_name"                                                            \
		}                                                                              \
	}

static const struct metric metrics[N_METRICS] = {
	[POWER_CURRENT] = GAUGE("power_current_watts", "Power."),
	[POWER_MIN] = GAUGE("power_min_watts", "Lowest power so far."),
	[POWER_MAX] = GAUGE("power_max_watts", "Highest power so far."),
	[POWER_AVERAGE] = GAUGE("power_avg_watts", "Mean power over the chip's interval."),
	[ENERGY_CURRENT] = GAUGE("energy_current_joules", "Energy so far."),
};

static const struct metric *const power_metrics[N_HWMON_PROPERTIES] = {
	[HWMON_INPUT] = &metrics[POWER_CURRENT],
	[HWMON_INPUT_LOWEST] = &metrics[POWER_MIN],
	[HWMON_INPUT_HIGHEST] = &metrics[POWER_MAX],
	[HWMON_AVERAGE] = &metrics[POWER_AVERAGE],
};

struct hwmon {
	struct arena arena; /* what was found; nothing of it changes */
	struct hwmon_sensors sensors;
	const char **names; /* label 'sensor' of each */
	struct sysfs_meter *meter; /* NULL: none */
};

static void hwmon_close(void *state)
{
	struct hwmon *hwmon = state;

	sysfs_meter_free(hwmon->meter);
	arena_done(&hwmon->arena);
	free(hwmon);
}

static int name_sensors(struct hwmon *hwmon)
{
	hwmon->names = ARENA_ARRAY(&hwmon->arena, const char *, hwmon->sensors.n);
	for (size_t i = 0; hwmon->names && i < hwmon->sensors.n; i++) {
		const struct hwmon_file *file = &hwmon->sensors.v[i].file;

		hwmon->names[i] = arena_printf(&hwmon->arena, "%s%" PRIu64,
			file->kind == HWMON_POWER ? "power" : "energy", file->number);
		if (!hwmon->names[i])
			return -ENOMEM;
	}
	return hwmon->names ? 0 : -ENOMEM;
}

/* The first power of the first ACPI meter: several would measure parts of each other. */
static const struct hwmon_sensor *acpi_sensor(const struct hwmon *hwmon)
{
	for (size_t i = 0; i < hwmon->sensors.n; i++) {
		const struct hwmon_sensor *sensor = &hwmon->sensors.v[i];

		if (str_eq(sensor->chip->name, ACPI_POWER_METER) &&
			sensor->file.kind == HWMON_POWER &&
			(sensor->file.property == HWMON_AVERAGE ||
				sensor->file.property == HWMON_INPUT))
			return sensor;
	}
	return NULL;
}

static const char *path_of(
	const struct hwmon *hwmon, const struct hwmon_sensor *like, enum hwmon_property property)
{
	for (size_t i = 0; i < hwmon->sensors.n; i++) {
		const struct hwmon_sensor *sensor = &hwmon->sensors.v[i];

		if (sensor->chip == like->chip && sensor->file.kind == like->file.kind &&
			sensor->file.number == like->file.number &&
			sensor->file.property == property)
			return sensor->path;
	}
	return NULL;
}

/* How often an average is renewed; 0 = not told. */
static int64_t interval_ns(int sysfs_fd, const char *average_path)
{
	char path[SYSFS_PATH_MAX];
	uint64_t ms;

	if (!average_path)
		return 0;
	snprintf(path, sizeof(path), "%s_interval", average_path);
	if (sysfs_read_u64(sysfs_fd, path, &ms) < 0 || ms > INT32_MAX)
		return 0;
	return (int64_t)ms * 1000000;
}

static int offer_meter(struct hwmon *hwmon, const struct collector_env *env)
{
	const struct hwmon_sensor *sensor = acpi_sensor(hwmon);
	const char *average = sensor ? path_of(hwmon, sensor, HWMON_AVERAGE) : NULL;
	const char *input = sensor ? path_of(hwmon, sensor, HWMON_INPUT) : NULL;
	const struct sysfs_meter_config config = {
		.source = POWER_METER_HWMON,
		.clock = env->clock,
		.host = env->host,
		.power_paths = { average, input },
		.micros = 1,
		.resolution_ns = interval_ns(env->host->sysfs_fd, average),
	};
	int r = sensor ? sysfs_meter_new(&config, &hwmon->meter) : 0;

	if (r < 0 || !sensor)
		return r;
	return exporter_add_power_meter(env->exporter, sysfs_meter_power_meter(hwmon->meter));
}

static int hwmon_open(
	const struct collector_env *env, const void *opts, void **ret_state, struct err *err)
{
	struct hwmon *hwmon = calloc(1, sizeof(*hwmon));
	int r;

	if (!hwmon)
		return err_errno(err, -ENOMEM, "hwmon");
	arena_init(&hwmon->arena, SENSORS_MAX_BYTES);
	r = hwmon_discover(env->host->sysfs_fd, env->host->sysfs, &hwmon->arena, &hwmon->sensors);
	if (r >= 0 && !hwmon->sensors.n)
		r = -ENODATA;
	if (r >= 0)
		r = name_sensors(hwmon);
	if (r >= 0)
		r = offer_meter(hwmon, env);
	if (r < 0) {
		hwmon_close(hwmon);
		if (r == -ENODATA)
			return err_set(err, r, "'%s/class/hwmon' has no sensor of power or energy",
				env->host->sysfs);
		return err_errno(
			err, r, "looking for sensors in '%s/class/hwmon'", env->host->sysfs);
	}
	*ret_state = hwmon;
	return 0;
}

/* NULL: it has no family. */
static const struct metric *metric_of(const struct hwmon_file *file)
{
	if (file->kind == HWMON_POWER)
		return power_metrics[file->property];
	return file->property == HWMON_INPUT ? &metrics[ENERGY_CURRENT] : NULL;
}

static int hwmon_collect(void *state, struct scrape *s)
{
	const struct hwmon *hwmon = state;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < hwmon->sensors.n; i++) {
		const struct hwmon_sensor *sensor = &hwmon->sensors.v[i];
		const struct metric *metric = metric_of(&sensor->file);
		double micro;
		int failed = metric ? hwmon_read(s->env->host->sysfs_fd, sensor, &micro) : 0;

		if (failed < 0)
			scrape_skip(s, "hwmon", sensor->path, failed);
		else if (metric && micro > 0)
			r = scrape_add(s, metric, micro / 1e6, s->env->hostname, hwmon->names[i],
				sensor->chip->chip, sensor->chip->name);
	}
	return r;
}

const struct collector collector_hwmon = {
	.name = "hwmon",
	.help = "power and energy sensors of hwmon",
	.metrics = metrics,
	.n_metrics = N_METRICS,
	.open = hwmon_open,
	.collect = hwmon_collect,
	.close = hwmon_close,
};
