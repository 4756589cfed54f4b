// SPDX-License-Identifier: Apache-2.0
#include "basic/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit_test.h"

static const char *const levels[] = { "debug", "info", "warn", "error", NULL };
static const char *const providers[] = { "owid", "emaps", "rte", "wt", NULL };

static struct values {
	bool defaults_off, drop;
	const char *config, *old_config, *token;
	struct strings listen, providers;
	int64_t max_requests, interval_ns, period_ms;
	double pue;
	int level;
} values;

static const struct option_def core_options[] = {
	{ "collector.disable-defaults", OPTION_BOOL, offsetof(struct values, defaults_off),
		.help = "Turn off what is not named." },
	{ "emissions.provider", OPTION_ENUMS, offsetof(struct values, providers),
		.choices = providers, .help = "Providers to ask." },
	{ "interval", OPTION_DURATION_GO, offsetof(struct values, interval_ns), .fallback = "1m",
		.help = "Evaluation interval." },
	{ "log.level", OPTION_ENUM, offsetof(struct values, level), .fallback = "info",
		.choices = levels, .help = "Least level that is logged.",
		.flags = OPTION_IGNORE_CASE },
	{ "power.pue", OPTION_DOUBLE, offsetof(struct values, pue), .fallback = "1",
		.help = "Factor." },
	{ "query.max-period", OPTION_DURATION, offsetof(struct values, period_ms), .fallback = "0s",
		.help = "Longest window." },
	{ "secret.token", OPTION_STRING, offsetof(struct values, token), .fallback = "hunter2",
		.help = "A token.", .flags = OPTION_SECRET },
	{ "security.drop-privileges", OPTION_BOOL, offsetof(struct values, drop),
		.fallback = "true", .help = "Drop privileges.", .flags = OPTION_HIDDEN },
	{ "web.config", OPTION_STRING, offsetof(struct values, old_config),
		.env = "TEST_OPTIONS_OLD_CONFIG", .help = "Old name.",
		.replaced_by = "web.config.file", .flags = OPTION_DEPRECATED },
	{ "web.config.file", OPTION_STRING, offsetof(struct values, config),
		.env = "TEST_OPTIONS_CONFIG", .help = "TLS and users.", .value_name = "FILE" },
	{ "web.listen-address", OPTION_STRINGS, offsetof(struct values, listen),
		.fallback = ":9010", .env = "TEST_OPTIONS_LISTEN", .help = "Where to listen.",
		.value_name = "ADDRESS" },
	{ "web.max-requests", OPTION_INT, offsetof(struct values, max_requests), .fallback = "40",
		.env = "TEST_OPTIONS_MAX", .help = "Concurrent scrapes." },
};

static struct option_group groups[] = {
	{ NULL, core_options, ARRAY_SIZE(core_options), &values },
};

static const struct program_def daemon_program = {
	.name = "ceems_test",
	.description = "Test of everything.",
	.epilog = "Examples:\n  ceems_test --web.listen-address=:1\n\n.hidden dot\n",
	.error_style = OPTIONS_ERROR_DAEMON,
	.groups = groups,
	.n_groups = ARRAY_SIZE(groups),
};

static struct tool_values {
	const char *url, *file;
	const char *required;
} tool_values;

static const struct option_def url_options[] = {
	{ "url", OPTION_STRING, offsetof(struct tool_values, url),
		.fallback = "http://localhost:9020", .help = "Base URL." },
	{ "http.config.file", OPTION_STRING, offsetof(struct tool_values, file),
		.help = "Client settings.", .flags = OPTION_EXISTING_FILE },
};
static const struct option_def required_options[] = {
	{ "must", OPTION_STRING, offsetof(struct tool_values, required), .help = "Needed.",
		.flags = OPTION_REQUIRED, .env = "TEST_OPTIONS_MUST" },
};
static const struct command_def commands[] = {
	{ "check api-healthy", "Ask the API server.", NULL, 0,
		{ { "Client", url_options, ARRAY_SIZE(url_options), &tool_values } } },
	{ "check web-config", "Check files.", "FILE", 1, .positional_files = true },
	{ "needs", "Needs a flag.", NULL, 0,
		{ { NULL, required_options, ARRAY_SIZE(required_options), &tool_values } } },
};
static const struct program_def tool_program = {
	.name = "ceems_tool",
	.description = "Tool of tools.",
	.error_style = OPTIONS_ERROR_TOOL,
	.commands = commands,
	.n_commands = ARRAY_SIZE(commands),
};

