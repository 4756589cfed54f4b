// SPDX-License-Identifier: Apache-2.0
/*
 * The energy ledger as a collector: its flags, the sampling loop's life, and the counters. Sources,
 * policies and the meaning of each counter are in docs/energy.md. All values of one answer are one
 * state of the ledger, read under its lock.
 */
#include <errno.h>
#include <linux/capability.h>
#include <math.h>
#include <stdlib.h>

#include "basic/macros.h"
#include "basic/str.h"
#include "exporter/collector.h"
#include "exporter/exporter.h"
#include "exporter/ledger/sampler.h"

enum {
	UNIT_JOULES,
	UNIT_START,
	NODE_JOULES,
	METER_JOULES,
	SOURCE_INFO,
	SAMPLE_AGE,
	COVERED,
	BRIDGED,
	RESOLUTION,
	STATIC_WATTS,
	NODE_METER_JOULES,
	NODE_PENDING,
	NODE_DISAGREEMENT,
	NODE_METER_ACTIVE,
	REFUSED_SAMPLES,
	NODE_METER_SWITCHES,
	POLICY_INFO,
	LEDGER_START,
	SAMPLES,
	LATE_SAMPLES,
	MODEL_WATTS,
	N_METRICS
};

static const struct metric metrics[N_METRICS] = {
	[UNIT_JOULES] = { "ceems_energy_unit_joules_total",
		"Energy of a compute unit since the ledger first saw it.", METRIC_COUNTER,
		{ "manager", "hostname", "cgrouphostname", "uuid", "domain" } },
	[UNIT_START] = { "ceems_energy_unit_start_time_seconds",
		"Unix time at which the ledger first saw a unit and its counters started at 0.",
		METRIC_GAUGE, { "manager", "hostname", "cgrouphostname", "uuid" } },
	[NODE_JOULES] = { "ceems_energy_node_joules_total",
		"Energy of the node by who is charged with it; the parties of a domain sum to its "
		"meter.",
		METRIC_COUNTER, { "hostname", "domain", "party" } },
	[METER_JOULES] = { "ceems_energy_meter_joules_total",
		"Energy that the meters, or where nothing is measured the power model, saw.",
		METRIC_COUNTER, { "hostname", "domain" } },
	[SOURCE_INFO] = { "ceems_energy_source_info",
		"Where a domain's energy is known from, and whether it is measured or estimated.",
		METRIC_GAUGE, { "hostname", "domain", "source", "kind" } },
	[SAMPLE_AGE] = { "ceems_energy_sample_age_seconds",
		"Age of the oldest value among the domain's meters.", METRIC_GAUGE,
		{ "hostname", "domain" } },
	[COVERED] = { "ceems_energy_covered_seconds_total",
		"Time whose energy the domain's meters told.", METRIC_COUNTER,
		{ "hostname", "domain" } },
	[BRIDGED] = { "ceems_energy_bridged_seconds_total",
		"Part of the covered time that the meters told later, after a gap.", METRIC_COUNTER,
		{ "hostname", "domain" } },
	[STATIC_WATTS] = { "ceems_energy_static_watts",
		"Power that counts as flowing without load, as given by flag or learned.",
		METRIC_GAUGE, { "hostname", "domain" } },
	[RESOLUTION] = { "ceems_energy_source_resolution_seconds",
		"How often the values of the domain's meters change at best.", METRIC_GAUGE,
		{ "hostname", "domain" } },
	[NODE_METER_JOULES] = { "ceems_energy_node_meter_joules_total",
		"Energy that the meters of the whole node saw; with the disagreement and less what "
		"is pending it is the sum of all domains.",
		METRIC_COUNTER, { "hostname" } },
	[NODE_PENDING] = { "ceems_energy_node_pending_joules",
		"Energy of the node's meter that is not in a domain yet; negative while its parts "
		"are ahead of it.",
		METRIC_GAUGE, { "hostname" } },
	[NODE_DISAGREEMENT] = { "ceems_energy_disagreement_joules_total",
		"Energy of the node's parts that its meter did not see: beyond what it told "
		"(exceeded), or while it told nothing (unmetered).",
		METRIC_COUNTER, { "hostname", "cause" } },
	[NODE_METER_ACTIVE] = { "ceems_energy_node_meter_active",
		"Whether the energy of the whole node comes from this meter now.", METRIC_GAUGE,
		{ "hostname", "source" } },
	[REFUSED_SAMPLES] = { "ceems_energy_refused_samples_total",
		"Readings of a meter of the whole node, or of a GPU, that cannot be and were not "
		"counted.",
		METRIC_COUNTER, { "hostname", "source" } },
	[NODE_METER_SWITCHES] = { "ceems_energy_node_meter_switches_total",
		"How often another meter of the whole node took over.", METRIC_COUNTER,
		{ "hostname" } },
	[POLICY_INFO] = { "ceems_energy_policy_info", "How energy is split.", METRIC_GAUGE,
		{ "hostname", "policy" } },
	[LEDGER_START] = { "ceems_energy_ledger_start_time_seconds",
		"Unix time at which the ledger's counters started at 0.", METRIC_GAUGE,
		{ "hostname" } },
	[SAMPLES] = { "ceems_energy_samples_total", "Readings of all meters and units.",
		METRIC_COUNTER, { "hostname" } },
	[LATE_SAMPLES] = { "ceems_energy_late_samples_total",
		"Readings that came after more than one and a half intervals.", METRIC_COUNTER,
		{ "hostname" } },
	[MODEL_WATTS] = { "ceems_power_model_watts",
		"Estimate, not a measurement: power of the node by its CPU utilisation.",
		METRIC_GAUGE, { "hostname" } },
};

