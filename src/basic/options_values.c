// SPDX-License-Identifier: Apache-2.0
/* The rows of an option table: finding them, their values as text. */
#include <errno.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>

#include "basic/duration.h"
#include "basic/options_internal.h"
#include "basic/str.h"

enum { LIST_MAX = 4096 };

const struct option_def options_builtins[N_BUILTINS] = {
	[BUILTIN_HELP] = { .name = "help",
		.help = "Show this help. More is in --help-long and --help-man." },
	[BUILTIN_HELP_LONG] = { .name = "help-long",
		.help = "Show all that there is to say.",
		.flags = OPTION_HIDDEN },
	[BUILTIN_HELP_MAN] = { .name = "help-man",
		.help = "Print the manual page (view it with 'man -l -').",
		.flags = OPTION_HIDDEN },
	[BUILTIN_COMPLETION_BASH] = { .name = "completion-bash",
		.help = "Print the words that complete the rest of the line.",
		.flags = OPTION_HIDDEN },
	[BUILTIN_SCRIPT_BASH] = { .name = "completion-script-bash",
		.help = "Print the completion script for bash.",
		.flags = OPTION_HIDDEN },
	[BUILTIN_SCRIPT_ZSH] = { .name = "completion-script-zsh",
		.help = "Print the completion script for zsh.",
		.flags = OPTION_HIDDEN },
	[BUILTIN_VERSION] = { .name = "version", .help = "Show the version." },
};

const struct option_group *options_group(
	const struct program_def *program, const struct command_def *command, size_t i)
{
	if (i < program->n_groups)
		return &program->groups[i];
	i -= program->n_groups;
	for (size_t g = 0; command && g < ARRAY_SIZE(command->groups); g++) {
		if (command->groups[g].n_options && i-- == 0)
			return &command->groups[g];
	}
	return NULL;
}

const struct option_def *options_find(const struct program_def *program,
	const struct command_def *command, const char *name, size_t len, void **ret_values)
{
	const struct option_group *group;

	for (size_t g = 0; (group = options_group(program, command, g)); g++) {
		for (size_t i = 0; i < group->n_options; i++) {
			if (slice_eq((struct slice){ name, len }, group->options[i].name)) {
				*ret_values = group->values;
				return &group->options[i];
			}
		}
	}
	return NULL;
}

bool options_repeatable(const struct option_def *def)
{
	return def->type == OPTION_STRINGS || def->type == OPTION_ENUMS;
}

bool options_command_matches(const struct command_def *command, const char *prefix)
{
	size_t len = strlen(prefix);

	return len == 0 ||
		(str_starts(command->name, prefix) &&
			(command->name[len] == '\0' || command->name[len] == ' '));
}

static int invalid(
	const struct option_def *def, const char *text, const char *wanted, struct err *err)
{
	if (def->flags & OPTION_SECRET)
		text = "(hidden)";
	return err_set(
		err, -EINVAL, "invalid value '%s' for flag '--%s': %s", text, def->name, wanted);
}

static int find_choice(const struct option_def *def, const char *text, struct err *err)
{
	char all[512] = "";
	size_t n = 0;

	for (int i = 0; def->choices[i]; i++) {
		if (str_eq(text, def->choices[i]) ||
			((def->flags & OPTION_IGNORE_CASE) &&
				strcasecmp(text, def->choices[i]) == 0))
			return i;
		n += (size_t)snprintf(
			all + n, sizeof(all) - n, "%s%s", n ? "," : "", def->choices[i]);
		if (n >= sizeof(all))
			n = sizeof(all) - 1;
	}
	return err_set(err, -EINVAL,
		"invalid enum value for flag '--%s': must be one of %s, got '%s'", def->name, all,
		text);
}

static int append(struct strings *list, const char *text, struct arena *arena, struct err *err)
{
	const char **more;

	if (list->n >= LIST_MAX)
		return err_set(err, -EINVAL, "more than %d values in a list", LIST_MAX);
	/* Lengths that are powers of two are where the memory is full. */
	if ((list->n & (list->n - 1)) == 0) {
		more = arena_grow(arena, list->v, list->n, MAX(list->n * 2, 1), sizeof(*list->v));
		if (!more)
			return err_set(err, -ENOMEM, "out of memory");
		list->v = more;
	}
	list->v[list->n++] = text;
	return 0;
}

static int set_string(
	const struct option_def *def, const char **value, const char *text, struct err *err)
{
	struct stat st;

	if (def->flags & OPTION_EXISTING_FILE) {
		if (stat(text, &st) < 0)
			return err_errno(err, -errno, "flag '--%s': path '%s'", def->name, text);
		if (S_ISDIR(st.st_mode))
			return err_set(
				err, -EINVAL, "flag '--%s': '%s' is a directory", def->name, text);
	}
	*value = text;
	return 0;
}

static int set_bool(const struct option_def *def, bool *value, const char *text, struct err *err)
{
	static const char *const yes[] = { "true", "1", "t", "yes", "on" };
	static const char *const no[] = { "false", "0", "f", "no", "off" };

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
			*value = strcasecmp(text, yes[i]) == 0;
			return 0;
		}
	}
	return invalid(def, text, "true or false is expected", err);
}

