// SPDX-License-Identifier: Apache-2.0
/*
 * Command lines by table (grammar: spec exporter-node.md 1.1, tool-cacct-deploy.md introduction).
 * From the same rows come --help, --help-long, --help-man, the shell completions and the
 * reference page in docs/.
 */
#ifndef CEEMS_BASIC_OPTIONS_H
#define CEEMS_BASIC_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "basic/arena.h"
#include "basic/err.h"
#include "basic/macros.h"

struct strings {
	const char **v;
	size_t n;
};

enum option_type {
	OPTION_BOOL, /* bool; --no-NAME exists */
	OPTION_STRING, /* const char *, "" when unset */
	OPTION_STRINGS, /* struct strings; may be repeated */
	OPTION_INT, /* int64_t */
	OPTION_DOUBLE, /* double */
	OPTION_DURATION_GO, /* int64_t nanoseconds; Go form */
	OPTION_DURATION, /* int64_t milliseconds; Prometheus form */
	OPTION_ENUM, /* int: index into choices */
	OPTION_ENUMS, /* struct strings; may be repeated, each one of choices */
};

enum option_flags {
	OPTION_HIDDEN = 1 << 0, /* not in --help */
	OPTION_DEPRECATED = 1 << 1, /* hidden, and options_warnings() names it when used */
	OPTION_REQUIRED = 1 << 2,
	OPTION_IGNORE_CASE = 1 << 3, /* of an enum's value */
	OPTION_EXISTING_FILE = 1 << 4,
	OPTION_SECRET = 1 << 5, /* never printed */
};

struct option_def {
	const char *name; /* without the dashes; rows are sorted by it or by subject */
	enum option_type type;
	size_t offset; /* into the group's values */
	const char
		*fallback; /* default as text, parsed like an argument; NULL = zero, empty, false */
	const char *env; /* replaces the default when set and not empty; lists: one value a line */
	const char *help; /* a sentence */
	const char *value_name; /* in usage; NULL = by type */
	const char *const *choices; /* of enums, NULL-terminated */
	const char *replaced_by; /* of deprecated ones */
	unsigned flags;
};

/* Rows that fill one struct, for instance a collector's. */
struct option_group {
	const char *title; /* in --help, NULL for the program's own */
	const struct option_def *options;
	size_t n_options;
	void *values;
};

struct command_def {
	const char *name; /* "tsdb create-recording-rules"; words separated by one blank */
	const char *help;
	const char *positional; /* name of positional arguments in usage, NULL if none are taken */
	size_t min_positional;
	struct option_group groups[4]; /* those with n_options > 0 count */
	bool positional_files; /* each positional argument must exist and be no folder */
};

enum options_error_style {
	OPTIONS_ERROR_DAEMON, /* YYYY/MM/DD HH:MM:SS failed to parse CLI flags: REASON */
	OPTIONS_ERROR_TOOL, /* PROG: error: REASON, try --help */
	OPTIONS_ERROR_CACCT, /* PROG: error: failed to parse CLI flags: REASON */
};

struct program_def {
	const char *name;
	const char *description;
	const char *epilog; /* examples and files, for --help-long and the man page; may be NULL */
	enum options_error_style error_style;
	struct option_group *groups; /* options of the program, or common to all commands */
	size_t n_groups;
	const struct command_def *commands; /* NULL: none, and no positional arguments */
	size_t n_commands;
};

struct options {
	struct arena arena; /* holds all parsed strings */
	const struct command_def *command; /* NULL if the program has none */
	struct strings positional;
	struct strings given; /* names of the options named on the command line, as in the table */
	struct strings warnings; /* sentences about deprecated options; the caller logs them */
};

enum options_outcome {
	OPTIONS_RUN = 0, /* go on */
	OPTIONS_DONE = 1, /* help or version was printed: exit 0 */
};

/*
 * Fills the groups' values. An 'enum options_outcome', or -EINVAL (the line that says why has been
 * printed on stderr in the program's style: exit 1). out is stdout of the process, errors its
 * stderr. Strings stay valid until options_done().
 */
int options_parse(const struct program_def *program, int argc, char **argv, struct options *opt,
	FILE *out, FILE *errors);
void options_done(struct options *opt);

/*
 * Prints a reason as options_parse() does, without ', try --help': for combinations that only the
 * program can judge. Returns -EINVAL.
 */
int options_complain(const struct program_def *program, const char *argv0, FILE *errors,
	const char *format, ...) PRINTF_FORMAT(4, 5);

/* Whether the option (or its --no- form) stood on the command line. */
bool options_given(const struct options *opt, const char *name);

/* The version and five lines about the build, as all programs print them. */
void options_print_version(const char *program_name, FILE *out);

/* Reference page in Markdown, for docs/ (a test keeps it current). */
void options_print_reference(const struct program_def *program, FILE *out);

#endif
