// SPDX-License-Identifier: Apache-2.0
/* Shell completion: the scripts call the program with --completion-bash and the words so far. */
#include <string.h>

#include "basic/options_internal.h"
#include "basic/str.h"

/* Letters of a program name that a shell function's name may hold; others become '_'. */
static void print_function_name(const char *name, FILE *out)
{
	for (; *name; name++)
		fputc(*name == '-' || *name == '.' ? '_' : *name, out);
}

void options_print_script_bash(const char *name, FILE *out)
{
	fputs("_", out);
	print_function_name(name, out);
	fputs("_complete() {\n"
	      "\tlocal IFS=$'\\n'\n"
	      "\tCOMPREPLY=($(\"${COMP_WORDS[0]}\" --completion-bash "
	      "\"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null))\n"
	      "}\n"
	      "complete -o default -F _",
		out);
	print_function_name(name, out);
	fprintf(out, "_complete %s\n", name);
}

void options_print_script_zsh(const char *name, FILE *out)
{
	fprintf(out, "#compdef %s\n_", name);
	print_function_name(name, out);
	fputs("_complete() {\n"
	      "\tlocal -a candidates\n"
	      "\tcandidates=(\"${(@f)$(\"${words[1]}\" --completion-bash "
	      "\"${(@)words[2,CURRENT]}\" 2>/dev/null)}\")\n"
	      "\tcompadd -- $candidates || _files\n"
	      "}\n"
	      "compdef _",
		out);
	print_function_name(name, out);
	fprintf(out, "_complete %s\n", name);
}

static void offer(FILE *out, const char *before, const char *name, const char *word)
{
	size_t len = strlen(before);

	if (strncmp(word, before, MIN(len, strlen(word))) == 0 &&
		(strlen(word) <= len || str_starts(name, word + len)))
		fprintf(out, "%s%s\n", before, name);
}

static void offer_options(const struct program_def *program, const struct command_def *command,
	const char *word, FILE *out)
{
	const struct option_group *group;

	for (size_t i = 0; i < N_BUILTINS; i++) {
		if (!(options_builtins[i].flags & OPTION_HIDDEN))
			offer(out, "--", options_builtins[i].name, word);
	}
	for (size_t g = 0; (group = options_group(program, command, g)); g++) {
		for (size_t i = 0; i < group->n_options; i++) {
			const struct option_def *def = &group->options[i];

			if (def->flags & (OPTION_HIDDEN | OPTION_DEPRECATED))
				continue;
			offer(out, "--", def->name, word);
			if (def->type == OPTION_BOOL)
				offer(out, "--no-", def->name, word);
		}
	}
}

static void offer_choices(const struct option_def *def, const char *word, FILE *out)
{
	for (size_t i = 0; def->choices && def->choices[i]; i++)
		offer(out, "", def->choices[i], word);
}

/* The next word of each command that begins with the prefix, once. */
static void offer_commands(
	const struct program_def *program, const char *prefix, const char *word, FILE *out)
{
	size_t skip = *prefix ? strlen(prefix) + 1 : 0;
	struct slice last = { "", 0 };

	for (size_t i = 0; i < program->n_commands; i++) {
		const char *rest;
		struct slice next;

		if (!options_command_matches(&program->commands[i], prefix) ||
			strlen(program->commands[i].name) <= skip)
			continue;
		rest = program->commands[i].name + skip;
		next = (struct slice){ rest, strcspn(rest, " ") };
		if (next.n >= strlen(word) && memcmp(next.p, word, strlen(word)) == 0 &&
			(next.n != last.n || memcmp(next.p, last.p, last.n) != 0))
			fprintf(out, "%.*s\n", (int)next.n, next.p);
		last = next;
	}
}

/* The valued option that waits for its value in the next word. */
static const struct option_def *waiting_option(
	const struct program_def *program, const struct command_def *command, const char *word)
{
	const struct option_def *def;
	void *values;

	if (!str_starts(word, "--") || strchr(word, '='))
		return NULL;
	def = options_find(program, command, word + 2, strlen(word + 2), &values);
	return def && def->type != OPTION_BOOL ? def : NULL;
}

void options_print_completions(
	const struct program_def *program, const char *const *words, size_t n_words, FILE *out)
{
	const struct command_def *command = NULL;
	const struct option_def *waiting = NULL;
	const char *last = n_words ? words[n_words - 1] : "";
	char prefix[256] = "";

	for (size_t i = 0; i + 1 < n_words; i++) {
		size_t len = strlen(prefix);

		if (!waiting && words[i][0] != '-' && !command) {
			snprintf(prefix + len, sizeof(prefix) - len, "%s%s", len ? " " : "",
				words[i]);
			for (size_t c = 0; c < program->n_commands; c++) {
				if (str_eq(program->commands[c].name, prefix))
					command = &program->commands[c];
			}
		}
		waiting = waiting ? NULL : waiting_option(program, command, words[i]);
	}
	if (waiting)
		offer_choices(waiting, last, out);
	else if (last[0] == '-')
		offer_options(program, command, last, out);
	else if (!command)
		offer_commands(program, prefix, last, out);
}
