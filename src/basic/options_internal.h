// SPDX-License-Identifier: Apache-2.0
/* What the files options*.c share; nobody else includes it. */
#ifndef CEEMS_BASIC_OPTIONS_INTERNAL_H
#define CEEMS_BASIC_OPTIONS_INTERNAL_H

#include "basic/buffer.h"
#include "basic/options.h"

/* Options that every program has, handled by the parser itself. */
enum builtin {
	BUILTIN_HELP,
	BUILTIN_HELP_LONG,
	BUILTIN_HELP_MAN,
	BUILTIN_COMPLETION_BASH,
	BUILTIN_SCRIPT_BASH,
	BUILTIN_SCRIPT_ZSH,
	BUILTIN_VERSION,
	N_BUILTINS,
};
extern const struct option_def options_builtins[N_BUILTINS];

/* The program's groups, then those of the command (may be NULL); NULL after the last. */
const struct option_group *options_group(
	const struct program_def *program, const struct command_def *command, size_t i);

/* The row of a name, NULL if there is none. */
const struct option_def *options_find(const struct program_def *program,
	const struct command_def *command, const char *name, size_t len, void **ret_values);

bool options_repeatable(const struct option_def *def);

/* Whether the words that make up prefix begin the command's name ("" begins any). */
bool options_command_matches(const struct command_def *command, const char *prefix);

/* Stores a value given as text. 0, -EINVAL with a sentence that names the option, -ENOMEM. */
int options_set_value(const struct option_def *def, void *values, const char *text,
	struct arena *arena, struct err *err);
/* From the environment or the fallback, else zero, "" or an empty list. */
int options_set_default(
	const struct option_def *def, void *values, struct arena *arena, struct err *err);
void options_clear_value(const struct option_def *def, void *values);
bool options_from_environment(const struct option_def *def);

/* What stands for the value in usage texts: "ADDRESS", "N", "debug|info". Empty for booleans. */
void options_append_value_name(const struct option_def *def, struct buffer *out);
/* Whether the value name already lists the choices. */
bool options_value_name_has_choices(const struct option_def *def);
/* The default as people should read it, NULL if none is worth a word. Never a secret. */
const char *options_default_text(const struct option_def *def);

/* Usage of the program, or of the commands that begin with prefix. */
void options_print_help(const struct program_def *program, const char *prefix, FILE *out);
void options_print_help_long(const struct program_def *program, FILE *out);
void options_print_man(const struct program_def *program, FILE *out);

void options_print_script_bash(const char *name, FILE *out);
void options_print_script_zsh(const char *name, FILE *out);
/* One candidate a line for the last of the words (which may be empty). */
void options_print_completions(
	const struct program_def *program, const char *const *words, size_t n_words, FILE *out);

#endif
