// SPDX-License-Identifier: Apache-2.0
/* ceems_tool tsdb create-recording-rules: ask the TSDB what it has, write a rule file for each job.
 */
#include <errno.h>
#include <string.h>

#include "basic/file.h"
#include "basic/macros.h"
#include "basic/num.h"
#include "basic/str.h"
#include "remote/emissions/owid.h"
#include "tool/tsdb/rules.h"
#include "tool/tsdb/tsdb_command.h"

enum { NS_PER_MS = 1000000, DEFAULT_INTERVAL_MS = 60000 };

static const char failed[] = "failed to create the recording rules";

static int check_options(const struct rules_options *o, struct err *err)
{
	if (*o->country_code && o->emission_factor > 0)
		return err_set(
			err, -EINVAL, "--country-code cannot be combined with --emission-factor");
	if (!(o->pue > 0))
		return err_set(err, -EINVAL, "--pue must be more than 0");
	if (o->eval_interval_ns != 0 && o->eval_interval_ns < NS_PER_MS)
		return err_set(err, -EINVAL, "--eval-interval must be 0s or at least 1ms");
	return 0;
}

static int ask_intervals(struct tsdb_command *cmd, struct tsdb_settings *settings, struct err *err)
{
	int r = tsdb_command_tick(cmd, err);

	if (r >= 0)
		r = tsdb_global_intervals(cmd->tsdb, settings, err);
	/* What a configuration doesn't set is Prometheus's default. */
	if (settings->scrape_interval_ms <= 0)
		settings->scrape_interval_ms = DEFAULT_INTERVAL_MS;
	if (settings->evaluation_interval_ms <= 0)
		settings->evaluation_interval_ms = DEFAULT_INTERVAL_MS;
	return r;
}

static int ask_jobs(struct tsdb_command *cmd, struct job_list *jobs, struct err *err)
{
	struct tsdb_target *targets = NULL;
	struct tsdb_series *series = NULL;
	size_t n_targets = 0, n_series = 0;
	int r;

	r = tsdb_command_tick(cmd, err);
	if (r >= 0)
		r = tsdb_targets(cmd->tsdb, &cmd->arena, &targets, &n_targets, err);
	if (r >= 0)
		r = tsdb_command_series(
			cmd, wanted_series_names, N_WANTED_SERIES, &series, &n_series, err);
	if (r < 0)
		return r;
	r = discover_from_series(series, n_series, &cmd->arena, jobs);
	if (r < 0)
		return err_errno(err, r, "reading the series");
	discover_intervals(jobs, targets, n_targets);
	return 0;
}

static const char *provider_matcher(struct arena *arena, const char *country_code)
{
	CLEANUP(buffer_done) struct buffer matcher = { 0 };

	buffer_puts(&matcher, "ceems_emissions_gCo2_kWh{country_code=");
	rules_append_quoted(&matcher, country_code);
	buffer_putc(&matcher, '}');
	return buffer_error(&matcher) ? NULL : arena_strdup(arena, buffer_text(&matcher));
}

static void use_owid(struct tool *tool, struct rules_emission *emission)
{
	const struct owid_factor *owid = owid_find(emission->country_code);
	char text[NUM_TEXT_MAX];

	emission->provider = "owid";
	if (!owid) {
		fprintf(tool->messages,
			"no emission factor for country code '%s': rules for emissions are left out\n",
			emission->country_code);
		return;
	}
	emission->factor = owid->gco2_per_kwh;
	num_plain(owid->gco2_per_kwh, text);
	fprintf(tool->messages,
		"no emission factors in the TSDB for '%s': using OWID's of %d for %s, %s g/kWh\n",
		emission->country_code, owid->year, owid->country, text);
}

/* Where the emission factors come from; never fails the command. */
static void choose_emission(
	struct tool *tool, struct tsdb_command *cmd, struct rules_emission *emission)
{
	const struct rules_options *o = &tool->rules;
	const char *matcher = provider_matcher(&cmd->arena, o->country_code);
	struct err err = { 0 };

	emission->country_code = o->country_code;
	if (o->emission_factor != 0) {
		emission->provider = "custom";
		emission->factor = o->emission_factor;
		return;
	}
	if (!o->disable_providers && *o->country_code && matcher &&
		tsdb_command_values(cmd, "provider", matcher, &emission->providers, &err) < 0)
		fprintf(tool->messages, "asking for emission factors: %s\n", err.text);
	if (emission->providers.n == 0)
		use_owid(tool, emission);
}

