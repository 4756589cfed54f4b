// SPDX-License-Identifier: Apache-2.0
/*
 * CPU time by mode and numbers of CPUs (/proc/stat, /proc/cpuinfo). Guest time is left out: the
 * kernel counts it in user and nice already.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "basic/buffer.h"
#include "basic/file.h"
#include "exporter/collector.h"
#include "host/procfs.h"

enum { COUNT, PER_CORE_COUNT, SECONDS, N_METRICS };

static const struct metric metrics[N_METRICS] = {
	[COUNT] = {
		.name = "ceems_cpu_count",
		.help = "Number of CPUs that are online.",
		.type = METRIC_GAUGE,
		.labels = { "hostname" },
	},
	[PER_CORE_COUNT] = {
		.name = "ceems_cpu_per_core_count",
		.help = "Number of CPUs (hardware threads) of a physical core.",
		.type = METRIC_GAUGE,
		.labels = { "hostname" },
	},
	[SECONDS] = {
		.name = "ceems_cpu_seconds_total",
		.help = "Time that the CPUs of the node spent in each mode.",
		.type = METRIC_COUNTER,
		.labels = { "hostname", "mode" },
	},
};

/* Idle time that goes back this far is no rounding: the counters start anew (CPU hotplug). */
static const uint64_t IDLE_RESET_TICKS = 3 * 1000000 / PROCFS_TICK_US;

struct cpu {
	unsigned per_core;
	pthread_mutex_t lock; /* of what was given out last */
	uint64_t ticks[N_CPU_MODES];
};

static int per_core_count(int procfs_fd, unsigned *ret_count)
{
	CLEANUP(buffer_done) struct buffer text;
	struct procfs_topology t;
	int r;

	buffer_init(&text, 0);
	r = file_read(procfs_fd, "cpuinfo", PROCFS_FILE_MAX_BYTES, &text);
	if (r >= 0)
		r = procfs_parse_cpuinfo((struct slice){ buffer_text(&text), text.len }, &t);
	if (r < 0)
		return r;
	*ret_count = t.physical ? MAX(t.logical / t.physical, 1u) : 1;
	return 0;
}

static int cpu_open(
	const struct collector_env *env, const void *options, void **ret_state, struct err *err)
{
	struct cpu *cpu = calloc(1, sizeof(*cpu));
	int r;

	if (!cpu)
		return err_errno(err, -ENOMEM, "cpu");
	r = per_core_count(env->host->procfs_fd, &cpu->per_core);
	if (r < 0) {
		free(cpu);
		return err_errno(err, r, "reading '%s/cpuinfo'", env->host->procfs);
	}
	pthread_mutex_init(&cpu->lock, NULL);
	*ret_state = cpu;
	return 0;
}

/*
 * The kernel's idle and iowait are estimates that may go back a little (proc_stat(5)); counters
 * must not, so the larger of the last value given out and the new one is used.
 */
static void keep_monotonic(struct cpu *cpu, uint64_t ticks[N_CPU_MODES])
{
	pthread_mutex_lock(&cpu->lock);
	if (cpu->ticks[CPU_IDLE] >= ticks[CPU_IDLE] + IDLE_RESET_TICKS)
		memset(cpu->ticks, 0, sizeof(cpu->ticks));
	for (size_t i = 0; i < N_CPU_MODES; i++) {
		cpu->ticks[i] = MAX(cpu->ticks[i], ticks[i]);
		ticks[i] = cpu->ticks[i];
	}
	pthread_mutex_unlock(&cpu->lock);
}

static int read_times(int procfs_fd, struct procfs_cpu_times *ret_times)
{
	struct procfs_file file;
	int r = procfs_file_open(&file, procfs_fd, "stat");

	if (r < 0)
		return r;
	r = procfs_read_stat(&file, ret_times);
	procfs_file_close(&file);
	return r;
}

static int cpu_collect(void *state, struct scrape *s)
{
	struct cpu *cpu = state;
	const char *hostname = s->env->hostname;
	struct procfs_cpu_times times;
	int r = read_times(s->env->host->procfs_fd, &times);

	if (r < 0)
		return r;
	keep_monotonic(cpu, times.ticks);
	r = scrape_add(s, &metrics[COUNT], times.n_cpus, hostname);
	if (r >= 0)
		r = scrape_add(s, &metrics[PER_CORE_COUNT], cpu->per_core, hostname);
	for (size_t i = 0; r >= 0 && i < N_CPU_MODES; i++)
		r = scrape_add(s, &metrics[SECONDS],
			(double)times.ticks[i] / (1000000.0 / PROCFS_TICK_US), hostname,
			procfs_cpu_mode_names[i]);
	return r;
}

static void cpu_close(void *state)
{
	struct cpu *cpu = state;

	pthread_mutex_destroy(&cpu->lock);
	free(cpu);
}

const struct collector collector_cpu = {
	.name = "cpu",
	.help = "CPU time of the node",
	.default_on = true,
	.needs = COLLECTOR_NEEDS_PROCFS,
	.metrics = metrics,
	.n_metrics = N_METRICS,
	.open = cpu_open,
	.collect = cpu_collect,
	.close = cpu_close,
};