struct ledger_options {
	int64_t interval_ns, keep_ended_ns, max_gap_ns, max_units, max_node_watts;
	int policy, model_mode;
	struct strings static_watts;
	double model_idle_watts, model_max_watts;
};

static const char *const policy_names[] = { "split", "usage", "compat", NULL };
static const char *const model_modes[] = { "auto", "on", "off", NULL };

#define FIELD(name) offsetof(struct ledger_options, name)

static const struct option_def options[] = {
	{ "ledger.interval", OPTION_DURATION_GO, FIELD(interval_ns), .fallback = "1s",
		.help = "How often meters and units are read." },
	{ "ledger.keep-ended", OPTION_DURATION_GO, FIELD(keep_ended_ns), .fallback = "15m",
		.help = "How long a unit that ended stays in the answer, at least; longer until it "
			"was scraped once more." },
	{ "ledger.max-gap", OPTION_DURATION_GO, FIELD(max_gap_ns), .fallback = "1m",
		.help = "Energy that gathered over a longer time is not charged to anybody." },
	{ "ledger.max-node-watts", OPTION_INT, FIELD(max_node_watts), .fallback = "50000",
		.help = "A meter of the whole node that tells more is wrong, and that reading is "
			"refused." },
	{ "ledger.max-units", OPTION_INT, FIELD(max_units), .fallback = "16384",
		.help = "How many units, live and ended, have counters of their own." },
	{ "ledger.policy", OPTION_ENUM, FIELD(policy), .fallback = "split", .choices = policy_names,
		.help = "Split energy by usage and the static part by allocation (split), all by "
			"usage (usage), or as CEEMS 0.10.2 does (compat)." },
	{ "ledger.static-watts", OPTION_STRINGS, FIELD(static_watts), .value_name = "DOMAIN=WATTS",
		.help = "Power of a domain (cpu, dram, rest, gpu: of each) that flows without load; by default it is "
			"learned." },
	{ "power-model.mode", OPTION_ENUM, FIELD(model_mode), .fallback = "auto",
		.choices = model_modes,
		.help = "Estimate the node's power from its CPU utilisation: only without any "
			"sensor (auto), always (on; the ledger keeps to the sensors), never (off)." },
	{ "power-model.idle-watts", OPTION_DOUBLE, FIELD(model_idle_watts), .fallback = "0",
		.help = "Estimated power of the idle node; 0 is 0.75 W for each CPU." },
	{ "power-model.max-watts", OPTION_DOUBLE, FIELD(model_max_watts), .fallback = "0",
		.help = "Estimated power of the node at full load; 0 is 3.5 W for each CPU." },
};

struct ledger_state {
	const struct collector_env *env;
	const char *policy;
	struct sampler *sampler;
};

