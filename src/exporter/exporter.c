// SPDX-License-Identifier: Apache-2.0
#include "exporter/exporter.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/flags.h"

enum { PATHS_MAX = 32 };

enum { DURATION, SUCCESS, SAMPLE_AGE, N_METRICS };

static const struct metric metrics[N_METRICS] = {
	[DURATION] = { "ceems_scrape_collector_duration_seconds",
		"How long a collector took in this scrape.", METRIC_GAUGE,
		{ "collector", "subcollector" } },
	[SUCCESS] = { "ceems_scrape_collector_success",
		"Whether a collector succeeded in this scrape.", METRIC_GAUGE, { "collector" } },
	[SAMPLE_AGE] = { "ceems_scrape_collector_sample_age_seconds",
		"How old the value is that a source polled in the background gave last.",
		METRIC_GAUGE, { "collector", "source" } },
};
const struct metric *const exporter_metrics[] = { &metrics[DURATION], &metrics[SUCCESS],
	&metrics[SAMPLE_AGE] };
const size_t n_exporter_metrics = N_METRICS;

struct running {
	const struct collector *collector;
	const void *options;
	void *state;
	bool started;
};

struct path_list {
	const char *v[PATHS_MAX]; /* ours */
	size_t n;
};

struct exporter {
	struct collector_env env;
	struct exporter_settings settings;
	struct running *running;
	const char **names;
	size_t n_running;
	struct unit_table *unit_tables[EXPORTER_UNIT_TABLES_MAX];
	size_t n_unit_tables;
	const struct power_meter *power_meters[EXPORTER_POWER_METERS_MAX];
	size_t n_power_meters;
	struct path_list read_paths, write_paths;
	pthread_mutex_t lock; /* of scrapes */
	struct exporter_scrapes scrapes;
};

const struct exporter_settings *exporter_settings(const struct exporter *exporter)
{
	return &exporter->settings;
}

int exporter_add_unit_table(struct exporter *exporter, struct unit_table *table)
{
	if (exporter->n_unit_tables == EXPORTER_UNIT_TABLES_MAX)
		return -ENOSPC;
	exporter->unit_tables[exporter->n_unit_tables++] = table;
	return 0;
}

size_t exporter_unit_tables(const struct exporter *exporter, struct unit_table *const **ret_tables)
{
	*ret_tables = exporter->unit_tables;
	return exporter->n_unit_tables;
}

int exporter_add_power_meter(struct exporter *exporter, const struct power_meter *meter)
{
	if (exporter->n_power_meters == EXPORTER_POWER_METERS_MAX)
		return -ENOSPC;
	exporter->power_meters[exporter->n_power_meters++] = meter;
	return 0;
}

size_t exporter_power_meters(
	const struct exporter *exporter, const struct power_meter *const **ret_meters)
{
	*ret_meters = exporter->power_meters;
	return exporter->n_power_meters;
}

int exporter_need_path(struct exporter *exporter, const char *path, bool for_writing)
{
	struct path_list *list = for_writing ? &exporter->write_paths : &exporter->read_paths;
	char *copy;

	if (list->n == PATHS_MAX)
		return -ENOSPC;
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	list->v[list->n++] = copy;
	return 0;
}

void exporter_scrapes(struct exporter *exporter, struct exporter_scrapes *ret_scrapes)
{
	pthread_mutex_lock(&exporter->lock);
	*ret_scrapes = exporter->scrapes;
	pthread_mutex_unlock(&exporter->lock);
}

void exporter_answered(struct exporter *exporter, int64_t start_ns)
{
	pthread_mutex_lock(&exporter->lock);
	exporter->scrapes.answered++;
	exporter->scrapes.last_start_ns = MAX(exporter->scrapes.last_start_ns, start_ns);
	pthread_mutex_unlock(&exporter->lock);
}

static int open_collectors(
	struct exporter *e, const struct exporter_config *config, struct err *err)
{
	for (size_t i = 0; i < config->n_choices; i++) {
		const struct collector *c = config->choices[i].collector;
		struct running *running = &e->running[e->n_running];
		int r = 0;

		if (!config->choices[i].on)
			continue;
		running->collector = c;
		running->options = config->choices[i].options;
		if (c->open)
			r = c->open(&e->env, running->options, &running->state, err);
		if (r < 0)
			return err_prefix(err, r, "collector %s", c->name);
		e->names[e->n_running++] = c->name;
	}
	return 0;
}

