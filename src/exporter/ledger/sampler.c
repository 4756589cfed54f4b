// SPDX-License-Identifier: Apache-2.0
#include "exporter/ledger/sampler.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "exporter/follow_roots.h"
#include "exporter/ledger/energy_account.h"
#include "exporter/ledger/energy_rest.h"
#include "exporter/ledger/energy_source.h"
#include "exporter/ledger/node_meter.h"
#include "exporter/ledger/node_usage.h"
#include "exporter/ledger/sampler_loop.h"
#include "exporter/ledger/tick_pace.h"
#include "exporter/ledger/unit_readings.h"

enum { US_NS = 1000 };
static const int64_t S_NS = 1000000000;

/* A source that was opened. */
struct opened {
	const struct energy_source *source;
	void *state;
	bool domains[N_ENERGY_DOMAINS]; /* those that the ledger takes from it */
};

struct sampler {
	struct sampler_config config;
	struct opened opened[N_ENERGY_SOURCES];
	size_t n_opened;
	struct node_usage node;
	struct unit_readings units;
	struct sampler_loop loop;
	_Atomic int64_t last_scrape_ns;
	/* Of the last tick; used by one thread. */
	bool ticked;
	int64_t last_ns, last_asleep_ns;
	int64_t went_first_ns, went_last_ns; /* when units were seen to go since; 0 = none was */
	int64_t known_ns; /* what the sources' meters bring later flowed after that */
	uint64_t span_busy_us, span_capacity_us; /* CPU time since the rest was settled */
	bool usage_failed, out_of_memory; /* said so in the log */
	/* What follows is read by scrapes. */
	pthread_mutex_t lock;
	struct ledger *ledger;
	struct sampler_domain domains[N_ENERGY_DOMAINS]; /* source, measured, resolution */
	struct energy_account accounts[N_ENERGY_DOMAINS];
	struct node_meter node_meter;
	struct energy_rest rest;
	struct gpu_energy gpu;
	int64_t start_realtime_ns;
	uint64_t model_uw, ticks, late_ticks;
};

static int64_t machine_asleep_ns(void)
{
	struct timespec boot, mono;

	clock_gettime(CLOCK_MONOTONIC, &mono);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	return (boot.tv_sec - mono.tv_sec) * S_NS + boot.tv_nsec - mono.tv_nsec;
}

static bool wanted(const struct sampler *s, const struct energy_source *source)
{
	if (source->measured)
		return true;
	if (s->config.model_mode != POWER_MODEL_AUTO)
		return s->config.model_mode == POWER_MODEL_ON;
	for (int d = 0; d < N_ENERGY_DOMAINS; d++)
		if (s->domains[d].source)
			return false;
	return true;
}

/* The first source of a domain has it: an estimate never adds to a measurement. */
static void claim_domains(struct sampler *s, struct opened *o, const bool has[N_ENERGY_DOMAINS])
{
	bool measured = false;

	for (int d = 0; d < N_ENERGY_DOMAINS; d++)
		measured |= s->domains[d].source && s->domains[d].measured;
	for (int d = 0; d < N_ENERGY_DOMAINS; d++) {
		if (!has[d] || s->domains[d].source || (measured && !o->source->measured))
			continue;
		o->domains[d] = true;
		s->domains[d].source = o->source->name;
		s->domains[d].measured = o->source->measured;
		s->domains[d].resolution_ns = o->source->resolution_ns;
		log_info(s->config.log, "energy source", LOG_STR("domain", energy_domain_names[d]),
			LOG_STR("source", o->source->name),
			LOG_STR("kind", o->source->measured ? "measured" : "estimated"));
	}
}

static int open_sources(struct sampler *s, struct err *err)
{
	const struct energy_source_env env = {
		.host = s->config.host,
		.log = s->config.log,
		.model_idle_uw = s->config.model_idle_uw,
		.model_max_uw = s->config.model_max_uw,
	};

	for (int i = 0; i < N_ENERGY_SOURCES; i++) {
		struct opened *o = &s->opened[s->n_opened];
		bool has[N_ENERGY_DOMAINS] = { false };
		int r;

		if (!wanted(s, energy_sources[i]))
			continue;
		r = energy_sources[i]->open(&env, has, &o->state, err);
		if (r == -ENODATA)
			continue;
		if (r < 0)
			return r;
		o->source = energy_sources[i];
		s->n_opened++;
		claim_domains(s, o, has);
	}
	return 0;
}