static capability_set ledger_capabilities(const void *opts)
{
	return CAPABILITY(CAP_DAC_READ_SEARCH); /* RAPL's counters are root's since Linux 5.10 */
}

enum { WATTS_MAX = 1000000 };

static int check_watts(const char *flag, double watts, uint64_t *ret_uw, struct err *err)
{
	if (!(watts >= 0 && watts <= WATTS_MAX))
		return err_set(err, -EINVAL, "--%s: not between 0 and %d watts", flag, WATTS_MAX);
	*ret_uw = (uint64_t)llround(watts * 1e6);
	return 0;
}

static int parse_static_watts(struct slice text, struct sampler_config *config, struct err *err)
{
	const char *flag = "ledger.static-watts";
	struct slice rest = text, name;
	double watts;

	if (!slice_next(&rest, '=', &name) || !rest.p || slice_to_double(rest, &watts) < 0)
		return err_set(err, -EINVAL, "--%s: '%.*s' is not DOMAIN=WATTS", flag, (int)text.n,
			text.p);
	for (int d = 0; d < N_ENERGY_DOMAINS; d++) {
		if (!slice_eq(name, energy_domain_names[d]))
			continue;
		config->static_given[d] = true;
		return check_watts(flag, watts, &config->static_uw[d], err);
	}
	return err_set(err, -EINVAL, "--%s: no domain '%.*s'", flag, (int)name.n, name.p);
}

static int check_range(const char *flag, int64_t value, int64_t least, int64_t most,
	const char *words, struct err *err)
{
	if (value >= least && value <= most)
		return 0;
	return err_set(err, -EINVAL, "--%s: not between %s", flag, words);
}

static int make_config(const struct collector_env *env, const struct ledger_options *o,
	struct sampler_config *config, struct err *err)
{
	const int64_t s_ns = 1000000000;
	int r;

	*config = (struct sampler_config){
		.host = env->host,
		.clock = env->clock,
		.log = env->log,
		.ledger = { .policy = (enum ledger_policy)o->policy,
			.keep_ended_ns = o->keep_ended_ns,
			.max_units = (size_t)o->max_units },
		.interval_ns = o->interval_ns,
		.max_gap_ns = o->max_gap_ns,
		.model_mode = (enum power_model_mode)o->model_mode,
		.max_node_watts = (uint64_t)o->max_node_watts,
	};
	r = check_range(
		"ledger.interval", o->interval_ns, s_ns / 10, 60 * s_ns, "100ms and 1m", err);
	if (r >= 0)
		r = check_range("ledger.keep-ended", o->keep_ended_ns, 0, LEDGER_KEEP_UNSCRAPED_NS,
			"0s and 24h", err);
	if (r >= 0)
		r = check_range("ledger.max-gap", o->max_gap_ns, o->interval_ns, 3600 * s_ns,
			"--ledger.interval and 1h", err);
	if (r >= 0)
		r = check_range("ledger.max-units", o->max_units, 1, 1 << 20, "1 and 1048576", err);
	if (r >= 0)
		r = check_range("ledger.max-node-watts", o->max_node_watts, 1, WATTS_MAX,
			"1 and 1000000", err);
	if (r >= 0)
		r = check_watts(
			"power-model.idle-watts", o->model_idle_watts, &config->model_idle_uw, err);
	if (r >= 0)
		r = check_watts(
			"power-model.max-watts", o->model_max_watts, &config->model_max_uw, err);
	for (size_t i = 0; r >= 0 && i < o->static_watts.n; i++)
		r = parse_static_watts(slice_from(o->static_watts.v[i]), config, err);
	if (r >= 0 && config->model_max_uw && config->model_max_uw < config->model_idle_uw)
		r = err_set(err, -EINVAL, "--power-model.max-watts is less than idle-watts");
	return r;
}

static int ledger_open(
	const struct collector_env *env, const void *opts, void **ret_state, struct err *err)
{
	const struct ledger_options *o = opts;
	struct ledger_state *state;
	struct sampler_config config;
	int r = make_config(env, o, &config, err);

	if (r < 0)
		return r;
	state = calloc(1, sizeof(*state));
	if (!state)
		return err_errno(err, -ENOMEM, "ledger");
	state->env = env;
	state->policy = policy_names[o->policy];
	config.account = exporter_thread_account(env->exporter, "ledger");
	r = sampler_open(&config, &state->sampler, err);
	if (r < 0) {
		free(state);
		return r;
	}
	*ret_state = state;
	return 0;
}

