// SPDX-License-Identifier: Apache-2.0
/*
 * The exporter's command line: the core's flags, a switch for every row of the collectors' table,
 * the collectors' own flags, and those of parts that are not in this version.
 */
#ifndef CEEMS_EXPORTER_FLAGS_H
#define CEEMS_EXPORTER_FLAGS_H

#include "daemon/daemon.h"
#include "exporter/absent.h"
#include "exporter/collector.h"

/* A row of collectors[] as the command line wants it. */
struct collector_choice {
	const struct collector *collector;
	void *options; /* of collector->options_size; NULL if it has none */
	bool on; /* disable-defaults is applied */
};

struct exporter_flags {
	/* from the table */
	bool disable_defaults;
	int64_t cpu_budget_ns; /* 0 = none */
	struct strings listen_addresses;
	const char *web_config_file;
	const char *telemetry_path, *targets_path; /* with a leading slash */
	bool alloy_targets, alloy_self;
	struct strings alloy_env_vars;
	bool disable_exporter_metrics, openmetrics;
	int64_t max_requests;
	bool systemd_socket;
	int64_t gomaxprocs;
	const char *procfs, *sysfs, *cgroupfs;
	bool empty_hostname_label;
	const char *active_subsystem, *old_active_subsystem;
	int force_version; /* 0, 1 or 2 */
	int gpu_type; /* enum gpu_vendor_choice */
	bool rdma_stats;
	const char *rdma_cmd;
	const char *nvidia_smi_path, *rocm_smi_path, *amd_smi_path;

	struct daemon_flags daemon;
	struct collector_choice *choices; /* one for each row of collectors[] */
	struct absent_flags *absent;
	struct options parsed;
	struct arena tables; /* names that 'parsed' refers to */
};

/* As options_parse(): an enum options_outcome or -EINVAL, then everything is said. -ENOMEM. */
int exporter_flags_parse(
	struct exporter_flags *flags, int argc, char **argv, FILE *out, FILE *errors);
void exporter_flags_done(struct exporter_flags *flags);

/* Reference page in Markdown. 0 or -ENOMEM. */
int exporter_flags_print_reference(FILE *out);

#endif
