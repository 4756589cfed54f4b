// SPDX-License-Identifier: Apache-2.0
/* --help-man: a manual page in mdoc(7). */
#include <string.h>
#include <time.h>

#include "basic/options_internal.h"
#include "basic/str.h"
#include "basic/version.h"

enum { TEXT_WIDTH = 78 };

static void put_escaped(FILE *out, char c)
{
	if (c == '\\')
		fputs("\\e", out);
	else if (c == '"')
		fputs("\\(dq", out);
	else
		fputc(c, out);
}

/* Running text: each sentence on its own line, as man pages are written; no line is a request. */
static void put_text(FILE *out, const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t len = strcspn(text, " \n");

		if (len && column && column + 1 + len > TEXT_WIDTH) {
			fputc('\n', out);
			column = 0;
		}
		if (len && column)
			fputc(' ', out);
		if (!column && (*text == '.' || *text == '\''))
			fputs("\\&", out);
		for (size_t i = 0; i < len; i++)
			put_escaped(out, text[i]);
		column += len ? len + 1 : 0;
		if (len && strchr(".!?", text[len - 1])) {
			fputc('\n', out);
			column = 0;
		}
		text += len;
		text += strspn(text, " \n");
	}
	if (column)
		fputc('\n', out);
}

/* An argument of a macro: quoted, so that no word is taken for another macro. */
static void put_argument(FILE *out, const char *text)
{
	fputs(" \"", out);
	for (; *text; text++) /* lists have their items on lines */
		put_escaped(out, *text == '\n' ? ' ' : *text);
	fputc('"', out);
}

/* A block of lines as they stand. */
static void put_verbatim(FILE *out, const char *text)
{
	struct slice rest = slice_from(text), line;

	fputs(".Bd -literal\n", out);
	while (slice_next_line(&rest, &line)) {
		if (line.n && (line.p[0] == '.' || line.p[0] == '\''))
			fputs("\\&", out);
		for (size_t i = 0; i < line.n; i++)
			put_escaped(out, line.p[i]);
		fputc('\n', out);
	}
	fputs(".Ed\n", out);
}

static void put_flag(const char *prefix, const struct option_def *def, FILE *out)
{
	CLEANUP(buffer_done) struct buffer value;

	buffer_init(&value, 0);
	fprintf(out, ".%s -%s%s", prefix, def->type == OPTION_BOOL ? "[no-]" : "", def->name);
	if (def->type != OPTION_BOOL) {
		options_append_value_name(def, &value);
		fputs(" Ns = Ns Ar", out);
		put_argument(out, buffer_text(&value));
	}
	fputc('\n', out);
}

static void put_choices(const struct option_def *def, FILE *out)
{
	fputs("One of", out);
	for (size_t i = 0; def->choices[i]; i++)
		fprintf(out, "%s %s", i ? "," : "", def->choices[i]);
	fputs(".\n", out);
}

static void put_option(const struct option_def *def, FILE *out)
{
	const char *fallback = options_default_text(def);

	put_flag("It Fl", def, out);
	put_text(out, def->help);
	if (options_repeatable(def))
		fputs("May be repeated.\n", out);
	if (def->flags & OPTION_REQUIRED)
		fputs("Required.\n", out);
	if (def->choices && !options_value_name_has_choices(def))
		put_choices(def, out);
	if (fallback) {
		fputs("The default is\n.Ql", out);
		put_argument(out, fallback);
		fputs(" .\n", out);
	}
	if (def->env)
		fprintf(out, "Without the flag,\n.Ev %s\nis used.\n", def->env);
}

static size_t count_shown(const struct option_group *group)
{
	size_t n = 0;

	for (size_t i = 0; i < group->n_options; i++)
		n += !(group->options[i].flags & (OPTION_HIDDEN | OPTION_DEPRECATED));
	return n;
}

static void put_group(const struct option_group *group, FILE *out)
{
	if (!count_shown(group))
		return;
	if (group->title) {
		fputs(".Ss", out);
		put_argument(out, group->title);
		fputc('\n', out);
	}
	fputs(".Bl -tag -width Ds\n", out);
	for (size_t i = 0; i < group->n_options; i++) {
		if (!(group->options[i].flags & (OPTION_HIDDEN | OPTION_DEPRECATED)))
			put_option(&group->options[i], out);
	}
	fputs(".El\n", out);
}

