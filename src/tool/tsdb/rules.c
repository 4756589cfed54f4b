// SPDX-License-Identifier: Apache-2.0
/*
 * Rules are kept as PromQL with $WORDS, so that they can be read (and compared with docs/energy.md)
 * as they will stand in the file:
 *   $JOB      the job, quoted             $PUE      factor
 *   $WINDOW   for rates: 4 scrapes        $EVAL     the group's interval   $EVAL_S   in seconds
 *   $DELAY    scrape interval             $DELAY_S  in seconds             $PREVIOUS $DELAY + $EVAL
 *   $UNITS    the job of the units, where $JOB is that of their GPUs, quoted
 *   $HOST     watts of each (job, instance) of a meter outside of the host, on one line
 *   $FACTOR   g/kWh                       $PROVIDER, $COUNTRY quoted
 */
#include "tool/tsdb/rules_internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "basic/duration.h"
#include "basic/macros.h"
#include "basic/num.h"
#include "basic/str.h"

/* Parts of expressions that stand in several rules; they hold words themselves. */
static const struct rules_word parts[] = {
	{ "CPU_RATE", /* user + system of a unit */
		"(\n"
		"    irate(ceems_compute_unit_cpu_user_seconds_total{job=$JOB}[$WINDOW])\n"
		"  + irate(ceems_compute_unit_cpu_system_seconds_total{job=$JOB}[$WINDOW])\n"
		")" },
	{ "CPU_SHARE", /* of a unit in the busy time of its host */
		"$CPU_RATE\n"
		"/ on (job, instance) group_left ()\n"
		"  sum by (job, instance) (\n"
		"    irate(ceems_cpu_seconds_total{job=$JOB,mode!~\"idle|iowait|steal\"}[$WINDOW])\n"
		"  )" },
	{ "MEMORY_SHARE", /* of a unit in the used memory of its host */
		"ceems_compute_unit_memory_used_bytes{job=$JOB}\n"
		"/ on (job, instance) group_left ()\n"
		"  sum by (job, instance) (\n"
		"      ceems_meminfo_MemTotal_bytes{job=$JOB}\n"
		"    - ceems_meminfo_MemAvailable_bytes{job=$JOB}\n"
		"  )" },
	{ "PACKAGE_SHARE", /* of the packages in what RAPL measures of a host */
		"(\n"
		"    sum by (job, instance) (irate(ceems_rapl_package_joules_total{job=$JOB}[$WINDOW]))\n"
		"  / (\n"
		"      sum by (job, instance) (irate(ceems_rapl_package_joules_total{job=$JOB}[$WINDOW]))\n"
		"    + sum by (job, instance) (irate(ceems_rapl_dram_joules_total{job=$JOB}[$WINDOW]))\n"
		"    )\n"
		")" },
	{ "EQUAL_PART", /* of a unit among those of its host */
		"1 / sum by (job, instance) (ceems_compute_units{job=$JOB} > 0)" },
	{ "RAPL_CPU",
		"  sum by (job, instance) (irate(ceems_rapl_package_joules_total{job=$JOB}[$WINDOW]))\n"
		"* on (job, instance) group_right () (\n"
		"    $CPU_SHARE\n"
		"  )" },
	{ "RAPL_DRAM",
		"  sum by (job, instance) (irate(ceems_rapl_dram_joules_total{job=$JOB}[$WINDOW]))\n"
		"* on (job, instance) group_right () (\n"
		"    $MEMORY_SHARE\n"
		"  )" },
};

void rules_append_quoted(struct buffer *out, const char *text)
{
	buffer_putc(out, '"');
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p == '"' || *p == '\\')
			buffer_printf(out, "\\%c", *p);
		else if (*p == '\n')
			buffer_puts(out, "\\n");
		else if (*p < 0x20 || *p == 0x7f)
			buffer_printf(out, "\\x%02x", *p);
		else
			buffer_putc(out, (char)*p);
	}
	buffer_putc(out, '"');
}

const char *rules_keep(struct rules_writer *w, const char *text)
{
	const char *kept = text ? arena_strdup(&w->arena, text) : NULL;

	if (!kept)
		w->error = -ENOMEM;
	return kept;
}

static const char *quoted(struct rules_writer *w, const char *text)
{
	CLEANUP(buffer_done) struct buffer buf = { 0 };

	rules_append_quoted(&buf, text);
	return rules_keep(w, buf.data);
}

static const char *number(struct rules_writer *w, double value)
{
	char text[NUM_TEXT_MAX];

	num_plain(value, text);
	return rules_keep(w, text);
}

