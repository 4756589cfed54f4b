// SPDX-License-Identifier: Apache-2.0
#include "api/updaters/queries.h"

#include <errno.h>
#include <stdlib.h>

#include "api/updaters/template.h"

#define UNITS "uuid=~\"{{.UUIDs}}\""
#define AVERAGE(series) \
	"avg_over_time(avg by (uuid) (" series "{" UNITS "} >= 0 < inf)[{{.Range}}:])"
#define TOTAL(series, matcher, divisor)                                          \
	"sum_over_time(sum by (uuid) (" series "{" UNITS matcher "} >= 0 < inf)" \
	"[{{.Range}}:{{.ScrapeInterval}}]) * {{.ScrapeIntervalMilli}} / " divisor
#define EMISSIONS(series, provider) TOTAL(series, ",provider=\"" provider "\"", "1e3")
#define INCREASE(series) "sum by (uuid) (increase(" series "{" UNITS "}[{{.Range}}]) >= 0 < inf)"
#define CPU_EMISSIONS "uuid:ceems_host_emissions_g_s:pue"
#define GPU_EMISSIONS "uuid:ceems_gpu_emissions_g_s:pue"

static const struct query defaults[] = {
	{ AVG_CPU_USAGE, "global", AVERAGE("uuid:ceems_cpu_usage:ratio_irate") },
	{ AVG_CPU_MEM_USAGE, "global", AVERAGE("uuid:ceems_cpu_memory_usage:ratio") },
	{ TOTAL_CPU_ENERGY_USAGE_KWH, "total",
		TOTAL("uuid:ceems_host_power_watts:pue", "", "3.6e9") },
	{ TOTAL_CPU_EMISSIONS_GMS, "rte_total", EMISSIONS(CPU_EMISSIONS, "rte") },
	{ TOTAL_CPU_EMISSIONS_GMS, "emaps_total", EMISSIONS(CPU_EMISSIONS, "emaps") },
	{ TOTAL_CPU_EMISSIONS_GMS, "owid_total", EMISSIONS(CPU_EMISSIONS, "owid") },
	{ AVG_GPU_USAGE, "global", AVERAGE("uuid:ceems_gpu_usage:ratio") },
	{ AVG_GPU_MEM_USAGE, "global", AVERAGE("uuid:ceems_gpu_memory_usage:ratio") },
	{ TOTAL_GPU_ENERGY_USAGE_KWH, "total",
		TOTAL("uuid:ceems_gpu_power_watts:pue", "", "3.6e9") },
	{ TOTAL_GPU_EMISSIONS_GMS, "rte_total", EMISSIONS(GPU_EMISSIONS, "rte") },
	{ TOTAL_GPU_EMISSIONS_GMS, "emaps_total", EMISSIONS(GPU_EMISSIONS, "emaps") },
	{ TOTAL_GPU_EMISSIONS_GMS, "owid_total", EMISSIONS(GPU_EMISSIONS, "owid") },
	{ TOTAL_IO_WRITE_STATS, "bytes_total", INCREASE("ceems_ebpf_write_bytes_total") },
	{ TOTAL_IO_WRITE_STATS, "requests_total", INCREASE("ceems_ebpf_write_requests_total") },
	{ TOTAL_IO_WRITE_STATS, "errors_total", INCREASE("ceems_ebpf_write_errors_total") },
	{ TOTAL_IO_READ_STATS, "bytes_total", INCREASE("ceems_ebpf_read_bytes_total") },
	{ TOTAL_IO_READ_STATS, "requests_total", INCREASE("ceems_ebpf_read_requests_total") },
	{ TOTAL_IO_READ_STATS, "errors_total", INCREASE("ceems_ebpf_read_errors_total") },
	{ TOTAL_INGRESS_STATS, "bytes_total", INCREASE("ceems_ebpf_ingress_bytes_total") },
	{ TOTAL_EGRESS_STATS, "bytes_total", INCREASE("ceems_ebpf_egress_bytes_total") },
};

static bool find_metric(const char *name, enum unit_metric *ret_metric)
{
	for (int m = 0; m < N_UNIT_METRICS; m++)
		if (str_eq(unit_metric_names[m], name)) {
			*ret_metric = (enum unit_metric)m;
			return true;
		}
	return false;
}

static int add_query(struct query_list *list, enum unit_metric metric, const char *key,
	const struct config_node *node, const char *config_name, struct err *err)
{
	CLEANUP(buffer_done) struct buffer checked = { 0 };
	int r;

	if (node->kind != CONFIG_SCALAR || node->is_null || !*node->text)
		return err_set(err, -EBADMSG, "%s:%d: query '%s' of %s must be a text", config_name,
			node->line, key, unit_metric_names[metric]);
	if (list->n == QUERIES_MAX)
		return err_set(err, -E2BIG, "%s:%d: more than %d queries", config_name, node->line,
			QUERIES_MAX);
	r = template_expand(node->text, NULL, 0, &checked, err);
	if (r < 0)
		return err_prefix(err, r, "%s:%d: query '%s' of %s", config_name, node->line, key,
			unit_metric_names[metric]);
	list->v[list->n++] = (struct query){ metric, key, node->text, false, 0 };
	return 0;
}

static int add_metric(struct query_list *list, const char *name, const struct config_node *node,
	const char *config_name, const struct log *log, struct err *err)
{
	enum unit_metric metric;
	int r = 0;

	if (node->kind == CONFIG_SCALAR && node->is_null)
		return 0;
	if (node->kind != CONFIG_MAPPING)
		return err_set(err, -EBADMSG, "%s:%d: queries of '%s' must be a mapping",
			config_name, node->line, name);
	if (!find_metric(name, &metric)) {
		log_warn(log, "queries for an unknown metric are left out", LOG_STR("metric", name),
			LOG_STR("file", config_name), LOG_INT("line", node->line));
		return 0;
	}
	for (size_t i = 0; r >= 0 && i < node->n; i++)
		r = add_query(list, metric, node->names[i], node->items[i], config_name, err);
	return r;
}

static int by_metric(const void *a, const void *b)
{
	const struct query *x = a, *y = b;

	return (int)x->metric - (int)y->metric;
}

int queries_load(const struct config_node *node, const char *config_name, const struct log *log,
	struct arena *arena, struct query_list *ret_queries, struct err *err)
{
	struct query_list list = { .v = ARENA_ARRAY(arena, struct query, QUERIES_MAX) };
	int r = 0;

	if (!list.v)
		return err_errno(err, -ENOMEM, "queries");
	if (node && !(node->kind == CONFIG_SCALAR && node->is_null) && node->kind != CONFIG_MAPPING)
		return err_set(
			err, -EBADMSG, "%s:%d: queries must be a mapping", config_name, node->line);
	if (!node || !node->n) {
		memcpy(list.v, defaults, sizeof(defaults));
		list.n = ARRAY_SIZE(defaults);
	}
	for (size_t i = 0; node && r >= 0 && i < node->n; i++)
		r = add_metric(&list, node->names[i], node->items[i], config_name, log, err);
	if (r < 0)
		return r;
	qsort(list.v, list.n, sizeof(*list.v), by_metric);
	*ret_queries = list;
	return 0;
}
