// SPDX-License-Identifier: Apache-2.0
#include "exporter/exporter.h"

#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exporter/accounts.h"
#include "exporter/collector_run.h"
#include "exporter/flags.h"
#include "exporter/follow_roots.h"
#include "exporter/scrape_metrics.h"
#include "exporter/units/rdma_stats.h"

enum { PATHS_MAX = 32 };

struct running {
	struct collector_run run;
	const void *options;
	bool started;
};

struct thread {
	char name[32];
	struct usage_account account;
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
	struct gpus *gpus;
	const struct kube_config *kube; /* NULL: no collector told one */
	const char *node_name;
	struct rdma_stats *rdma; /* ours; NULL: not wanted */
	struct path_list read_paths, write_paths;
	bool accounting;
	int64_t cpu_budget_ns;
	struct thread *threads[EXPORTER_THREADS_MAX]; /* ours */
	size_t n_threads;
	pthread_mutex_t lock; /* of scrapes and n_threads */
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

void exporter_set_kube(
	struct exporter *exporter, const struct kube_config *kube, const char *node_name)
{
	exporter->kube = kube;
	exporter->node_name = node_name;
}

/* As Kubernetes knows it: by its host name, if nobody says otherwise. */
static const char *find_node_name(const struct exporter *exporter, char hostname[HOST_NAME_MAX + 1])
{
	const char *told = exporter->kube ? exporter->node_name : getenv("NODE_NAME");

	if (told && *told)
		return told;
	hostname[HOST_NAME_MAX] = '\0';
	return gethostname(hostname, HOST_NAME_MAX) < 0 ? "" : hostname;
}

int exporter_open_gpus(struct exporter *exporter, struct gpus **ret_gpus, struct err *err)
{
	const struct exporter_settings *settings = &exporter->settings;
	char hostname[HOST_NAME_MAX + 1];
	const struct gpus_config config = {
		.host = exporter->env.host,
		.clock = exporter->env.clock,
		.log = exporter->env.log,
		.hostname = exporter->env.hostname,
		.vendor = settings->gpu_vendor,
		.nvidia_smi_path = settings->nvidia_smi_path,
		.rocm_smi_path = settings->rocm_smi_path,
		.amd_smi_path = settings->amd_smi_path,
		.kube = exporter->kube,
		.node_name = find_node_name(exporter, hostname),
		.scan_account = exporter->gpus ? NULL : exporter_thread_account(exporter, "gpus"),
		.power_account = exporter->gpus ? NULL
						: exporter_thread_account(exporter, "gpu-power"),
	};
	int r = exporter->gpus ? 0 : gpus_open(&config, &exporter->gpus, err);

	if (r >= 0)
		*ret_gpus = exporter->gpus;
	return r;
}

int exporter_open_rdma(struct exporter *exporter, struct err *err)
{
	const char *command = exporter->settings.rdma_cmd;
	struct rdma_stats_config config = {
		.host = exporter->env.host,
		.clock = exporter->env.clock,
		.log = exporter->env.log,
		.command = command && *command ? command : "rdma",
	};
	int r;

	if (!exporter->settings.rdma_stats || exporter->rdma)
		return 0;
	config.account = exporter_thread_account(exporter, "rdma");
	r = rdma_stats_new(&config, &exporter->rdma);
	return r < 0 ? err_errno(err, r, "rdma") : 0;
}

struct rdma_stats *exporter_rdma(const struct exporter *exporter)
{
	return exporter->rdma;
}

struct gpus *exporter_gpus(const struct exporter *exporter)
{
	return exporter->gpus;
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

struct usage_account *exporter_thread_account(struct exporter *exporter, const char *name)
{
	struct thread *thread = calloc(1, sizeof(*thread));
	bool added;