int exporter_open(
	const struct exporter_config *config, struct exporter **ret_exporter, struct err *err)
{
	struct exporter *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return err_errno(err, -ENOMEM, "opening the collectors");
	pthread_mutex_init(&e->lock, NULL);
	e->settings = config->settings;
	e->env = (struct collector_env){
		.host = config->host,
		.clock = config->clock,
		.log = config->log,
		.hostname = config->hostname,
		.exporter = e,
	};
	e->running = calloc(config->n_choices + 1, sizeof(*e->running));
	e->names = calloc(config->n_choices + 1, sizeof(*e->names));
	if (e->running && e->names)
		r = open_collectors(e, config, err);
	else
		r = err_errno(err, -ENOMEM, "opening the collectors");
	if (r < 0) {
		exporter_free(e);
		return r;
	}
	*ret_exporter = e;
	return 0;
}

struct strings exporter_collectors(const struct exporter *exporter)
{
	return (struct strings){ exporter->names, exporter->n_running };
}

capability_set exporter_capabilities(const struct exporter *exporter)
{
	capability_set all = 0;

	for (size_t i = 0; i < exporter->n_running; i++) {
		const struct running *running = &exporter->running[i];

		if (running->collector->capabilities)
			all |= running->collector->capabilities(running->options);
	}
	return all;
}

struct strings exporter_paths(const struct exporter *exporter, bool for_writing)
{
	const struct path_list *list = for_writing ? &exporter->write_paths : &exporter->read_paths;

	return (struct strings){ (const char **)list->v, list->n };
}

int exporter_start(struct exporter *exporter, struct err *err)
{
	for (size_t i = 0; i < exporter->n_running; i++) {
		struct running *running = &exporter->running[i];
		int r = 0;

		if (running->collector->start)
			r = running->collector->start(running->state, err);
		if (r < 0)
			return err_prefix(err, r, "collector %s", running->collector->name);
		running->started = true;
	}
	return 0;
}

int scrape_add_age(
	struct scrape *s, const char *collector_name, const char *source, int64_t sample_ns)
{
	int64_t age_ns = clock_monotonic_ns(s->env->clock) - sample_ns;

	return scrape_add(s, &metrics[SAMPLE_AGE], (double)age_ns / 1e9, collector_name, source);
}

static void log_result(const struct exporter *e, const char *name, double seconds, int r)
{
	if (r >= 0)
		log_debug(e->env.log, "collector succeeded", LOG_STR("name", name),
			LOG_F64("duration_seconds", seconds));
	else if (r == -ENODATA)
		log_debug(e->env.log, "collector returned no data", LOG_STR("name", name),
			LOG_F64("duration_seconds", seconds), LOG_STR("err", err_name(r)));
	else
		log_error(e->env.log, "collector failed", LOG_STR("name", name),
			LOG_F64("duration_seconds", seconds), LOG_STR("err", err_name(r)));
}

static int gather_one(struct exporter *e, const struct running *running, struct scrape *scrape)
{
	const char *name = running->collector->name;
	int64_t start_ns = clock_monotonic_ns(e->env.clock);
	int r = running->collector->collect(running->state, scrape);
	double seconds = (double)(clock_monotonic_ns(e->env.clock) - start_ns) / 1e9;
	int added;

	log_result(e, name, seconds, r);
	added = scrape_add(scrape, &metrics[DURATION], seconds, name, "");
	if (added >= 0)
		added = scrape_add(scrape, &metrics[SUCCESS], r >= 0, name);
	return added;
}

int exporter_gather(struct exporter *exporter, struct exposition *out, struct arena *arena)
{
	struct scrape scrape = {
		.env = &exporter->env,
		.out = out,
		.arena = arena,
		.log = exporter->env.log,
	};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < exporter->n_running; i++)
		r = gather_one(exporter, &exporter->running[i], &scrape);
	return r;
}

void exporter_stop(struct exporter *exporter)
{
	for (size_t i = exporter ? exporter->n_running : 0; i-- > 0;) {
		struct running *running = &exporter->running[i];

		if (running->started && running->collector->stop)
			running->collector->stop(running->state);
		running->started = false;
	}
}

static void free_paths(struct path_list *list)
{
	while (list->n > 0)
		free((char *)list->v[--list->n]);
}

void exporter_free(struct exporter *exporter)
{
	if (!exporter)
		return;
	exporter_stop(exporter);
	for (size_t i = exporter->n_running; i-- > 0;)
		if (exporter->running[i].collector->close)
			exporter->running[i].collector->close(exporter->running[i].state);
	free_paths(&exporter->read_paths);
	free_paths(&exporter->write_paths);
	free(exporter->running);
	free(exporter->names);
	pthread_mutex_destroy(&exporter->lock);
	free(exporter);
}
