// SPDX-License-Identifier: Apache-2.0
/*
 * The parser. It goes over the whole line first and notes what it finds, then sets the values: a
 * --help anywhere wins over values that are wrong, but not over options that do not exist.
 */
#include "basic/options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "basic/buffer.h"
#include "basic/file.h"
#include "basic/options_internal.h"
#include "basic/str.h"

enum {
	ARENA_MAX_BYTES = 16 << 20,
	ARGUMENT_FILE_MAX_BYTES = 1 << 20,
	ARGUMENT_FILES_MAX = 32, /* in one line, nested ones included */
	ITEMS_MAX = 16384, /* options and positional arguments */
};

/* The words of the command line or of an @file, and where they were called from. */
struct word_list {
	struct word_list *outer;
	const char **words;
	size_t n, next;
};

struct item {
	const struct option_def *def;
	void *values;
	const char *text; /* NULL for booleans */
	bool negated;
};

struct parser {
	const struct program_def *program;
	const char *argv0;
	struct options *opt;
	FILE *out, *errors;
	struct err err;

	struct word_list *input;
	size_t n_files;
	bool only_positional; /* after '--' */

	struct item *items;
	size_t n_items, items_cap;
	size_t positional_cap;
	const char *prefix; /* words of the command so far */
	bool help_command; /* 'help [cmd...]' */
	enum builtin wanted; /* to be printed at the end, N_BUILTINS = none */
};

static int no_memory(struct parser *p)
{
	return err_set(&p->err, -ENOMEM, "out of memory");
}

/* Appends to an array in the arena that doubles when it is full. */
static bool grow(struct arena *arena, void *array, size_t n, size_t *cap, size_t size)
{
	void **items = array;
	void *more;

	if (n < *cap)
		return true;
	if (n >= ITEMS_MAX)
		return false;
	more = arena_grow(arena, *items, n, MAX(n * 2, 16), size);
	if (!more)
		return false;
	*items = more;
	*cap = MAX(n * 2, 16);
	return true;
}

static bool add_string(struct arena *arena, struct strings *list, size_t *cap, const char *text)
{
	if (!grow(arena, &list->v, list->n, cap, sizeof(*list->v)))
		return false;
	list->v[list->n++] = text;
	return true;
}

/* Splits the file into arguments, one a line; blank lines and those that start with '#' don't
 * count. */
static int split_file(struct parser *p, const char *path, struct slice text, struct strings *ret)
{
	struct arena *arena = &p->opt->arena;
	struct slice line;
	size_t cap = 0;

	if (text.n && memchr(text.p, '\0', text.n))
		return err_set(&p->err, -EINVAL, "argument file '%s' is no text file", path);
	while (slice_next_line(&text, &line)) {
		char *word;

		if (!slice_trim(line).n || line.p[0] == '#')
			continue;
		if (line.p[line.n - 1] == '\r')
			line.n--;
		word = arena_strndup(arena, line.p, line.n);
		if (!word || !add_string(arena, ret, &cap, word))
			return err_set(&p->err, -E2BIG, "argument file '%s' is too long", path);
	}
	return 0;
}

static int push_file(struct parser *p, const char *path)
{
	CLEANUP(buffer_done) struct buffer text;
	struct strings words = { NULL, 0 };
	struct word_list *list;
	int r;

	buffer_init(&text, 0);
	if (++p->n_files > ARGUMENT_FILES_MAX)
		return err_set(&p->err, -EINVAL, "more than %d argument files ('@%s')",
			ARGUMENT_FILES_MAX, path);
	r = file_read(AT_FDCWD, path, ARGUMENT_FILE_MAX_BYTES, &text);
	if (r < 0)
		return err_errno(&p->err, r, "reading argument file '%s'", path);
	r = split_file(p, path, (struct slice){ text.data, text.len }, &words);
	if (r < 0)
		return r;
	list = ARENA_NEW(&p->opt->arena, struct word_list);
	if (!list)
		return no_memory(p);
	*list = (struct word_list){ .outer = p->input, .words = words.v, .n = words.n };
	p->input = list;
	return 0;
}

/* 1 and a word, 0 at the end of the line, or an error. */
static int next_word(struct parser *p, const char **ret_word)
{
	int r;

	while (p->input) {
		const char *word;

		if (p->input->next == p->input->n) {
			p->input = p->input->outer;
			continue;
		}
		word = p->input->words[p->input->next++];
		if (word[0] != '@' || p->only_positional) {
			*ret_word = word;
			return 1;
		}
		r = push_file(p, word + 1);
		if (r < 0)
			return r;
	}
	return 0;
}

