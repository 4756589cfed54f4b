// SPDX-License-Identifier: Apache-2.0
#include "exporter/absent.h"

#include <errno.h>
#include <stdlib.h>

#include "basic/macros.h"
#include "basic/str.h"

enum kind {
	FEATURE, /* a switch; turning it on is a warning */
	SETTING, /* of one of the above; says nothing by itself */
	HIDDEN_SETTING, /* the same, not in --help */
	OLD_SETTING, /* the same under a deprecated name */
};

struct absent_flag {
	const char *name;
	enum kind kind;
	enum option_type type;
	const char *help;
	const char *fallback, *env;
	const char *const *choices;
	const char *replaced_by;
};

#define BOOL_FEATURE(name, what)                 \
	{                                        \
		name, FEATURE, OPTION_BOOL, what \
	}
#define STRING_SETTING(name, what, ...)                         \
	{                                                       \
		name, SETTING, OPTION_STRING, what, __VA_ARGS__ \
	}
#define HIDDEN_STRING(name, what, ...)                                 \
	{                                                              \
		name, HIDDEN_SETTING, OPTION_STRING, what, __VA_ARGS__ \
	}
#define STRINGS_SETTING(name, what)                 \
	{                                           \
		name, SETTING, OPTION_STRINGS, what \
	}

static const struct absent_flag rows[] = {
	BOOL_FEATURE("collector.ebpf.io-metrics", "File system use of units."),
	BOOL_FEATURE("collector.ebpf.network-metrics", "Network use of units."),
	STRINGS_SETTING("collector.ebpf.fs-mount-point", "Mount points to report."),
	BOOL_FEATURE("collector.perf.hardware-events", "Hardware performance events of units."),
	BOOL_FEATURE("collector.perf.software-events", "Software performance events of units."),
	BOOL_FEATURE("collector.perf.hardware-cache-events", "Cache performance events of units."),
	STRINGS_SETTING("collector.perf.hardware-profilers", "Hardware events to count."),
	STRINGS_SETTING("collector.perf.software-profilers", "Software events to count."),
	STRINGS_SETTING("collector.perf.cache-profilers", "Cache events to count."),
	STRINGS_SETTING("collector.perf.env-var", "Only processes with this variable."),
	BOOL_FEATURE("profiling.ebpf", "Profiles of units."),
	STRING_SETTING("profiling.ebpf.config.file", "Path of its configuration file.", NULL,
		"CEEMS_EXPORTER_PROFILING_CONFIG_FILE"),
	{ "profiling.ebpf.config.file.expand-env-vars", SETTING, OPTION_BOOL,
		"Expand variables in that file." },
	{ "profiling.ebpf.config-file", OLD_SETTING, OPTION_STRING,
		"Path of its configuration file.", .replaced_by = "profiling.ebpf.config.file" },
	STRINGS_SETTING("profiling.ebpf.env-var", "Only processes with this variable."),
	{ "profiling.ebpf.self-profiler", SETTING, OPTION_BOOL, "Profile the exporter itself." },
	BOOL_FEATURE("web.debug-server", "Profiling pages below /debug/."),
};

enum { N_ROWS = ARRAY_SIZE(rows) };

static const unsigned kind_flags[] = {
	[HIDDEN_SETTING] = OPTION_HIDDEN,
	[OLD_SETTING] = OPTION_DEPRECATED,
};

/* Room for a value of any type. */
union slot {
	bool is_on;
	int choice;
	int64_t number;
	const char *text;
	struct strings list;
};

struct absent_flags {
	struct option_def options[N_ROWS];
	union slot values[N_ROWS];
};

int absent_new(struct absent_flags **ret_absent)
{
	struct absent_flags *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	for (size_t i = 0; i < N_ROWS; i++) {
		a->options[i] = (struct option_def){
			.name = rows[i].name,
			.type = rows[i].type,
			.offset = i * sizeof(union slot),
			.fallback = rows[i].fallback,
			.env = rows[i].env,
			.help = rows[i].help,
			.choices = rows[i].choices,
			.replaced_by = rows[i].replaced_by,
			.flags = kind_flags[rows[i].kind],
		};
	}
	*ret_absent = a;
	return 0;
}

void absent_free(struct absent_flags *absent)
{
	free(absent);
}

struct option_group absent_group(struct absent_flags *absent)
{
	return (struct option_group){
		.title = "Accepted, not in this version",
		.options = absent->options,
		.n_options = N_ROWS,
		.values = absent->values,
	};
}

void absent_features(const struct absent_flags *absent, struct buffer *ret_names)
{
	for (size_t i = 0; i < N_ROWS; i++)
		if (rows[i].kind == FEATURE && absent->values[i].is_on)
			buffer_printf(ret_names, "%s--%s", ret_names->len ? " " : "", rows[i].name);
}
