// SPDX-License-Identifier: Apache-2.0
/*
 * Rules for GPUs (spec tool-cacct-deploy.md 1.6). Exporters of GPUs know nothing of units: their
 * series are joined with the flags of the units' exporter (the unit's part of the GPU), for NVIDIA
 * by the GPU's own id, for AMD by host and index. Here $JOB is the job of the GPUs.
 */
#include <ctype.h>
#include <string.h>

#include "basic/macros.h"
#include "basic/str.h"
#include "tool/tsdb/rules_internal.h"

const char *const rules_profiles[N_RULES_PROFILES] = { "SM_ACTIVE", "SM_OCCUPANCY",
	"GR_ENGINE_ACTIVE", "PIPE_TENSOR_ACTIVE", "PIPE_FP64_ACTIVE", "PIPE_FP32_ACTIVE",
	"PIPE_FP16_ACTIVE", "DRAM_ACTIVE", "NVLINK_TX_BYTES", "NVLINK_RX_BYTES", "PCIE_TX_BYTES",
	"PCIE_RX_BYTES" };
enum { SM_ACTIVE, SM_OCCUPANCY, GR_ENGINE_ACTIVE };

#define FLAG "ceems_compute_unit_gpu_index_flag{job=$UNITS}"
#define SMS "ceems_compute_unit_gpu_sm_count{job=$UNITS}"
#define GPU(metric) metric "{job=$JOB}"

/* Several series of one GPU or instance (of its pods, say) count once. */
#define NVIDIA(metric) "max by (gpuuuid, gpuiid) (" GPU(metric) ")"
#define NVIDIA_MEMORY                 \
	NVIDIA("DCGM_FI_DEV_FB_USED") \
	"\n  / (" NVIDIA("DCGM_FI_DEV_FB_USED") " + " NVIDIA("DCGM_FI_DEV_FB_FREE") ")"

#define ON_HOST(series) \
	"label_replace(" series ", \"instancehost\", \"$1\", \"instance\", \"([^:]*).*\")"
#define AMD(metric) "max by (instancehost, index) (" ON_HOST(GPU(metric)) ")"

/*
 * Parts of the instances (MIG, partitions) in the power of their GPU: by what their multiprocessors
 * do where that is known and they do anything, else by their number.
 */
#define WEIGHT(instance, sms) "max by (" instance ") (" sms ")"
#define SHARE(device, weight)                 \
	"    " weight "\n"                    \
	"  / on (" device ") group_left ()\n" \
	"    (sum by (" device ") (" weight ") > 0)"
#define BUSY_SMS                                                                                \
	"(" WEIGHT("gpuuuid, gpuiid", SMS) " * " NVIDIA("DCGM_FI_PROF_SM_ACTIVE") " * " NVIDIA( \
		"DCGM_FI_PROF_SM_OCCUPANCY") ")"

/* A GPU whose multiprocessors aren't known has no instances. */
#define POWER(flag, device, instance, share, power)           \
	flag "\n"                                             \
	     "* on (" instance ") group_left ()\n"            \
	     "  (\n"                                          \
	     "    (\n" share "\n"                             \
	     "    )\n"                                        \
	     "  * on (" device ") group_left ()\n"            \
	     "    ($PUE * max by (" device ") (" power "))\n" \
	     "  )\n"                                          \
	     "or\n" flag "\n"                                 \
	     "* on (" device ") group_left ()\n"              \
	     "  ($PUE * max by (" device ") (" power "))"

#define NVIDIA_POWER(share) \
	POWER(FLAG, "gpuuuid", "gpuuuid, gpuiid", share, GPU("DCGM_FI_DEV_POWER_USAGE_INSTANT"))
#define AMD_POWER(power)                                                                           \
	"sum without (instancehost) (\n" POWER(ON_HOST(FLAG), "instancehost, index",               \
		"instancehost, index, gpuiid",                                                     \
		SHARE("instancehost, index", WEIGHT("instancehost, index, gpuiid", ON_HOST(SMS))), \
		power) "\n)"
#define OF_UNIT(value) FLAG "\n* on (gpuuuid, gpuiid) group_left ()\n  " value
#define OF_AMD_UNIT(value)                          \
	"sum without (instancehost) (\n  " ON_HOST( \
		FLAG) "\n* on (instancehost, index) group_left ()\n  " value "\n)"