/* The outcome of the last run. */
static struct options opt;
static char *out, *err;

static void forget(void)
{
	options_done(&opt);
	free(out);
	free(err);
	out = err = NULL;
}

static int run(const struct program_def *program, const char *const *args)
{
	size_t out_len, err_len, n = 0;
	FILE *o, *e;
	int r;

	forget();
	while (args[n])
		n++;
	o = open_memstream(&out, &out_len);
	e = open_memstream(&err, &err_len);
	assert_true(o && e);
	r = options_parse(program, (int)n, (char **)args, &opt, o, e);
	fclose(o);
	fclose(e);
	return r;
}

#define RUN(...) run(&daemon_program, (const char *const[]){ "/bin/prog", ##__VA_ARGS__, NULL })
#define TOOL(...) run(&tool_program, (const char *const[]){ "/bin/prog", ##__VA_ARGS__, NULL })

/* The reason behind the date of a daemon's error line. */
static void assert_reason(const char *reason)
{
	const char *head = "failed to parse CLI flags: ";

	assert_int_equal(strlen(err) > 20 + strlen(head), 1);
	assert_true(err[4] == '/' && err[7] == '/' && err[10] == ' ' && err[13] == ':');
	assert_memory_equal(err + 20, head, strlen(head));
	assert_non_null(strstr(err + 20 + strlen(head), reason));
	assert_int_equal(err[strlen(err) - 1], '\n');
	assert_ptr_equal(strchr(err, '\n'), err + strlen(err) - 1);
	assert_string_equal(out, "");
}

#define REFUSED(reason, ...)                                 \
	do {                                                 \
		assert_int_equal(RUN(__VA_ARGS__), -EINVAL); \
		assert_reason(reason);                       \
	} while (0)

static void defaults_hold_without_arguments(void **state)
{
	assert_int_equal(RUN(), OPTIONS_RUN);
	assert_false(values.defaults_off);
	assert_true(values.drop);
	assert_string_equal(values.config, "");
	assert_int_equal(values.max_requests, 40);
	assert_int_equal(values.level, 1);
	assert_true(values.pue == 1.0);
	assert_true(values.interval_ns == 60000000000);
	assert_int_equal(values.period_ms, 0);
	assert_int_equal(values.listen.n, 1);
	assert_string_equal(values.listen.v[0], ":9010");
	assert_int_equal(values.providers.n, 0);
	assert_int_equal(opt.given.n, 0);
}

static void values_are_attached_or_separate(void **state)
{
	assert_int_equal(
		RUN("--web.max-requests", "7", "--web.config.file=", "--log.level=WARN",
			"--query.max-period", "1d12h", "--interval=1.5s", "--power.pue=1.25"),
		OPTIONS_RUN);
	assert_int_equal(values.max_requests, 7);
	assert_string_equal(values.config, "");
	assert_int_equal(values.level, 2);
	assert_int_equal(values.period_ms, 36 * 3600000);
	assert_true(values.interval_ns == 1500000000);
	assert_true(values.pue == 1.25);
	assert_true(options_given(&opt, "web.config.file"));
	assert_false(options_given(&opt, "web.listen-address"));
}

static void separate_value_may_not_begin_with_a_dash(void **state)
{
	REFUSED("expected argument for flag '--web.max-requests'", "--web.max-requests", "-1");
	REFUSED("expected argument for flag '--web.max-requests'", "--web.max-requests");
	assert_int_equal(RUN("--web.max-requests=-1"), OPTIONS_RUN);
	assert_int_equal(values.max_requests, -1);
}

