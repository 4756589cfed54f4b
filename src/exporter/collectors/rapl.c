// SPDX-License-Identifier: Apache-2.0
/*
 * Energy counters and power limits of the RAPL zones (/sys/class/powercap). The counters are given
 * out raw: they restart at 0 after max_energy_range_uj, which Prometheus takes for a counter reset.
 * Exact energy is the ledger's business.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "exporter/clean_name.h"
#include "exporter/collector.h"
#include "host/powercap.h"

enum { ZONE_JOULES, ZONE_LIMIT, JOULES, LIMIT, N_METRICS };

static const struct metric metrics[N_METRICS] = {
	[ZONE_JOULES] = {
		.name = "ceems_rapl_<zone>_joules_total",
		.help = "Raw energy counter of RAPL zone <zone>.",
		.type = METRIC_COUNTER,
		.labels = { "hostname", "index", "path" },
	},
	[ZONE_LIMIT] = {
		.name = "ceems_rapl_<zone>_power_limit_watts_total",
		.help = "Power limit of RAPL zone <zone>.",
		.type = METRIC_COUNTER,
		.labels = { "hostname", "index", "path" },
	},
	[JOULES] = {
		.name = "ceems_rapl_joules_total",
		.help = "Raw energy counter of a RAPL zone.",
		.type = METRIC_COUNTER,
		.labels = { "hostname", "index", "path", "rapl_zone" },
	},
	[LIMIT] = {
		.name = "ceems_rapl_power_limit_watts_total",
		.help = "Power limit of a RAPL zone.",
		.type = METRIC_COUNTER,
		.labels = { "hostname", "index", "path", "rapl_zone" },
	},
};

struct rapl_options {
	bool zone_label;
};

static const struct option_def options[] = {
	{ "collector.rapl.enable-zone-label", OPTION_BOOL,
		offsetof(struct rapl_options, zone_label),
		.help = "Name the zone in the label rapl_zone instead of the metric's name." },
};

struct rapl {
	const struct rapl_options *options;
	atomic_bool complained; /* that no energy could be read; once until some can */
};

static capability_set rapl_capabilities(const void *opts)
{
	return CAPABILITY(CAP_DAC_READ_SEARCH); /* since Linux 5.10 energy_uj is root's */
}

static int rapl_open(
	const struct collector_env *env, const void *opts, void **ret_state, struct err *err)
{
	struct rapl *rapl = calloc(1, sizeof(*rapl));

	if (!rapl)
		return err_errno(err, -ENOMEM, "rapl");
	rapl->options = opts;
	*ret_state = rapl;
	return 0;
}

/* The family of a zone whose name stands in the metric's name. */
static const struct metric *zone_metric(
	struct arena *arena, const struct metric *pattern, const char *zone)
{
	struct metric *m = ARENA_NEW(arena, struct metric);
	char *clean = arena_strdup(arena, zone);

	if (!m || !clean)
		return NULL;
	clean_name(clean);
	*m = *pattern;
	m->name = arena_printf(arena, "ceems_rapl_%s%s", clean, strchr(pattern->name, '>') + 1);
	m->help = arena_printf(
		arena, "%.*s%s.", (int)strcspn(pattern->help, "<"), pattern->help, clean);
	return m->name && m->help ? m : NULL;
}

static int add(struct scrape *s, const struct rapl *rapl, const struct powercap_zone *zone,
	bool is_limit, uint64_t micro)
{
	char *index = arena_printf(s->arena, "%lld", (long long)zone->index);
	char *path = arena_printf(
		s->arena, "%s/class/powercap/%s", s->env->host->sysfs, zone->entry);
	char *name = arena_strdup(s->arena, zone->zone);
	double value = (double)micro / 1e6;
	const struct metric *m;

	if (!index || !path || !name)
		return -ENOMEM;
	if (rapl->options->zone_label)
		return scrape_add(s, &metrics[is_limit ? LIMIT : JOULES], value, s->env->hostname,
			index, path, name);
	m = zone_metric(s->arena, &metrics[is_limit ? ZONE_LIMIT : ZONE_JOULES], name);
	if (!m)
		return -ENOMEM;
	return scrape_add(s, m, value, s->env->hostname, index, path);
}

/* 1 when the energy counter could be read. */
static int add_zone(struct scrape *s, const struct rapl *rapl, const struct powercap *powercap,
	const struct powercap_zone *zone)
{
	uint64_t energy_uj, limit_uw;
	bool has_energy;
	int r;

	if (!zone->has_range) {
		scrape_skip(s, "rapl", zone->entry, -ENODATA);
		return 0;
	}
	r = powercap_read_energy(zone, &energy_uj);
	has_energy = r >= 0;
	if (!has_energy)
		scrape_skip(s, "rapl", zone->entry, r);
	r = has_energy ? add(s, rapl, zone, false, energy_uj) : 0;
	if (r >= 0 && powercap_read_limit(powercap, zone, &limit_uw) >= 0)
		r = add(s, rapl, zone, true, limit_uw);
	return r < 0 ? r : has_energy;
}

/* -EACCES says more than that a file is empty. */
static int first_error(const struct powercap *powercap)
{
	for (size_t i = 0; i < powercap->n; i++)
		if (powercap->zones[i].energy_error)
			return powercap->zones[i].energy_error;
	return -ENODATA;
}

static void complain(struct rapl *rapl, struct scrape *s, const struct powercap *powercap)
{
	if (!atomic_exchange(&rapl->complained, true))
		log_error(s->log, "no RAPL energy counter can be read",
			LOG_STR("collector", "rapl"),
			LOG_STR("err", err_name(first_error(powercap))));
}

static int rapl_collect(void *state, struct scrape *s)
{
	struct rapl *rapl = state;
	CLEANUP(powercap_closep) struct powercap *powercap = NULL;
	bool has_energy = false;
	capability_set raised = privilege_raise(rapl_capabilities(rapl->options));
	int r = powercap_open(s->env->host->sysfs_fd, &powercap);

	privilege_lower(raised); /* the descriptors stay good */
	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < powercap->n; i++) {
		r = add_zone(s, rapl, powercap, &powercap->zones[i]);
		has_energy |= r > 0;
	}
	if (r < 0)
		return r;
	if (has_energy)
		atomic_store(&rapl->complained, false);
	else
		complain(rapl, s, powercap);
	return 0;
}

const struct collector collector_rapl = {
	.name = "rapl",
	.help = "RAPL energy counters and power limits",
	.default_on = true,
	.needs = COLLECTOR_NEEDS_SYSFS,
	.metrics = metrics,
	.n_metrics = N_METRICS,
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.options_size = sizeof(struct rapl_options),
	.capabilities = rapl_capabilities,
	.open = rapl_open,
	.collect = rapl_collect,
	.close = free,
};
