// SPDX-License-Identifier: Apache-2.0
#include "exporter/flags.h"

#include <errno.h>
#include <stdlib.h>

#include "basic/str.h"

static const char *const cgroup_versions[] = { "", "v1", "v2", NULL };
static const char *const gpu_types[] = { "", "nvidia", "amd", "nogpu", NULL };

#define AT(field) offsetof(struct exporter_flags, field)

static const struct option_def core_options[] = {
	{ "collector.disable-defaults", OPTION_BOOL, AT(disable_defaults),
		.help = "Turn off the collectors that are not named on the command line." },
	{ "collector.cgroups.active-subsystem", OPTION_STRING, AT(active_subsystem),
		.fallback = "cpuacct", .value_name = "NAME",
		.help = "Hierarchy that is searched for units on hosts with cgroup v1." },
	{ "collector.cgroup.active-subsystem", OPTION_STRING, AT(old_active_subsystem),
		.help = "Hierarchy that is searched for units on hosts with cgroup v1.",
		.replaced_by = "collector.cgroups.active-subsystem", .flags = OPTION_DEPRECATED },
	{ "collector.cgroups.force-version", OPTION_ENUM, AT(force_version),
		.choices = cgroup_versions, .help = "cgroup version instead of looking for it.",
		.flags = OPTION_HIDDEN },
	{ "collector.cpu-budget", OPTION_DURATION_GO, AT(cpu_budget_ns), .fallback = "0s",
		.value_name = "DURATION",
		.help = "CPU time that a collector may take in a scrape, for instance 20ms. One that "
			"takes N times as much shows the same samples in N scrapes (10 at most). 0s "
			"is without a limit." },
	{ "collector.rdma.cmd", OPTION_STRING, AT(rdma_cmd), .value_name = "FILE",
		.help = "rdma of iproute2, if it isn't in PATH.", .flags = OPTION_HIDDEN },
	{ "collector.rdma.stats", OPTION_BOOL, AT(rdma_stats),
		.help = "Show RDMA counters of ports and of units." },
	{ "collector.gpu.amd-smi-path", OPTION_STRING, AT(amd_smi_path), .value_name = "FILE",
		.help = "amd-smi, if it isn't in PATH.", .flags = OPTION_HIDDEN },
	{ "collector.gpu.nvidia-smi-path", OPTION_STRING, AT(nvidia_smi_path), .value_name = "FILE",
		.help = "nvidia-smi, if it isn't in PATH.", .flags = OPTION_HIDDEN },
	{ "collector.gpu.rocm-smi-path", OPTION_STRING, AT(rocm_smi_path), .value_name = "FILE",
		.help = "rocm-smi, if it isn't in PATH.", .flags = OPTION_HIDDEN },
	{ "collector.gpu.type", OPTION_ENUM, AT(gpu_type), .choices = gpu_types,
		.help = "Kind of GPU instead of looking for it.", .flags = OPTION_HIDDEN },
	{ "collector.empty-hostname-label", OPTION_BOOL, AT(empty_hostname_label),
		.help = "Leave the label hostname empty.", .flags = OPTION_HIDDEN },
	{ "discoverer.alloy-targets", OPTION_BOOL, AT(alloy_targets),
		.help = "List the processes of units for Grafana Alloy's profiler." },
	{ "discoverer.alloy-targets.env-var", OPTION_STRINGS, AT(alloy_env_vars),
		.value_name = "NAME",
		.help = "List only processes that have an environment variable whose name begins "
			"with this." },
	{ "discoverer.alloy-targets.self-profiler", OPTION_BOOL, AT(alloy_self),
		.help = "List the exporter itself as well." },
	{ "path.cgroupfs", OPTION_STRING, AT(cgroupfs), .fallback = "/sys/fs/cgroup",
		.value_name = "DIR", .help = "Mount point of cgroupfs.", .flags = OPTION_HIDDEN },
	{ "path.procfs", OPTION_STRING, AT(procfs), .fallback = "/proc", .value_name = "DIR",
		.help = "Mount point of procfs.", .flags = OPTION_HIDDEN },
	{ "path.sysfs", OPTION_STRING, AT(sysfs), .fallback = "/sys", .value_name = "DIR",
		.help = "Mount point of sysfs.", .flags = OPTION_HIDDEN },
	{ "runtime.gomaxprocs", OPTION_INT, AT(gomaxprocs), .fallback = "1", .env = "GOMAXPROCS",
		.value_name = "N",
		.help = "Threads that work on scrapes at the same time; one more is there, so "
			"that a slow scrape leaves /health answering." },
	{ "web.config.file", OPTION_STRING, AT(web_config_file), .value_name = "FILE",
		.env = "CEEMS_EXPORTER_WEB_CONFIG_FILE",
		.help = "File that turns on TLS or authentication." },
	{ "web.disable-exporter-metrics", OPTION_BOOL, AT(disable_exporter_metrics),
		.help = "Leave out the metrics about the exporter itself (promhttp_*, "
			"process_*)." },
	{ "web.enable-openmetrics", OPTION_BOOL, AT(openmetrics),
		.help = "Answer in the OpenMetrics format to clients that prefer it." },
	{ "web.listen-address", OPTION_STRINGS, AT(listen_addresses), .fallback = ":9010",
		.value_name = "ADDRESS",
		.help = "Address to listen on: host:port, :port, [v6]:port or vsock://:port." },
	{ "web.max-requests", OPTION_INT, AT(max_requests), .fallback = "40", .value_name = "N",
		.help = "Scrapes at the same time; more get 503. 0 is without a limit." },
	{ "web.systemd-socket", OPTION_BOOL, AT(systemd_socket),
		.help = "Use sockets that systemd opened instead of listening." },
	{ "web.targets-path", OPTION_STRING, AT(targets_path), .fallback = "/alloy-targets",
		.value_name = "PATH", .help = "Path of the targets for Grafana Alloy." },
	{ "web.telemetry-path", OPTION_STRING, AT(telemetry_path), .fallback = "/metrics",
		.value_name = "PATH", .help = "Path of the metrics." },
};