static void booleans_take_no_value_and_have_a_negation(void **state)
{
	assert_int_equal(RUN("--collector.disable-defaults", "--no-security.drop-privileges"), 0);
	assert_true(values.defaults_off);
	assert_false(values.drop);
	assert_true(options_given(&opt, "security.drop-privileges"));
	REFUSED("unexpected", "--collector.disable-defaults=true");
	REFUSED("unexpected", "--no-collector.disable-defaults=true");
	REFUSED("unexpected true", "--collector.disable-defaults", "true");
	REFUSED("unknown long flag '--no-web.max-requests'", "--no-web.max-requests");
}

static void unknown_and_abbreviated_flags_are_errors(void **state)
{
	REFUSED("unknown long flag '--z'", "--z");
	REFUSED("unknown long flag '--web.max'", "--web.max=1");
	REFUSED("unknown short flag '-z'", "-z");
	REFUSED("unexpected stray", "stray");
	REFUSED("unexpected -", "--", "-");
	REFUSED("unexpected --help", "--", "--help");
}

static void flags_are_not_repeated_unless_they_may(void **state)
{
	REFUSED("flag 'web.max-requests' cannot be repeated", "--web.max-requests=1",
		"--web.max-requests=1");
	REFUSED("cannot be repeated", "--collector.disable-defaults",
		"--no-collector.disable-defaults");
	assert_int_equal(RUN("--web.listen-address=:1", "--web.listen-address", "[::1]:2",
				 "--web.listen-address=:3"),
		0);
	assert_int_equal(values.listen.n, 3);
	assert_string_equal(values.listen.v[0], ":1");
	assert_string_equal(values.listen.v[1], "[::1]:2");
	assert_string_equal(values.listen.v[2], ":3");
	assert_int_equal(opt.given.n, 1);
	assert_int_equal(RUN("--emissions.provider=rte", "--emissions.provider=wt"), 0);
	assert_int_equal(values.providers.n, 2);
	assert_string_equal(values.providers.v[1], "wt");
}

static void wrong_values_name_the_flag(void **state)
{
	REFUSED("'--web.max-requests': a whole number", "--web.max-requests=0x10");
	REFUSED("'--web.max-requests'", "--web.max-requests=99999999999999999999");
	REFUSED("invalid enum value for flag '--log.level': must be one of "
		"debug,info,warn,error, got 'loud'",
		"--log.level=loud");
	REFUSED("'--emissions.provider'", "--emissions.provider=OWID");
	REFUSED("'--query.max-period'", "--query.max-period=1h1d");
	REFUSED("'--interval'", "--interval=5");
	REFUSED("'--power.pue'", "--power.pue=nan");
}

static void environment_replaces_the_default_only(void **state)
{
	setenv("TEST_OPTIONS_CONFIG", "/env/web.yml", 1);
	setenv("TEST_OPTIONS_MAX", "", 1);
	setenv("TEST_OPTIONS_LISTEN", ":1\n:2", 1);
	assert_int_equal(RUN(), 0);
	assert_string_equal(values.config, "/env/web.yml");
	assert_int_equal(values.max_requests, 40);
	assert_int_equal(values.listen.n, 2);
	assert_string_equal(values.listen.v[1], ":2");
	assert_false(options_given(&opt, "web.config.file"));
	assert_int_equal(RUN("--web.config.file=x", "--web.listen-address=:7"), 0);
	assert_string_equal(values.config, "x");
	assert_int_equal(values.listen.n, 1);
	setenv("TEST_OPTIONS_MAX", "many", 1);
	REFUSED("environment variable TEST_OPTIONS_MAX", NULL);
	unsetenv("TEST_OPTIONS_CONFIG");
	unsetenv("TEST_OPTIONS_MAX");
	unsetenv("TEST_OPTIONS_LISTEN");
}

static void deprecated_flags_work_and_warn(void **state)
{
	assert_int_equal(RUN("--web.config=old"), 0);
	assert_string_equal(values.old_config, "old");
	assert_int_equal(opt.warnings.n, 1);
	assert_string_equal(opt.warnings.v[0], "--web.config is deprecated, use --web.config.file");
	setenv("TEST_OPTIONS_OLD_CONFIG", "env", 1);
	assert_int_equal(RUN(), 0);
	assert_string_equal(values.old_config, "env");
	assert_int_equal(opt.warnings.n, 1);
	unsetenv("TEST_OPTIONS_OLD_CONFIG");
}