int sampler_open(const struct sampler_config *config, struct sampler **ret_sampler, struct err *err)
{
	struct sampler *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_errno(err, -ENOMEM, "ledger");
	s->config = *config;
	if (!s->config.asleep_ns)
		s->config.asleep_ns = machine_asleep_ns;
	s->loop.stop_fd = s->loop.timer_fd = -1;
	pthread_mutex_init(&s->lock, NULL);
	s->start_realtime_ns = clock_realtime_ns(config->clock);
	s->gpu = (struct gpu_energy){
		.log = config->log,
		.static_given = config->static_given[DOMAIN_GPU],
		.given_static_uw = config->static_uw[DOMAIN_GPU],
	};
	energy_rest_init(&s->rest, config->interval_ns, config->max_gap_ns);
	for (int d = 0; d < N_ENERGY_DOMAINS; d++) {
		s->accounts[d].static_given = config->static_given[d];
		s->accounts[d].given_static_uw = config->static_uw[d];
	}
	s->config.ledger.interval_us = (uint64_t)config->interval_ns / US_NS;
	r = ledger_new(&s->config.ledger, &s->ledger);
	if (r < 0)
		err_errno(err, r, "ledger");
	else
		r = node_usage_open(&s->node, config->host, err);
	if (r >= 0)
		r = open_sources(s, err);
	if (r < 0) {
		sampler_close(s);
		return r;
	}
	*ret_sampler = s;
	return 0;
}

void sampler_close(struct sampler *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_opened; i++)
		s->opened[i].source->close(s->opened[i].state);
	node_usage_close(&s->node);
	unit_readings_done(&s->units);
	ledger_free(s->ledger);
	pthread_mutex_destroy(&s->lock);
	sampler_loop_done(&s->loop);
	free(s);
}

void sampler_unit_went(struct sampler *s, int64_t from_ns, int64_t to_ns)
{
	if (!s->went_last_ns || from_ns < s->went_first_ns)
		s->went_first_ns = from_ns;
	s->went_last_ns = MAX(s->went_last_ns, to_ns);
}

/* Which of them went when is not told: the middle is no farther from any than two readings are. */
static void tell_ended(struct sampler *s, struct ledger_interval *iv)
{
	int64_t first_ns = MAX(s->went_first_ns, s->last_ns), last_ns = s->went_last_ns;

	if (last_ns > s->last_ns &&
		last_ns - first_ns <= 2 * s->config.interval_ns / TICK_PACE_LEAST_PARTS) {
		iv->ended_known = true;
		iv->ended_us = (uint64_t)((first_ns + last_ns) / 2 - s->last_ns) / US_NS;
	}
	s->went_first_ns = s->went_last_ns = 0;
}

void sampler_scraped(struct sampler *s, int64_t when_ns)
{
	atomic_store_explicit(&s->last_scrape_ns, when_ns, memory_order_relaxed);
}

static void tell_usage(struct sampler *s, const char *what, int r)
{
	if (r < 0 && !s->usage_failed)
		log_warn(s->config.log, "use of the node is not known: energy is unattributed",
			LOG_STR("of", what), LOG_STR("err", err_name(r)));
	if (r >= 0 && s->usage_failed)
		log_info(s->config.log, "use of the node is known again");
	s->usage_failed = r < 0;
}

/* What the node and the units did since the last tick. */
static void read_usage(struct sampler *s, struct energy_moment *at, struct ledger_interval *iv)
{
	struct node_usage_span span = { .n_cpus = 0 };
	const char *what = "node";
	int r = node_usage_read(&s->node, iv->now_ns, &span);

	at->usage_known = r >= 0;
	at->elapsed_us = span.elapsed_us;
	at->busy_us = span.busy_us;
	at->cpus_milli = (uint64_t)span.n_cpus * 1000;
	if (r >= 0) {
		what = "units";
		r = unit_readings_read(&s->units);
	}
	tell_usage(s, what, r);
	iv->node_known = r >= 0;
	iv->node_cpu_busy_us = span.busy_us;
	if (span.elapsed_us > iv->duration_us) /* the readings before failed */
		iv->node_cpu_busy_us = (uint64_t)((unsigned __int128)span.busy_us *
			iv->duration_us / span.elapsed_us);
	iv->node_cpus_milli = at->cpus_milli;
	iv->node_memory_bytes = span.memory_bytes;
	iv->node_memory_used_bytes = span.memory_used_bytes;
	iv->units = s->units.all;
	iv->n_units = s->units.n;
	iv->units_cpu_known = s->units.cpu_known;
	iv->units_cpu_us = s->units.cpu_us;
	iv->last_scrape_ns = atomic_load_explicit(&s->last_scrape_ns, memory_order_relaxed);
}