/* All tables together, as the parser wants them. */
struct tables {
	struct option_group *groups;
	size_t n_groups;
	struct program_def program;
};

enum { TABLES_MAX_BYTES = 1 << 20 };

static const char *const FILES_AND_ENVIRONMENT =
	"The environment variable NODE_NAME replaces the host name in the label\n"
	"hostname. EMAPS_API_TOKEN, WT_USERNAME, WT_PASSWORD and WT_REGION configure\n"
	"providers of emission factors; HTTP_PROXY, HTTPS_PROXY and NO_PROXY hold for\n"
	"requests to them.";

/* A switch --collector.NAME for each row. */
static struct option_def *make_switches(struct arena *arena)
{
	struct option_def *defs = ARENA_ARRAY(arena, struct option_def, n_collectors);

	for (size_t i = 0; defs && i < n_collectors; i++) {
		const struct collector *c = collectors[i];

		defs[i] = (struct option_def){
			.name = arena_printf(arena, "collector.%s", c->name),
			.type = OPTION_BOOL,
			.offset = i * sizeof(struct collector_choice) +
				offsetof(struct collector_choice, on),
			.fallback = c->default_on ? "true" : "false",
			.help = arena_printf(
				arena, "Enable the %s collector (%s).", c->name, c->help),
		};
		if (!defs[i].name || !defs[i].help)
			return NULL;
	}
	return defs;
}

static int make_tables(struct exporter_flags *flags, struct tables *t)
{
	struct arena *arena = &flags->tables;
	struct option_def *switches;

	switches = make_switches(arena);
	t->groups = ARENA_ARRAY(arena, struct option_group, n_collectors + 4);
	if (!switches || !t->groups)
		return -ENOMEM;

	t->n_groups = 0;
	t->groups[t->n_groups++] = (struct option_group){ NULL, core_options,
		ARRAY_SIZE(core_options), flags };
	t->groups[t->n_groups++] = daemon_flag_group(&flags->daemon);
	t->groups[t->n_groups++] = (struct option_group){ "Collectors", switches, n_collectors,
		flags->choices };
	for (size_t i = 0; i < n_collectors; i++)
		if (collectors[i]->n_options > 0)
			t->groups[t->n_groups++] = (struct option_group){
				arena_printf(arena, "Collector %s", collectors[i]->name),
				collectors[i]->options, collectors[i]->n_options,
				flags->choices[i].options
			};
	t->groups[t->n_groups++] = absent_group(flags->absent);

	t->program = (struct program_def){
		.name = "ceems_exporter",
		.description = "Prometheus exporter of the energy, the resource use and the "
			       "emissions of compute units (jobs).",
		.epilog = FILES_AND_ENVIRONMENT,
		.error_style = OPTIONS_ERROR_DAEMON,
		.groups = t->groups,
		.n_groups = t->n_groups,
	};
	return 0;
}