static void help_wins_over_wrong_values_but_not_over_wrong_flags(void **state)
{
	assert_int_equal(RUN("--web.max-requests=x", "--help"), OPTIONS_DONE);
	assert_non_null(strstr(out, "usage: ceems_test"));
	assert_int_equal(RUN("-h"), OPTIONS_DONE);
	REFUSED("unknown long flag '--z'", "--help", "--z");
	REFUSED("unexpected stray", "-h", "stray");
	REFUSED("unknown short flag '-x'", "-hx");
	REFUSED("unexpected", "--help=1");
	REFUSED("unknown long flag '--no-help'", "--no-help");
}

static void help_shows_flags_defaults_and_environment_but_no_secrets(void **state)
{
	assert_int_equal(RUN("--help"), OPTIONS_DONE);
	assert_non_null(strstr(out, "--[no-]collector.disable-defaults"));
	assert_non_null(strstr(out, "--web.listen-address=ADDRESS"));
	assert_non_null(strstr(out, ":9010; environment:"));
	assert_non_null(strstr(out, "$TEST_OPTIONS_CONFIG"));
	assert_non_null(strstr(out, "debug|info|warn|error"));
	assert_null(strstr(out, "drop-privileges"));
	assert_null(strstr(out, "--web.config="));
	assert_null(strstr(out, "hunter2"));
	for (char *line = strtok(out, "\n"); line; line = strtok(NULL, "\n"))
		assert_true(strlen(line) <= 80);
}

static void version_acts_where_it_stands(void **state)
{
	assert_int_equal(RUN("--version", "--z"), OPTIONS_DONE);
	assert_memory_equal(out, "ceems_test, version 0.10.2 (branch: ", 36);
	assert_non_null(strstr(out, "\n  build user:"));
	assert_non_null(strstr(out, "\n  tags:"));
	REFUSED("unknown long flag '--z'", "--z", "--version");
	REFUSED("'--log.level'", "--log.level=x", "--version");
}

static void other_texts_are_printed(void **state)
{
	assert_int_equal(RUN("--help-long"), OPTIONS_DONE);
	assert_non_null(strstr(out, "Examples:\n  ceems_test --web.listen-address=:1"));
	assert_int_equal(RUN("--help-man"), OPTIONS_DONE);
	assert_non_null(strstr(out, ".Dt CEEMS_TEST 8\n"));
	assert_non_null(strstr(out, "\n\\&.hidden dot\n"));
	assert_int_equal(RUN("--completion-script-bash"), OPTIONS_DONE);
	assert_non_null(strstr(out, "complete -o default -F _ceems_test_complete ceems_test\n"));
	assert_int_equal(RUN("--completion-script-zsh"), OPTIONS_DONE);
	assert_memory_equal(out, "#compdef ceems_test\n", 20);
}