/* What an exporter has of rules. */
static const struct {
	const char *usage, *memory; /* of units, in percent */
	const char *device, *device_power; /* record, expression */
	const char *power; /* of units */
	const char *job_usage, *job_memory, *job_power;
} exporters[] = {
	[GPU_NVIDIA] = {
		.usage = OF_UNIT(NVIDIA("DCGM_FI_DEV_GPU_UTIL")),
		.memory = OF_UNIT("(100 * " NVIDIA_MEMORY ")"),
		.device = "dev:DCGM_FI_DEV_POWER_USAGE_INSTANT:pue",
		.device_power = "$PUE * " GPU("DCGM_FI_DEV_POWER_USAGE_INSTANT"),
		.power = NVIDIA_POWER(SHARE("gpuuuid", WEIGHT("gpuuuid, gpuiid", SMS))),
		.job_usage = "avg by (job) (" GPU("DCGM_FI_DEV_GPU_UTIL") ")",
		.job_memory = "100 * avg by (job) (\n  " GPU("DCGM_FI_DEV_FB_USED") "\n/ ("
			GPU("DCGM_FI_DEV_FB_USED") " + " GPU("DCGM_FI_DEV_FB_FREE") ")\n)",
		/* The instances of a GPU all tell the power of the whole. */
		.job_power = "$PUE * sum by (job) (max by (job, instance, gpu, gpuuuid) ("
			GPU("DCGM_FI_DEV_POWER_USAGE_INSTANT") "))",
	},
	[GPU_AMD_SMI] = {
		.usage = OF_AMD_UNIT(AMD("amd_gpu_use_percent")),
		.memory = OF_AMD_UNIT(AMD("amd_gpu_memory_use_percent")),
		.device = "dev:amd_gpu_power_watts:pue",
		.device_power = "$PUE * " GPU("amd_gpu_power") " / 1e6",
		.power = AMD_POWER(ON_HOST(GPU("amd_gpu_power")) " / 1e6"),
		.job_usage = "avg by (job) (" GPU("amd_gpu_use_percent") ")",
		.job_memory = "avg by (job) (" GPU("amd_gpu_memory_use_percent") ")",
		.job_power = "$PUE * sum by (job) (" GPU("amd_gpu_power") ") / 1e6",
	},
	[GPU_AMD_DEVICE] = {
		.usage = OF_AMD_UNIT(AMD("gpu_gfx_activity")),
		.memory = OF_AMD_UNIT("(100 * " AMD("gpu_used_vram") "\n  / " AMD("gpu_total_vram") ")"),
		.device = "dev:gpu_power_usage_watts:pue",
		.device_power = "$PUE * " GPU("gpu_power_usage"),
		.power = AMD_POWER(ON_HOST(GPU("gpu_power_usage"))),
		.job_usage = "avg by (job) (" GPU("gpu_gfx_activity") ")",
		.job_memory = "100 * avg by (job) (\n  " GPU("gpu_used_vram") "\n/ "
			GPU("gpu_total_vram") "\n)",
		.job_power = "$PUE * sum by (job) (" GPU("gpu_power_usage") ")",
	},
};

static void unit_profile(struct rules_writer *w, const char *name)
{
	CLEANUP(buffer_done) struct buffer record = { 0 };
	CLEANUP(buffer_done) struct buffer expr = { 0 };

	buffer_puts(&record, "uuid:ceems_gpu_");
	for (const char *p = name; *p; p++)
		buffer_putc(&record, (char)tolower((unsigned char)*p));
	buffer_puts(&record, ":ratio");
	/* All are parts of 1 but for the rates of bytes. */
	buffer_printf(&expr,
		FLAG "\n* on (gpuuuid, gpuiid) group_left ()\n"
		     "  (%smax by (gpuuuid, gpuiid) (DCGM_FI_PROF_%s{job=$JOB}))",
		strstr(name, "BYTES") ? "" : "100 * ", name);
	if (buffer_error(&record) || buffer_error(&expr))
		w->error = buffer_error(&record) ? buffer_error(&record) : buffer_error(&expr);
	else
		rules_put_rule(w, buffer_text(&record), NULL, buffer_text(&expr));
}

