// SPDX-License-Identifier: Apache-2.0
#include "exporter/ledger/sampler.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "basic/file.h"
#include "exporter/ledger/energy_floor.h"
#include "exporter/ledger/energy_source.h"
#include "exporter/ledger/node_usage.h"
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
	pthread_t thread;
	bool running;
	int stop_fd, timer_fd;
	_Atomic int64_t last_scrape_ns;
	/* Of the last tick; used by one thread. */
	bool ticked;
	int64_t last_ns, last_asleep_ns;
	struct energy_floor floors[N_ENERGY_DOMAINS];
	uint64_t uncovered_us[N_ENERGY_DOMAINS]; /* time whose energy may come later */
	bool usage_failed, out_of_memory; /* said so in the log */
	/* What follows is read by scrapes. */
	pthread_mutex_t lock;
	struct ledger *ledger;
	struct sampler_domain domains[N_ENERGY_DOMAINS];
	int64_t sample_ns[N_ENERGY_DOMAINS];
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
	if (!s->n_opened)
		log_warn(s->config.log, "no energy source on this node: the ledger stays empty");
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
	s->stop_fd = s->timer_fd = -1;
	pthread_mutex_init(&s->lock, NULL);
	s->start_realtime_ns = clock_realtime_ns(config->clock);
	r = ledger_new(&config->ledger, &s->ledger);
	if (r < 0)
		err_errno(err, r, "ledger");
	else
		r = node_usage_open(&s->node, config->host->procfs_fd, err);
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
	file_closep(&s->stop_fd);
	file_closep(&s->timer_fd);
	free(s);
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

static uint64_t static_energy(struct sampler *s, enum energy_domain d,
	const struct energy_flow *flow, const struct ledger_interval *iv)
{
	struct energy_floor *f = &s->floors[d];
	struct sampler_domain *domain = &s->domains[d];

	if (flow->complete && !flow->late_uj && iv->node_known && iv->duration_us)
		energy_floor_add(f, flow->energy_uj, iv->duration_us, iv->node_cpu_busy_us,
			iv->duration_us / 1000 * iv->node_cpus_milli);
	else
		energy_floor_skip(f);
	if (flow->static_known) {
		domain->static_known = true;
		domain->static_uw = flow->static_uw;
		return flow->static_uj;
	}
	domain->static_known = s->config.static_given[d] || f->known;
	domain->static_uw = s->config.static_given[d] ? s->config.static_uw[d] : f->power_uw;
	return domain->static_known ? energy_of_power(domain->static_uw, iv->duration_us) : 0;
}

/* Time counts as covered when its energy came in, if need be later. */
static void cover(struct sampler *s, enum energy_domain d, const struct energy_flow *flow,
	const struct ledger_interval *iv, bool late_tick)
{
	struct sampler_domain *domain = &s->domains[d];

	if (flow->sample_ns) {
		s->sample_ns[d] = flow->sample_ns;
		domain->sampled = true;
	}
	if (!flow->complete) {
		s->uncovered_us[d] += iv->duration_us;
		return;
	}
	if (!flow->late_uj) {
		domain->covered_us += s->uncovered_us[d] + iv->duration_us;
		domain->bridged_us += s->uncovered_us[d] + (late_tick ? iv->duration_us : 0);
	}
	s->uncovered_us[d] = 0;
}

static void read_sources(struct sampler *s, const struct energy_moment *at,
	struct ledger_interval *iv, bool late_tick)
{
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
			iv->present[d] = true;
			iv->energy_uj[d] = flows[d].energy_uj;
			iv->late_uj[d] = flows[d].late_uj;
			iv->static_uj[d] = static_energy(s, d, &flows[d], iv);
			cover(s, d, &flows[d], iv, late_tick);
		}
	}
}

void sampler_tick(struct sampler *s)
{
	int64_t now_ns = clock_monotonic_ns(s->config.clock), asleep_ns = s->config.asleep_ns();
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
	at.span.slept = s->ticked && asleep_ns - s->last_asleep_ns > S_NS / 10;
	read_usage(s, &at, &iv);

	pthread_mutex_lock(&s->lock);
	read_sources(s, &at, &iv, late_tick);
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

static void book(struct sampler *s, struct thread_meter *meter, struct thread_usage *before)
{
	struct thread_usage now;

	if (!s->config.account)
		return;
	thread_meter_read(meter, &now);
	usage_account_add(s->config.account, before, &now);
	*before = now;
}

static void *run(void *arg)
{
	struct sampler *s = arg;
	CLEANUP(thread_meter_close) struct thread_meter meter = { .io_fd = -1 };
	struct thread_usage before = { 0 };
	struct pollfd fds[] = {
		{ .fd = s->stop_fd, .events = POLLIN },
		{ .fd = s->timer_fd, .events = POLLIN },
	};

	if (s->config.account) {
		thread_meter_open(&meter);
		thread_meter_read(&meter, &before);
	}
	for (;;) {
		uint64_t expirations;

		if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
			continue; /* EINTR: nothing else can be */
		if (fds[0].revents)
			return NULL;
		/* Ticks that were missed are one long interval. */
		if (read(s->timer_fd, &expirations, sizeof(expirations)) == sizeof(expirations)) {
			sampler_tick(s);
			book(s, &meter, &before);
		}
	}
}

int sampler_use_tables(struct sampler *s, struct unit_table *const *tables, size_t n)
{
	return unit_readings_use(&s->units, tables, n);
}

static int start_timer(struct sampler *s)
{
	const struct timespec period = { .tv_sec = s->config.interval_ns / S_NS,
		.tv_nsec = s->config.interval_ns % S_NS };
	const struct itimerspec timer = { .it_interval = period, .it_value = period };

	s->stop_fd = eventfd(0, EFD_CLOEXEC);
	s->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (s->stop_fd < 0 || s->timer_fd < 0 || timerfd_settime(s->timer_fd, 0, &timer, NULL) < 0)
		return -errno;
	return 0;
}

int sampler_start(struct sampler *s, struct unit_table *const *tables, size_t n, struct err *err)
{
	sigset_t all, before;
	int r = sampler_use_tables(s, tables, n);

	if (r >= 0)
		r = start_timer(s);
	if (r < 0)
		return err_errno(err, r, "ledger");
	sampler_tick(s); /* what is there already is not charged for its past */
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	r = -pthread_create(&s->thread, NULL, run, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r < 0)
		return err_errno(err, r, "ledger: thread");
	pthread_setname_np(s->thread, "ledger");
	s->running = true;
	return 0;
}

void sampler_stop(struct sampler *s)
{
	const uint64_t one = 1;

	if (!s->running)
		return;
	while (write(s->stop_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	pthread_join(s->thread, NULL);
	s->running = false;
	unit_readings_use(&s->units, NULL, 0);
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
	};
	for (size_t i = 0; i < s->n_opened; i++)
		ret_report->model_on |= s->opened[i].source == &energy_source_power_model;
	ledger_totals(s->ledger, &ret_report->totals);
	memcpy(ret_report->domains, s->domains, sizeof(s->domains));
	for (int d = 0; d < N_ENERGY_DOMAINS; d++)
		ret_report->domains[d].age_ns = now_ns - s->sample_ns[d];
}

void sampler_unlock(struct sampler *s)
{
	pthread_mutex_unlock(&s->lock);
}