static int mark_given(struct parser *p, const struct option_def *def)
{
	for (size_t i = 0; i < p->n_items; i++) {
		if (p->items[i].def == def && !options_repeatable(def))
			return err_set(&p->err, -EINVAL, "flag '%s' cannot be repeated", def->name);
	}
	if (!grow(&p->opt->arena, &p->items, p->n_items, &p->items_cap, sizeof(*p->items)))
		return err_set(&p->err, -EINVAL, "too many flags");
	return 0;
}

static int take_builtin(struct parser *p, enum builtin which);

static int take_option(struct parser *p, const struct option_def *def, void *values, bool negated,
	const char *attached)
{
	const char *text = attached;
	int r;

	r = mark_given(p, def);
	if (r < 0)
		return r;
	if (def->type == OPTION_BOOL && attached)
		return err_set(&p->err, -EINVAL,
			"unexpected '=%s': flag '--%s' takes no value, its opposite is '--no-%s'",
			attached, def->name, def->name);
	if (def->type != OPTION_BOOL && !attached) {
		r = next_word(p, &text);
		if (r < 0)
			return r;
		if (r == 0 || text[0] == '-')
			return err_set(&p->err, -EINVAL, "expected argument for flag '--%s'%s",
				def->name, r ? " (one that begins with '-' needs '=')" : "");
	}
	p->items[p->n_items++] = (struct item){ def, values, text, negated };
	return 0;
}

static int take_long(struct parser *p, const char *word)
{
	const char *name = word + 2, *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const char *attached = equals ? equals + 1 : NULL;
	const struct command_def *command = p->opt->command;
	const struct option_def *def;
	void *values;

	for (int i = 0; i < N_BUILTINS; i++) {
		if (slice_eq((struct slice){ name, len }, options_builtins[i].name)) {
			if (attached)
				return err_set(&p->err, -EINVAL,
					"unexpected '=%s': flag '--%s' takes no value", attached,
					options_builtins[i].name);
			return take_builtin(p, (enum builtin)i);
		}
	}
	def = options_find(p->program, command, name, len, &values);
	if (def)
		return take_option(p, def, values, false, attached);
	if (len > 3 && memcmp(name, "no-", 3) == 0) {
		def = options_find(p->program, command, name + 3, len - 3, &values);
		if (def && def->type == OPTION_BOOL)
			return take_option(p, def, values, true, attached);
	}
	return err_set(
		&p->err, -EINVAL, "unknown long flag '--%.*s'", (int)MIN(len, ERR_TEXT_MAX), name);
}

static int take_short(struct parser *p, const char *word)
{
	for (const char *c = word + 1; *c; c++) {
		if (*c != 'h')
			return err_set(&p->err, -EINVAL, "unknown short flag '-%c'", *c);
		p->wanted = BUILTIN_HELP;
	}
	return word[1] ? 0 : err_set(&p->err, -EINVAL, "unexpected '-'");
}

static int take_command_word(struct parser *p, const char *word)
{
	const struct program_def *program = p->program;
	const char *prefix = arena_printf(
		&p->opt->arena, "%s%s%s", p->prefix, *p->prefix ? " " : "", word);
	bool begins = false;

	if (!prefix)
		return no_memory(p);
	if (str_eq(prefix, "help") && !p->help_command) {
		p->help_command = true;
		return 0;
	}
	for (size_t i = 0; i < program->n_commands; i++) {
		if (str_eq(program->commands[i].name, prefix))
			p->opt->command = &program->commands[i];
		begins = begins || options_command_matches(&program->commands[i], prefix);
	}
	if (!begins)
		return err_set(&p->err, -EINVAL, "expected command but got '%s'", word);
	p->prefix = prefix;
	return 0;
}

static int take_positional(struct parser *p, const char *word)
{
	const struct command_def *command = p->opt->command;

	if (p->program->commands && !command)
		return take_command_word(p, word);
	if (!command || !command->positional)
		return err_set(&p->err, -EINVAL, "unexpected %s", word);
	if (!add_string(&p->opt->arena, &p->opt->positional, &p->positional_cap, word))
		return err_set(&p->err, -EINVAL, "too many arguments");
	return 0;
}