static const char *duration(struct rules_writer *w, int64_t ms)
{
	char text[DURATION_TEXT_MAX];

	duration_format_prometheus(ms, text);
	return rules_keep(w, text);
}

static const char *find(const struct rules_word *words, size_t n, struct slice name)
{
	for (size_t i = 0; i < n; i++) {
		if (slice_eq(name, words[i].name))
			return words[i].text;
	}
	return NULL;
}

static size_t word_len(const char *p)
{
	size_t n = 0;

	while ((p[n] >= 'A' && p[n] <= 'Z') || p[n] == '_')
		n++;
	return n;
}

void rules_put_text(struct rules_writer *w, const char *text, size_t indent)
{
	size_t column = 0; /* within text's line */

	while (*text) {
		struct slice name = { text + 1, *text == '$' ? word_len(text + 1) : 0 };
		const char *part = find(parts, ARRAY_SIZE(parts), name);
		const char *word = find(w->words, w->n_words, name);

		if (part)
			rules_put_text(w, part, indent + column);
		else if (word)
			buffer_puts(w->out, word);
		else
			buffer_putc(w->out, *text);
		if (*text == '\n')
			buffer_printf(w->out, "%*s", (int)indent, "");
		column = *text == '\n' ? 0 : column + 1;
		text += 1 + name.n;
	}
}

void rules_put_rule(
	struct rules_writer *w, const char *record, const char *labels, const char *expr)
{
	buffer_printf(w->out, "      - record: %s\n        expr: |\n          ", record);
	rules_put_text(w, expr, 10);
	buffer_putc(w->out, '\n');
	if (labels) {
		buffer_puts(w->out, "        labels:\n          ");
		rules_put_text(w, labels, 10);
		buffer_putc(w->out, '\n');
	}
}

void rules_put_comment(struct rules_writer *w, const char *text)
{
	rules_put_text(w, text, 6);
	buffer_putc(w->out, '\n');
}

void rules_set_words(struct rules_writer *w, int64_t eval_ms)
{
	const struct rules_settings *s = w->settings;
	const int64_t scrape_ms = w->job->scrape_interval_ms;
	const struct rules_word words[] = {
		{ "JOB", quoted(w, w->job->name) },
		{ "UNITS", quoted(w, w->units) },
		{ "WINDOW", duration(w, RULES_RATE_SCRAPES * scrape_ms) },
		{ "EVAL", duration(w, eval_ms) },
		{ "EVAL_S", number(w, (double)eval_ms / 1000) },
		{ "DELAY", duration(w, scrape_ms) },
		{ "DELAY_S", number(w, (double)scrape_ms / 1000) },
		{ "PREVIOUS", duration(w, scrape_ms + eval_ms) },
		{ "BRIDGE", RULES_BRIDGE },
		{ "BRIDGE_S", RULES_BRIDGE_SECONDS },
		{ "PUE", number(w, s->pue) },
		{ "HOST", w->host },
		{ "METER", w->meter },
		{ "FACTOR", number(w, s->emission.factor) },
		{ "COUNTRY", quoted(w, s->emission.country_code) },
		{ "PROVIDER", w->provider },
	};

	static_assert(ARRAY_SIZE(words) <= RULES_WORDS_MAX, "room for all words");
	memcpy(w->words, words, sizeof(words));
	w->n_words = ARRAY_SIZE(words);
}

void rules_put_group(struct rules_writer *w, const char *prefix, int64_t interval_ms)
{
	CLEANUP(buffer_done) struct buffer name = { 0 };

	rules_set_words(w, interval_ms);
	buffer_printf(&name, "%s-%s", prefix, w->job->name);
	buffer_puts(w->out, "  - name: ");
	rules_append_quoted(w->out, buffer_text(&name));
	if (buffer_error(&name))
		w->error = buffer_error(&name);
	buffer_puts(w->out, "\n    interval: ");
	rules_put_text(w, "$EVAL\n    rules:\n", 0);
}

void rules_set_provider(struct rules_writer *w, const char *provider)
{
	w->provider = quoted(w, provider);
	w->words[w->n_words - 1].text = w->provider; /* the last of set_words() */
}

/* --- power ---------------------------------------------------------------------------------- */

/*
 * The step form of docs/energy.md: what the counter gained since the last evaluation, gaps and
 * restarts of the exporter included, and a unit's first value in full.
 */
