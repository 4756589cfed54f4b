// SPDX-License-Identifier: Apache-2.0
/*
 * The exporter's core: what collectors and the energy ledger share, and the life of the program.
 * Lives from before the collectors' open() until after their close().
 */
#ifndef CEEMS_EXPORTER_EXPORTER_H
#define CEEMS_EXPORTER_EXPORTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/err.h"
#include "basic/options.h"
#include "exporter/collector.h"
#include "exporter/gpu/gpus.h"
#include "host/thread_usage.h"

struct collector_choice;
struct power_meter;
struct unit_table;

/* Flags that several collectors share; the core owns them. */
struct exporter_settings {
	const char *cgroups_active_subsystem; /* --collector.cgroups.active-subsystem, "cpuacct" */
	int cgroups_force_version; /* --collector.cgroups.force-version: 0 = detect, 1 or 2 */
	enum gpu_vendor_choice gpu_vendor; /* --collector.gpu.type */
	const char *nvidia_smi_path, *rocm_smi_path, *amd_smi_path; /* --collector.gpu.*-path */
	bool rdma_stats; /* --collector.rdma.stats */
	const char *rdma_cmd; /* --collector.rdma.cmd; NULL or "": in PATH */
};
const struct exporter_settings *exporter_settings(const struct exporter *exporter);

/*
 * Resource-manager collectors hand in their units while they are opened and keep owning the table,
 * which stays valid until their close(). The ledger lists the tables in its start(), when all are
 * there, and lets go of them in its stop(), which runs before any close().
 * -ENOSPC: too many tables.
 */
enum { EXPORTER_UNIT_TABLES_MAX = 8 };
int exporter_add_unit_table(struct exporter *exporter, struct unit_table *table);
size_t exporter_unit_tables(const struct exporter *exporter, struct unit_table *const **ret_tables);

/*
 * With --collector.rdma.stats makes the RDMA counters that all managers share, when the first of
 * them asks during open(); the exporter owns them. -ENOMEM.
 */
struct rdma_stats;
int exporter_open_rdma(struct exporter *exporter, struct err *err);
struct rdma_stats *exporter_rdma(const struct exporter *exporter); /* NULL: not wanted */

/* Meters of the node's power, handed in and listed at the same moments. -ENOSPC: too many. */
enum { EXPORTER_POWER_METERS_MAX = 16 };
int exporter_add_power_meter(struct exporter *exporter, const struct power_meter *meter);
size_t exporter_power_meters(
	const struct exporter *exporter, const struct power_meter *const **ret_meters);

/*
 * The node's GPUs, looked for when a collector of units first asks; during open(). -ENOMEM. The
 * exporter owns and starts them, before any collector. exporter_gpus(): NULL if nobody asked.
 */
int exporter_open_gpus(struct exporter *exporter, struct gpus **ret_gpus, struct err *err);
struct gpus *exporter_gpus(const struct exporter *exporter);

/*
 * The cluster that a collector of Kubernetes knows, for the GPUs' tools; before the GPUs are
 * opened. Borrowed until the collector's close().
 */
struct kube_config;
void exporter_set_kube(
	struct exporter *exporter, const struct kube_config *kube, const char *node_name);

/* A path that must stay accessible after the change of user. During open() only. -ENOMEM. */
int exporter_need_path(struct exporter *exporter, const char *path, bool for_writing);

/*
 * The books of a thread in the background, which shows up by its name (at most 31 bytes) in the
 * exporter's own metrics. During open() and start(); valid until the collector's close(). NULL: too
 * many, or no memory; then nothing is booked.
 */
enum { EXPORTER_THREADS_MAX = 64 };
struct usage_account *exporter_thread_account(struct exporter *exporter, const char *name);

/* Scrapes that were answered with metrics. A person's curl counts too, so this is a hint. */
struct exporter_scrapes {
	uint64_t answered;
	int64_t last_start_ns; /* monotonic clock: when the latest answered one began; 0 = never */
};
void exporter_scrapes(struct exporter *exporter, struct exporter_scrapes *ret_scrapes);

/*
 * The rest is for the program: open, privileges change, start, gather, stop, free.
 */
struct exporter_config {
	const struct host_root *host;
	const struct clock *clock;
	const struct log *log;
	const char *hostname;
	struct exporter_settings settings;
	const struct collector_choice *choices; /* those that are on are opened */
	size_t n_choices;
	bool accounting; /* books what collectors take */
	int64_t cpu_budget_ns; /* of a collector in a scrape, see collector_run.h; 0 = none */
};

/* Opens the collectors; the pointers in config outlive the exporter. */
int exporter_open(
	const struct exporter_config *config, struct exporter **ret_exporter, struct err *err);
/* Names of the collectors that are on, sorted. */
struct strings exporter_collectors(const struct exporter *exporter);
/* What the collectors need after the change of user. */
capability_set exporter_capabilities(const struct exporter *exporter);
struct strings exporter_paths(const struct exporter *exporter, bool for_writing);

int exporter_start(struct exporter *exporter, struct err *err);

/*
 * One scrape: the collectors one after the other, each with its duration and success. What a
 * failing one gave out stays. 0 or -ENOMEM (not even the successes could be told).
 */
int exporter_gather(struct exporter *exporter, struct exposition *out, struct arena *arena);
/* What collectors, threads and tools took so far, and who is over the budget, as far as either is
 * wanted. 0 or -ENOMEM. */
int exporter_add_accounts(struct exporter *exporter, struct exposition *out);
/* The answer to the scrape that began at start_ns is complete. */
void exporter_answered(struct exporter *exporter, int64_t start_ns);

void exporter_stop(struct exporter *exporter); /* ends the threads of start; NULL is fine */
void exporter_free(struct exporter *exporter); /* NULL is fine */

#endif
