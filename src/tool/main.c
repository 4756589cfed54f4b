// SPDX-License-Identifier: Apache-2.0
/* ceems_tool: checks, web configs, recording rules, queries and captures. The tables here are its
 * manual. */
#include <errno.h>
#include <string.h>

#include "basic/clock.h"
#include "basic/macros.h"
#include "tool/tool.h"

static struct tool tool;

#define HTTP_CONFIG_OPTION(type)                                                             \
	{                                                                                    \
		"http.config.file", OPTION_STRING, offsetof(type, http_config_file),         \
			.value_name = "FILE", .flags = OPTION_EXISTING_FILE,                 \
			.help = "How to reach the server, in the form of Prometheus's HTTP " \
				"clients (basic_auth, tls_config, ...).",                    \
	}

static const struct option_def api_options[] = {
	HTTP_CONFIG_OPTION(struct server_options),
	{ "url", OPTION_STRING, offsetof(struct server_options, url),
		.fallback = "http://localhost:9020", .help = "Address of the API server." },
};

static const struct option_def lb_options[] = {
	HTTP_CONFIG_OPTION(struct server_options),
	{ "url", OPTION_STRING, offsetof(struct server_options, url),
		.fallback = "http://localhost:9030", .help = "Address of the load balancer." },
};

static const struct option_def tsdb_server_options[] = {
	HTTP_CONFIG_OPTION(struct server_options),
	{ "url", OPTION_STRING, offsetof(struct server_options, url),
		.fallback = "http://localhost:9090", .help = "Address of the TSDB." },
};

static const struct option_def tsdb_range_options[] = {
	{ "end", OPTION_STRING, offsetof(struct tsdb_options, end), .value_name = "TIME",
		.help = "Look at series until then, RFC 3339 or Unix seconds; now by default." },
	{ "start", OPTION_STRING, offsetof(struct tsdb_options, start), .value_name = "TIME",
		.help = "Look at series since then; three hours ago by default." },
};

static const struct option_def output_options[] = {
	{ "output", OPTION_STRING, offsetof(struct tsdb_options, output), .value_name = "FILE",
		.help = "Write the document there, '-' for stdout; to stderr by default, among the "
			"messages." },
};

static const struct option_def rules_options[] = {
	{ "country-code", OPTION_STRING, offsetof(struct rules_options, country_code),
		.value_name = "CODE",
		.help = "ISO code (two capitals) of the country whose emission factors are used." },
	{ "disable-providers", OPTION_BOOL, offsetof(struct rules_options, disable_providers),
		.flags = OPTION_HIDDEN, .help = "Take no emission factors from the TSDB." },
	{ "emission-factor", OPTION_DOUBLE, offsetof(struct rules_options, emission_factor),
		.fallback = "0", .help = "Fixed emission factor in g CO2e/kWh; 0 for none." },
	{ "eval-interval", OPTION_DURATION_GO, offsetof(struct rules_options, eval_interval_ns),
		.fallback = "0s", .help = "Evaluation interval of the rules; 0s for the TSDB's." },
	{ "output-dir", OPTION_STRING, offsetof(struct rules_options, output_dir),
		.fallback = "rules", .value_name = "DIR",
		.help = "Folder to write to; made (0700) if missing." },
	{ "pue", OPTION_DOUBLE, offsetof(struct rules_options, pue), .fallback = "1",
		.help = "Power usage effectiveness: a factor on all power." },
};

static const struct option_def web_config_options[] = {
	{ "basic-auth", OPTION_BOOL, offsetof(struct web_config_options, basic_auth),
		.fallback = "true",
		.help = "Make a user '" WEB_CONFIG_USER
			"' with a random password, which is shown once." },
	{ "output-dir", OPTION_STRING, offsetof(struct web_config_options, output_dir),
		.fallback = "config", .value_name = "DIR",
		.help = "Folder to write to; made (0700) if missing." },
	{ "tls", OPTION_BOOL, offsetof(struct web_config_options, tls),
		.help = "Make a self-signed certificate and its key, too." },
	{ "tls.host", OPTION_STRINGS, offsetof(struct web_config_options, tls_hosts),
		.value_name = "HOST", .help = "Host name or IP address for the certificate." },
	{ "tls.validity", OPTION_DURATION_GO, offsetof(struct web_config_options, tls_validity_ns),
		.fallback = "8760h", .help = "How long the certificate is valid from now on." },
};

