// SPDX-License-Identifier: Apache-2.0
#include "tool/tsdb/discover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macros.h"
#include "basic/str.h"

const char *const wanted_series_names[N_WANTED_SERIES] = {
	[SERIES_LEDGER_UNIT] = "ceems_energy_unit_joules_total",
	[SERIES_LEDGER_METER] = "ceems_energy_meter_joules_total",
	[SERIES_LEDGER_SOURCE] = "ceems_energy_source_info",
	[SERIES_POWER_MODEL] = "ceems_power_model_watts",
	[SERIES_RAPL_PACKAGE] = "ceems_rapl_package_joules_total",
	[SERIES_RAPL_DRAM] = "ceems_rapl_dram_joules_total",
	[SERIES_IPMI] = "ceems_ipmi_dcmi_current_watts",
	[SERIES_REDFISH] = "ceems_redfish_current_watts",
	[SERIES_CRAY] = "ceems_cray_pm_counters_power_watts",
	[SERIES_UNIT_CPU] = "ceems_compute_unit_cpu_user_seconds_total",
	[SERIES_UNIT_GPU] = "ceems_compute_unit_gpu_index_flag",
	[SERIES_GPU_NVIDIA] = "DCGM_FI_DEV_POWER_USAGE_INSTANT",
	[SERIES_GPU_AMD_SMI] = "amd_gpu_power",
	[SERIES_GPU_AMD_DEVICE] = "gpu_power_usage",
	[SERIES_GPU_PROFILES] = "DCGM_FI_PROF_SM_ACTIVE",
	[SERIES_GPU_PROFILES + 1] = "DCGM_FI_PROF_SM_OCCUPANCY",
	[SERIES_GPU_PROFILES + 2] = "DCGM_FI_PROF_GR_ENGINE_ACTIVE",
	[SERIES_GPU_PROFILES + 3] = "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE",
	[SERIES_GPU_PROFILES + 4] = "DCGM_FI_PROF_PIPE_FP64_ACTIVE",
	[SERIES_GPU_PROFILES + 5] = "DCGM_FI_PROF_PIPE_FP32_ACTIVE",
	[SERIES_GPU_PROFILES + 6] = "DCGM_FI_PROF_PIPE_FP16_ACTIVE",
	[SERIES_GPU_PROFILES + 7] = "DCGM_FI_PROF_DRAM_ACTIVE",
	[SERIES_GPU_PROFILES + 8] = "DCGM_FI_PROF_NVLINK_TX_BYTES",
	[SERIES_GPU_PROFILES + 9] = "DCGM_FI_PROF_NVLINK_RX_BYTES",
	[SERIES_GPU_PROFILES + 10] = "DCGM_FI_PROF_PCIE_TX_BYTES",
	[SERIES_GPU_PROFILES + 11] = "DCGM_FI_PROF_PCIE_RX_BYTES",
};

static struct job *find_job(struct job_list *jobs, const char *name)
{
	for (size_t i = 0; i < jobs->n; i++) {
		if (str_eq(jobs->v[i].name, name))
			return &jobs->v[i];
	}
	return NULL;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int collect_hosts(
	struct job *job, const struct tsdb_series *series, size_t n, struct arena *arena)
{
	struct strings hosts = { 0 };
	size_t of_job = 0, distinct = 0;

	for (size_t i = 0; i < n; i++)
		of_job += str_eq(tsdb_series_label(&series[i], "job"), job->name);
	hosts.v = ARENA_ARRAY(arena, const char *, of_job + 1);
	if (!hosts.v)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const char *instance = tsdb_series_label(&series[i], "instance");

		if (!str_eq(tsdb_series_label(&series[i], "job"), job->name) || !*instance)
			continue;
		hosts.v[hosts.n] = arena_strndup(arena, instance, strcspn(instance, ":"));
		if (!hosts.v[hosts.n++])
			return -ENOMEM;
	}
	qsort(hosts.v, hosts.n, sizeof(*hosts.v), by_text);
	for (size_t i = 0; i < hosts.n; i++)
		if (!i || !str_eq(hosts.v[i], hosts.v[distinct - 1]))
			hosts.v[distinct++] = hosts.v[i];
	hosts.n = distinct;
	job->hosts = hosts;
	return 0;
}

