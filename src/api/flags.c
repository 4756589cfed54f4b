// SPDX-License-Identifier: Apache-2.0
#include "api/flags.h"

#define AT(field) offsetof(struct api_flags, field)

static const struct option_def options[] = {
	{ "config.file", OPTION_STRING, AT(config_file), .env = "CEEMS_API_SERVER_CONFIG_FILE",
		.value_name = "FILE", .help = "Configuration file." },
	{ "config.file.expand-env-vars", OPTION_BOOL, AT(expand_env),
		.help = "Replace $NAME and ${NAME} in the configuration file by the environment." },
	{ "query.max-period", OPTION_STRING, AT(max_period), .fallback = "0s",
		.value_name = "DURATION",
		.help = "Longest period of one API query; 0s is without a limit." },
	{ "runtime.gomaxprocs", OPTION_INT, AT(gomaxprocs), .fallback = "1", .env = "GOMAXPROCS",
		.value_name = "N",
		.help = "Requests that are worked on at the same time, at least 4." },
	{ "storage.data.skip.delete.old.units", OPTION_BOOL, AT(skip_purge),
		.help = "Keep units beyond the retention period.", .flags = OPTION_HIDDEN },
	{ "test.disable.checks", OPTION_BOOL, AT(no_checks),
		.help = "Accept a configuration that breaks the rules.", .flags = OPTION_HIDDEN },
	{ "web.compression", OPTION_BOOL, AT(compression), .help = "Compress answers." },
	{ "web.compression.level", OPTION_INT, AT(compression_level), .fallback = "5",
		.value_name = "N",
		.help = "Level of the compression, 1 to 9; 0 packs without compressing, -1 takes the usual "
			"level, -2 only uses short codes for frequent bytes." },
	{ "web.config.file", OPTION_STRING, AT(web_config_file),
		.env = "CEEMS_API_SERVER_WEB_CONFIG_FILE", .value_name = "FILE",
		.help = "File that turns on TLS or authentication." },
	{ "web.cors.origin", OPTION_STRING, AT(cors_origin), .fallback = ".*",
		.value_name = "REGEX", .help = "Origins that browsers may call from." },
	{ "web.debug-server", OPTION_BOOL, AT(debug_server),
		.help = "Show the server's threads at /debug/, to those who ask for localhost." },
	{ "web.external-url", OPTION_STRING, AT(external_url), .value_name = "URL",
		.help = "Host and scheme in the API's description.", .flags = OPTION_HIDDEN },
	{ "web.internal-peers", OPTION_STRINGS, AT(internal_peers), .value_name = "CIDR",
		.help = "Networks of hosts where other CEEMS programs run without a login of their "
			"own; they may use the internal account." },
	{ "web.listen-address", OPTION_STRINGS, AT(listen_addresses), .fallback = ":9020",
		.value_name = "ADDRESS",
		.help = "Address to listen on: host:port, :port, [v6]:port." },
	{ "web.max-requests", OPTION_INT, AT(max_requests), .fallback = "0", .value_name = "N",
		.help = "Requests per minute and client; 0 is without a limit." },
	{ "web.route-prefix", OPTION_STRING, AT(route_prefix), .fallback = "/",
		.value_name = "PATH", .help = "Prefix of the API's paths." },
	{ "web.systemd-socket", OPTION_BOOL, AT(systemd_socket),
		.help = "Use sockets that systemd opened instead of listening." },
	{ "web.trusted-proxies", OPTION_STRINGS, AT(trusted_proxies), .fallback = "127.0.0.0/8,::1",
		.value_name = "CIDR",
		.help = "Networks whose user and X-Forwarded-For headers are believed without a "
			"login." },
	{ "web.user-header-name", OPTION_STRINGS, AT(user_headers), .fallback = "X-Grafana-User",
		.value_name = "NAME", .help = "Headers that are searched for the user's name.",
		.flags = OPTION_HIDDEN },
};

/* All that the command line fills. */
struct tables {
	struct option_group groups[2];
	struct program_def program;
};

static void make_tables(struct api_flags *flags, struct tables *t)
{
	t->groups[0] = (struct option_group){ NULL, options, ARRAY_SIZE(options), flags };
	t->groups[1] = daemon_flag_group(&flags->daemon);
	t->program = (struct program_def){
		.name = "ceems_api_server",
		.description = "API server for reporting usage statistics for batchjobs/VMs/Pods.",
		.error_style = OPTIONS_ERROR_DAEMON,
		.groups = t->groups,
		.n_groups = ARRAY_SIZE(t->groups),
	};
}

int api_flags_parse(struct api_flags *flags, int argc, char **argv, FILE *out, FILE *errors)
{
	struct tables tables;

	make_tables(flags, &tables);
	return options_parse(&tables.program, argc, argv, &flags->parsed, out, errors);
}

void api_flags_done(struct api_flags *flags)
{
	options_done(&flags->parsed);
}

void api_flags_print_reference(FILE *out)
{
	static struct api_flags flags;
	struct tables tables;

	make_tables(&flags, &tables);
	options_print_reference(&tables.program, out);
}
