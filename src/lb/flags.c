// SPDX-License-Identifier: Apache-2.0
#include "lb/flags.h"

#define AT(field) offsetof(struct lb_flags, field)

static const struct option_def options[] = {
	{ "config.file", OPTION_STRING, AT(config_file), .env = "CEEMS_LB_CONFIG_FILE",
		.value_name = "FILE", .help = "Configuration file." },
	{ "config.file.expand-env-vars", OPTION_BOOL, AT(expand_env),
		.help = "Replace $NAME and ${NAME} in the configuration file by the environment." },
	{ "log.requests", OPTION_BOOL, AT(log_requests), .fallback = "true",
		.help = "Log each request at level info: user, decision, reason, time." },
	{ "runtime.gomaxprocs", OPTION_INT, AT(gomaxprocs), .fallback = "1", .env = "GOMAXPROCS",
		.value_name = "N", .help = "Event loops." },
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

/* All that the command line fills. */
struct tables {
	struct option_group groups[2];
	struct program_def program;
};

static void make_tables(struct lb_flags *flags, struct tables *t)
{
	t->groups[0] = (struct option_group){ NULL, options, ARRAY_SIZE(options), flags };
	t->groups[1] = daemon_flag_group(&flags->daemon);
	t->program = (struct program_def){
		.name = "ceems_lb",
		.description = "Load balancer for Prometheus and Pyroscope servers that lets users "
			       "see the series of their own units only.",
		.error_style = OPTIONS_ERROR_DAEMON,
		.groups = t->groups,
		.n_groups = ARRAY_SIZE(t->groups),
	};
}

int lb_flags_parse(struct lb_flags *flags, int argc, char **argv, FILE *out, FILE *errors)
{
	struct tables tables;

	make_tables(flags, &tables);
	return options_parse(&tables.program, argc, argv, &flags->parsed, out, errors);
}

void lb_flags_done(struct lb_flags *flags)
{
	options_done(&flags->parsed);
}

void lb_flags_print_reference(FILE *out)
{
	static struct lb_flags flags;
	struct tables tables;

	make_tables(&flags, &tables);
	options_print_reference(&tables.program, out);
}