#define STEP(counter, start_time, join, aggregation)                                    \
	"$PUE / $EVAL_S * " aggregation " (\n"                                          \
	"    last_over_time(" counter "[$EVAL] offset $DELAY)\n"                        \
	"  - last_over_time(" counter "[$BRIDGE] offset $PREVIOUS)\n"                   \
	"  >= 0\n"                                                                      \
	"or\n"                                                                          \
	"    last_over_time(" counter "[$EVAL] offset $DELAY)\n"                        \
	"  + clamp_min(\n"                                                              \
	"      max_over_time(" counter "[$EVAL] offset $DELAY)\n"                       \
	"    - last_over_time(" counter "[$BRIDGE] offset $PREVIOUS),\n"                \
	"    0)\n"                                                                      \
	"or\n"                                                                          \
	"    last_over_time(" counter "[$EVAL] offset $DELAY)\n"                        \
	"  and on (" join ")\n"                                                         \
	"    time() - $DELAY_S - last_over_time(" start_time "[$EVAL] offset $DELAY)\n" \
	"  < $BRIDGE_S\n"                                                               \
	"or\n"                                                                          \
	"    last_over_time(" counter "[$EVAL] offset $DELAY)\n"                        \
	"  - min_over_time(" counter "[$EVAL] offset $DELAY)\n"                         \
	") > 0"

static void unit_power_ledger(struct rules_writer *w)
{
	rules_put_comment(w,
		"      # Power of each unit from the exporter's energy ledger (docs/energy.md): what its\n"
		"# counters gained since the last evaluation, so that the sum of power times\n"
		"# interval is the energy, short units included.");
	if (w->job->estimated)
		rules_put_comment(w,
			"      # At least one host of this job has no sensor: the energy of such a host is an ESTIMATE\n"
			"# of the power model (ceems_energy_source_info tells which), not a measurement.");
	rules_put_rule(w, "uuid:ceems_host_power_watts:pue", NULL,
		STEP("ceems_energy_unit_joules_total{job=$JOB}",
			"ceems_energy_unit_start_time_seconds{job=$JOB}",
			"job, instance, manager, hostname, cgrouphostname, uuid",
			"sum without (domain)"));
	rules_put_comment(w,
		"      # The energy as a counter in joules, for the queries of the API server. It is without\n"
		"# the PUE, so that a new one makes no step in it; the queries multiply by the factor below.");
	rules_put_rule(w, "uuid:ceems_host_energy_joules_total", NULL,
		"sum without (domain) (\n"
		"  last_over_time(ceems_energy_unit_joules_total{job=$JOB}[$EVAL] offset $DELAY)\n"
		")");
	rules_put_rule(w, "job:ceems_host_pue:factor", "job: $JOB", "vector($PUE)");
}

static void job_power_ledger(struct rules_writer *w)
{
	rules_put_rule(w, "job:ceems_host_power_watts:pue", NULL,
		STEP("ceems_energy_meter_joules_total{job=$JOB}",
			"ceems_energy_ledger_start_time_seconds{job=$JOB}",
			"job, instance, hostname", "sum by (job)"));
}

static void instance_counters_rapl(struct rules_writer *w)
{
	rules_put_rule(w, "instance:ceems_rapl_package_joules_total:pue", NULL,
		"$PUE * ceems_rapl_package_joules_total{job=$JOB}");
	if (w->job->has_dram)
		rules_put_rule(w, "instance:ceems_rapl_dram_joules_total:pue", NULL,
			"$PUE * ceems_rapl_dram_joules_total{job=$JOB}");
}

static void unit_power_rapl(struct rules_writer *w)
{
	rules_put_comment(w,
		"      # Power of each unit: package power by its share in the host's CPU time, DRAM power by its\n"
		"# share in the host's used memory. Hosts without a DRAM domain count the packages only.");
	rules_put_rule(w, "uuid:ceems_host_power_watts:pue", NULL,
		w->job->has_dram ? "$PUE * (\n"
				   "    $RAPL_CPU\n"
				   "  +\n"
				   "    $RAPL_DRAM\n"
				   "or\n"
				   "    $RAPL_CPU\n"
				   "  unless on (job, instance)\n"
				   "    ceems_rapl_dram_joules_total{job=$JOB}\n"
				   ")"
				 : "$PUE * (\n"
				   "  $RAPL_CPU\n"
				   ")");
}

