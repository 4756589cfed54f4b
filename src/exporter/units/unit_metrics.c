// SPDX-License-Identifier: Apache-2.0
#include "exporter/units/unit_metrics.h"

#include <errno.h>

#define UNIT_LABELS "manager", "hostname", "cgrouphostname", "uuid"
#define GPU_LABELS "index", "hindex", "gpuuuid", "gpuiid"

const struct metric unit_metrics[N_UNIT_METRICS] = {
	[UNIT_CPU_USER] = { "ceems_compute_unit_cpu_user_seconds_total",
		"CPU time that the unit spent in user mode.", METRIC_COUNTER, { UNIT_LABELS } },
	[UNIT_CPU_SYSTEM] = { "ceems_compute_unit_cpu_system_seconds_total",
		"CPU time that the unit spent in the kernel.", METRIC_COUNTER, { UNIT_LABELS } },
	[UNIT_CPUS] = { "ceems_compute_unit_cpus", "CPUs that the unit may use.", METRIC_GAUGE,
		{ UNIT_LABELS } },
	[UNIT_CPU_PRESSURE] = { "ceems_compute_unit_cpu_psi_seconds",
		"Time in which all of the unit's tasks waited for a CPU.", METRIC_GAUGE,
		{ UNIT_LABELS } },
	[UNIT_MEMORY_RSS] = { "ceems_compute_unit_memory_rss_bytes",
		"Anonymous memory of the unit.", METRIC_GAUGE, { UNIT_LABELS } },
	[UNIT_MEMORY_CACHE] = { "ceems_compute_unit_memory_cache_bytes", "Page cache of the unit.",
		METRIC_GAUGE, { UNIT_LABELS } },
	[UNIT_MEMORY_USED] = { "ceems_compute_unit_memory_used_bytes",
		"Memory of the unit, page cache included.", METRIC_GAUGE, { UNIT_LABELS } },
	[UNIT_MEMORY_LIMIT] = { "ceems_compute_unit_memory_total_bytes",
		"Memory that the unit may use.", METRIC_GAUGE, { UNIT_LABELS } },
	[UNIT_MEMORY_FAILURES] = { "ceems_compute_unit_memory_fail_count",
		"How often the unit ran into its memory limit.", METRIC_GAUGE, { UNIT_LABELS } },
	[UNIT_MEMORY_PRESSURE] = { "ceems_compute_unit_memory_psi_seconds",
		"Time in which all of the unit's tasks waited for memory.", METRIC_GAUGE,
		{ UNIT_LABELS } },
	[UNIT_SWAP_USED] = { "ceems_compute_unit_memsw_used_bytes",
		"Swap of the unit in cgroup v2, memory and swap in v1.", METRIC_GAUGE,
		{ UNIT_LABELS } },
	[UNIT_SWAP_LIMIT] = { "ceems_compute_unit_memsw_total_bytes",
		"Swap that the unit may use in cgroup v2, memory and swap in v1.", METRIC_GAUGE,
		{ UNIT_LABELS } },
	[UNIT_SWAP_FAILURES] = { "ceems_compute_unit_memsw_fail_count",
		"How often the unit ran into its limit of memory and swap.", METRIC_GAUGE,
		{ UNIT_LABELS } },
	[UNIT_METRIC_UNITS] = { "ceems_compute_units", "Compute units on this node.", METRIC_GAUGE,
		{ "manager", "hostname" } },
	[UNIT_METRIC_RDMA_HANDLES] = { "ceems_compute_unit_rdma_hca_handles",
		"RDMA handles that the unit holds.", METRIC_GAUGE, { UNIT_LABELS, "device" } },
	[UNIT_METRIC_RDMA_OBJECTS] = { "ceems_compute_unit_rdma_hca_objects",
		"RDMA objects that the unit holds.", METRIC_GAUGE, { UNIT_LABELS, "device" } },
	[UNIT_METRIC_COLLECT_ERROR] = { "ceems_compute_collect_error",
		"1 when a file of the unit could not be read or understood.", METRIC_GAUGE,
		{ UNIT_LABELS } },
	[UNIT_METRIC_GPU_FLAG] = { "ceems_compute_unit_gpu_index_flag",
		"The unit's part of the GPU, MIG device or partition, 1 for all of it.",
		METRIC_GAUGE, { UNIT_LABELS, GPU_LABELS } },
	[UNIT_METRIC_GPU_UNITS] = { "ceems_compute_unit_gpu_sm_count",
		"Streaming multiprocessors or compute units of the GPU, MIG device or partition "
		"that the unit has.",
		METRIC_GAUGE, { UNIT_LABELS, GPU_LABELS } },
	/* Gauges by the reference's types, though they only grow: rate() takes them all the same.
	 */
	[UNIT_METRIC_BLKIO_READ_BYTES] = { "ceems_compute_unit_blkio_read_total_bytes",
		"Bytes that the unit read from the block device.", METRIC_GAUGE,
		{ UNIT_LABELS, "device" } },
	[UNIT_METRIC_BLKIO_WRITE_BYTES] = { "ceems_compute_unit_blkio_write_total_bytes",
		"Bytes that the unit wrote to the block device.", METRIC_GAUGE,
		{ UNIT_LABELS, "device" } },
	[UNIT_METRIC_BLKIO_READS] = { "ceems_compute_unit_blkio_read_total_requests",
		"Read requests of the unit to the block device.", METRIC_GAUGE,
		{ UNIT_LABELS, "device" } },
	[UNIT_METRIC_BLKIO_WRITES] = { "ceems_compute_unit_blkio_write_total_requests",
		"Write requests of the unit to the block device.", METRIC_GAUGE,
		{ UNIT_LABELS, "device" } },
};

