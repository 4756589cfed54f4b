// SPDX-License-Identifier: Apache-2.0
/*
 * Templates are kept as they will stand in the document, but for $X (the recorded series) and
 * $PROVIDER (quoted). The updater fills in what is in {{ }} later.
 */
#include "tool/tsdb/queries.h"

#include <errno.h>
#include <string.h>

#include "basic/macros.h"
#include "basic/str.h"
#include "tool/tsdb/rules.h"

const char *const recorded_names[N_RECORDED] = {
	[RECORDED_CPU_USAGE] = "uuid:ceems_cpu_usage:ratio_irate",
	[RECORDED_CPU_MEMORY_USAGE] = "uuid:ceems_cpu_memory_usage:ratio",
	[RECORDED_HOST_POWER] = "uuid:ceems_host_power_watts:pue",
	[RECORDED_HOST_EMISSIONS] = "uuid:ceems_host_emissions_g_s:pue",
	[RECORDED_GPU_USAGE] = "uuid:ceems_gpu_usage:ratio",
	[RECORDED_GPU_MEMORY_USAGE] = "uuid:ceems_gpu_memory_usage:ratio",
	[RECORDED_GPU_POWER] = "uuid:ceems_gpu_power_watts:pue",
	[RECORDED_GPU_EMISSIONS] = "uuid:ceems_gpu_emissions_g_s:pue",
	[RECORDED_HOST_ENERGY] = "uuid:ceems_host_energy_joules_total",
};

/* Mean over the window; no samples, no value. */
static const char average[] = "avg_over_time(\n"
			      "  avg by (uuid) ($X{uuid=~\"{{.UUIDs}}\"} >= 0 < inf)[{{.Range}}:]\n"
			      ")";

/* Power and emission rates are gauges: what they add up to at the pace of the scrapes. */
static const char energy[] =
	"sum_over_time(\n"
	"  sum by (uuid) ($X{uuid=~\"{{.UUIDs}}\"} >= 0 < inf)[{{.Range}}:{{.ScrapeInterval}}]\n"
	") * {{.ScrapeIntervalMilli}} / 3.6e9";
static const char emissions[] =
	"sum_over_time(\n"
	"  sum by (uuid) ($X{uuid=~\"{{.UUIDs}}\",provider=$PROVIDER} >= 0 < inf)[{{.Range}}:{{.ScrapeInterval}}]\n"
	") * {{.ScrapeIntervalMilli}} / 1e3";

/* The window form of docs/energy.md: joules per series. */
#define COUNTER "uuid:ceems_host_energy_joules_total{uuid=~\"{{.UUIDs}}\"}"
#define JOULES                                                                                      \
	"  (\n"                                                                                     \
	"      last_over_time(" COUNTER "[{{.Range}}])\n"                                           \
	"    - last_over_time(" COUNTER "[" RULES_BRIDGE "] offset {{.Range}})\n"                   \
	"    >= 0\n"                                                                                \
	"  or\n"                                                                                    \
	"      last_over_time(" COUNTER "[{{.Range}}])\n"                                           \
	"    + clamp_min(\n"                                                                        \
	"        max_over_time(" COUNTER "[{{.Range}}])\n"                                          \
	"      - last_over_time(" COUNTER "[" RULES_BRIDGE "] offset {{.Range}}),\n"                \
	"      0)\n"                                                                                \
	"  or\n"                                                                                    \
	"      last_over_time(" COUNTER "[{{.Range}}])\n"                                           \
	"    and on (job, instance, manager, hostname, cgrouphostname, uuid)\n"                     \
	"      min_over_time((time() - ceems_energy_unit_start_time_seconds{uuid=~\"{{.UUIDs}}\"})" \
	"[{{.Range}}:{{.ScrapeInterval}}])\n"                                                       \
	"    < " RULES_BRIDGE_SECONDS "\n"                                                          \
	"  or\n"                                                                                    \
	"      last_over_time(" COUNTER "[{{.Range}}])\n"                                           \
	"    - min_over_time(" COUNTER "[{{.Range}}])\n"                                            \
	"  )\n"                                                                                     \
	"  * on (job) group_left ()\n"                                                              \
	"    max by (job) (avg_over_time(job:ceems_host_pue:factor[{{.Range}}]))\n"

#define KWH_OF_LEDGER JOULES "  / 3.6e6\n"
#define GRAMS_OF_LEDGER                                                                              \
	KWH_OF_LEDGER                                                                                \
	"  * on (job) group_left ()\n"                                                               \
	"    max by (job) (\n"                                                                       \
	"      avg_over_time(job:ceems_emissions_gCo2_kWh:factor{provider=$PROVIDER}[{{.Range}}])\n" \
	"    )\n"

/* For units on hosts whose exporter keeps no ledger. */
#define OTHERS(matchers, unit)                                                                    \
	"or on (job, instance, cgrouphostname, uuid)\n"                                           \
	"  sum_over_time(\n"                                                                      \
	"    ($X{uuid=~\"{{.UUIDs}}\"" matchers "} >= 0 < inf)[{{.Range}}:{{.ScrapeInterval}}]\n" \
	"  ) * {{.ScrapeIntervalMilli}} / " unit "\n"