static int64_t begin_of(const struct ledger_interval *iv)
{
	return iv->now_ns - (int64_t)iv->duration_us * US_NS;
}

/* A part of the node, to its rest. */
static void take_part(
	struct sampler *s, const struct energy_flow *flow, const struct ledger_interval *iv)
{
	energy_rest_part(&s->rest, begin_of(iv), iv->now_ns, flow->energy_uj, false);
	if (flow->backlog.settle)
		energy_rest_part(&s->rest, flow->settled_since_ns, iv->now_ns,
			flow->backlog.energy_uj, true);
	if (flow->backlog.again)
		s->known_ns = MIN(s->known_ns, flow->open_since_ns);
}

static void read_sources(struct sampler *s, const struct energy_moment *at,
	struct ledger_interval *iv, bool late_tick)
{
	s->known_ns = iv->now_ns;
	for (size_t i = 0; i < s->n_opened; i++) {
		struct opened *o = &s->opened[i];
		struct energy_flow flows[N_ENERGY_DOMAINS] = { 0 };

		o->source->read(o->state, at, flows);
		if (o->source == &energy_source_power_model && flows[DOMAIN_CPU].complete)
			s->model_uw = (uint64_t)((unsigned __int128)flows[DOMAIN_CPU].energy_uj *
				1000000 / at->elapsed_us);
		for (int d = 0; d < N_ENERGY_DOMAINS; d++) {
			if (!o->domains[d])
				continue;
			energy_account_add(
				&s->accounts[d], (enum energy_domain)d, &flows[d], late_tick, iv);
			take_part(s, &flows[d], iv);
		}
	}
}

/* The first word of a meter of the node ends the power model's: see docs/energy.md. */
static void drop_estimates(struct sampler *s)
{
	for (size_t i = 0; i < s->n_opened; i++) {
		struct opened *o = &s->opened[i];

		for (int d = 0; d < N_ENERGY_DOMAINS && !o->source->measured; d++) {
			if (!o->domains[d])
				continue;
			o->domains[d] = false;
			s->domains[d] = (struct sampler_domain){ .source = NULL };
			log_info(s->config.log,
				"energy is measured: the estimate is not counted any more",
				LOG_STR("domain", energy_domain_names[d]));
		}
	}
}

static void tell_rest(struct sampler *s, int64_t now_ns)
{
	const struct node_meter *node = &s->node_meter;
	struct sampler_domain *domain = &s->domains[DOMAIN_REST];
	struct energy_account *a = &s->accounts[DOMAIN_REST];

	a->sampled = true;
	a->sample_ns = node->booked_ns;
	if (!node->active)
		return; /* the last one stays named; its age grows */
	domain->source = power_meter_source_names[node->active->meter->source];
	domain->measured = true;
	domain->resolution_ns = node_meter_resolution_ns(node);
}

static void read_gpus(struct sampler *s, const struct energy_moment *at, bool late_tick,
	struct ledger_interval *iv, struct gpu_flow *flow)
{
	struct energy_account *a = &s->accounts[DOMAIN_GPU];
	struct sampler_domain *domain = &s->domains[DOMAIN_GPU];

	gpu_energy_read(&s->gpu, &at->span, begin_of(iv), flow);
	iv->devices = s->gpu.booked;
	iv->n_devices = s->gpu.n_booked;
	for (size_t i = 0; i < s->gpu.n_booked; i++) {
		const struct gpu_device *d = &s->gpu.devices[s->gpu.booked[i].slot];
		const struct meter_segment *seg = &d->segment;

		if (seg->from_ns < seg->to_ns)
			energy_rest_part(&s->rest, seg->from_ns, seg->to_ns, seg->energy_uj,
				seg->to_ns - seg->from_ns > d->energy.resolution_ns * 3 / 2);
	}
	if (!flow->present && !a->sampled)
		return;
	iv->present[DOMAIN_GPU] = true;
	domain->source = "gpu";
	domain->measured = true;
	domain->resolution_ns = flow->resolution_ns;
	a->static_known = flow->static_known;
	a->static_uw = flow->static_uw;
	energy_account_cover(a, flow->present && flow->complete, flow->late, flow->sample_ns,
		iv->duration_us, late_tick);
}

