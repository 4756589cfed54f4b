// SPDX-License-Identifier: Apache-2.0
#include "exporter/units/unit_collector.h"

#include <errno.h>
#include <sys/resource.h>

#include "exporter/exporter.h"
#include "exporter/scrape_metrics.h"
#include "exporter/units/rdma_stats.h"
#include "exporter/units/unit_metrics.h"

#define CGROUP_MOUNT "/sys/fs/cgroup"

/*
 * Descriptors are what keeps readings cheap: take what the system grants; the first manager uses
 * half of it, the next half of the rest.
 */
static size_t descriptors_to_keep(const struct exporter *exporter)
{
	struct unit_table *const *tables;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	return (size_t)limit.rlim_cur >> (1 + exporter_unit_tables(exporter, &tables));
}

int unit_collector_open(const struct collector_env *env, const struct unit_manager *manager,
	void *manager_ctx, unsigned sets, struct unit_table **ret_table, struct err *err)
{
	const struct exporter_settings *settings = exporter_settings(env->exporter);
	struct unit_table_config config = {
		.manager = manager,
		.manager_ctx = manager_ctx,
		.host = env->host,
		.log = env->log,
		.version = settings->cgroups_force_version
			? (enum cgroup_version)settings->cgroups_force_version
			: cgroup_detect(CGROUP_MOUNT),
		.active_subsystem = settings->cgroups_active_subsystem,
		.sets = sets,
		.open_max = descriptors_to_keep(env->exporter),
	};
	struct unit_table *table;
	int r = exporter_open_gpus(env->exporter, &config.gpus, err);

	if (r >= 0)
		r = exporter_open_rdma(env->exporter, err);
	if (r >= 0)
		r = unit_table_new(&config, &table, err);
	if (r < 0)
		return r;
	r = exporter_add_unit_table(env->exporter, table);
	if (r < 0) {
		unit_table_free(table);
		return err_errno(err, r, "%s", manager->name);
	}
	*ret_table = table;
	return 0;
}

/* What fails here costs its own series only. */
static int collect_rdma(
	struct rdma_stats *rdma, struct unit_table *table, const char *manager, struct scrape *s)
{
	const int64_t start_ns = clock_monotonic_ns(s->env->clock);
	int r = rdma_stats_collect(rdma, table, manager, s);

	if (r == -ENOMEM)
		return r;
	if (r < 0)
		scrape_skip(s, manager, "rdma", r);
	return scrape_add_duration(
		s, manager, "rdma", clock_monotonic_ns(s->env->clock) - start_ns);
}

int unit_collector_collect(
	struct unit_table *table, const char *manager, unsigned sets, struct scrape *s)
{
	struct rdma_stats *rdma = exporter_rdma(s->env->exporter);
	int r = unit_metrics_collect(table, manager, sets, s);
	int added = rdma ? collect_rdma(rdma, table, manager, s) : 0;

	return added < 0 ? added : r;
}
