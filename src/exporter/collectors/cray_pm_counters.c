// SPDX-License-Identifier: Apache-2.0
/*
 * Power management counters of HPE Cray machines (/sys/cray/pm_counters). Those of the node are
 * handed to the ledger as well.
 */
#include <errno.h>
#include <stdlib.h>

#include "basic/file.h"
#include "exporter/collector.h"
#include "exporter/exporter.h"
#include "exporter/meters/sysfs_meter.h"
#include "host/cray_pm.h"
#include "host/sysfs.h"

enum { ENERGY, POWER, POWER_LIMIT, TEMPERATURE, N_METRICS };

#define GAUGE(name_, help_)                                                                   \
	{                                                                                     \
		.name = "ceems_cray_pm_counters_" name_, .help = help_, .type = METRIC_GAUGE, \
		.labels = {                                                                   \
			"hostname",                                                           \
			"domain"                                                              \
		}                                                                             \
	}

static const struct metric metrics[N_METRICS] = {
	[ENERGY] = GAUGE("energy_joules", "Energy of a domain so far."),
	[POWER] = GAUGE("power_watts", "Power of a domain."),
	[POWER_LIMIT] = GAUGE("power_limit_watts", "Power limit of a domain."),
	[TEMPERATURE] = GAUGE("temp_celsius", "Temperature of a domain."),
};

/* In the order of metrics[], behind the domain's prefix. */
static const char *const files[N_METRICS] = { "energy", "power", "power_cap", "temp" };

static const int64_t RESOLUTION_NS = 100000000; /* raw_scan_hz is 10 */

static void cray_close(void *state)
{
	sysfs_meter_free(state);
}

static int cray_open(
	const struct collector_env *env, const void *opts, void **ret_state, struct err *err)
{
	const struct sysfs_meter_config config = {
		.source = POWER_METER_CRAY,
		.clock = env->clock,
		.host = env->host,
		.energy_path = CRAY_PM_DIR "/energy",
		.power_paths = { CRAY_PM_DIR "/power" },
		.micros = 1000000,
		.is_stamped = true,
		.resolution_ns = RESOLUTION_NS,
	};
	struct sysfs_meter *meter;
	int r = sysfs_meter_new(&config, &meter);

	if (r < 0)
		return err_errno(err, r, "cray_pm_counters");
	r = exporter_add_power_meter(env->exporter, sysfs_meter_power_meter(meter));
	if (r < 0) {
		sysfs_meter_free(meter);
		return err_errno(err, r, "cray_pm_counters");
	}
	*ret_state = meter;
	return 0;
}

static int add_domain(struct scrape *s, int dir_fd, const char *domain)
{
	const char *name = *domain ? domain : "node";
	int r = 0;

	for (size_t i = 0; r >= 0 && i < N_METRICS; i++) {
		char path[SYSFS_PATH_MAX], text[SYSFS_TEXT_MAX];
		struct slice content;
		uint64_t value = 0;
		int failed;

		snprintf(path, sizeof(path), "%s%s%s", domain, *domain ? "_" : "", files[i]);
		failed = sysfs_read(dir_fd, path, text, &content);
		if (failed >= 0)
			failed = cray_pm_parse(content, &value);
		if (failed < 0 && failed != -ENOENT)
			scrape_skip(s, "cray_pm_counters", path, failed);
		if (failed >= 0 && value > 0)
			r = scrape_add(s, &metrics[i], (double)value, s->env->hostname, name);
	}
	return r;
}

/* Adds it when it is new; domains has room for one more. */
static int note_domain(struct arena *arena, struct slice domain, const char **domains, size_t *n)
{
	for (size_t i = 0; i < *n; i++)
		if (slice_eq(domain, domains[i]))
			return 0;
	domains[*n] = arena_strndup(arena, domain.p, domain.n);
	return domains[(*n)++] ? 0 : -ENOMEM;
}

static int cray_collect(void *state, struct scrape *s)
{
	CLEANUP(file_closep) int fd = sysfs_open_dir(s->env->host->sysfs_fd, CRAY_PM_DIR);
	struct sysfs_names names = { 0 };
	const char **domains;
	size_t n = 0;
	int r = fd < 0 ? fd : sysfs_list(fd, ".", s->arena, &names);

	if (r < 0)
		return r == -ENOENT || r == -ENOTDIR || r == -EACCES || r == -EPERM ? -ENODATA : r;
	domains = ARENA_ARRAY(s->arena, const char *, names.n + 1);
	if (!domains)
		return -ENOMEM;
	for (size_t i = 0; r >= 0 && i < names.n; i++) {
		struct slice domain;

		if (cray_pm_domain(slice_from(names.v[i]), &domain))
			r = note_domain(s->arena, domain, domains, &n);
	}
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = add_domain(s, fd, domains[i]);
	return r;
}

const struct collector collector_cray_pm_counters = {
	.name = "cray_pm_counters",
	.help = "power counters of HPE Cray machines",
	.needs = COLLECTOR_NEEDS_SYSFS,
	.metrics = metrics,
	.n_metrics = N_METRICS,
	.open = cray_open,
	.collect = cray_collect,
	.close = cray_close,
};