static const struct option_def capture_options[] = {
	{ "collector.ipmi_dcmi.device", OPTION_STRING,
		offsetof(struct capture_options, ipmi_device), .value_name = "FILE",
		.help = "The BMC's device, instead of /dev/ipmi0; asked in spite of --no-tools." },
	{ "collector.k8s.kubeconfig.file", OPTION_STRING,
		offsetof(struct capture_options, kubeconfig), .value_name = "FILE",
		.help = "Where the API server is that lists the pods, outside of a pod." },
	{ "collector.k8s.kubelet-podresources-socket.file", OPTION_STRING,
		offsetof(struct capture_options, kubelet_socket), .value_name = "FILE",
		.fallback = "/var/lib/kubelet/pod-resources/kubelet.sock",
		.help = "Socket on which the kubelet tells the devices of pods." },
	{ "collector.libvirt.xml-dir", OPTION_STRING, offsetof(struct capture_options, xml_dir),
		.value_name = "DIR",
		.help = "Folder of libvirt's definitions, instead of /run/libvirt/qemu and "
			"/etc/libvirt/qemu." },
	{ "collector.redfish.config.file", OPTION_STRING,
		offsetof(struct capture_options, redfish_config_file), .value_name = "FILE",
		.help = "The exporter's file about the BMC, whose answers are recorded, too." },
	{ "collector.slurm.gres-config-file", OPTION_STRING,
		offsetof(struct capture_options, gres_config_file),
		.fallback = "/etc/slurm/gres.conf", .value_name = "FILE",
		.help = "Slurm's gres.conf." },
	{ "duration", OPTION_DURATION_GO, offsetof(struct capture_options, duration_ns),
		.fallback = "0s",
		.help = "Go on for so long, and record what changes; 0s for one look." },
	{ "emissions", OPTION_BOOL, offsetof(struct capture_options, emissions),
		.help = "Ask the providers of emission factors, as the environment allows, and "
			"record what they answer." },
	{ "interval", OPTION_DURATION_GO, offsetof(struct capture_options, interval_ns),
		.fallback = "1s", .help = "Time from one look to the next." },
	{ "max-size", OPTION_INT, offsetof(struct capture_options, max_size_mib), .fallback = "64",
		.value_name = "MIB", .help = "Size of all files together, unpacked, in MiB." },
	{ "output", OPTION_STRING, offsetof(struct capture_options, output),
		.fallback = "ceems-capture.tar.gz", .value_name = "FILE",
		.help = "The archive; must not be there yet." },
	{ "path.cgroupfs", OPTION_STRING, offsetof(struct capture_options, cgroupfs),
		.fallback = "/sys/fs/cgroup", .value_name = "DIR",
		.help = "Mount point of the control groups." },
	{ "path.procfs", OPTION_STRING, offsetof(struct capture_options, procfs),
		.fallback = "/proc", .value_name = "DIR", .help = "Mount point of procfs." },
	{ "path.sysfs", OPTION_STRING, offsetof(struct capture_options, sysfs), .fallback = "/sys",
		.value_name = "DIR", .help = "Mount point of sysfs." },
	{ "tools", OPTION_BOOL, offsetof(struct capture_options, tools), .fallback = "true",
		.help = "Run nvidia-smi, ipmitool and the like, as the exporter does." },
};

static const struct option_def replay_options[] = {
	{ "speed", OPTION_DOUBLE, offsetof(struct replay_options, speed), .fallback = "1",
		.help = "How many times as fast as recorded; 0 for the first look only." },
};

#define GROUP(rows, values)                          \
	{                                            \
		NULL, rows, ARRAY_SIZE(rows), values \
	}