static int sample_gpus(void *gpus, const struct gpu_sample **ret_samples, size_t *ret_n)
{
	return gpus_sample(gpus, ret_samples, ret_n);
}

static int ledger_start(void *opaque, struct err *err)
{
	struct ledger_state *state = opaque;
	struct gpus *gpus = exporter_gpus(state->env->exporter);
	struct sampler_inputs in = {
		.gpu_sample = gpus ? sample_gpus : NULL,
		.gpu_ctx = gpus,
		.has_gpus = gpus && gpus_any(gpus),
	};
	int r = gpus ? gpus_start_readings(gpus, err) : 0;

	if (r < 0)
		return r;
	in.n_tables = exporter_unit_tables(state->env->exporter, &in.tables);
	in.n_meters = exporter_power_meters(state->env->exporter, &in.meters);
	return sampler_start(state->sampler, &in, err);
}

static int add_unit(struct scrape *s, const char *hostname, const struct ledger_unit_total *u,
	const bool present[N_ENERGY_DOMAINS])
{
	/* The ledger may forget the unit before the answer is written. */
	const char *manager = arena_strdup(s->arena, u->key.manager);
	const char *host = arena_strdup(s->arena, u->key.cgrouphostname);
	const char *uuid = arena_strdup(s->arena, u->key.uuid);
	int r;

	if (!manager || !host || !uuid)
		return -ENOMEM;
	r = scrape_add_micro(s, &metrics[UNIT_START], u->start_realtime_ns / 1000, manager,
		hostname, host, uuid);
	for (int d = 0; r >= 0 && d < N_ENERGY_DOMAINS; d++)
		if (present[d])
			r = scrape_add_micro(s, &metrics[UNIT_JOULES], (int64_t)u->energy_uj[d],
				manager, hostname, host, uuid, energy_domain_names[d]);
	return r;
}

static int add_totals(struct scrape *s, const char *hostname, const struct ledger_totals *t)
{
	int r = 0;

	for (int d = 0; d < N_ENERGY_DOMAINS; d++) {
		const char *domain = energy_domain_names[d];

		if (!t->present[d])
			continue;
		r = scrape_add_micro(
			s, &metrics[METER_JOULES], (int64_t)t->meter_uj[d], hostname, domain);
		for (int p = 0; r >= 0 && p < N_ENERGY_PARTIES; p++)
			r = scrape_add_micro(s, &metrics[NODE_JOULES], (int64_t)t->party_uj[d][p],
				hostname, domain, energy_party_names[p]);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; r >= 0 && i < t->n_units; i++)
		r = add_unit(s, hostname, &t->units[i], t->present);
	return r;
}

static int add_domain(
	struct scrape *s, const char *hostname, const char *domain, const struct sampler_domain *d)
{
	int r = scrape_add(s, &metrics[SOURCE_INFO], 1, hostname, domain, d->source,
		d->measured ? "measured" : "estimated");

	if (r >= 0 && d->sampled)
		r = scrape_add(s, &metrics[SAMPLE_AGE], (double)d->age_ns / 1e9, hostname, domain);
	if (r >= 0)
		r = scrape_add_micro(
			s, &metrics[COVERED], (int64_t)d->covered_us, hostname, domain);
	if (r >= 0)
		r = scrape_add_micro(
			s, &metrics[BRIDGED], (int64_t)d->bridged_us, hostname, domain);
	if (r >= 0 && d->resolution_ns)
		r = scrape_add(
			s, &metrics[RESOLUTION], (double)d->resolution_ns / 1e9, hostname, domain);
	if (r >= 0 && d->static_known)
		r = scrape_add_micro(
			s, &metrics[STATIC_WATTS], (int64_t)d->static_uw, hostname, domain);
	return r;
}