static void put_builtins(FILE *out)
{
	fputs(".Bl -tag -width Ds\n", out);
	for (size_t i = 0; i < N_BUILTINS; i++) {
		if (i == BUILTIN_HELP)
			fputs(".It Fl h , Fl -help\n", out);
		else
			fprintf(out, ".It Fl -%s\n", options_builtins[i].name);
		put_text(out, options_builtins[i].help);
	}
	fputs(".El\n", out);
}

static void put_commands(const struct program_def *program, FILE *out)
{
	fputs(".Sh COMMANDS\n", out);
	for (size_t i = 0; i < program->n_commands; i++) {
		const struct command_def *command = &program->commands[i];

		fputs(".Ss", out);
		put_argument(out, command->name);
		fputc('\n', out);
		put_text(out, command->help);
		if (command->positional) {
			fputs("Takes arguments:\n.Ar", out);
			put_argument(out, command->positional);
			fputs(" ...\n", out);
		}
		for (size_t g = 0; g < ARRAY_SIZE(command->groups); g++) {
			struct option_group untitled = command->groups[g];

			untitled.title = NULL;
			put_group(&untitled, out);
		}
	}
}

static void put_environment_of(const struct option_group *group, FILE *out, bool *begun)
{
	for (size_t i = 0; i < group->n_options; i++) {
		const struct option_def *def = &group->options[i];

		if (!def->env || (def->flags & (OPTION_HIDDEN | OPTION_DEPRECATED)))
			continue;
		if (!*begun)
			fputs(".Sh ENVIRONMENT\n.Bl -tag -width Ds\n", out);
		*begun = true;
		fprintf(out, ".It Ev %s\nDefault of\n.Fl -%s .\n", def->env, def->name);
	}
}

static void put_environment(const struct program_def *program, FILE *out)
{
	bool begun = false;

	for (size_t i = 0; i < program->n_groups; i++)
		put_environment_of(&program->groups[i], out, &begun);
	for (size_t i = 0; i < program->n_commands; i++) {
		for (size_t g = 0; g < ARRAY_SIZE(program->commands[i].groups); g++)
			put_environment_of(&program->commands[i].groups[g], out, &begun);
	}
	if (begun)
		fputs(".El\n", out);
}

/* The date of the build's commit ("20310506-..."), or the epoch where that is not known. */
static void put_date(FILE *out)
{
	struct tm tm = { .tm_year = 70, .tm_mday = 1 };
	char text[64];

	strptime(version_info()->date, "%Y%m%d", &tm);
	strftime(text, sizeof(text), "%B %e, %Y", &tm);
	fprintf(out, ".Dd %s\n", text);
}

/* Up to the first sentence's end, without the stop: what whatis(1) shows. */
static void put_one_line(const char *description, FILE *out)
{
	size_t len = strcspn(description, "\n");

	while (len && (description[len - 1] == '.' || description[len - 1] == ' '))
		len--;
	fputs(".Nd", out);
	fprintf(out, " %.*s\n", (int)len, description);
}

void options_print_man(const struct program_def *program, FILE *out)
{
	const char *section = program->error_style == OPTIONS_ERROR_DAEMON ? "8" : "1";

	put_date(out);
	fputs(".Dt ", out);
	for (const char *p = program->name; *p; p++)
		fputc(*p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p, out);
	fprintf(out, " %s\n.Os\n.Sh NAME\n.Nm %s\n", section, program->name);
	put_one_line(program->description, out);
	fputs(".Sh SYNOPSIS\n.Nm\n", out);
	if (program->commands)
		fputs(".Ar command\n", out);
	fputs(".Op Ar flags\n.Sh DESCRIPTION\n", out);
	put_text(out, program->description);
	fputs(".Pp\nFlags come as\n.Fl -name Ns = Ns Ar value\nor\n.Fl -name Ar value ;\n"
	      "a value that begins with a dash needs the first form.\n"
	      "A lone\n.Fl -\nends the flags.\n"
	      "An argument\n.Pf @ Ar file\nstands for the lines of that file, one argument a line;\n"
	      "blank lines and lines that begin with\n.Ql #\nare skipped.\n"
	      ".Sh OPTIONS\n",
		out);
	put_builtins(out);
	for (size_t i = 0; i < program->n_groups; i++)
		put_group(&program->groups[i], out);
	if (program->commands)
		put_commands(program, out);
	put_environment(program, out);
	fputs(".Sh EXIT STATUS\n0 on success, 1 on failure.\n", out);
	if (program->epilog) {
		fputs(".Sh EXAMPLES\n", out);
		put_verbatim(out, program->epilog);
	}
}