#define TSDB_GROUPS \
	GROUP(tsdb_server_options, &tool.tsdb.server), GROUP(tsdb_range_options, &tool.tsdb)

static const struct command_def commands[] = {
	{ .name = "capture",
		.help = "Write an anonymised archive of what the exporter reads on this machine: "
			"for bug reports, and for tests.",
		.groups = { GROUP(capture_options, &tool.capture) } },
	{ .name = "check api-healthy",
		.help = "Ask the API server whether it is healthy.",
		.groups = { GROUP(api_options, &tool.api) } },
	{ .name = "check lb-healthy",
		.help = "Ask the load balancer whether it is healthy.",
		.groups = { GROUP(lb_options, &tool.lb) } },
	{ .name = "check web-config",
		.help = "Check web config files of the daemons.",
		.positional = "FILE",
		.min_positional = 1 },
	{ .name = "config create-web-config",
		.help = "Write a web config file for the daemons, with a random password and, if "
			"wanted, a self-signed TLS pair.",
		.groups = { GROUP(web_config_options, &tool.web_config) } },
	{ .name = "replay",
		.help = "Unpack a captured ARCHIVE into the new folder DIR, print how to run the "
			"exporter from it, and play what changed while it was recorded.",
		.positional = "ARCHIVE DIR",
		.min_positional = 2,
		.groups = { GROUP(replay_options, &tool.replay) } },
	{ .name = "tsdb create-ceems-tsdb-updater-queries",
		.help = "Print the queries for the API server's TSDB updater.",
		.groups = { TSDB_GROUPS, GROUP(output_options, &tool.tsdb) } },
	{ .name = "tsdb create-recording-rules",
		.help = "Write recording rules for each scrape job of the TSDB.",
		.groups = { TSDB_GROUPS, GROUP(rules_options, &tool.rules) } },
	{ .name = "tsdb create-relabel-configs",
		.help = "Print the relabel configs that GPU exporters need.",
		.groups = { TSDB_GROUPS, GROUP(output_options, &tool.tsdb) } },
};

/* In the order of commands[]. */
static int (*const runs[])(struct tool *) = {
	command_capture,
	command_check_api,
	command_check_lb,
	command_check_web_config,
	command_create_web_config,
	command_replay,
	command_create_updater_queries,
	command_create_recording_rules,
	command_create_relabel_configs,
};
_Static_assert(ARRAY_SIZE(runs) == ARRAY_SIZE(commands), "a function for each command");

static const struct program_def program = {
	.name = "ceems_tool",
	.description = "Tooling for CEEMS: checks, web configs, recording rules and queries.",
	.error_style = OPTIONS_ERROR_TOOL,
	.commands = commands,
	.n_commands = ARRAY_SIZE(commands),
};

int tool_fatal(struct tool *t, const char *text)
{
	fprintf(t->messages, "%s: error: %s\n", program_invocation_short_name, text);
	return 1;
}

int tool_failed(struct tool *t, const char *what, const struct err *err)
{
	fprintf(t->messages, "%s: %s\n", what, err->text);
	return 1;
}

int command_create_web_config(struct tool *t)
{
	struct err err = { 0 };
	int r;

	r = web_config_create(
		&t->web_config, clock_realtime_ns(clock_system()) / 1000000000, t->messages, &err);
	if (r == -EINVAL)
		return tool_fatal(t, err.text);
	if (r < 0)
		return tool_failed(t, "failed to create the web config", &err);
	return 0;
}

int main(int argc, char **argv)
{
	int r;

	tool.out = stdout;
	tool.messages = stderr;
	r = options_parse(&program, argc, argv, &tool.opt, stdout, stderr);
	if (r == OPTIONS_RUN)
		r = runs[tool.opt.command - commands](&tool);
	else
		r = r == OPTIONS_DONE ? 0 : 1;
	options_done(&tool.opt);
	if (fflush(stdout) != 0) {
		fprintf(stderr, "%s: writing to stdout: %s\n", program_invocation_short_name,
			strerror(errno));
		return 1;
	}
	return r;
}