/* A job's name is any text; '/' and a leading '.' must not lead out of the folder. */
static void file_name(const char *dir, const char *job, const char *suffix, struct buffer *path)
{
	buffer_printf(path, "%s/", dir);
	for (const char *p = job; *p; p++) {
		if (*p == '/' || *p == '%' || (*p == '.' && p == job))
			buffer_printf(path, "%%%02X", *p);
		else
			buffer_putc(path, *p);
	}
	buffer_puts(path, suffix);
}

static int write_file(struct tool *tool, const char *job, const char *suffix,
	const struct buffer *text, struct err *err)
{
	CLEANUP(buffer_done) struct buffer path = { 0 };
	int r;

	file_name(tool->rules.output_dir, job, suffix, &path);
	if (buffer_error(&path))
		return err_errno(err, buffer_error(&path), "rules of job '%s'", job);
	r = file_replace(buffer_text(&path), 0600, buffer_text(text), text->len, err);
	if (r >= 0)
		fprintf(tool->messages, "recording rules of job '%s' written to %s\n", job,
			buffer_text(&path));
	return r;
}

static int write_job(struct tool *tool, const struct rules_job *job,
	const struct rules_settings *settings, struct err *err)
{
	CLEANUP(buffer_done) struct buffer text = { 0 };
	int r;

	buffer_init(&text, RULES_MAX_BYTES);
	r = rules_write(job, settings, &text);
	if (r < 0)
		return err_errno(err, r, "rules of job '%s'", job->name);
	return write_file(tool, job->name, ".rules", &text, err);
}

static int write_gpu_job(struct tool *tool, const struct rules_gpu_job *job,
	const struct rules_settings *settings, struct err *err)
{
	CLEANUP(buffer_done) struct buffer text = { 0 };
	int r;

	buffer_init(&text, RULES_MAX_BYTES);
	r = rules_write_gpu(job, settings, &text);
	if (r < 0)
		return err_errno(err, r, "rules for the GPUs of job '%s'", job->name);
	return write_file(tool, job->name, "-gpu.rules", &text, err);
}

/* Which of several chassis is the host: nobody but the operator knows. */
static int ask_chassis(struct tool *tool, const char *job, const struct strings *chassis,
	const char **ret_chassis, struct err *err)
{
	char answer[16];
	int64_t n;

	fprintf(tool->messages, "job '%s' has several chassis:\n", job);
	for (size_t i = 0; i < chassis->n; i++)
		fprintf(tool->messages, "[%zu]: %s\n", i, chassis->v[i]);
	fprintf(tool->messages, "Number of the one whose power is that of the host: ");
	fflush(tool->messages);
	if (scanf("%15s", answer) != 1)
		return err_set(err, -EINVAL, "job '%s': no chassis was chosen", job);
	if (slice_to_i64(slice_from(answer), &n) < 0 || n < 0 || (size_t)n >= chassis->n)
		return err_set(err, -EINVAL, "job '%s': '%s' is none of the numbers", job, answer);
	*ret_chassis = chassis->v[n];
	return 0;
}

static int choose_chassis(
	struct tool *tool, struct tsdb_command *cmd, struct rules_job *job, struct err *err)
{
	CLEANUP(buffer_done) struct buffer matcher = { 0 };
	struct strings chassis = { 0 };
	int r;

	buffer_puts(&matcher, "ceems_redfish_current_watts{job=");
	rules_append_quoted(&matcher, job->name);
	buffer_putc(&matcher, '}');
	if (buffer_error(&matcher))
		return err_errno(err, buffer_error(&matcher), "job '%s'", job->name);
	r = tsdb_command_values(cmd, "chassis", buffer_text(&matcher), &chassis, err);
	if (r < 0)
		return r;
	if (!chassis.n)
		return err_set(err, -ENODATA, "job '%s' has no chassis", job->name);
	if (chassis.n > 1)
		return ask_chassis(tool, job->name, &chassis, &job->chassis, err);
	job->chassis = chassis.v[0];
	return 0;
}

/* Whether the meter of hosts reads more than the GPUs take, on the average of the time range. */
static int ask_included(struct tsdb_command *cmd, struct rules_job *job, struct err *err)
{
	CLEANUP(buffer_done) struct buffer query = { 0 };
	struct tsdb_sample *samples;
	size_t n;
	int r;

	buffer_puts(&query, "avg_over_time((");
	rules_meter_without_gpus(job, &query);
	buffer_printf(&query, ")[%llds:])", (long long)MAX(cmd->end - cmd->start, 1));
	if (buffer_error(&query))
		return err_errno(err, buffer_error(&query), "query");
	r = tsdb_command_tick(cmd, err);
	if (r >= 0)
		r = tsdb_query(cmd->tsdb, buffer_text(&query), cmd->end, 0, &cmd->arena, &samples,
			&n, err);
	if (r < 0)
		return r;
	job->gpus.included = n > 0 && samples[0].value > 0;
	return 0;
}