static void job_power_rapl(struct rules_writer *w)
{
	static const char package[] =
		"$PUE * sum by (job) (irate(ceems_rapl_package_joules_total{job=$JOB}[$WINDOW]))";

	rules_put_rule(w, "job:ceems_host_power_watts:pue", NULL,
		w->job->has_dram
			? "$PUE * (\n"
			  "    sum by (job) (irate(ceems_rapl_package_joules_total{job=$JOB}[$WINDOW]))\n"
			  "  + sum by (job) (irate(ceems_rapl_dram_joules_total{job=$JOB}[$WINDOW]))\n"
			  "or\n"
			  "  sum by (job) (irate(ceems_rapl_package_joules_total{job=$JOB}[$WINDOW]))\n"
			  ")"
			: package);
}

static void instance_power_model(struct rules_writer *w)
{
	rules_put_comment(
		w, "      # An ESTIMATE by the exporter's power model, not a measurement.");
	rules_put_rule(w, "instance:ceems_power_model_watts:pue", NULL,
		"$PUE * ceems_power_model_watts{job=$JOB}");
}

static void unit_power_model(struct rules_writer *w)
{
	rules_put_comment(w,
		"      # Power of each unit: nine tenths of the ESTIMATED host power by its share in the host's CPU\n"
		"# time, one tenth (network, disks, ...) in equal parts. The split may be changed here.");
	rules_put_rule(w, "uuid:ceems_host_power_watts:pue", NULL,
		"$PUE * sum by (job, instance) (ceems_power_model_watts{job=$JOB})\n"
		"* on (job, instance) group_right () (\n"
		"    0.9 * $CPU_SHARE\n"
		"  + on (job, instance) group_left ()\n"
		"    0.1 / sum by (job, instance) (ceems_compute_units{job=$JOB} > 0)\n"
		")");
}

static void job_power_model(struct rules_writer *w)
{
	rules_put_rule(w, "job:ceems_host_power_watts:pue", NULL,
		"$PUE * sum by (job) (ceems_power_model_watts{job=$JOB})");
}

/* --- usage ---------------------------------------------------------------------------------- */

static void unit_usage(struct rules_writer *w)
{
	rules_put_rule(w, "uuid:ceems_cpu_usage:ratio_irate", NULL,
		"100 * $CPU_RATE\n"
		"/ (ceems_compute_unit_cpus{job=$JOB} > 0)");
	rules_put_rule(w, "uuid:ceems_cpu_memory_usage:ratio", NULL,
		"100 * ceems_compute_unit_memory_used_bytes{job=$JOB}\n"
		"/ (ceems_compute_unit_memory_total_bytes{job=$JOB} > 0)");
}

static void job_usage(struct rules_writer *w)
{
	rules_put_comment(w, "      # Busy CPU time relative to the physical cores.");
	rules_put_rule(w, "job:ceems_cpu_usage:avg_ratio_irate", NULL,
		"100 * avg by (job) (\n"
		"    sum by (job, instance) (\n"
		"      irate(ceems_cpu_seconds_total{job=$JOB,mode!~\"idle|iowait|steal\"}[$WINDOW])\n"
		"    )\n"
		"  / sum by (job, instance) (\n"
		"      (ceems_cpu_count{job=$JOB} > 0) / (ceems_cpu_per_core_count{job=$JOB} > 0)\n"
		"    )\n"
		")");
	rules_put_rule(w, "job:ceems_cpu_memory_usage:avg_ratio", NULL,
		"100 * avg by (job) (\n"
		"  1 - ceems_meminfo_MemAvailable_bytes{job=$JOB} / ceems_meminfo_MemTotal_bytes{job=$JOB}\n"
		")");
}

/* --- emissions ------------------------------------------------------------------------------ */

static void unit_emissions_of_provider(struct rules_writer *w)
{
	rules_put_rule(w, "uuid:ceems_host_emissions_g_s:pue", "provider: $PROVIDER",
		"uuid:ceems_host_power_watts:pue{job=$JOB} / 3.6e6\n"
		"* on () group_left ()\n"
		"  max(" RULES_FACTOR_SERIES ")");
	if (w->job->source == POWER_LEDGER)
		rules_put_rule(w, "job:ceems_emissions_gCo2_kWh:factor",
			"job: $JOB\nprovider: $PROVIDER",
			"max by (country, country_code) (" RULES_FACTOR_SERIES ")");
}