int discover_from_series(
	const struct tsdb_series *series, size_t n, struct arena *arena, struct job_list *ret_jobs)
{
	struct job_list jobs = { 0 };
	size_t cap = 0;

	for (size_t i = 0; i < n; i++) {
		const char *name = tsdb_series_label(&series[i], "__name__");
		const char *job_name = tsdb_series_label(&series[i], "job");
		struct job *job = find_job(&jobs, job_name);

		if (!job && jobs.n == cap) {
			const size_t more = cap ? 2 * cap : 16;

			jobs.v = arena_grow(arena, jobs.v, cap, more, sizeof(*jobs.v));
			if (!jobs.v)
				return -ENOMEM;
			cap = more;
		}
		if (!job) {
			job = &jobs.v[jobs.n++];
			*job = (struct job){ .name = job_name };
		}
		for (size_t s = 0; s < N_WANTED_SERIES; s++)
			job->has[s] |= str_eq(name, wanted_series_names[s]);
		job->estimated |= str_eq(name, wanted_series_names[SERIES_LEDGER_SOURCE]) &&
			str_eq(tsdb_series_label(&series[i], "kind"), "estimated");
	}
	for (size_t j = 0; j < jobs.n; j++) {
		int r = collect_hosts(&jobs.v[j], series, n, arena);

		if (r < 0)
			return r;
	}
	*ret_jobs = jobs;
	return 0;
}

void discover_intervals(struct job_list *jobs, const struct tsdb_target *targets, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct job *job = find_job(jobs, targets[i].job);

		if (job && targets[i].scrape_interval_ms > 0)
			job->scrape_interval_ms = targets[i].scrape_interval_ms;
	}
}

enum power_source job_power_source(const struct job *job)
{
	static const struct {
		enum wanted_series series;
		enum power_source source;
	} order[] = {
		{ SERIES_LEDGER_UNIT, POWER_LEDGER },
		{ SERIES_LEDGER_METER, POWER_LEDGER },
		{ SERIES_CRAY, POWER_CRAY },
		{ SERIES_REDFISH, POWER_REDFISH },
		{ SERIES_IPMI, POWER_IPMI },
		{ SERIES_RAPL_PACKAGE, POWER_RAPL },
		{ SERIES_POWER_MODEL, POWER_MODEL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		if (job->has[order[i].series])
			return order[i].source;
	}
	return POWER_NONE;
}

static bool share_a_host(const struct job *a, const struct job *b)
{
	size_t i = 0, j = 0;

	while (i < a->hosts.n && j < b->hosts.n) {
		int c = strcmp(a->hosts.v[i], b->hosts.v[j]);

		if (c == 0)
			return true;
		if (c < 0)
			i++;
		else
			j++;
	}
	return false;
}

const struct job *job_find_gpus(
	const struct job *job, const struct job_list *jobs, struct rules_gpus *ret_gpus)
{
	static const struct {
		enum wanted_series series;
		bool microwatts;
	} kinds[] = {
		{ SERIES_GPU_NVIDIA, false },
		{ SERIES_GPU_AMD_SMI, true },
		{ SERIES_GPU_AMD_DEVICE, false },
	};
	const struct job *found = NULL;

	for (size_t k = 0; job->has[SERIES_UNIT_GPU] && k < ARRAY_SIZE(kinds); k++)
		for (size_t i = 0; i < jobs->n; i++) {
			const struct job *gpus = &jobs->v[i];

			if (!gpus->has[kinds[k].series] || !share_a_host(job, gpus))
				continue;
			found = gpus;
			*ret_gpus = (struct rules_gpus){ gpus->name,
				wanted_series_names[kinds[k].series], kinds[k].microwatts, false };
		}
	return found;
}
