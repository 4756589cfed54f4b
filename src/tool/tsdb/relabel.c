// SPDX-License-Identifier: Apache-2.0
/* dcgm-exporter, AMD SMI exporter and AMD device metrics exporter: their labels and ours. */
#include "tool/tsdb/relabel.h"

#include <errno.h>

#include "basic/macros.h"

struct relabel_rule {
	const char *sources[2];
	const char *regex;
	const char *target, *replacement; /* target NULL: action labeldrop */
};

enum { RULES_MAX = 6 };

struct gpu_kind {
	enum wanted_series series;
	struct relabel_rule rules[RULES_MAX];
};

/* The model's name keeps these from touching our own series, which have the labels already. */
static const struct gpu_kind kinds[] = {
	{ SERIES_GPU_NVIDIA,
		{
			{ { "modelName", "UUID" }, "NVIDIA(.*);(.*)", "gpuuuid", "$2" },
			{ { "modelName", "GPU_I_ID" }, "NVIDIA(.*);(.*)", "gpuiid", "$2" },
			{ .regex = "UUID" },
			{ .regex = "GPU_I_ID" },
		} },
	{ SERIES_GPU_AMD_SMI,
		{
			{ { "gpu_power" }, "(.*)", "index", "$1" },
			{ { "index", "gpu_use_percent" }, ";(.+)", "index", "$1" },
			{ { "index", "gpu_memory_use_percent" }, ";(.+)", "index", "$1" },
			{ .regex = "gpu_power" },
			{ .regex = "gpu_use_percent" },
			{ .regex = "gpu_memory_use_percent" },
		} },
	{ SERIES_GPU_AMD_DEVICE,
		{
			{ { "gpu_id" }, "(.*)", "index", "$1" },
			{ { "gpu_partition_id" }, "(.*)", "gpuiid", "$1" },
			{ .regex = "gpu_id" },
			{ .regex = "gpu_partition_id" },
		} },
};

static void put_rule(struct buffer *out, const struct relabel_rule *rule)
{
	if (!rule->target) {
		buffer_printf(out, "      - regex: %s\n        action: labeldrop\n", rule->regex);
		return;
	}
	buffer_printf(out, "      - source_labels: [%s%s%s]\n", rule->sources[0],
		rule->sources[1] ? ", " : "", rule->sources[1] ? rule->sources[1] : "");
	buffer_printf(out,
		"        regex: '%s'\n        target_label: %s\n        replacement: %s\n"
		"        action: replace\n",
		rule->regex, rule->target, rule->replacement);
}

static const struct gpu_kind *kind_of(const struct job *job)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (job->has[kinds[i].series])
			return &kinds[i];
	}
	return NULL;
}

int relabel_write(const struct job_list *jobs, struct buffer *out)
{
	size_t begin;
	int n = 0;

	buffer_puts(out, "scrape_configs:");
	begin = out->len;
	buffer_putc(out, '\n');
	for (size_t i = 0; i < jobs->n; i++) {
		const struct gpu_kind *kind = kind_of(&jobs->v[i]);

		if (!kind)
			continue;
		n++;
		buffer_puts(out, "  - job_name: ");
		rules_append_quoted(out, jobs->v[i].name);
		buffer_puts(out, "\n    metric_relabel_configs:\n");
		for (size_t r = 0; r < RULES_MAX && kind->rules[r].regex; r++)
			put_rule(out, &kind->rules[r]);
	}
	if (buffer_error(out))
		return buffer_error(out);
	if (n == 0) {
		out->len = begin;
		buffer_puts(out, " []\n");
	}
	return buffer_error(out) ? buffer_error(out) : n;
}
