// SPDX-License-Identifier: Apache-2.0
#include "exporter/accounts.h"

#include <sys/resource.h>

#include "basic/macros.h"

/* Of an account; the same four for collectors and threads. */
enum { CPU, RUNS, CALLS, BYTES, N_PER_ACCOUNT };

#define CALLS_ARE "the kernel counts no others for a thread"

static const struct metric collector_metrics[N_PER_ACCOUNT] = {
	[CPU] = { "ceems_exporter_collector_cpu_seconds_total",
		"CPU time that a collector took in scrapes.", METRIC_COUNTER, { "collector" } },
	[RUNS] = { "ceems_exporter_collector_runs_total", "How often a collector ran in a scrape.",
		METRIC_COUNTER, { "collector" } },
	[CALLS] = { "ceems_exporter_collector_syscalls_total",
		"System calls of a collector that read or write (" CALLS_ARE ").", METRIC_COUNTER,
		{ "collector" } },
	[BYTES] = { "ceems_exporter_collector_io_bytes_total",
		"Bytes that these calls read and wrote.", METRIC_COUNTER, { "collector" } },
};

static const struct metric thread_metrics[N_PER_ACCOUNT] = {
	[CPU] = { "ceems_exporter_thread_cpu_seconds_total",
		"CPU time of a thread that works in the background.", METRIC_COUNTER,
		{ "thread" } },
	[RUNS] = { "ceems_exporter_thread_runs_total",
		"How often a thread in the background did its work.", METRIC_COUNTER,
		{ "thread" } },
	[CALLS] = { "ceems_exporter_thread_syscalls_total",
		"System calls of a thread in the background that read or write (" CALLS_ARE ").",
		METRIC_COUNTER, { "thread" } },
	[BYTES] = { "ceems_exporter_thread_io_bytes_total",
		"Bytes that these calls read and wrote.", METRIC_COUNTER, { "thread" } },
};

static const struct metric tools_cpu = { "ceems_exporter_tools_cpu_seconds_total",
	"CPU time of programs that were run and have ended.", METRIC_COUNTER, { NULL } };

static const struct metric over_budget = { "ceems_exporter_collector_over_budget",
	"Whether a collector takes more CPU time than --collector.cpu-budget; only with that flag.",
	METRIC_GAUGE, { "collector" } };

static const struct metric repeated = { "ceems_exporter_collector_repeated_total",
	"Scrapes that showed the samples of an earlier one, so that a collector stays within its "
	"CPU budget; only with that flag.",
	METRIC_COUNTER, { "collector" } };

const struct metric *const accounts_metrics[] = {
	&collector_metrics[CPU],
	&collector_metrics[RUNS],
	&collector_metrics[CALLS],
	&collector_metrics[BYTES],
	&over_budget,
	&repeated,
	&thread_metrics[CPU],
	&thread_metrics[RUNS],
	&thread_metrics[CALLS],
	&thread_metrics[BYTES],
	&tools_cpu,
};
const size_t n_accounts_metrics = ARRAY_SIZE(accounts_metrics);

#define ADD(out, metric, value, ...) \
	exposition_add((out), &(metric), (value), (const char *const[]){ __VA_ARGS__ })

static int add_account(struct exposition *out, const struct metric metrics[N_PER_ACCOUNT],
	const char *name, const struct usage_account *account)
{
	int r = ADD(out, metrics[CPU], (double)atomic_load(&account->cpu_ns) / 1e9, name);

	if (r >= 0)
		r = ADD(out, metrics[RUNS], (double)atomic_load(&account->runs), name);
	if (r < 0 || !atomic_load(&account->io_known))
		return r;
	r = ADD(out, metrics[CALLS], (double)atomic_load(&account->io_calls), name);
	return r < 0 ? r : ADD(out, metrics[BYTES], (double)atomic_load(&account->io_bytes), name);
}

int accounts_add_collector(
	struct exposition *out, const char *name, const struct usage_account *account)
{
	return add_account(out, collector_metrics, name, account);
}

int accounts_add_thread(
	struct exposition *out, const char *name, const struct usage_account *account)
{
	return add_account(out, thread_metrics, name, account);
}

int accounts_add_budget(
	struct exposition *out, const char *name, const struct collector_run_status *status)
{
	int r = ADD(out, over_budget, status->over, name);

	return r < 0 ? r : ADD(out, repeated, (double)status->repeated, name);
}

int accounts_add_tools(struct exposition *out)
{
	struct rusage usage;

	if (getrusage(RUSAGE_CHILDREN, &usage) < 0)
		return 0;
	return ADD(out, tools_cpu,
		(double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
			(double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6,
		NULL);
}
