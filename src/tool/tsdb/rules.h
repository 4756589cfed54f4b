// SPDX-License-Identifier: Apache-2.0
/*
 * The text of recording rules for Prometheus: pure, no I/O. The recorded names, labels and formulas
 * are an interface that dashboards and the API server's queries rely on.
 */
#ifndef CEEMS_TOOL_TSDB_RULES_H
#define CEEMS_TOOL_TSDB_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "basic/buffer.h"
#include "basic/options.h" /* struct strings */

/* Where the power of a job's hosts comes from. */
enum power_source {
	POWER_NONE, /* no rules */
	POWER_LEDGER, /* the exporter's energy counters */
	POWER_RAPL,
	POWER_MODEL, /* an estimate: no sensor */
	POWER_CRAY,
	POWER_REDFISH,
	POWER_IPMI,
};

/* The job whose exporters tell the power of the hosts' GPUs. */
struct rules_gpus {
	const char *job; /* NULL: there is none */
	const char *power; /* its metric */
	bool microwatts; /* watts otherwise */
	bool included; /* in what the hosts' meter (IPMI, Redfish) reads */
};

struct rules_job {
	const char *name; /* Prometheus's job label */
	int64_t scrape_interval_ms;
	enum power_source source;
	bool has_rapl, has_dram, has_model; /* series that the job exports */
	bool estimated; /* the ledger of some host rests on an estimate */
	const char *chassis; /* of Redfish: the one that counts; "" for any */
	struct rules_gpus gpus;
};

struct rules_emission {
	/* A factor from the exporters: one rule set for each of these provider labels. */
	struct strings providers;
	/* Without providers a fixed one, in g/kWh; 0 = no emission rules. */
	double factor;
	const char *provider; /* "owid", "custom" */
	const char *country_code; /* may be "" */
};

struct rules_settings {
	double pue; /* > 0 */
	int64_t eval_interval_ms; /* > 0 */
	struct rules_emission emission;
};

/* Longest scrape outage whose energy is still counted afterwards (docs/energy.md). */
#define RULES_BRIDGE "1h"
#define RULES_BRIDGE_SECONDS "3600"

enum { RULES_MAX_BYTES = 1 << 20 };

/* Appends the rule file of a job that has a source of power. 0, -ENOMEM, -E2BIG. */
int rules_write(
	const struct rules_job *job, const struct rules_settings *settings, struct buffer *out);

/* Exporters of GPUs. */
enum gpu_exporter { GPU_NVIDIA, GPU_AMD_SMI, GPU_AMD_DEVICE };

enum { N_RULES_PROFILES = 12 };
/* Without 'DCGM_FI_PROF_' in front. */
extern const char *const rules_profiles[N_RULES_PROFILES];

struct rules_gpu_job {
	const char *name; /* of the job with the GPUs */
	const char *units; /* of the job with the units */
	int64_t scrape_interval_ms;
	enum gpu_exporter exporter;
	bool has_profile[N_RULES_PROFILES];
};

/* Appends the rule file of a job with GPUs. 0, -ENOMEM, -E2BIG. */
int rules_write_gpu(
	const struct rules_gpu_job *job, const struct rules_settings *settings, struct buffer *out);

/*
 * The expression, on one line, of the power that IPMI or Redfish reads less that of the host's
 * GPUs. Hosts without either are left out.
 */
void rules_meter_without_gpus(const struct rules_job *job, struct buffer *out);

/* The text between double quotes in PromQL, YAML and comments: one line whatever the name holds. */
void rules_append_quoted(struct buffer *out, const char *text);

#endif