static int make_values(struct exporter_flags *flags)
{
	*flags = (struct exporter_flags){ 0 };
	arena_init(&flags->tables, TABLES_MAX_BYTES);
	flags->choices = calloc(n_collectors, sizeof(*flags->choices));
	if (!flags->choices)
		return -ENOMEM;
	for (size_t i = 0; i < n_collectors; i++) {
		flags->choices[i].collector = collectors[i];
		if (collectors[i]->options_size == 0)
			continue;
		flags->choices[i].options = calloc(1, collectors[i]->options_size);
		if (!flags->choices[i].options)
			return -ENOMEM;
	}
	return absent_new(&flags->absent);
}

/* "metrics" -> "/metrics". */
static int add_slash(struct exporter_flags *flags, const char **path)
{
	if ((*path)[0] == '/')
		return 0;
	*path = arena_printf(&flags->parsed.arena, "/%s", *path);
	return *path ? 0 : -ENOMEM;
}

static int check_values(struct exporter_flags *flags, const struct program_def *program,
	const char *argv0, FILE *errors)
{
	for (size_t i = 0; i < flags->listen_addresses.n; i++)
		if (flags->listen_addresses.v[i][0] == '\0')
			return options_complain(program, argv0, errors,
				"empty value for flag '--web.listen-address'");
	if (flags->cpu_budget_ns < 0)
		return options_complain(
			program, argv0, errors, "'--collector.cpu-budget' cannot be negative");
	if (str_eq(flags->telemetry_path, "/health"))
		return options_complain(program, argv0, errors,
			"'--web.telemetry-path' cannot be /health, which is taken");
	if (flags->alloy_targets &&
		(str_eq(flags->targets_path, "/health") ||
			str_eq(flags->targets_path, flags->telemetry_path)))
		return options_complain(program, argv0, errors,
			"'--web.targets-path' cannot be %s, which is taken", flags->targets_path);
	return 0;
}

static int settle(struct exporter_flags *flags)
{
	int r = add_slash(flags, &flags->telemetry_path);

	if (r >= 0)
		r = add_slash(flags, &flags->targets_path);
	if (flags->old_active_subsystem[0])
		flags->active_subsystem = flags->old_active_subsystem;
	for (size_t i = 0; r >= 0 && flags->disable_defaults && i < n_collectors; i++) {
		const char *name = arena_printf(
			&flags->parsed.arena, "collector.%s", collectors[i]->name);

		if (!name)
			r = -ENOMEM;
		else if (!options_given(&flags->parsed, name))
			flags->choices[i].on = false;
	}
	return r;
}

int exporter_flags_parse(
	struct exporter_flags *flags, int argc, char **argv, FILE *out, FILE *errors)
{
	struct tables tables;
	int r = make_values(flags);

	if (r >= 0)
		r = make_tables(flags, &tables);
	if (r >= 0)
		r = options_parse(&tables.program, argc, argv, &flags->parsed, out, errors);
	if (r == OPTIONS_RUN)
		r = settle(flags);
	if (r == OPTIONS_RUN)
		r = check_values(flags, &tables.program, argv[0], errors);
	return r;
}

void exporter_flags_done(struct exporter_flags *flags)
{
	for (size_t i = 0; flags->choices && i < n_collectors; i++)
		free(flags->choices[i].options);
	free(flags->choices);
	absent_free(flags->absent);
	options_done(&flags->parsed);
	arena_done(&flags->tables);
}

int exporter_flags_print_reference(FILE *out)
{
	struct exporter_flags flags;
	struct tables tables;
	int r = make_values(&flags);

	if (r >= 0)
		r = make_tables(&flags, &tables);
	if (r >= 0)
		options_print_reference(&tables.program, out);
	exporter_flags_done(&flags);
	return r;
}