static int note_given(struct parser *p, const struct option_def *def, size_t *cap)
{
	return add_string(&p->opt->arena, &p->opt->given, cap, def->name) ? 0 : no_memory(p);
}

static int warn_deprecated(struct parser *p, const struct option_def *def, const char *what,
	const char *name, size_t *cap)
{
	const char *text;

	if (!(def->flags & OPTION_DEPRECATED))
		return 0;
	text = arena_printf(&p->opt->arena, "%s%s is deprecated%s%s", what, name,
		def->replaced_by ? ", use --" : "", def->replaced_by ? def->replaced_by : "");
	if (!text || !add_string(&p->opt->arena, &p->opt->warnings, cap, text))
		return no_memory(p);
	return 0;
}

static int set_defaults(struct parser *p, size_t *warnings_cap)
{
	const struct option_group *group;
	int r = 0;

	for (size_t g = 0; (group = options_group(p->program, p->opt->command, g)); g++) {
		for (size_t i = 0; i < group->n_options && r >= 0; i++) {
			const struct option_def *def = &group->options[i];

			r = options_set_default(def, group->values, &p->opt->arena, &p->err);
			if (r >= 0 && options_from_environment(def))
				r = warn_deprecated(p, def, "$", def->env, warnings_cap);
		}
	}
	return r;
}

static int set_items(struct parser *p, size_t *warnings_cap)
{
	size_t given_cap = 0;
	int r = 0;

	for (size_t i = 0; i < p->n_items && r >= 0; i++) {
		const struct item *item = &p->items[i];
		const struct option_def *def = item->def;

		if (!options_given(p->opt, def->name)) {
			options_clear_value(def, item->values);
			r = note_given(p, def, &given_cap);
			if (r >= 0)
				r = warn_deprecated(p, def, "--", def->name, warnings_cap);
		}
		if (r < 0)
			return r;
		if (def->type == OPTION_BOOL)
			*(bool *)((char *)item->values + def->offset) = !item->negated;
		else
			r = options_set_value(
				def, item->values, item->text, &p->opt->arena, &p->err);
	}
	return r;
}

static int set_values(struct parser *p)
{
	size_t warnings_cap = 0;
	int r;

	p->opt->given.n = p->opt->warnings.n = 0;
	r = set_defaults(p, &warnings_cap);
	return r < 0 ? r : set_items(p, &warnings_cap);
}

/* What stays on the line after --completion-bash is what the shell wants completed. */
static void complete(struct parser *p)
{
	const struct word_list *list = p->input;

	if (list)
		options_print_completions(
			p->program, list->words + list->next, list->n - list->next, p->out);
}

static int take_builtin(struct parser *p, enum builtin which)
{
	int r;

	if (which == BUILTIN_VERSION) {
		r = set_values(p);
		if (r < 0)
			return r;
		options_print_version(p->program->name, p->out);
		return OPTIONS_DONE;
	}
	if (which == BUILTIN_COMPLETION_BASH) {
		complete(p);
		return OPTIONS_DONE;
	}
	p->wanted = which;
	return 0;
}

/* 0 at the end of the line, OPTIONS_DONE if something was printed before it. */
static int take_words(struct parser *p)
{
	const char *word = NULL;
	int r;

	for (;;) {
		r = next_word(p, &word);
		if (r <= 0)
			return r;
		if (p->only_positional || word[0] != '-')
			r = take_positional(p, word);
		else if (str_eq(word, "--"))
			p->only_positional = true, r = 0;
		else if (word[1] == '-')
			r = take_long(p, word);
		else
			r = take_short(p, word);
		if (r != 0)
			return r;
	}
}

static int missing_command(struct parser *p)
{
	CLEANUP(buffer_done) struct buffer names;

	buffer_init(&names, ERR_TEXT_MAX);
	for (size_t i = 0; i < p->program->n_commands; i++) {
		if (options_command_matches(&p->program->commands[i], p->prefix))
			buffer_printf(&names, "%s'%s'", names.len ? ", " : "",
				p->program->commands[i].name);
	}
	return err_set(&p->err, -EINVAL, "must select a command: %s", buffer_text(&names));
}