static const char energy_ledger[] = "sum by (uuid) (\n" KWH_OF_LEDGER ")";
static const char energy_mixed[] = "sum by (uuid) (\n" KWH_OF_LEDGER OTHERS("", "3.6e9") ")";
static const char emissions_ledger[] = "sum by (uuid) (\n" GRAMS_OF_LEDGER ")";
static const char emissions_mixed[] = "sum by (uuid) (\n" GRAMS_OF_LEDGER OTHERS(
	",provider=$PROVIDER", "1e3") ")";

/* Expands a template under 'sub_key: |-'. */
static void put_query(struct buffer *out, const char *sub_key, const char *template,
	enum recorded series, const char *provider)
{
	static const char x[] = "$X", provider_word[] = "$PROVIDER";

	buffer_printf(out, "    %s: |-\n      ", sub_key);
	for (const char *p = template; *p; p++) {
		if (str_starts(p, x)) {
			buffer_puts(out, recorded_names[series]);
			p += sizeof(x) - 2;
		} else if (str_starts(p, provider_word)) {
			rules_append_quoted(out, provider);
			p += sizeof(provider_word) - 2;
		} else if (*p == '\n') {
			buffer_puts(out, "\n      ");
		} else {
			buffer_putc(out, *p);
		}
	}
	buffer_putc(out, '\n');
}

static int put_metric(struct buffer *out, const char *key, const char *sub_key,
	const char *template, enum recorded series)
{
	buffer_printf(out, "  %s:\n", key);
	put_query(out, sub_key, template, series, "");
	return 1;
}

static int put_emissions(struct buffer *out, bool recorded, const char *key, const char *template,
	enum recorded series, const struct strings *providers)
{
	CLEANUP(buffer_done) struct buffer sub_key = { 0 };

	if (!recorded || providers->n == 0)
		return 0;
	buffer_printf(out, "  %s:\n", key);
	for (size_t i = 0; i < providers->n; i++) {
		CLEANUP(buffer_done) struct buffer name = { 0 };

		buffer_printf(&name, "%s_total", providers->v[i]);
		buffer_clear(&sub_key);
		/* A name that needs no quotes gets none. */
		if (strspn(buffer_text(&name), "abcdefghijklmnopqrstuvwxyz_") == name.len)
			buffer_puts(&sub_key, buffer_text(&name));
		else
			rules_append_quoted(&sub_key, buffer_text(&name));
		put_query(out, buffer_text(&sub_key), template, series, providers->v[i]);
		if (buffer_error(&name) || buffer_error(&sub_key))
			return -ENOMEM;
	}
	return (int)providers->n;
}

int queries_write(const struct queries_found *found, struct buffer *out)
{
	const bool *has = found->recorded;
	const bool ledger = has[RECORDED_HOST_ENERGY], mixed = ledger && found->jobs_without_ledger;
	size_t begin;
	int r, n = 0;

	buffer_puts(out, "---\n\nqueries:");
	begin = out->len;
	buffer_putc(out, '\n');
	if (has[RECORDED_CPU_MEMORY_USAGE])
		n += put_metric(
			out, "avg_cpu_mem_usage", "global", average, RECORDED_CPU_MEMORY_USAGE);
	if (has[RECORDED_CPU_USAGE])
		n += put_metric(out, "avg_cpu_usage", "global", average, RECORDED_CPU_USAGE);
	if (has[RECORDED_GPU_MEMORY_USAGE])
		n += put_metric(
			out, "avg_gpu_mem_usage", "global", average, RECORDED_GPU_MEMORY_USAGE);
	if (has[RECORDED_GPU_USAGE])
		n += put_metric(out, "avg_gpu_usage", "global", average, RECORDED_GPU_USAGE);
	r = put_emissions(out, has[RECORDED_HOST_EMISSIONS], "total_cpu_emissions_gms",
		mixed            ? emissions_mixed
			: ledger ? emissions_ledger
				 : emissions,
		RECORDED_HOST_EMISSIONS, &found->host_providers);
	if (r < 0)
		return r;
	n += r;
	if (has[RECORDED_HOST_POWER] || ledger)
		n += put_metric(out, "total_cpu_energy_usage_kwh", "total",
			mixed            ? energy_mixed
				: ledger ? energy_ledger
					 : energy,
			RECORDED_HOST_POWER);
	r = put_emissions(out, has[RECORDED_GPU_EMISSIONS], "total_gpu_emissions_gms", emissions,
		RECORDED_GPU_EMISSIONS, &found->gpu_providers);
	if (r < 0)
		return r;
	n += r;
	if (has[RECORDED_GPU_POWER])
		n += put_metric(
			out, "total_gpu_energy_usage_kwh", "total", energy, RECORDED_GPU_POWER);
	if (buffer_error(out))
		return buffer_error(out);
	if (n == 0) {
		out->len = begin;
		buffer_puts(out, " {}\n");
	}
	return buffer_error(out) ? buffer_error(out) : n;
}
