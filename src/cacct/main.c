// SPDX-License-Identifier: Apache-2.0
/*
 * cacct: what one's own jobs cost, as the API server knows it. The caller is who the kernel says
 * (the real user id); nothing that a user can edit changes that. A test build has two more flags
 * (CACCT_TEST_BUILD); it is never installed.
 */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/macros.h"
#include "basic/options.h"
#include "basic/str.h"
#include "cacct/client.h"
#include "cacct/report.h"
#include "cacct/series.h"
#include "cacct/settings.h"
#include "cacct/time_arg.h"

enum { ARENA_MAX_BYTES = 1 << 30, NS_PER_S = 1000000000, NS_PER_MS = 1000000, DEADLINE_S = 60 };

static struct values {
	const char *accounts, *end, *format, *jobs, *start, *users, *ts_dir;
	bool csv, help_format, html, all, markdown, ts;
	const char *current_user, *config_path; /* test build */
} values;

static const struct option_def option_rows[] = {
	{ "account", OPTION_STRING, offsetof(struct values, accounts), .value_name = "LIST",
		.help = "Comma-separated accounts; all by default." },
#ifdef CACCT_TEST_BUILD
	{ "config-path", OPTION_STRING, offsetof(struct values, config_path),
		.help = "Folder of the configuration.", .flags = OPTION_HIDDEN },
#endif
	{ "csv", OPTION_BOOL, offsetof(struct values, csv), .help = "Print CSV." },
#ifdef CACCT_TEST_BUILD
	{ "current-user", OPTION_STRING, offsetof(struct values, current_user),
		.help = "Name of the caller.", .flags = OPTION_HIDDEN },
#endif
	{ "endtime", OPTION_STRING, offsetof(struct values, end), .value_name = "TIME",
		.help = "Jobs that ended until then, YYYY-MM-DD[THH:MM[:SS]] in local time; now by "
			"default." },
	{ "format", OPTION_STRING, offsetof(struct values, format), .value_name = "LIST",
		.help = "Comma-separated fields, see --helpformat." },
	{ "helpformat", OPTION_BOOL, offsetof(struct values, help_format),
		.help = "Print the fields that there are." },
	{ "html", OPTION_BOOL, offsetof(struct values, html), .help = "Print HTML." },
	{ "job", OPTION_STRING, offsetof(struct values, jobs), .value_name = "LIST",
		.help = "Comma-separated job ids, whenever they ran; all of the time range by "
			"default." },
	{ "long", OPTION_BOOL, offsetof(struct values, all), .help = "Print all fields." },
	{ "markdown", OPTION_BOOL, offsetof(struct values, markdown), .help = "Print Markdown." },
	{ "starttime", OPTION_STRING, offsetof(struct values, start), .value_name = "TIME",
		.help = "Jobs that ended since then, same form; today 00:00:00 by default." },
	{ "ts", OPTION_BOOL, offsetof(struct values, ts),
		.help = "Write the time series of the jobs to files, too." },
	{ "ts.out-dir", OPTION_STRING, offsetof(struct values, ts_dir), .fallback = "out",
		.value_name = "DIR", .help = "Folder of the dump." },
	{ "user", OPTION_STRING, offsetof(struct values, users), .value_name = "LIST",
		.help = "Comma-separated users, for administrators; the caller by default." },
};

static struct option_group groups[] = { { NULL, option_rows, ARRAY_SIZE(option_rows), &values } };

static const struct program_def program = {
	.name = "cacct",
	.description = "Usage, energy and emissions of your jobs.",
	.epilog = "Files:\n"
		  "  /etc/ceems/config.yml, else ~/.config/ceems/config.yml\n\n"
		  "Examples:\n"
		  "  cacct --starttime=2031-04-01\n"
		  "  cacct --job=70113,70114 --long --csv\n",
	.error_style = OPTIONS_ERROR_CACCT,
	.groups = groups,
	.n_groups = ARRAY_SIZE(groups),
};

static int fail(const struct err *err)
{
	fprintf(stderr, "%s: error: %s\n", program_invocation_short_name, err->text);
	return 1;
}