static void units(struct rules_writer *w, const struct rules_gpu_job *job)
{
	const bool *has = job->has_profile;

	rules_put_comment(w,
		"      # Each unit's part of its GPUs; of a GPU in instances, the part of the instance in its power.");
	rules_put_rule(w, "uuid:ceems_gpu_usage:ratio", NULL,
		job->exporter == GPU_NVIDIA && has[GR_ENGINE_ACTIVE]
			? OF_UNIT("(100 * " NVIDIA("DCGM_FI_PROF_GR_ENGINE_ACTIVE") ")")
			: exporters[job->exporter].usage);
	rules_put_rule(
		w, "uuid:ceems_gpu_memory_usage:ratio", NULL, exporters[job->exporter].memory);
	rules_put_rule(
		w, exporters[job->exporter].device, NULL, exporters[job->exporter].device_power);
	rules_put_rule(w, "uuid:ceems_gpu_power_watts:pue", NULL,
		job->exporter == GPU_NVIDIA && has[SM_ACTIVE] && has[SM_OCCUPANCY]
			? NVIDIA_POWER(SHARE("gpuuuid", BUSY_SMS) "\n  or\n" SHARE(
				  "gpuuuid", WEIGHT("gpuuuid, gpuiid", SMS)))
			: exporters[job->exporter].power);
	for (size_t i = 0; job->exporter == GPU_NVIDIA && i < N_RULES_PROFILES; i++)
		if (has[i])
			unit_profile(w, rules_profiles[i]);
}

static void unit_emissions(struct rules_writer *w)
{
	const struct rules_emission *e = &w->settings->emission;

	for (size_t i = 0; i < e->providers.n; i++) {
		rules_set_provider(w, e->providers.v[i]);
		rules_put_rule(w, "uuid:ceems_gpu_emissions_g_s:pue", "provider: $PROVIDER",
			"uuid:ceems_gpu_power_watts:pue{job=$UNITS} / 3.6e6\n"
			"* on () group_left ()\n"
			"  max(" RULES_FACTOR_SERIES ")");
	}
	if (e->providers.n || e->factor <= 0)
		return;
	rules_set_provider(w, e->provider);
	rules_put_rule(w, "uuid:ceems_gpu_emissions_g_s:pue", "provider: $PROVIDER",
		"uuid:ceems_gpu_power_watts:pue{job=$UNITS} / 3.6e6 * $FACTOR");
}

static void job_emissions(struct rules_writer *w)
{
	const struct rules_emission *e = &w->settings->emission;

	if (e->providers.n) {
		rules_put_rule(w, "job:ceems_gpu_emissions_g_s:pue", NULL,
			"max by (country, country_code, provider) (ceems_emissions_gCo2_kWh)\n"
			"* on () group_left (job)\n"
			"  job:ceems_gpu_power_watts:pue{job=$JOB} / 3.6e6");
	} else if (e->factor > 0) {
		rules_set_provider(w, e->provider);
		rules_put_rule(w, "job:ceems_gpu_emissions_g_s:pue",
			*e->country_code ? "provider: $PROVIDER\ncountry_code: $COUNTRY"
					 : "provider: $PROVIDER",
			"job:ceems_gpu_power_watts:pue{job=$JOB} / 3.6e6 * $FACTOR");
	}
}

int rules_write_gpu(
	const struct rules_gpu_job *job, const struct rules_settings *settings, struct buffer *out)
{
	const struct rules_job named = {
		.name = job->name, .scrape_interval_ms = job->scrape_interval_ms, .chassis = ""
	};
	struct rules_writer w = { .job = &named,
		.settings = settings,
		.units = job->units,
		.provider = "",
		.host = "",
		.meter = "",
		.out = out };

	arena_init(&w.arena, RULES_WORDS_MAX_BYTES);
	rules_set_words(&w, settings->eval_interval_ms);
	rules_put_text(&w,
		"# Recording rules for the GPUs of job $JOB and the units of job $UNITS that use them,\n"
		"# written by ceems_tool. PUE is $PUE; the job is scraped every $DELAY. The series of the GPUs\n"
		"# need the labels of 'ceems_tool tsdb create-relabel-configs'.\n"
		"groups:\n",
		0);
	rules_put_group(&w, "compute-unit-gpu-rules", settings->eval_interval_ms);
	units(&w, job);
	unit_emissions(&w);
	rules_put_group(&w, "host-agg-gpu-rules", RULES_RATE_SCRAPES * job->scrape_interval_ms);
	rules_put_rule(&w, "job:ceems_gpu_usage:avg", NULL, exporters[job->exporter].job_usage);
	rules_put_rule(&w, "job:ceems_gpu_memory_usage:avg_ratio", NULL,
		exporters[job->exporter].job_memory);
	rules_put_rule(
		&w, "job:ceems_gpu_power_watts:pue", NULL, exporters[job->exporter].job_power);
	job_emissions(&w);
	arena_done(&w.arena);
	return w.error ? w.error : buffer_error(out);
}
