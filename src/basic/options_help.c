// SPDX-License-Identifier: Apache-2.0
/* --help, --help-long and --version. */
#include <string.h>

#include "basic/options_internal.h"
#include "basic/str.h"
#include "basic/version.h"

enum { WIDTH = 80, HELP_COLUMN = 32 };

/* Breaks text at blanks and line ends, each line at the column; the first one starts at 'at'. */
static void print_wrapped(FILE *out, size_t at, size_t column, const char *text)
{
	const char *word = text;

	while (*word) {
		size_t len = strcspn(word, " \n");

		if (len && at > column && at + 1 + len > WIDTH) {
			fputc('\n', out);
			at = 0;
		}
		if (len) {
			if (at < column)
				at += (size_t)fprintf(out, "%*s", (int)(column - at), "");
			else if (at > column)
				at += (size_t)fprintf(out, " ");
			at += (size_t)fprintf(out, "%.*s", (int)len, word);
		}
		word += len;
		word += strspn(word, " \n");
	}
	fputc('\n', out);
}

static void append_notes(const struct option_def *def, struct buffer *text)
{
	const char *fallback = options_default_text(def);
	const char *separator = " (";

	if (options_repeatable(def))
		buffer_puts(text, " May be repeated.");
	if (def->flags & OPTION_REQUIRED)
		buffer_puts(text, " Required.");
	if (def->choices && !options_value_name_has_choices(def)) {
		buffer_puts(text, " One of");
		for (size_t i = 0; def->choices[i]; i++)
			buffer_printf(text, "%s %s", i ? "," : "", def->choices[i]);
		buffer_putc(text, '.');
	}
	if (fallback) {
		buffer_printf(text, "%sdefault: %s", separator, fallback);
		separator = "; ";
	}
	if (def->env) {
		buffer_printf(text, "%senvironment: $%s", separator, def->env);
		separator = "; ";
	}
	if (separator[0] == ';')
		buffer_putc(text, ')');
}

static void print_row(FILE *out, const char *left, const char *help)
{
	size_t at = (size_t)fprintf(out, "%s", left);

	if (at + 2 > HELP_COLUMN) {
		fputc('\n', out);
		at = 0;
	}
	print_wrapped(out, at, HELP_COLUMN, help);
}

static void print_option(const struct option_def *def, FILE *out)
{
	CLEANUP(buffer_done) struct buffer left, help;

	buffer_init(&left, 0);
	buffer_init(&help, 0);
	buffer_printf(&left, "      --%s%s", def->type == OPTION_BOOL ? "[no-]" : "", def->name);
	if (def->type != OPTION_BOOL) {
		buffer_putc(&left, '=');
		options_append_value_name(def, &left);
	}
	buffer_puts(&help, def->help);
	append_notes(def, &help);
	print_row(out, buffer_text(&left), buffer_text(&help));
}

static bool shown(const struct option_def *def)
{
	return !(def->flags & (OPTION_HIDDEN | OPTION_DEPRECATED));
}

static void print_group(const struct option_group *group, const char *own_title, FILE *out)
{
	bool any = false;

	for (size_t i = 0; i < group->n_options; i++) {
		if (!shown(&group->options[i]))
			continue;
		if (!any)
			fprintf(out, "\n%s:\n", group->title ? group->title : own_title);
		any = true;
		print_option(&group->options[i], out);
	}
}

static void print_builtins(FILE *out, bool hidden)
{
	char left[64];

	fputs("\nFlags:\n", out);
	for (size_t i = 0; i < N_BUILTINS; i++) {
		const struct option_def *def = &options_builtins[i];

		if (!hidden && !shown(def))
			continue;
		snprintf(left, sizeof(left), "  %s --%s", i == BUILTIN_HELP ? "-h," : "   ",
			def->name);
		print_row(out, left, def->help);
	}
}

static void print_command_usage(
	const struct program_def *program, const struct command_def *command, FILE *out)
{
	fprintf(out, "usage: %s %s [<flags>]", program->name, command->name);
	if (command->positional)
		fprintf(out, command->min_positional ? " %s..." : " [%s...]", command->positional);
	fputs("\n\n", out);
	print_wrapped(out, 0, 0, command->help);
}

static void print_commands(const struct program_def *program, const char *prefix, FILE *out)
{
	fputs("\nCommands:\n", out);
	if (!*prefix)
		print_row(out, "  help [COMMAND...]", "Show what a command does.");
	for (size_t i = 0; i < program->n_commands; i++) {
		const struct command_def *command = &program->commands[i];
		char left[128];

		if (!options_command_matches(command, prefix))
			continue;
		snprintf(left, sizeof(left), "  %s", command->name);
		print_row(out, left, command->help);
	}
}

static void print_head(const struct program_def *program, const char *prefix, FILE *out)
{
	fprintf(out, "usage: %s%s%s%s [<flags>]\n\n", program->name, *prefix ? " " : "", prefix,
		program->commands ? " <command>" : "");
	print_wrapped(out, 0, 0, program->description);
}

static const struct command_def *exact_command(
	const struct program_def *program, const char *prefix)
{
	for (size_t i = 0; i < program->n_commands; i++) {
		if (str_eq(program->commands[i].name, prefix))
			return &program->commands[i];
	}
	return NULL;
}

static void print_all_groups(
	const struct program_def *program, const struct command_def *command, FILE *out)
{
	const struct option_group *group;

	for (size_t i = 0; (group = options_group(program, command, i)); i++)
		print_group(group,
			command && i >= program->n_groups ? "Flags of the command"
							  : "Flags of the program",
			out);
}

void options_print_help(const struct program_def *program, const char *prefix, FILE *out)
{
	const struct command_def *command = exact_command(program, prefix);

	if (command) {
		print_command_usage(program, command, out);
	} else {
		print_head(program, prefix, out);
		if (program->commands)
			print_commands(program, prefix, out);
	}
	print_builtins(out, false);
	print_all_groups(program, command, out);
}

void options_print_help_long(const struct program_def *program, FILE *out)
{
	print_head(program, "", out);
	print_builtins(out, true);
	print_all_groups(program, NULL, out);
	for (size_t i = 0; i < program->n_commands; i++) {
		fputc('\n', out);
		print_command_usage(program, &program->commands[i], out);
		for (size_t g = 0; g < ARRAY_SIZE(program->commands[i].groups); g++)
			print_group(&program->commands[i].groups[g], "Flags of the command", out);
	}
	fputs("\nArguments in files:\n", out);
	print_wrapped(out, 0, 2,
		"An argument @FILE stands for the lines of that file, one argument a line; blank "
		"lines and lines that begin with # are skipped. Flags come as --name=value or "
		"--name value; a value that begins with - needs the first form. A lone -- ends the "
		"flags.");
	if (program->epilog)
		fprintf(out, "\n%s%s", program->epilog,
			str_ends(program->epilog, "\n") ? "" : "\n");
}

void options_print_version(const char *program_name, FILE *out)
{
	const struct version *v = version_info();

	fprintf(out,
		"%s, version %s (branch: %s, revision: %s)\n"
		"  build user:       %s\n"
		"  build date:       %s\n"
		"  go version:       %s\n" /* the label that scripts look for */
		"  platform:         %s/%s\n"
		"  tags:             %s\n",
		program_name, v->version, v->branch, v->revision, v->user, v->date, v->compiler,
		v->os, v->arch, v->tags);
}
