// SPDX-License-Identifier: Apache-2.0
/* The reference page for docs/, in Markdown. */
#include <string.h>

#include "basic/options_internal.h"

enum part { PART_SHOWN, PART_HIDDEN, PART_DEPRECATED };

static enum part part_of(const struct option_def *def)
{
	if (def->flags & OPTION_DEPRECATED)
		return PART_DEPRECATED;
	return def->flags & OPTION_HIDDEN ? PART_HIDDEN : PART_SHOWN;
}

/* Text in a table cell: bars would end it, angle brackets would be HTML. */
static void put_cell(const char *text, FILE *out)
{
	for (; *text; text++) {
		if (*text == '|')
			fputs("\\|", out);
		else if (*text == '<')
			fputs("&lt;", out);
		else
			fputc(*text == '\n' ? ' ' : *text, out);
	}
}

static void put_code(const char *text, FILE *out)
{
	fputc('`', out);
	for (; *text; text++) {
		if (*text == '\n') /* between the items of a list */
			fputs("`, `", out);
		else
			fputs(*text == '|' ? "\\|" : (char[]){ *text, '\0' }, out);
	}
	fputc('`', out);
}

static void put_help(const struct option_def *def, FILE *out)
{
	put_cell(def->help, out);
	if (options_repeatable(def))
		fputs(" May be repeated.", out);
	if (def->flags & OPTION_REQUIRED)
		fputs(" Required.", out);
	if (def->choices && !options_value_name_has_choices(def)) {
		fputs(" One of", out);
		for (size_t i = 0; def->choices[i]; i++) {
			fputs(i ? ", " : " ", out);
			put_code(def->choices[i], out);
		}
		fputc('.', out);
	}
	if (def->replaced_by)
		fprintf(out, " Use `--%s`.", def->replaced_by);
}

static void put_row(const struct option_def *def, FILE *out)
{
	CLEANUP(buffer_done) struct buffer flag;
	const char *fallback = options_default_text(def);

	buffer_init(&flag, 0);
	buffer_printf(&flag, "--%s%s", def->type == OPTION_BOOL ? "[no-]" : "", def->name);
	if (def->type != OPTION_BOOL) {
		buffer_putc(&flag, '=');
		options_append_value_name(def, &flag);
	}
	fputs("| ", out);
	put_code(buffer_text(&flag), out);
	fputs(" | ", out);
	if (fallback)
		put_code(fallback, out);
	fputs(" | ", out);
	if (def->env)
		put_code(def->env, out);
	fputs(" | ", out);
	put_help(def, out);
	fputs(" |\n", out);
}

static void put_group(
	const struct option_group *group, enum part part, const char *heading, FILE *out)
{
	bool any = false;

	for (size_t i = 0; i < group->n_options; i++) {
		if (part_of(&group->options[i]) != part)
			continue;
		if (!any && heading)
			fprintf(out, "\n%s\n", heading);
		if (!any)
			fputs("\n| flag | default | environment | meaning |\n|---|---|---|---|\n",
				out);
		any = true;
		put_row(&group->options[i], out);
	}
}

/* Every group of the program and of its commands. */
static void put_part(
	const struct program_def *program, enum part part, const char *title, FILE *out)
{
	bool any = false;

	for (size_t i = 0; i < program->n_groups; i++) {
		for (size_t o = 0; o < program->groups[i].n_options; o++)
			any = any || part_of(&program->groups[i].options[o]) == part;
	}
	if (!any)
		return;
	fprintf(out, "\n## %s\n", title);
	for (size_t i = 0; i < program->n_groups; i++)
		put_group(&program->groups[i], part, NULL, out);
}

static void put_command(
	const struct program_def *program, const struct command_def *command, FILE *out)
{
	fprintf(out, "\n## %s %s\n\n", program->name, command->name);
	put_cell(command->help, out);
	fprintf(out, "\n\n    %s %s [flags]", program->name, command->name);
	if (command->positional)
		fprintf(out, command->min_positional ? " %s..." : " [%s...]", command->positional);
	fputc('\n', out);
	for (size_t g = 0; g < ARRAY_SIZE(command->groups); g++) {
		put_group(&command->groups[g], PART_SHOWN, NULL, out);
		put_group(&command->groups[g], PART_HIDDEN, "Hidden:", out);
		put_group(&command->groups[g], PART_DEPRECATED, "Deprecated:", out);
	}
}

void options_print_reference(const struct program_def *program, FILE *out)
{
	fprintf(out, "# %s\n\n", program->name);
	put_cell(program->description, out);
	fputs("\n\nFlags come as `--name=value` or `--name value`; a value that begins with `-` needs "
	      "the first form.\nA switch `--name` has the opposite `--no-name`. An argument `@file` "
	      "stands for the lines of that file.\n`--help`, `--help-long`, `--help-man`, "
	      "`--version` and the completion scripts (`--completion-script-bash`,\n"
	      "`--completion-script-zsh`) exist everywhere. This page is generated from the "
	      "program.\n",
		out);
	for (size_t i = 0; i < program->n_groups; i++) {
		char heading[128];

		snprintf(heading, sizeof(heading), "## %s",
			program->groups[i].title ? program->groups[i].title : "Flags");
		put_group(&program->groups[i], PART_SHOWN, heading, out);
	}
	for (size_t i = 0; i < program->n_commands; i++)
		put_command(program, &program->commands[i], out);
	put_part(program, PART_HIDDEN, "Hidden flags", out);
	put_part(program, PART_DEPRECATED, "Deprecated flags", out);
}
