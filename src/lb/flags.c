// SPDX-License-Identifier: Apache-2.0
#include "lb/flags.h"

static const char *const log_levels[] = { "debug", "info", "warn", "error", NULL };
static const char *const log_formats[] = { "logfmt", "json", NULL };

#define AT(field) offsetof(struct lb_flags, field)

static const struct option_def options[] = {
	{ "config.file", OPTION_STRING, AT(config_file), .env = "CEEMS_LB_CONFIG_FILE",
		.value_name = "FILE", .help = "Configuration file." },
	{ "config.file.expand-env-vars", OPTION_BOOL, AT(expand_env),
		.help = "Replace $NAME and ${NAME} in the configuration file by the environment." },
	{ "log.format", OPTION_ENUM, AT(log_format), .fallback = "logfmt", .choices = log_formats,
		.help = "Form of the log records." },
	{ "log.level", OPTION_ENUM, AT(log_level), .fallback = "info", .choices = log_levels,
		.help = "Least severe records that are logged.", .flags = OPTION_IGNORE_CASE },
	{ "log.requests", OPTION_BOOL, AT(log_requests), .fallback = "true",
		.help = "Log each request at level info: user, decision, reason, time." },
	{ "runtime.gomaxprocs", OPTION_INT, AT(gomaxprocs), .fallback = "1", .env = "GOMAXPROCS",
		.value_name = "N", .help = "Event loops." },
	{ "security.disable-cap-awareness", OPTION_BOOL, AT(disable_cap_awareness),
		.help = "Keep capabilities effective all the time.", .flags = OPTION_HIDDEN },
	{ "security.drop-privileges", OPTION_BOOL, AT(drop_privileges), .fallback = "true",
		.help = "Become an unprivileged user and drop all capabilities.",
		.flags = OPTION_HIDDEN },
	{ "security.run-as-user", OPTION_STRING, AT(run_as_user), .value_name = "USER",
		.help = "User name or uid to become when started as root. Without it: nobody." },
	{ "web.config.file", OPTION_STRING, AT(web_config_file), .env = "CEEMS_LB_WEB_CONFIG_FILE",
		.value_name = "FILE", .help = "File that turns on TLS or authentication." },
	{ "web.listen-address", OPTION_STRINGS, AT(listen_addresses), .fallback = ":9030\n:9040",
		.value_name = "ADDRESS",
		.help = "Addresses to listen on: the first for Prometheus's API, the second for "
			"Pyroscope's; the first for Pyroscope's if there is no other." },
	{ "web.systemd-socket", OPTION_BOOL, AT(systemd_socket),
		.help = "Use sockets that systemd opened instead of listening." },
	{ "web.trusted-proxies", OPTION_STRINGS, AT(trusted_proxies), .fallback = "127.0.0.0/8,::1",
		.value_name = "CIDR",
		.help = "Networks whose header X-Grafana-User is believed without a login." },
};

static struct program_def make_program(struct option_group *group)
{
	return (struct program_def){
		.name = "ceems_lb",
		.description = "Load balancer for Prometheus and Pyroscope servers that lets users "
			       "see the series of their own units only.",
		.error_style = OPTIONS_ERROR_DAEMON,
		.groups = group,
		.n_groups = 1,
	};
}

int lb_flags_parse(struct lb_flags *flags, int argc, char **argv, FILE *out, FILE *errors)
{
	struct option_group group = { NULL, options, ARRAY_SIZE(options), flags };
	struct program_def program = make_program(&group);

	return options_parse(&program, argc, argv, &flags->parsed, out, errors);
}

void lb_flags_done(struct lb_flags *flags)
{
	options_done(&flags->parsed);
}

void lb_flags_print_reference(FILE *out)
{
	static struct lb_flags flags;
	struct option_group group = { NULL, options, ARRAY_SIZE(options), &flags };
	struct program_def program = make_program(&group);

	options_print_reference(&program, out);
}
