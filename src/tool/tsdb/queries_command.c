// SPDX-License-Identifier: Apache-2.0
/* ceems_tool tsdb create-ceems-tsdb-updater-queries and create-relabel-configs. */
#include <errno.h>

#include "basic/macros.h"
#include "basic/str.h"
#include "tool/tsdb/queries.h"
#include "tool/tsdb/relabel.h"
#include "tool/tsdb/tsdb_command.h"

static bool job_has_series(
	const struct tsdb_series *series, size_t n, const char *name, const char *job)
{
	for (size_t i = 0; i < n; i++) {
		if (str_eq(tsdb_series_label(&series[i], "__name__"), name) &&
			str_eq(tsdb_series_label(&series[i], "job"), job))
			return true;
	}
	return false;
}

static void look_at_series(const struct tsdb_series *series, size_t n, struct queries_found *found)
{
	const char *last_job = NULL;

	for (size_t i = 0; i < n; i++) {
		const char *name = tsdb_series_label(&series[i], "__name__");
		const char *job = tsdb_series_label(&series[i], "job");

		for (size_t r = 0; r < N_RECORDED; r++)
			found->recorded[r] |= str_eq(name, recorded_names[r]);
		/* Series of a job mostly come one after the other: look once. */
		if (!str_eq(name, recorded_names[RECORDED_HOST_POWER]) ||
			(last_job && str_eq(last_job, job)))
			continue;
		last_job = job;
		found->jobs_without_ledger |= !job_has_series(
			series, n, recorded_names[RECORDED_HOST_ENERGY], job);
	}
}

static bool group_records(
	const struct tsdb_rule *rules, size_t n, const char *group, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (str_eq(rules[i].group, group) && str_eq(rules[i].name, name))
			return true;
	}
	return false;
}

/* In a new installation no unit has run yet: what the loaded rules are going to record counts. */
static int look_at_rules(struct tsdb_command *cmd, struct queries_found *found, struct err *err)
{
	const bool no_provider = found->host_providers.n == 0;
	struct tsdb_rule *rules = NULL;
	const char **providers;
	size_t n = 0;
	int r;

	r = tsdb_command_tick(cmd, err);
	if (r >= 0)
		r = tsdb_recording_rules(cmd->tsdb, &cmd->arena, &rules, &n, err);
	if (r < 0)
		return r;
	providers = ARENA_ARRAY(&cmd->arena, const char *, n + 1);
	if (!providers)
		return err_errno(err, -ENOMEM, "reading the rules");
	if (no_provider)
		found->host_providers.v = providers;
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < N_RECORDED; k++)
			found->recorded[k] |= str_eq(rules[i].name, recorded_names[k]);
		if (no_provider && str_eq(rules[i].name, recorded_names[RECORDED_HOST_EMISSIONS]))
			providers[found->host_providers.n++] = rules[i].provider;
		if (str_eq(rules[i].name, recorded_names[RECORDED_HOST_POWER]))
			found->jobs_without_ledger |= !group_records(
				rules, n, rules[i].group, recorded_names[RECORDED_HOST_ENERGY]);
	}
	tsdb_command_sort(&found->host_providers);
	return 0;
}

static int find_queries(struct tsdb_command *cmd, struct queries_found *found, struct err *err)
{
	struct tsdb_series *series = NULL;
	size_t n = 0;
	int r;

	r = tsdb_command_series(cmd, recorded_names, N_RECORDED, &series, &n, err);
	if (r < 0)
		return r;
	look_at_series(series, n, found);
	r = tsdb_command_values(cmd, "provider", recorded_names[RECORDED_HOST_EMISSIONS],
		&found->host_providers, err);
	if (r >= 0 && found->recorded[RECORDED_GPU_EMISSIONS])
		r = tsdb_command_values(cmd, "provider", recorded_names[RECORDED_GPU_EMISSIONS],
			&found->gpu_providers, err);
	return r;
}

int command_create_updater_queries(struct tool *tool)
{
	static const char failed[] = "failed to create the queries";
	CLEANUP(tsdb_command_done) struct tsdb_command cmd = { 0 };
	CLEANUP(buffer_done) struct buffer text = { 0 };
	struct queries_found found = { 0 };
	struct err err = { 0 };
	int r;

	if (tsdb_command_init(&cmd, &tool->tsdb, &err) < 0)
		return tool_fatal(tool, err.text);
	r = find_queries(&cmd, &found, &err);
	if (r < 0)
		return tool_failed(tool, failed, &err);
	if (!found.recorded[RECORDED_HOST_POWER] && look_at_rules(&cmd, &found, &err) < 0)
		fprintf(tool->messages, "asking for recording rules: %s\n", err.text);
	buffer_init(&text, QUERIES_MAX_BYTES);
	r = queries_write(&found, &text);
	if (r == 0)
		fprintf(tool->messages,
			"the TSDB has none of the series that recording rules for compute units "
			"record, and no such rules: load them first\n");
	if (r < 0)
		err_errno(&err, r, "writing the queries");
	else
		r = tsdb_command_print(tool,
			"queries for the TSDB updater, to be put under its extra_config", &text,
			&err);
	return r < 0 ? tool_failed(tool, failed, &err) : 0;
}

int command_create_relabel_configs(struct tool *tool)
{
	static const char failed[] = "failed to create the relabel configs";
	static const char *const gpu_names[] = { "DCGM_FI_DEV_POWER_USAGE_INSTANT", "amd_gpu_power",
		"gpu_power_usage" };
	CLEANUP(tsdb_command_done) struct tsdb_command cmd = { 0 };
	CLEANUP(buffer_done) struct buffer text = { 0 };
	struct tsdb_series *series = NULL;
	struct job_list jobs = { 0 };
	struct err err = { 0 };
	size_t n = 0;
	int r;

	if (tsdb_command_init(&cmd, &tool->tsdb, &err) < 0)
		return tool_fatal(tool, err.text);
	r = tsdb_command_series(&cmd, gpu_names, ARRAY_SIZE(gpu_names), &series, &n, &err);
	if (r < 0)
		return tool_failed(tool, failed, &err);
	buffer_init(&text, RELABEL_MAX_BYTES);
	r = discover_from_series(series, n, &cmd.arena, &jobs);
	if (r >= 0)
		r = relabel_write(&jobs, &text);
	if (r < 0)
		err_errno(&err, r, "writing the relabel configs");
	else
		r = tsdb_command_print(tool,
			"scrape jobs with GPUs, to be merged into the configuration of Prometheus",
			&text, &err);
	return r < 0 ? tool_failed(tool, failed, &err) : 0;
}