/* The user's variables that count; all others are removed, for the sake of the libraries. */
static int read_environment(struct arena *arena, struct settings_places *places, struct err *err)
{
	static const struct {
		const char *name;
		bool keep;
	} wanted[] = { { "XDG_CONFIG_HOME", false }, { "HOME", false }, { "TZ", true } };
	const char *copies[ARRAY_SIZE(wanted)] = { NULL };

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		const char *value = getenv(wanted[i].name);

		copies[i] = value ? arena_strdup(arena, value) : NULL;
		if (value && !copies[i])
			return err_errno(err, -ENOMEM, "reading the environment");
	}
	if (clearenv() != 0)
		return err_set(err, -ENOMEM, "clearing the environment");
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		if (wanted[i].keep && copies[i] && setenv(wanted[i].name, copies[i], 1) < 0)
			return err_errno(err, -errno, "setting %s", wanted[i].name);
	}
	places->xdg_config_home = copies[0];
	places->home = copies[1];
	tzset();
	return 0;
}

/* The login name of the real user id. */
static int caller(struct arena *arena, const char **ret_name, struct err *err)
{
	const struct passwd *pw;

	if (values.current_user && *values.current_user) {
		*ret_name = values.current_user;
		return 0;
	}
	errno = 0;
	pw = getpwuid(getuid());
	if (!pw)
		return err_set(err, errno ? -errno : -ENOENT, "user id %ld has no login name",
			(long)getuid());
	*ret_name = arena_strdup(arena, pw->pw_name);
	return *ret_name ? 0 : err_errno(err, -ENOMEM, "reading the login name");
}

static int parse_time(
	const char *flag, const char *text, int64_t fallback, int64_t *ret, struct err *err)
{
	if (!*text) {
		*ret = fallback;
		return 0;
	}
	if (time_arg_parse(slice_from(text), ret) < 0)
		return err_set(err, -EINVAL,
			"--%s '%s' is not a time of the form YYYY-MM-DD[THH:MM[:SS]]", flag, text);
	return 0;
}

static int parse_fields(struct question *q, struct err *err)
{
	if (values.all || !*values.format) {
		for (int i = 0; i < N_FIELDS; i++)
			q->fields[i] = values.all || fields[i].by_default;
		return 0;
	}
	if (field_list_parse(values.format, q->fields, err) < 0)
		return err_prefix(err, -EINVAL, "--format");
	return 0;
}

static int parse_lists(struct question *q, struct arena *arena, struct err *err)
{
	int r;

	r = list_parse(values.accounts, arena, &q->accounts);
	if (r >= 0)
		r = list_parse(values.jobs, arena, &q->jobs);
	if (r >= 0)
		r = list_parse(values.users, arena, &q->users);
	return r < 0 ? err_errno(err, r, "--account, --job or --user") : 0;
}

static int parse_question(struct question *q, struct arena *arena, struct err *err)
{
	const int64_t now = clock_realtime_ns(clock_system()) / NS_PER_S;
	int r;

	q->deadline_ns = clock_monotonic_ns(clock_system()) + (int64_t)DEADLINE_S * NS_PER_S;
	r = parse_time("starttime", values.start, time_arg_today(now), &q->from, err);
	if (r >= 0)
		r = parse_time("endtime", values.end, now, &q->to, err);
	if (r >= 0)
		r = parse_fields(q, err);
	if (r >= 0)
		r = parse_lists(q, arena, err);
	if (r >= 0 && values.ts && q->jobs.n == 0)
		r = err_set(err, -EINVAL, "--ts needs --job");
	/* Series are asked for by the id. */
	q->fields[FIELD_JOB_ID] |= values.ts;
	return r;
}

