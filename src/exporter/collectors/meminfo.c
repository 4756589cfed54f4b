// SPDX-License-Identifier: Apache-2.0
/* Memory of the node (/proc/meminfo): three fields, or all of them by a flag. */
#include <errno.h>

#include "exporter/collector.h"
#include "host/procfs.h"

enum { TOTAL, FREE, AVAILABLE, N_DEFAULT, ANY = N_DEFAULT, N_METRICS };

static const struct metric metrics[N_METRICS] = {
	[TOTAL] = {
		.name = "ceems_meminfo_MemTotal_bytes",
		.help = "Memory information field MemTotal_bytes.",
		.type = METRIC_GAUGE,
		.labels = { "hostname" },
	},
	[FREE] = {
		.name = "ceems_meminfo_MemFree_bytes",
		.help = "Memory information field MemFree_bytes.",
		.type = METRIC_GAUGE,
		.labels = { "hostname" },
	},
	[AVAILABLE] = {
		.name = "ceems_meminfo_MemAvailable_bytes",
		.help = "Memory information field MemAvailable_bytes.",
		.type = METRIC_GAUGE,
		.labels = { "hostname" },
	},
	[ANY] = {
		.name = "ceems_meminfo_<Field>",
		.help = "Memory information field <Field>; only with "
			"--collector.meminfo.all-stats. A field with a unit ends in _bytes.",
		.type = METRIC_GAUGE,
		.labels = { "hostname" },
	},
};

/* In the order of metrics[]. */
static const char *const default_fields[N_DEFAULT] = { "MemTotal", "MemFree", "MemAvailable" };

struct meminfo_options {
	bool all_stats, all_stats_deprecated;
};

static const struct option_def options[] = {
	{ "collector.meminfo.all-stats", OPTION_BOOL, offsetof(struct meminfo_options, all_stats),
		.help = "Export every field of /proc/meminfo." },
	{ "collector.meminfo.all.stats", OPTION_BOOL,
		offsetof(struct meminfo_options, all_stats_deprecated),
		.help = "Export every field of /proc/meminfo.",
		.replaced_by = "collector.meminfo.all-stats", .flags = OPTION_DEPRECATED },
};

static int meminfo_open(
	const struct collector_env *env, const void *opts, void **ret_state, struct err *err)
{
	*ret_state = (void *)opts; /* all that there is to know */
	return 0;
}

/* "Inactive(file)" -> "ceems_meminfo_Inactive_file_bytes". */
static char *family_name(struct arena *arena, const struct procfs_meminfo_field *field)
{
	char *name = arena_printf(arena, "ceems_meminfo_%.*s%s", (int)field->name.n, field->name.p,
		field->in_bytes ? "_bytes" : "");
	char *to = name;

	if (!name)
		return NULL;
	for (const char *from = name; *from; from++) {
		bool plain = (*from >= 'a' && *from <= 'z') || (*from >= 'A' && *from <= 'Z') ||
			(*from >= '0' && *from <= '9') || *from == '_';

		if (*from != ')')
			*to++ = plain ? *from : '_';
	}
	*to = '\0';
	return name;
}

static int add_any(struct scrape *s, const struct procfs_meminfo_field *field)
{
	struct metric *m = ARENA_NEW(s->arena, struct metric);
	char *name = family_name(s->arena, field);

	if (!m || !name)
		return -ENOMEM;
	*m = metrics[ANY];
	m->name = name;
	m->help = arena_printf(
		s->arena, "Memory information field %s.", name + strlen("ceems_meminfo_"));
	m->type = str_ends(name, "_total") ? METRIC_COUNTER : METRIC_GAUGE;
	return m->help ? scrape_add(s, m, field->value, s->env->hostname) : -ENOMEM;
}

static int add_default(struct scrape *s, struct slice text)
{
	double values[N_DEFAULT] = { 0 };
	struct procfs_meminfo_field field;
	int r;

	while ((r = procfs_meminfo_next(&text, &field)) > 0)
		for (size_t i = 0; i < N_DEFAULT; i++)
			if (field.in_bytes && slice_eq(field.name, default_fields[i]))
				values[i] = field.value;
	for (size_t i = 0; r >= 0 && i < N_DEFAULT; i++)
		r = scrape_add(s, &metrics[i], values[i], s->env->hostname);
	return r;
}

static int add_all(struct scrape *s, struct slice text)
{
	struct procfs_meminfo_field field;
	struct slice rest = text;
	int r;

	/* A file of another form fails as a whole, before anything is given out. */
	while ((r = procfs_meminfo_next(&rest, &field)) > 0)
		;
	while (r >= 0 && procfs_meminfo_next(&text, &field) > 0)
		r = add_any(s, &field);
	return r;
}

static int meminfo_collect(void *state, struct scrape *s)
{
	const struct meminfo_options *opts = state;
	struct procfs_file file;
	struct slice text;
	int r;

	if (host_root_error(s->env->host, HOST_PROCFS) < 0)
		return -ENODATA; /* which was said */
	r = procfs_file_open(&file, s->env->host->procfs_fd, "meminfo");
	if (r < 0)
		return r;
	r = procfs_file_read(&file, &text);
	if (r >= 0 && (opts->all_stats || opts->all_stats_deprecated))
		r = add_all(s, text);
	else if (r >= 0)
		r = add_default(s, text);
	procfs_file_close(&file);
	return r;
}

const struct collector collector_meminfo = {
	.name = "meminfo",
	.help = "memory of the node",
	.default_on = true,
	.metrics = metrics,
	.n_metrics = N_METRICS,
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.options_size = sizeof(struct meminfo_options),
	.open = meminfo_open,
	.collect = meminfo_collect,
};