static void completions_fit_what_was_typed(void **state)
{
	assert_int_equal(RUN("--completion-bash", "--web.l"), OPTIONS_DONE);
	assert_string_equal(out, "--web.listen-address\n");
	assert_int_equal(RUN("--completion-bash", "--no-"), OPTIONS_DONE);
	assert_string_equal(out, "--no-collector.disable-defaults\n");
	assert_int_equal(RUN("--completion-bash", "--log.level", "w"), OPTIONS_DONE);
	assert_string_equal(out, "warn\n");
	assert_int_equal(RUN("--completion-bash", "--log.level", ""), OPTIONS_DONE);
	assert_string_equal(out, "debug\ninfo\nwarn\nerror\n");
	assert_int_equal(RUN("--completion-bash"), OPTIONS_DONE);
	assert_string_equal(out, "");
	assert_int_equal(TOOL("--completion-bash", ""), OPTIONS_DONE);
	assert_string_equal(out, "check\nneeds\n");
	assert_int_equal(TOOL("--completion-bash", "check", "web"), OPTIONS_DONE);
	assert_string_equal(out, "web-config\n");
	assert_int_equal(TOOL("--completion-bash", "check", "api-healthy", "--u"), OPTIONS_DONE);
	assert_string_equal(out, "--url\n");
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void argument_files_stand_for_their_lines(void **state)
{
	char dir[] = "/tmp/ceems-options.XXXXXX", path[64], arg[66], nested[130];

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/args", dir);
	snprintf(arg, sizeof(arg), "@%s", path);
	write_file(path,
		"# comment\n\n   \n--web.config.file\nname with blanks\r\n"
		"--web.listen-address=#1");
	assert_int_equal(RUN("--log.level=warn", arg, "--web.max-requests=3"), 0);
	assert_string_equal(values.config, "name with blanks");
	assert_string_equal(values.listen.v[0], "#1");
	assert_int_equal(values.max_requests, 3);
	REFUSED("unexpected @", "--", arg);

	snprintf(nested, sizeof(nested), "%s\n", arg);
	write_file(path, nested);
	REFUSED("argument files", arg);
	write_file(path, "");
	assert_int_equal(RUN(arg), 0);
	unlink(path);
	REFUSED("No such file", arg);
	REFUSED("Is a directory", (snprintf(arg, sizeof(arg), "@%s", dir), arg));
	rmdir(dir);
}

static void errors_are_one_line_whatever_is_typed(void **state)
{
	REFUSED("unexpected a b", "a\nb");
	REFUSED("unknown long flag", "--\x1b[31m");
}

static void reason_that_is_cut_shows_it(void **state)
{
	static char flag[3000] = "--";
	const size_t shown = strlen("prog: error: ") + ERR_TEXT_MAX - 1;
	size_t len;
	FILE *f;

	memset(flag + 2, 'x', sizeof(flag) - 3);
	assert_int_equal(TOOL(flag), -EINVAL);
	assert_non_null(strstr(err, "xxx..., try --help\n"));
	assert_int_equal(RUN(flag), -EINVAL);
	assert_non_null(strstr(err, "xxx...\n"));
	forget();
	f = open_memstream(&err, &len);
	assert_int_equal(options_complain(&tool_program, "prog", f, "%s", flag), -EINVAL);
	fclose(f);
	assert_int_equal(len, shown + 1);
	assert_string_equal(err + shown - 6, "xxx...\n");
}

static void tool_without_arguments_prints_its_usage(void **state)
{
	assert_int_equal(TOOL(), OPTIONS_DONE);
	assert_non_null(strstr(out, "usage: ceems_tool <command>"));
	assert_non_null(strstr(out, "  check api-healthy "));
	assert_string_equal(err, "");
}

static void tool_reads_commands_of_several_words(void **state)
{
	assert_int_equal(TOOL("check", "api-healthy", "--url", "http://h"), OPTIONS_RUN);
	assert_string_equal(opt.command->name, "check api-healthy");
	assert_string_equal(tool_values.url, "http://h");
	assert_int_equal(TOOL("check", "web-config", "/dev/null", "--", "/etc/passwd"), 0);
	assert_int_equal(opt.positional.n, 2);
	assert_string_equal(opt.positional.v[1], "/etc/passwd");
}

static void tool_errors_name_the_program_and_the_way_out(void **state)
{
	assert_int_equal(TOOL("check"), -EINVAL);
	assert_string_equal(err,
		"prog: error: must select a command: 'check api-healthy', "
		"'check web-config', try --help\n");
	assert_int_equal(TOOL("chec"), -EINVAL);
	assert_string_equal(err, "prog: error: expected command but got 'chec', try --help\n");
	assert_int_equal(TOOL("check", "api-healthy", "x"), -EINVAL);
	assert_string_equal(err, "prog: error: unexpected x, try --help\n");
	assert_int_equal(TOOL("check", "web-config"), -EINVAL);
	assert_string_equal(
		err, "prog: error: required argument 'FILE' not provided, try --help\n");
	assert_int_equal(TOOL("check", "web-config", "/nonexistent"), -EINVAL);
	assert_int_equal(TOOL("check", "web-config", "/tmp"), -EINVAL);
	assert_int_equal(TOOL("--url=x", "check", "api-healthy"), -EINVAL);
	assert_int_equal(TOOL("check", "api-healthy", "--http.config.file=/nonexistent"), -EINVAL);
}

static void tool_help_covers_commands_and_groups_of_commands(void **state)
{
	assert_int_equal(TOOL("help"), OPTIONS_DONE);
	assert_non_null(strstr(out, "check web-config"));
	assert_int_equal(TOOL("help", "check", "api-healthy"), OPTIONS_DONE);
	assert_non_null(strstr(out, "--url="));
	assert_int_equal(TOOL("check", "--help"), OPTIONS_DONE);
	assert_non_null(strstr(out, "check web-config"));
	assert_null(strstr(out, "needs"));
	assert_int_equal(TOOL("needs", "-h"), OPTIONS_DONE);
	assert_non_null(strstr(out, "--must"));
	assert_int_equal(TOOL("help", "nothing"), -EINVAL);
	assert_int_equal(TOOL("--help-long"), OPTIONS_DONE);
	assert_non_null(strstr(out, "--must"));
}

static void required_flags_are_asked_for(void **state)
{
	assert_int_equal(TOOL("needs"), -EINVAL);
	assert_non_null(strstr(err, "required flag '--must' not provided"));
	assert_int_equal(TOOL("needs", "--must=1"), 0);
	setenv("TEST_OPTIONS_MUST", "2", 1);
	assert_int_equal(TOOL("needs"), 0);
	assert_string_equal(tool_values.required, "2");
	unsetenv("TEST_OPTIONS_MUST");
}

static void complaints_of_the_program_look_like_parse_errors(void **state)
{
	size_t len;
	FILE *f;

	forget();
	f = open_memstream(&err, &len);
	assert_int_equal(
		options_complain(&tool_program, "/x/prog", f, "--a and\n--%s", "b"), -EINVAL);
	fclose(f);
	assert_string_equal(err, "prog: error: --a and --b\n");
}

static void reference_lists_every_flag(void **state)
{
	size_t len;
	FILE *f;

	forget();
	f = open_memstream(&out, &len);
	options_print_reference(&daemon_program, f);
	options_print_reference(&tool_program, f);
	fclose(f);
	for (size_t i = 0; i < ARRAY_SIZE(core_options); i++)
		assert_non_null(strstr(out, core_options[i].name));
	assert_non_null(strstr(out, "## Hidden flags"));
	assert_non_null(strstr(out, "## Deprecated flags"));
	assert_non_null(strstr(out, "## ceems_tool check web-config"));
	assert_null(strstr(out, "hunter2"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(defaults_hold_without_arguments),
		TEST(values_are_attached_or_separate),
		TEST(separate_value_may_not_begin_with_a_dash),
		TEST(booleans_take_no_value_and_have_a_negation),
		TEST(unknown_and_abbreviated_flags_are_errors),
		TEST(flags_are_not_repeated_unless_they_may),
		TEST(wrong_values_name_the_flag),
		TEST(environment_replaces_the_default_only),
		TEST(deprecated_flags_work_and_warn),
		TEST(help_wins_over_wrong_values_but_not_over_wrong_flags),
		TEST(help_shows_flags_defaults_and_environment_but_no_secrets),
		TEST(version_acts_where_it_stands),
		TEST(other_texts_are_printed),
		TEST(completions_fit_what_was_typed),
		TEST(argument_files_stand_for_their_lines),
		TEST(errors_are_one_line_whatever_is_typed),
		TEST(reason_that_is_cut_shows_it),
		TEST(tool_without_arguments_prints_its_usage),
		TEST(tool_reads_commands_of_several_words),
		TEST(tool_errors_name_the_program_and_the_way_out),
		TEST(tool_help_covers_commands_and_groups_of_commands),
		TEST(required_flags_are_asked_for),
		TEST(complaints_of_the_program_look_like_parse_errors),
		TEST(reference_lists_every_flag),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	forget();
	return r;
}