static int print(const struct table *table, struct arena *arena, struct err *err)
{
	CLEANUP(buffer_done) struct buffer out = { 0 };
	int r;

	if (values.html)
		r = table_write_html(table, &out);
	else if (values.csv)
		r = table_write_csv(table, &out);
	else if (values.markdown)
		r = table_write_markdown(table, &out);
	else
		r = table_write_box(table, &table_style_light, arena, &out);
	if (r < 0)
		return err_errno(err, r, "making the table");
	if (fwrite(buffer_text(&out), 1, out.len, stdout) != out.len || fflush(stdout) != 0)
		return err_errno(err, -errno, "writing the table");
	return 0;
}

static int print_fields(struct arena *arena, struct err *err)
{
	CLEANUP(buffer_done) struct buffer out = { 0 };
	struct table table;
	int r;

	r = report_fields(arena, &table);
	if (r >= 0)
		r = table_write_box(&table, &table_style_ascii, arena, &out);
	if (r < 0)
		return err_errno(err, r, "making the table");
	fputs(buffer_text(&out), stdout);
	return fflush(stdout) == 0 ? 0 : err_errno(err, -errno, "writing the table");
}

/* Whose usage is summed up at the end: the caller's and that of --user. */
static int footer_users(const struct question *q, struct arena *arena, struct strings *ret)
{
	struct strings users = { ARENA_ARRAY(arena, const char *, q->users.n + 1), 0 };

	if (!users.v)
		return -ENOMEM;
	users.v[users.n++] = q->user;
	for (size_t i = 0; i < q->users.n; i++)
		users.v[users.n++] = q->users.v[i];
	*ret = users;
	return 0;
}

/* A dump that fails costs the files only: the table is there, and so is its status. */
static void dump_series(
	const struct settings *settings, const struct question *q, const struct records *units)
{
	const struct series_job job = { settings, units, values.ts_dir,
		clock_realtime_ns(clock_system()) / NS_PER_MS, q->deadline_ns };
	struct err err;

	if (!settings->tsdb.queries.n || !settings->tsdb.url || !*settings->tsdb.url)
		fprintf(stderr,
			"time series data is not available: %s has no tsdb.queries or no "
			"tsdb.web.url\n",
			settings->path);
	else if (series_dump(&job, &err) < 0)
		fprintf(stderr, "time series could not be saved: %s\n", err.text);
	else
		fprintf(stderr, "time series are saved in %s\n", values.ts_dir);
}

static int show(
	const struct settings *settings, struct question *q, struct arena *arena, struct err *err)
{
	struct records units, usages;
	struct strings users;
	struct table table;
	int r;

	r = client_ask(settings, q, arena, &units, &usages, err);
	if (r < 0)
		return r;
	r = footer_users(q, arena, &users);
	if (r >= 0)
		r = report_build(&units, &usages, &users, arena, &table);
	if (r < 0)
		return err_errno(err, r, "making the table");
	r = print(&table, arena, err);
	if (r >= 0 && values.ts)
		dump_series(settings, q, &units);
	return r;
}

static int run(struct arena *arena, struct err *err)
{
	struct settings_places places = { .system_dir = SETTINGS_SYSTEM_DIR };
	struct settings settings;
	struct question question = { 0 };
	int r;

	if (values.help_format)
		return print_fields(arena, err);
	r = read_environment(arena, &places, err);
	if (r >= 0)
		r = parse_question(&question, arena, err);
	if (r < 0)
		return r;
	if (values.current_user && *values.current_user)
		places.test_dir = values.config_path;
	places.with_tsdb = values.ts;
	r = settings_load(&places, arena, &settings, err);
	if (r >= 0)
		r = caller(arena, &question.user, err);
	if (r < 0)
		return r;
	return show(&settings, &question, arena, err);
}

int main(int argc, char **argv)
{
	struct options opt;
	struct arena arena;
	struct err err = { 0 };
	int r;

	r = options_parse(&program, argc, argv, &opt, stdout, stderr);
	if (r != OPTIONS_RUN) {
		options_done(&opt);
		return r == OPTIONS_DONE ? 0 : 1;
	}
	arena_init(&arena, ARENA_MAX_BYTES);
	r = run(&arena, &err);
	if (r < 0)
		fail(&err);
	arena_done(&arena);
	options_done(&opt);
	return r < 0 ? 1 : 0;
}