static int check_positional(struct parser *p)
{
	const struct command_def *command = p->opt->command;
	const struct strings *files = &p->opt->positional;
	struct stat st;

	if (!command)
		return p->program->commands ? missing_command(p) : 0;
	if (files->n < command->min_positional)
		return err_set(&p->err, -EINVAL, "required argument '%s' not provided",
			command->positional);
	for (size_t i = 0; i < files->n && command->positional_files; i++) {
		if (stat(files->v[i], &st) < 0)
			return err_errno(&p->err, -errno, "path '%s'", files->v[i]);
		if (S_ISDIR(st.st_mode))
			return err_set(&p->err, -EINVAL, "'%s' is a directory", files->v[i]);
	}
	return 0;
}

static int check_required(struct parser *p)
{
	const struct option_group *group;

	for (size_t g = 0; (group = options_group(p->program, p->opt->command, g)); g++) {
		for (size_t i = 0; i < group->n_options; i++) {
			const struct option_def *def = &group->options[i];

			if ((def->flags & OPTION_REQUIRED) && !options_given(p->opt, def->name) &&
				!options_from_environment(def))
				return err_set(&p->err, -EINVAL,
					"required flag '--%s' not provided", def->name);
		}
	}
	return 0;
}

static int print_builtin(struct parser *p)
{
	switch (p->wanted) {
	case BUILTIN_HELP_LONG:
		options_print_help_long(p->program, p->out);
		break;
	case BUILTIN_HELP_MAN:
		options_print_man(p->program, p->out);
		break;
	case BUILTIN_SCRIPT_BASH:
		options_print_script_bash(p->program->name, p->out);
		break;
	case BUILTIN_SCRIPT_ZSH:
		options_print_script_zsh(p->program->name, p->out);
		break;
	default:
		options_print_help(p->program, p->prefix, p->out);
		break;
	}
	return OPTIONS_DONE;
}

static int parse_line(struct parser *p)
{
	int r = take_words(p);

	if (r != 0)
		return r;
	if (p->wanted != N_BUILTINS || p->help_command)
		return print_builtin(p);
	r = check_positional(p);
	if (r >= 0)
		r = set_values(p);
	if (r >= 0)
		r = check_required(p);
	return r < 0 ? r : OPTIONS_RUN;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void print_reason(const struct program_def *program, const char *argv0, FILE *errors,
	const char *reason, bool suffix)
{
	struct err err;

	switch (program->error_style) {
	case OPTIONS_ERROR_DAEMON:
		err_set(&err, -EINVAL, "failed to parse CLI flags: %s", reason);
		err_print(&err, errors);
		break;
	case OPTIONS_ERROR_TOOL:
		fprintf(errors, "%s: error: %s%s\n", base_name(argv0), reason,
			suffix ? ", try --help" : "");
		break;
	case OPTIONS_ERROR_CACCT:
		fprintf(errors, "%s: error: %s%s\n", base_name(argv0),
			suffix ? "failed to parse CLI flags: " : "", reason);
		break;
	}
}

int options_parse(const struct program_def *program, int argc, char **argv, struct options *opt,
	FILE *out, FILE *errors)
{
	struct word_list line = { .words = (const char **)(argv + 1),
		.n = argc > 1 ? (size_t)argc - 1 : 0 };
	struct parser p = {
		.program = program,
		.argv0 = argc > 0 ? argv[0] : program->name,
		.opt = opt,
		.out = out,
		.errors = errors,
		.input = &line,
		.prefix = "",
		.wanted = N_BUILTINS,
	};
	int r;

	*opt = (struct options){ 0 };
	arena_init(&opt->arena, ARENA_MAX_BYTES);
	if (!line.n && program->commands) {
		options_print_help(program, "", out);
		return OPTIONS_DONE;
	}
	r = parse_line(&p);
	if (r >= 0)
		return r;
	print_reason(program, p.argv0, errors, p.err.text, true);
	return -EINVAL;
}

void options_done(struct options *opt)
{
	arena_done(&opt->arena);
	*opt = (struct options){ 0 };
}

int options_complain(
	const struct program_def *program, const char *argv0, FILE *errors, const char *format, ...)
{
	struct err err; /* one line, whatever was on the command line */
	va_list args;

	va_start(args, format);
	err_vset(&err, -EINVAL, format, args);
	va_end(args);
	print_reason(program, argv0, errors, err.text, false);
	return -EINVAL;
}

bool options_given(const struct options *opt, const char *name)
{
	for (size_t i = 0; i < opt->given.n; i++) {
		if (str_eq(opt->given.v[i], name))
			return true;
	}
	return false;
}