/* The node's meter against its parts, which have been read. */
static void read_rest(struct sampler *s, const struct node_energy *node, const struct gpu_flow *gpu,
	struct ledger_interval *iv)
{
	const struct energy_rest_interval in = {
		.from_ns = begin_of(iv),
		.now_ns = iv->now_ns,
		.known_ns = MIN(s->known_ns, gpu->known_ns),
		.blur_ns = gpu->resolution_ns * 5 / 4, /* they are never on time */
		.busy_us = iv->node_cpu_busy_us,
		.by_use = !s->domains[DOMAIN_CPU].source,
		.node = *node,
	};
	struct ledger_backlog *b = &iv->backlog[DOMAIN_REST];
	struct energy_rest_flow flow;

	energy_rest_add(&s->rest, &in, &flow);
	if (!s->node_meter.told)
		return;
	iv->present[DOMAIN_REST] = true;
	s->span_busy_us += iv->node_cpu_busy_us;
	s->span_capacity_us += iv->duration_us / 1000 * iv->node_cpus_milli;
	*b = (struct ledger_backlog){ .open = s->rest.open,
		.settle = flow.settle,
		.back_us = flow.back_us,
		.fade_us = flow.fade_us,
		.stretch_us = flow.stretch_us,
		.energy_uj = flow.energy_uj,
		.late_uj = flow.late_uj };
	if (flow.settle) {
		energy_account_span(&s->accounts[DOMAIN_REST], b, flow.span_us, s->span_busy_us,
			s->span_capacity_us, flow.covered);
		s->span_busy_us = s->span_capacity_us = 0;
	}
	tell_rest(s, iv->now_ns);
}

static void read_energy(struct sampler *s, const struct energy_moment *at,
	struct ledger_interval *iv, bool late_tick)
{
	struct node_energy node;
	struct gpu_flow gpu;

	node_meter_read(&s->node_meter, &at->span, &node);
	if (node.n)
		drop_estimates(s);
	read_sources(s, at, iv, late_tick);
	read_gpus(s, at, late_tick, iv, &gpu);
	read_rest(s, &node, &gpu, iv);
}

static void tick_at(struct sampler *s, int64_t now_ns)
{
	int64_t asleep_ns = s->config.asleep_ns();
	struct ledger_interval iv = {
		.now_ns = now_ns,
		.realtime_ns = clock_realtime_ns(s->config.clock),
		.duration_us = s->ticked ? (uint64_t)(now_ns - s->last_ns) / US_NS : 0,
	};
	bool late_tick = (int64_t)iv.duration_us > s->config.interval_ns * 3 / 2 / US_NS;
	struct energy_moment at = {
		.span = { .now_ns = now_ns, .max_gap_ns = s->config.max_gap_ns },
	};
	int r;

	if (s->ticked && !iv.duration_us)
		return;
	tell_ended(s, &iv);
	at.span.slept = s->ticked && asleep_ns - s->last_asleep_ns > S_NS / 10;
	read_usage(s, &at, &iv);

	pthread_mutex_lock(&s->lock);
	read_energy(s, &at, &iv, late_tick);
	r = ledger_book(s->ledger, &iv);
	s->ticks++;
	s->late_ticks += late_tick;
	pthread_mutex_unlock(&s->lock);

	if (r < 0 && !s->out_of_memory)
		log_error(s->config.log, "energy ledger: energy is unattributed",
			LOG_STR("err", err_name(r)));
	s->out_of_memory = r < 0;
	/* Only whole microseconds were booked. */
	s->last_ns = s->ticked ? s->last_ns + (int64_t)iv.duration_us * US_NS : now_ns;
	s->last_asleep_ns = asleep_ns;
	s->ticked = true;
}