static int add_node_meters(struct scrape *s, const char *hostname, const struct sampler_node *node)
{
	int r = 0;

	for (int i = 0; r >= 0 && i < N_POWER_METER_SOURCES; i++) {
		if (!node->offered[i])
			continue;
		r = scrape_add(s, &metrics[NODE_METER_ACTIVE], node->active[i], hostname,
			power_meter_source_names[i]);
		if (r >= 0)
			r = scrape_add(s, &metrics[REFUSED_SAMPLES], (double)node->refused[i],
				hostname, power_meter_source_names[i]);
	}
	return r;
}

static int add_node(struct scrape *s, const char *hostname, const struct sampler_node *node)
{
	int r = add_node_meters(s, hostname, node);

	if (r < 0 || !node->told)
		return r;
	r = scrape_add_micro(s, &metrics[NODE_METER_JOULES], (int64_t)node->meter_uj, hostname);
	if (r >= 0)
		r = scrape_add_micro(s, &metrics[NODE_PENDING], node->pending_uj, hostname);
	if (r >= 0)
		r = scrape_add_micro(s, &metrics[NODE_DISAGREEMENT], (int64_t)node->exceeded_uj,
			hostname, "exceeded");
	if (r >= 0)
		r = scrape_add_micro(s, &metrics[NODE_DISAGREEMENT], (int64_t)node->unmetered_uj,
			hostname, "unmetered");
	if (r >= 0)
		r = scrape_add(s, &metrics[NODE_METER_SWITCHES], (double)node->switches, hostname);
	return r;
}

static int add_report(
	struct scrape *s, const struct ledger_state *state, const struct sampler_report *report)
{
	const char *hostname = state->env->hostname;
	int r = add_totals(s, hostname, &report->totals);

	for (int d = 0; r >= 0 && d < N_ENERGY_DOMAINS; d++)
		if (report->domains[d].source)
			r = add_domain(s, hostname, energy_domain_names[d], &report->domains[d]);
	if (r >= 0)
		r = add_node(s, hostname, &report->node);
	if (r >= 0 && report->totals.present[DOMAIN_GPU])
		r = scrape_add(
			s, &metrics[REFUSED_SAMPLES], (double)report->gpu_refused, hostname, "gpu");
	if (r >= 0)
		r = scrape_add(s, &metrics[POLICY_INFO], 1, hostname, state->policy);
	if (r >= 0)
		r = scrape_add_micro(
			s, &metrics[LEDGER_START], report->start_realtime_ns / 1000, hostname);
	if (r >= 0)
		r = scrape_add(s, &metrics[SAMPLES], (double)report->ticks, hostname);
	if (r >= 0)
		r = scrape_add(s, &metrics[LATE_SAMPLES], (double)report->late_ticks, hostname);
	if (r >= 0 && report->model_on)
		r = scrape_add_micro(s, &metrics[MODEL_WATTS], (int64_t)report->model_uw, hostname);
	return r;
}

static int ledger_collect(void *opaque, struct scrape *s)
{
	struct ledger_state *state = opaque;
	struct exporter_scrapes scrapes;
	struct sampler_report report;
	bool any;
	int r;

	exporter_scrapes(state->env->exporter, &scrapes);
	sampler_scraped(state->sampler, scrapes.last_start_ns);
	sampler_lock(state->sampler, &report);
	any = report.node.told;
	for (int d = 0; d < N_ENERGY_DOMAINS; d++)
		any |= report.domains[d].source != NULL;
	r = any ? add_report(s, state, &report) : -ENODATA;
	sampler_unlock(state->sampler);
	return r;
}

static void ledger_stop(void *opaque)
{
	struct ledger_state *state = opaque;

	sampler_stop(state->sampler);
}

static void ledger_close(void *opaque)
{
	struct ledger_state *state = opaque;

	sampler_close(state->sampler);
	free(state);
}

const struct collector collector_ledger = {
	.name = "ledger",
	.help = "energy ledger: energy of the node and of each unit, as counters",
	.default_on = true,
	.metrics = metrics,
	.n_metrics = N_METRICS,
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.options_size = sizeof(struct ledger_options),
	.capabilities = ledger_capabilities,
	.open = ledger_open,
	.start = ledger_start,
	.collect = ledger_collect,
	.stop = ledger_stop,
	.close = ledger_close,
};