static int64_t scrape_interval(const struct job *job, const struct tsdb_settings *global)
{
	return job->scrape_interval_ms > 0 ? job->scrape_interval_ms : global->scrape_interval_ms;
}

static enum gpu_exporter exporter_of(const struct job *job)
{
	if (job->has[SERIES_GPU_NVIDIA])
		return GPU_NVIDIA;
	return job->has[SERIES_GPU_AMD_DEVICE] ? GPU_AMD_DEVICE : GPU_AMD_SMI;
}

/* What all jobs have in common. */
struct rules_context {
	struct tool *tool;
	struct tsdb_command *cmd;
	const struct job_list *jobs;
	const struct tsdb_settings *global;
	const struct rules_settings *settings;
};

/* The file of the GPUs that the job's units use, if they do. */
static int write_gpus(const struct rules_context *c, const struct job *units, struct err *err)
{
	struct rules_gpus gpus;
	const struct job *job = job_find_gpus(units, c->jobs, &gpus);
	struct rules_gpu_job of_job;

	if (!job)
		return 0;
	of_job = (struct rules_gpu_job){ .name = job->name,
		.units = units->name,
		.scrape_interval_ms = scrape_interval(job, c->global),
		.exporter = exporter_of(job) };
	memcpy(of_job.has_profile, &job->has[SERIES_GPU_PROFILES], sizeof(of_job.has_profile));
	return write_gpu_job(c->tool, &of_job, c->settings, err);
}

static void look_for_gpus(
	const struct rules_context *c, const struct job *job, struct rules_job *of_job)
{
	struct err err;

	if (!job_find_gpus(job, c->jobs, &of_job->gpus))
		return;
	if ((of_job->source == POWER_IPMI || of_job->source == POWER_REDFISH) &&
		ask_included(c->cmd, of_job, &err) < 0)
		fprintf(c->tool->messages,
			"job '%s': whether the power of GPUs is in that of the hosts is not known, "
			"and taken for not: %s\n",
			job->name, err.text);
}

static int write_rules_of(const struct rules_context *c, const struct job *job, struct err *err)
{
	struct rules_job of_job = {
		.name = job->name,
		.scrape_interval_ms = scrape_interval(job, c->global),
		.source = job_power_source(job),
		.has_rapl = job->has[SERIES_RAPL_PACKAGE],
		.has_dram = job->has[SERIES_RAPL_DRAM],
		.has_model = job->has[SERIES_POWER_MODEL],
		.estimated = job->estimated,
		.chassis = "",
	};
	int r = 0;

	if (of_job.source == POWER_NONE)
		return 0;
	if (of_job.source == POWER_REDFISH)
		r = choose_chassis(c->tool, c->cmd, &of_job, err);
	if (r < 0)
		return r;
	look_for_gpus(c, job, &of_job);
	r = write_job(c->tool, &of_job, c->settings, err);
	return r < 0 ? r : write_gpus(c, job, err);
}

/* All jobs, whatever happens to one of them. */
static int write_jobs(const struct rules_context *c)
{
	int status = 0;

	for (size_t i = 0; i < c->jobs->n; i++) {
		struct err err = { 0 };

		if (write_rules_of(c, &c->jobs->v[i], &err) < 0)
			status = tool_failed(c->tool, failed, &err);
	}
	return status;
}

static int run(struct tool *tool, struct tsdb_command *cmd)
{
	struct rules_settings settings = { .pue = tool->rules.pue };
	struct tsdb_settings global = { 0 };
	struct job_list jobs = { 0 };
	struct err err = { 0 };
	int r;

	r = file_mkdirs(tool->rules.output_dir, 0700, &err);
	if (r >= 0)
		r = ask_intervals(cmd, &global, &err);
	if (r >= 0)
		r = ask_jobs(cmd, &jobs, &err);
	if (r < 0)
		return tool_failed(tool, failed, &err);
	settings.eval_interval_ms = tool->rules.eval_interval_ns != 0
		? tool->rules.eval_interval_ns / NS_PER_MS
		: global.evaluation_interval_ms;
	choose_emission(tool, cmd, &settings.emission);
	return write_jobs(&(struct rules_context){ tool, cmd, &jobs, &global, &settings });
}

int command_create_recording_rules(struct tool *tool)
{
	CLEANUP(tsdb_command_done) struct tsdb_command cmd = { 0 };
	struct err err = { 0 };

	if (check_options(&tool->rules, &err) < 0)
		return tool_fatal(tool, err.text);
	if (tsdb_command_init(&cmd, &tool->tsdb, &err) < 0)
		return tool_fatal(tool, err.text);
	return run(tool, &cmd);
}
