// SPDX-License-Identifier: Apache-2.0
/* Lines as arguments: the first byte tells whether they come on the command line or in an @file. */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "basic/macros.h"
#include "basic/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARGUMENTS_MAX = 64 };

static const char *const words[] = { "debug", "info", NULL };
static struct values {
	bool flag;
	const char *text;
	struct strings list, enums;
	int64_t number, ns, ms;
	double ratio;
	int word;
} values;
static const struct option_def rows[] = {
	{ "b", OPTION_BOOL, offsetof(struct values, flag), .fallback = "true", .help = "B." },
	{ "d", OPTION_DURATION, offsetof(struct values, ms), .help = "D." },
	{ "e", OPTION_ENUM, offsetof(struct values, word), .choices = words, .help = "E." },
	{ "es", OPTION_ENUMS, offsetof(struct values, enums), .choices = words, .help = "E." },
	{ "g", OPTION_DURATION_GO, offsetof(struct values, ns), .help = "G." },
	{ "l", OPTION_STRINGS, offsetof(struct values, list), .fallback = "a\nb", .help = "L." },
	{ "n", OPTION_INT, offsetof(struct values, number), .help = "N." },
	{ "old", OPTION_STRING, offsetof(struct values, text), .help = "O.", .replaced_by = "t",
		.flags = OPTION_DEPRECATED },
	{ "r", OPTION_DOUBLE, offsetof(struct values, ratio), .help = "R." },
	{ "t", OPTION_STRING, offsetof(struct values, text), .help = "T." },
};
static struct option_group groups[] = { { NULL, rows, ARRAY_SIZE(rows), &values } };
static const struct command_def commands[] = {
	{ "check a", "A.", "FILE", 1 },
	{ "check b", "B.", NULL, 0 },
};
static const struct program_def programs[] = {
	{ "daemon", "D.", NULL, OPTIONS_ERROR_DAEMON, groups, 1, NULL, 0 },
	{ "tool", "T.", "Epilog.", OPTIONS_ERROR_TOOL, groups, 1, commands, ARRAY_SIZE(commands) },
};

static void parse(const struct program_def *program, int argc, char **argv, FILE *out)
{
	struct options opt;
	int r = options_parse(program, argc, argv, &opt, out, out);

	assert(r == OPTIONS_RUN || r == OPTIONS_DONE || r == -EINVAL);
	options_done(&opt);
}

static void parse_lines(const struct program_def *program, char *text, FILE *out)
{
	char name[] = "prog", *argv[ARGUMENTS_MAX + 2] = { name };
	int argc = 1;

	for (char *line = strtok(text, "\n"); line && argc <= ARGUMENTS_MAX;
		line = strtok(NULL, "\n"))
		argv[argc++] = line;
	parse(program, argc, argv, out);
}

static void parse_file(const struct program_def *program, const char *text, size_t len, FILE *out)
{
	char name[] = "prog", arg[64], *argv[] = { name, arg, NULL };
	int fd = memfd_create("arguments", MFD_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, text, len) == (ssize_t)len) {
		snprintf(arg, sizeof(arg), "@/proc/self/fd/%d", fd);
		parse(program, 2, argv, out);
	}
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct program_def *program = &programs[size && (data[0] & 2)];
	FILE *out = fopen("/dev/null", "w");
	char *text = malloc(size + 1);

	if (!out || !text || !size)
		goto out;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	/* No files of the machine that runs this. */
	for (size_t i = 0; i < size; i++)
		text[i] = text[i] == '@' ? 'a' : text[i];
	if (data[0] & 1)
		parse_file(program, text, size - 1, out);
	else
		parse_lines(program, text, out);
out:
	free(text);
	if (out)
		fclose(out);
	return 0;
}