static void unit_emissions(struct rules_writer *w)
{
	const struct rules_emission *e = &w->settings->emission;

	if (e->providers.n == 0 && e->factor <= 0)
		return;
	rules_put_comment(
		w, "      # Emissions in g/s: W / 3.6e6 = kWh/s, times the factor in g/kWh.");
	for (size_t i = 0; i < e->providers.n; i++) {
		rules_set_provider(w, e->providers.v[i]);
		unit_emissions_of_provider(w);
	}
	if (e->providers.n > 0)
		return;
	rules_set_provider(w, e->provider);
	rules_put_rule(w, "uuid:ceems_host_emissions_g_s:pue", "provider: $PROVIDER",
		"uuid:ceems_host_power_watts:pue{job=$JOB} / 3.6e6 * $FACTOR");
	if (w->job->source == POWER_LEDGER)
		rules_put_rule(w, "job:ceems_emissions_gCo2_kWh:factor",
			*e->country_code ? "job: $JOB\nprovider: $PROVIDER\ncountry_code: $COUNTRY"
					 : "job: $JOB\nprovider: $PROVIDER",
			"vector($FACTOR)");
}

static void job_emissions(struct rules_writer *w)
{
	const struct rules_emission *e = &w->settings->emission;

	if (e->providers.n > 0) {
		rules_put_comment(w, "      # For every country and provider that is exported.");
		rules_put_rule(w, "job:ceems_host_emissions_g_s:pue", NULL,
			"max by (country, country_code, provider) (ceems_emissions_gCo2_kWh)\n"
			"* on () group_left (job)\n"
			"  job:ceems_host_power_watts:pue{job=$JOB} / 3.6e6");
	} else if (e->factor > 0) {
		rules_set_provider(w, e->provider);
		rules_put_rule(w, "job:ceems_host_emissions_g_s:pue",
			*e->country_code ? "provider: $PROVIDER\ncountry_code: $COUNTRY"
					 : "provider: $PROVIDER",
			"job:ceems_host_power_watts:pue{job=$JOB} / 3.6e6 * $FACTOR");
	}
}

/* --- the file ------------------------------------------------------------------------------- */

static void header(struct rules_writer *w)
{
	static const char *const names[] = {
		[POWER_LEDGER] = "the exporter's energy ledger (counters)",
		[POWER_RAPL] = "RAPL counters",
		[POWER_MODEL] = "the exporter's power model (an ESTIMATE, not a measurement)",
		[POWER_CRAY] = "Cray PM counters",
		[POWER_REDFISH] = "Redfish",
		[POWER_IPMI] = "IPMI DCMI",
	};

	rules_put_text(w,
		"# Recording rules for the compute units of job $JOB, written by ceems_tool.\n", 0);
	buffer_printf(w->out, "# Power comes from %s.\n", names[w->job->source]);
	rules_put_text(w,
		"# PUE is $PUE; the job is scraped every $DELAY. Write the file anew when one of them\n"
		"# changes, and check it with 'promtool check rules'.\n"
		"groups:\n",
		0);
}

/* What each source has of rules. */
static const struct {
	void (*unit)(struct rules_writer *w), (*job)(struct rules_writer *w);
} sources[] = {
	[POWER_LEDGER] = { unit_power_ledger, job_power_ledger },
	[POWER_RAPL] = { unit_power_rapl, job_power_rapl },
	[POWER_MODEL] = { unit_power_model, job_power_model },
	[POWER_CRAY] = { rules_put_unit_power_cray, rules_put_job_power_cray },
	[POWER_REDFISH] = { rules_put_unit_power_meter, rules_put_job_power_meter },
	[POWER_IPMI] = { rules_put_unit_power_meter, rules_put_job_power_meter },
};

int rules_write(
	const struct rules_job *job, const struct rules_settings *settings, struct buffer *out)
{
	struct rules_writer w = { .job = job,
		.settings = settings,
		.units = job->name,
		.provider = "",
		.host = "",
		.meter = "",
		.out = out };

	arena_init(&w.arena, RULES_WORDS_MAX_BYTES);
	rules_set_meter(&w);
	rules_set_words(&w, settings->eval_interval_ms);
	header(&w);
	rules_put_group(&w, "compute-unit-rules", settings->eval_interval_ms);
	unit_usage(&w);
	if (job->has_rapl)
		instance_counters_rapl(&w);
	if (job->has_model)
		instance_power_model(&w);
	sources[job->source].unit(&w);
	unit_emissions(&w);

	rules_put_group(&w, "host-agg-rules", RULES_RATE_SCRAPES * job->scrape_interval_ms);
	job_usage(&w);
	sources[job->source].job(&w);
	job_emissions(&w);
	arena_done(&w.arena);
	return w.error ? w.error : buffer_error(out);
}