/* What a value is divided by, and the set of files without which it isn't shown. */
static const struct {
	double unit;
	unsigned set;
} forms[UNIT_METRIC_UNITS] = {
	[UNIT_CPU_USER] = { 1e6, UNIT_FILES_USAGE },
	[UNIT_CPU_SYSTEM] = { 1e6, UNIT_FILES_USAGE },
	[UNIT_CPUS] = { 1e3, UNIT_FILES_USAGE },
	[UNIT_CPU_PRESSURE] = { 1e6, UNIT_FILES_PRESSURE },
	[UNIT_MEMORY_RSS] = { 1, UNIT_FILES_USAGE },
	[UNIT_MEMORY_CACHE] = { 1, UNIT_FILES_USAGE },
	[UNIT_MEMORY_USED] = { 1, UNIT_FILES_USAGE },
	[UNIT_MEMORY_LIMIT] = { 1, UNIT_FILES_USAGE },
	[UNIT_MEMORY_FAILURES] = { 1, UNIT_FILES_USAGE },
	[UNIT_MEMORY_PRESSURE] = { 1e6, UNIT_FILES_PRESSURE },
	[UNIT_SWAP_USED] = { 1, UNIT_FILES_SWAP },
	[UNIT_SWAP_LIMIT] = { 1, UNIT_FILES_SWAP },
	[UNIT_SWAP_FAILURES] = { 1, UNIT_FILES_SWAP },
};

struct collect {
	struct scrape *s;
	unsigned sets;
};

static int add_rdma(struct scrape *s, const struct unit_rdma *rdma, const char *labels[5])
{
	int r = 0;

	labels[4] = arena_strdup(s->arena, rdma->device);
	if (!labels[4])
		return -ENOMEM;
	if (rdma->handles)
		r = exposition_add(s->out, &unit_metrics[UNIT_METRIC_RDMA_HANDLES],
			(double)rdma->handles, labels);
	if (r >= 0 && rdma->objects)
		r = exposition_add(s->out, &unit_metrics[UNIT_METRIC_RDMA_OBJECTS],
			(double)rdma->objects, labels);
	return r;
}

static int add_blkio(struct scrape *s, const struct unit_blkio *blkio, const char *labels[5])
{
	const uint64_t values[] = { blkio->read_bytes, blkio->write_bytes, blkio->read_requests,
		blkio->write_requests };
	int r = 0;

	labels[4] = arena_strdup(s->arena, blkio->device);
	if (!labels[4])
		return -ENOMEM;
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(values); i++) {
		if (values[i])
			r = exposition_add(s->out, &unit_metrics[UNIT_METRIC_BLKIO_READ_BYTES + i],
				(double)values[i], labels);
	}
	return r;
}

static int add_unit(void *ctx, const struct unit_key *key, const struct unit_values *values)
{
	const struct collect *c = ctx;
	struct scrape *s = c->s;
	/* The key lives as long as the unit, the answer may live longer. */
	const char *labels[] = { key->manager, s->env->hostname,
		arena_strdup(s->arena, key->cgrouphostname), arena_strdup(s->arena, key->uuid),
		NULL };
	int r = labels[2] && labels[3] ? 0 : -ENOMEM;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(forms); i++) {
		if (forms[i].set & c->sets && !(values->failed & UNIT_VALUE_BIT(i)))
			r = exposition_add(s->out, &unit_metrics[i],
				(double)values->v[i] / forms[i].unit, labels);
	}
	for (size_t i = 0; r >= 0 && i < values->n_rdma; i++)
		r = add_rdma(s, &values->rdma[i], labels);
	for (size_t i = 0; r >= 0 && i < values->n_blkio; i++) {
		if (!(values->failed & UNIT_VALUE_BIT(UNIT_BLKIO)))
			r = add_blkio(s, &values->blkio[i], labels);
	}
	if (r >= 0 && values->failed)
		r = exposition_add(s->out, &unit_metrics[UNIT_METRIC_COLLECT_ERROR], 1, labels);
	return r;
}

int unit_metrics_collect(
	struct unit_table *table, const char *manager, unsigned sets, struct scrape *s)
{
	struct collect c = { s, sets | UNIT_FILES_USAGE };
	int r = unit_table_scrape(table, add_unit, &c);

	struct gpus *gpus = unit_table_gpus(table);
	int units = r;

	if (r >= 0 && gpus)
		r = gpus_collect(gpus, manager, s);
	if (r < 0)
		return r;
	return scrape_add(
		s, &unit_metrics[UNIT_METRIC_UNITS], (double)units, manager, s->env->hostname);
}