void sampler_tick(struct sampler *s)
{
	follow_roots(s->config.host, s->config.log);
	/* Then: what some of them read they read now. */
	node_meter_ask(&s->node_meter);
	gpu_energy_ask(&s->gpu);
	tick_at(s, clock_monotonic_ns(s->config.clock));
}

int sampler_use(struct sampler *s, const struct sampler_inputs *inputs)
{
	node_meter_init(&s->node_meter, inputs->meters, inputs->n_meters, s->config.max_node_watts,
		s->config.log);
	s->node_meter.lag = &s->rest.lag;
	s->gpu.sample = inputs->gpu_sample;
	s->gpu.ctx = inputs->gpu_ctx;
	if (!s->n_opened && !inputs->n_meters && !inputs->has_gpus)
		log_warn(s->config.log, "no energy source on this node: the ledger stays empty");
	return unit_readings_use(&s->units, inputs->tables, inputs->n_tables);
}

static void tick(void *s)
{
	sampler_tick(s);
}

static void went(void *s, int64_t from_ns, int64_t to_ns)
{
	sampler_unit_went(s, from_ns, to_ns);
}

int sampler_start(struct sampler *s, const struct sampler_inputs *inputs, struct err *err)
{
	int r = sampler_use(s, inputs);

	if (r < 0)
		return err_errno(err, r, "ledger");
	s->loop.clock = s->config.clock;
	s->loop.interval_ns = s->config.interval_ns;
	s->loop.units = &s->units;
	s->loop.account = s->config.account;
	s->loop.tick = tick;
	s->loop.went = went;
	s->loop.ctx = s;
	return sampler_loop_start(&s->loop, err);
}

void sampler_stop(struct sampler *s)
{
	sampler_loop_stop(&s->loop);
	pthread_mutex_lock(&s->lock);
	unit_readings_use(&s->units, NULL, 0);
	s->node_meter.n = 0;
	s->node_meter.active = NULL;
	s->gpu.sample = NULL;
	s->gpu.n_samples = 0;
	pthread_mutex_unlock(&s->lock);
}

static void report_node(const struct sampler *s, struct sampler_node *ret_node)
{
	const struct node_meter *node = &s->node_meter;

	ret_node->told = node->told;
	ret_node->meter_uj = s->rest.meter_uj;
	ret_node->exceeded_uj = s->rest.exceeded_uj;
	ret_node->unmetered_uj = s->rest.unmetered_uj;
	ret_node->pending_uj = energy_rest_pending_uj(&s->rest);
	ret_node->switches = node->switches;
	for (size_t i = 0; i < node->n; i++) {
		const struct node_meter_one *one = &node->meters[i];

		ret_node->offered[one->meter->source] = true;
		ret_node->active[one->meter->source] |= one == node->active;
		ret_node->refused[one->meter->source] += one->energy.refused;
	}
}

static void report_domain(const struct sampler *s, enum energy_domain d, int64_t now_ns,
	struct sampler_domain *ret_domain)
{
	const struct energy_account *a = &s->accounts[d];

	*ret_domain = s->domains[d];
	ret_domain->sampled = a->sampled;
	ret_domain->age_ns = now_ns - a->sample_ns;
	ret_domain->covered_us = a->covered_us;
	ret_domain->bridged_us = a->bridged_us;
	ret_domain->static_known = a->static_known;
	ret_domain->static_uw = a->static_uw;
}

void sampler_lock(struct sampler *s, struct sampler_report *ret_report)
{
	int64_t now_ns;

	pthread_mutex_lock(&s->lock);
	now_ns = clock_monotonic_ns(s->config.clock);
	*ret_report = (struct sampler_report){
		.start_realtime_ns = s->start_realtime_ns,
		.model_uw = s->model_uw,
		.ticks = s->ticks,
		.late_ticks = s->late_ticks,
		.gpu_refused = gpu_energy_refused(&s->gpu),
	};
	for (size_t i = 0; i < s->n_opened; i++)
		ret_report->model_on |= s->opened[i].source == &energy_source_power_model;
	ledger_totals(s->ledger, &ret_report->totals);
	report_node(s, &ret_report->node);
	for (int d = 0; d < N_ENERGY_DOMAINS; d++)
		report_domain(s, (enum energy_domain)d, now_ns, &ret_report->domains[d]);
}

void sampler_unlock(struct sampler *s)
{
	pthread_mutex_unlock(&s->lock);
}
