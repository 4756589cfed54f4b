// SPDX-License-Identifier: Apache-2.0
/* ceems_tool: checks, web configs, recording rules and queries. The tables here are its manual. */
#include <errno.h>
#include <string.h>

#include "basic/clock.h"
#include "basic/macros.h"
#include "tool/tool.h"

static struct tool tool;

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

static const struct command_def commands[] = {
	{ .name = "config create-web-config",
		.help = "Write a web config file for the daemons, with a random password and, if "
			"wanted, a self-signed TLS pair.",
		.groups = { { NULL, web_config_options, ARRAY_SIZE(web_config_options),
			&tool.web_config } } },
};

/* In the order of commands[]. */
static int (*const runs[])(struct tool *) = {
	command_create_web_config,
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