	if (!thread)
		return NULL;
	snprintf(thread->name, sizeof(thread->name), "%s", name);
	pthread_mutex_lock(&exporter->lock);
	added = exporter->n_threads < EXPORTER_THREADS_MAX;
	if (added)
		exporter->threads[exporter->n_threads++] = thread;
	pthread_mutex_unlock(&exporter->lock);
	if (added)
		return &thread->account;
	free(thread);
	return NULL;
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

/* 0, or the error of a root that the collector needs and that isn't there. */
static int check_root(const struct host_root *host, unsigned needs, enum host_root_kind *ret_kind)
{
	static const unsigned need_of[] = {
		[HOST_PROCFS] = COLLECTOR_NEEDS_PROCFS,
		[HOST_SYSFS] = COLLECTOR_NEEDS_SYSFS,
	};
	int r = 0;

	for (int kind = 0; r == 0 && kind < (int)ARRAY_SIZE(need_of); kind++) {
		if (!(needs & need_of[kind]))
			continue;
		*ret_kind = kind;
		r = host_root_error(host, kind);
	}
	return r;
}

/* spec exporter-node.md, --path.*: these collectors fail the start, others find nothing. */
static int check_roots(const struct host_root *host, unsigned needs, struct err *err)
{
	enum host_root_kind kind;
	int r = check_root(host, needs, &kind);

	return r < 0 ? err_errno(err, r, "opening directory '%s'", host_root_path(host, kind)) : 0;
}

static int open_collectors(
	struct exporter *e, const struct exporter_config *config, struct err *err)
{
	for (size_t i = 0; i < config->n_choices; i++) {
		const struct collector *c = config->choices[i].collector;
		struct running *running = &e->running[e->n_running];
		void *state = NULL;
		int r;

		if (!config->choices[i].on)
			continue;
		running->options = config->choices[i].options;
		r = check_roots(config->host, c->needs, err);
		if (r >= 0 && c->open)
			r = c->open(&e->env, running->options, &state, err);
		if (r < 0)
			return err_prefix(err, r, "collector %s", c->name);
		collector_run_init(&running->run, c, state);
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
	e->accounting = config->accounting;
	e->cpu_budget_ns = config->cpu_budget_ns;
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
	/* To tell devices, as root, to count by process. */
	capability_set all = exporter->rdma ? CAPABILITY(CAP_SETUID) | CAPABILITY(CAP_SETGID) : 0;

	for (size_t i = 0; i < exporter->n_running; i++) {
		const struct running *running = &exporter->running[i];

		if (running->run.collector->capabilities)
			all |= running->run.collector->capabilities(running->options);
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
	int started = exporter->gpus ? gpus_start(exporter->gpus, err) : 0;

	if (started >= 0 && exporter->rdma)
		started = rdma_stats_start(exporter->rdma, err);
	if (started < 0)
		return started;
	for (size_t i = 0; i < exporter->n_running; i++) {
		struct running *running = &exporter->running[i];
		const struct collector *c = running->run.collector;
		int r = c->start ? c->start(running->run.state, err) : 0;

		if (r < 0)
			return err_prefix(err, r, "collector %s", c->name);
		running->started = true;
	}
	return 0;
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

static int gather_one(struct exporter *e, struct running *running, struct scrape *scrape,
	struct collector_meter *meter)
{
	const char *name = running->run.collector->name;
	int64_t start_ns = clock_monotonic_ns(e->env.clock);
	enum host_root_kind kind;
	int r = check_root(e->env.host, running->run.collector->needs, &kind);

	/* Gone after the start: there is nothing to read. */
	r = r < 0 ? -ENODATA : collector_run(&running->run, scrape, meter);
	int64_t ns = clock_monotonic_ns(e->env.clock) - start_ns;
	int added;

	log_result(e, name, (double)ns / 1e9, r);
	added = scrape_add_duration(scrape, name, "", ns);
	if (added >= 0)
		added = scrape_add_success(scrape, name, r >= 0);
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
	struct collector_meter meter = { .cpu_budget_ns = exporter->cpu_budget_ns };
	struct thread_meter thread_meter = { .io_fd = -1 };
	int r = 0;

	if (exporter->accounting || exporter->cpu_budget_ns) {
		thread_meter_open(&thread_meter);
		thread_meter_read(&thread_meter, &meter.before);
		meter.meter = &thread_meter;
	}
	follow_roots(exporter->env.host, exporter->env.log);
	for (size_t i = 0; r >= 0 && i < exporter->n_running; i++)
		r = gather_one(exporter, &exporter->running[i], &scrape, &meter);
	thread_meter_close(&thread_meter);
	return r;
}

static int add_running(struct exporter *e, struct running *running, struct exposition *out)
{
	const char *name = running->run.collector->name;
	struct collector_run_status status;
	int r = e->accounting ? accounts_add_collector(out, name, &running->run.account) : 0;

	if (r < 0 || !e->cpu_budget_ns)
		return r;
	collector_run_status(&running->run, &status);
	return accounts_add_budget(out, name, &status);
}

int exporter_add_accounts(struct exporter *e, struct exposition *out)
{
	size_t n_threads = 0;
	int r = e->accounting ? accounts_add_tools(out) : 0;

	for (size_t i = 0; r >= 0 && i < e->n_running; i++)
		r = add_running(e, &e->running[i], out);
	if (e->accounting) {
		pthread_mutex_lock(&e->lock);
		n_threads = e->n_threads;
		pthread_mutex_unlock(&e->lock);
	}
	for (size_t i = 0; r >= 0 && i < n_threads; i++)
		r = accounts_add_thread(out, e->threads[i]->name, &e->threads[i]->account);
	return r;
}

void exporter_stop(struct exporter *exporter)
{
	for (size_t i = exporter ? exporter->n_running : 0; i-- > 0;) {
		struct running *running = &exporter->running[i];

		if (running->started && running->run.collector->stop)
			running->run.collector->stop(running->run.state);
		running->started = false;
	}
	if (exporter)
		gpus_stop(exporter->gpus);
	if (exporter)
		rdma_stats_stop(exporter->rdma);
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
	for (size_t i = exporter->n_running; i-- > 0;) {
		struct collector_run *run = &exporter->running[i].run;

		if (run->collector->close)
			run->collector->close(run->state);
		collector_run_done(run);
	}
	for (size_t i = 0; i < exporter->n_threads; i++)
		free(exporter->threads[i]);
	gpus_close(exporter->gpus);
	rdma_stats_free(exporter->rdma);
	free_paths(&exporter->read_paths);
	free_paths(&exporter->write_paths);
	free(exporter->running);
	free(exporter->names);
	pthread_mutex_destroy(&exporter->lock);
	free(exporter);
}