int options_set_value(const struct option_def *def, void *values, const char *text,
	struct arena *arena, struct err *err)
{
	void *value = (char *)values + def->offset;
	struct slice slice = slice_from(text);
	int r;

	switch (def->type) {
	case OPTION_BOOL:
		return set_bool(def, value, text, err);
	case OPTION_STRING:
		return set_string(def, value, text, err);
	case OPTION_STRINGS:
		return append(value, text, arena, err);
	case OPTION_INT:
		if (slice_to_i64(slice, value) < 0)
			return invalid(def, text, "a whole number is expected", err);
		return 0;
	case OPTION_DOUBLE:
		if (slice_to_double(slice, value) < 0)
			return invalid(def, text, "a number is expected", err);
		return 0;
	case OPTION_DURATION_GO:
		if (duration_parse_go(slice, value) < 0)
			return invalid(
				def, text, "a duration such as '90s' or '1h30m' is expected", err);
		return 0;
	case OPTION_DURATION:
		if (duration_parse_prometheus(slice, value) < 0)
			return invalid(
				def, text, "a duration such as '90s' or '1d12h' is expected", err);
		return 0;
	case OPTION_ENUM:
		r = find_choice(def, text, err);
		if (r >= 0)
			*(int *)value = r;
		return MIN(r, 0);
	case OPTION_ENUMS:
		r = find_choice(def, text, err);
		return r < 0 ? r : append(value, def->choices[r], arena, err);
	}
	return -EINVAL;
}

void options_clear_value(const struct option_def *def, void *values)
{
	void *value = (char *)values + def->offset;

	switch (def->type) {
	case OPTION_BOOL:
		*(bool *)value = false;
		break;
	case OPTION_STRING:
		*(const char **)value = "";
		break;
	case OPTION_STRINGS:
	case OPTION_ENUMS:
		*(struct strings *)value = (struct strings){ NULL, 0 };
		break;
	case OPTION_INT:
	case OPTION_DURATION_GO:
	case OPTION_DURATION:
		*(int64_t *)value = 0;
		break;
	case OPTION_DOUBLE:
		*(double *)value = 0;
		break;
	case OPTION_ENUM:
		*(int *)value = 0;
		break;
	}
}

static const char *environment(const struct option_def *def)
{
	const char *text = def->env ? getenv(def->env) : NULL;

	return text && *text ? text : NULL;
}

bool options_from_environment(const struct option_def *def)
{
	return environment(def) != NULL;
}

int options_set_default(
	const struct option_def *def, void *values, struct arena *arena, struct err *err)
{
	const char *env = environment(def);
	const char *text = env ? env : def->fallback;
	struct slice rest, line;
	int r = 0;

	options_clear_value(def, values);
	if (!text)
		return 0;
	/* A default that names a file need not exist: it is looked at where it is used. */
	if (!env && def->type == OPTION_STRING) {
		*(const char **)((char *)values + def->offset) = text;
		return 0;
	}
	rest = slice_from(text);
	if (!options_repeatable(def))
		r = options_set_value(def, values, text, arena, err);
	while (options_repeatable(def) && r >= 0 && slice_next_line(&rest, &line)) {
		const char *copy = arena_strndup(arena, line.p, line.n);

		if (!copy)
			return err_set(err, -ENOMEM, "out of memory");
		r = options_set_value(def, values, copy, arena, err);
	}
	return r < 0 && env ? err_prefix(err, r, "environment variable %s", def->env) : r;
}

bool options_value_name_has_choices(const struct option_def *def)
{
	size_t len = 0;

	if ((def->type != OPTION_ENUM && def->type != OPTION_ENUMS) || def->value_name)
		return false;
	for (size_t i = 0; def->choices[i]; i++)
		len += strlen(def->choices[i]) + 1;
	return len <= 24;
}

void options_append_value_name(const struct option_def *def, struct buffer *out)
{
	static const char *const names[] = {
		[OPTION_BOOL] = "",
		[OPTION_STRING] = "TEXT",
		[OPTION_STRINGS] = "TEXT",
		[OPTION_INT] = "N",
		[OPTION_DOUBLE] = "NUMBER",
		[OPTION_DURATION_GO] = "DURATION",
		[OPTION_DURATION] = "DURATION",
		[OPTION_ENUM] = "NAME",
		[OPTION_ENUMS] = "NAME",
	};

	if (options_value_name_has_choices(def)) {
		for (size_t i = 0; def->choices[i]; i++)
			buffer_printf(out, "%s%s", i ? "|" : "", def->choices[i]);
	} else if (def->value_name) {
		buffer_puts(out, def->value_name);
	} else {
		buffer_puts(out, def->flags & OPTION_EXISTING_FILE ? "FILE" : names[def->type]);
	}
}

const char *options_default_text(const struct option_def *def)
{
	if (!def->fallback || (def->flags & OPTION_SECRET))
		return NULL;
	if (def->type == OPTION_BOOL)
		return str_eq(def->fallback, "true") ? "on" : NULL;
	if (*def->fallback == '\0')
		return NULL;
	return def->fallback;
}
