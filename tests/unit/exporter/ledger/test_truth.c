// SPDX-License-Identifier: Apache-2.0
/*
 * Plays a node of which everything is known: units that come and go, and power that is a straight
 * line of what they do. RAPL zones wrap, freeze, vanish and return; a BMC tells the mean of the
 * second before, late; GPUs are read once a second. Each unit must get its true share within what
 * its story allows (2 %, more where the sensors tell too little), whatever the scrape interval, and
 * the books must balance to the microjoule after each tick.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macros.h"
#include "exporter/ledger/tick_pace.h"
#include "sampler_node.h"

enum {
	STEP_MS = 10,
	SECONDS = 600,
	JOBS = 40,
	GPUS = 2,
	CPUS = 2, /* those of sampler_node.c */
	BACKGROUND_PERCENT = 5, /* of one CPU: daemons */
	/* Nothing happens at the same time: the BMC is asked at 0. */
	TICK_PHASE_MS = 370,
	GPU_PHASE_MS = 730,
	CURVE_MAX = 1000,
	CURVE_MS = 100,
};

static const double CPU_IDLE = 40, CPU_PER_CPU = 60, REST_IDLE = 50, REST_PER_CPU = 10,
		    GPU_IDLE = 30, GPU_FULL = 250;
static const uint64_t RANGE_UJ = 262143328850;

/* How the sensors behave. */
struct story {
	const char *name;
	bool rapl, bmc, bmc_counts, gpus, gpu_counts, gpu_use_told;
	int bmc_lag_ms; /* between a second's end and its value */
	bool faults;
	bool bmc_sticks; /* its fault: it tells the same again and again, instead of nothing */
	double percent; /* how far off a unit may be */
	const char *curve; /* of tests/fixtures/curves: every unit's load; NULL: a steady 1 */
};

struct job {
	char name[8];
	int start_ms, end_ms;
	double cpu; /* of one CPU */
	int gpu; /* that it holds half of; -1: none */
	double gpu_use; /* of the device */
	double true_j, scraped_j;
	uint64_t used_us;
	uint32_t gpu_use_ppm; /* at the GPUs' last reading */
};

struct sim {
	const struct story *story;
	struct job jobs[JOBS];
	int now_ms;
	double zone_j[2], dram_j, node_j, gpu_j[GPUS]; /* since the beginning */
	double busy_us, roots_us;
	/* The BMC: energy at the ends of the last seconds. */
	double node_at_s[SECONDS + 2];
	double gpu_before_j[GPUS];
	double gpu_use_sum[GPUS], job_use_sum[JOBS]; /* since the GPUs' last reading, in ms */
	struct gpu_sample samples[GPUS];
	struct gpu_holder holders[GPUS][JOBS];
	int frozen_until_ms[2], gone_until_ms, bmc_frozen_until_ms, gpus_gone_until_ms;
	struct power_reading reading;
	bool bmc_spoke, gpus_spoke;
	struct power_meter meter;
	uint64_t start_uj[3];
	int64_t begin_ns; /* monotonic, at 0 ms */
	int bmc_poll_ms, gpu_poll_ms, gpu_polled_ms; /* next and last */
	bool came, went; /* a unit, since the last look, which was at: */
	int64_t heard_ns;
};

static struct sim w;

static double uniform(double from, double to)
{
	return from + (to - from) * ((double)random() / RAND_MAX);
}

/* Loads between 0 and 1, for 100 ms each. */
static double curve[CURVE_MAX];
static size_t n_curve;

static void read_curve(const char *name)
{
	char path[256], line[256];
	FILE *f;

	n_curve = 0;
	if (!name)
		return;
	snprintf(path, sizeof(path), "%s/tests/fixtures/curves/%s.txt", getenv("CEEMS_SOURCE"),
		name);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) && n_curve < CURVE_MAX)
		if (line[0] != '#')
			curve[n_curve++] = strtod(line, NULL);
	fclose(f);
	assert_true(n_curve > 100);
}

/* Each unit is at another place of the curve. */
static double load_of(const struct job *j)
{
	size_t i = (size_t)(j - w.jobs);

	return n_curve ? curve[((size_t)w.now_ms / CURVE_MS + 17 * i) % n_curve] : 1;
}

static double cpu_of(const struct job *j)
{
	return j->cpu * load_of(j);
}

static double gpu_use_of(const struct job *j)
{
	return j->gpu_use * load_of(j);
}

static bool alive(const struct job *j, int ms)
{
	return ms >= j->start_ms && ms < j->end_ms;
}

/* Two places for jobs of one CPU each; every job waits for the one before it in its place. */
static void make_jobs(void)
{
	int free_ms[2] = { 8000, 12000 };

	for (int i = 0; i < JOBS; i++) {
		struct job *j = &w.jobs[i];
		int place = free_ms[0] <= free_ms[1] ? 0 : 1;

		snprintf(j->name, sizeof(j->name), "%d", i);
		/* GPUs are read once a second: two units in one reading can't be told apart. */
		j->start_ms = free_ms[place] + (int)uniform(w.story->gpus ? 2200 : 200, 4000);
		j->end_ms = j->start_ms + (i % 3 == 0 ? 2000 : (int)uniform(2000, 60000));
		j->cpu = uniform(0.5, 0.95);
		j->gpu = w.story->gpus && i % 2 ? place : -1;
		j->gpu_use = uniform(0.2, 0.45);
		free_ms[place] = j->end_ms;
	}
}

static double busy_cpus(void)
{
	double busy = BACKGROUND_PERCENT / 100.0;

	for (int i = 0; i < JOBS; i++)
		if (alive(&w.jobs[i], w.now_ms))
			busy += cpu_of(&w.jobs[i]);
	return busy;
}

static double gpu_step(int g, double s)
{
	double watts = GPU_IDLE;

	for (int i = 0; i < JOBS; i++) {
		struct job *j = &w.jobs[i];

		if (j->gpu != g || !alive(j, w.now_ms))
			continue;
		watts += GPU_FULL * gpu_use_of(j);
		w.gpu_use_sum[g] += gpu_use_of(j) * STEP_MS;
		w.job_use_sum[i] += gpu_use_of(j) * STEP_MS;
		j->true_j += (GPU_IDLE / 2 + GPU_FULL * gpu_use_of(j)) * s;
	}
	w.gpu_j[g] += watts * s;
	return watts;
}

static void step(void)
{
	const double s = STEP_MS / 1000.0;
	double busy = busy_cpus(), cpu = CPU_IDLE + CPU_PER_CPU * busy, node = 0;

	if (w.story->rapl)
		node += cpu;
	w.zone_j[0] += cpu * 0.4 * s;
	w.zone_j[1] += cpu * 0.6 * s;
	if (w.story->gpus)
		for (int g = 0; g < GPUS; g++)
			node += gpu_step(g, s);
	node += REST_IDLE + REST_PER_CPU * busy;
	w.node_j += node * s;
	w.busy_us += busy * s * 1e6;
	for (int i = 0; i < JOBS; i++) {
		struct job *j = &w.jobs[i];

		if (!alive(j, w.now_ms))
			continue;
		j->used_us += (uint64_t)llround(cpu_of(j) * s * 1e6);
		w.roots_us += cpu_of(j) * s * 1e6;
		if (w.story->rapl)
			j->true_j += (CPU_IDLE / CPUS + CPU_PER_CPU * cpu_of(j)) * s;
		if (w.story->bmc)
			j->true_j += (REST_IDLE / CPUS + REST_PER_CPU * cpu_of(j)) * s;
	}
	w.now_ms += STEP_MS;
	if (w.now_ms % 1000 == 0)
		w.node_at_s[w.now_ms / 1000] = w.node_j;
	for (int i = 0; i < JOBS; i++) {
		w.came |= alive(&w.jobs[i], w.now_ms) && !alive(&w.jobs[i], w.now_ms - STEP_MS);
		w.went |= !alive(&w.jobs[i], w.now_ms) && alive(&w.jobs[i], w.now_ms - STEP_MS);
	}
}

/* Times are those of the step. */
static void set_clock(void)
{
	const int64_t now_ns = w.begin_ns + (int64_t)w.now_ms * 1000000;

	t.real_ns += now_ns - t.mono_ns;
	t.mono_ns = now_ns;
}

/* Once a second, never on time to the millisecond. */
static int next_poll_ms(int poll_ms, int phase_ms)
{
	return (poll_ms - phase_ms + 500) / 1000 * 1000 + 1000 + phase_ms +
		10 * (int)(random() % 5 - 2);
}

static void show_zones(void)
{
	static const char *const entries[] = { "intel-rapl:0", "intel-rapl:1" };

	for (int i = 0; i < 2; i++) {
		char name[64];

		if (w.now_ms < w.frozen_until_ms[i])
			continue;
		snprintf(name, sizeof(name), "sys/class/powercap/%s/energy_uj", entries[i]);
		if (i == 1 && w.now_ms < w.gone_until_ms)
			put(name, "");
		else
			put_energy(entries[i],
				(w.start_uj[i] + (uint64_t)(w.zone_j[i] * 1e6)) % (RANGE_UJ + 1));
	}
}

/* The energy at, or the mean of, the second that ended lag ago, and of none before. */
static void show_bmc(void)
{
	int ms = w.now_ms - w.story->bmc_lag_ms, s = ms / 1000;

	if (s < 1)
		return;
	if (w.now_ms < w.bmc_frozen_until_ms) {
		if (w.story->bmc_sticks)
			w.reading.sample_ns = t.mono_ns;
		return;
	}
	w.bmc_spoke = true;
	w.reading = (struct power_reading){
		.sample_ns = t.mono_ns,
		.energy_known = w.story->bmc_counts,
		.energy_uj = (uint64_t)(w.node_at_s[s] * 1e6),
		.power_known = !w.story->bmc_counts,
		.power_uw = (uint64_t)llround((w.node_at_s[s] - w.node_at_s[s - 1]) * 1e6),
	};
}

static int read_bmc(void *ctx, struct power_reading *ret_reading)
{
	if (!w.bmc_spoke)
		return -ENODATA;
	*ret_reading = w.reading;
	return 0;
}

/* A reading of the devices. */
static void poll_gpus(void)
{
	const double elapsed_s = (w.now_ms - w.gpu_polled_ms) / 1e3;

	w.gpu_polled_ms = w.now_ms;
	w.gpus_spoke = true;
	for (int g = 0; g < GPUS; g++) {
		struct gpu_sample *s = &w.samples[g];

		s->uuid = g ? "GPU-1" : "GPU-0";
		s->idle_known = s->use_known = true;
		s->idle_uw = (uint64_t)(GPU_IDLE * 1e6);
		s->use_ppm = (uint32_t)(w.gpu_use_sum[g] / (elapsed_s * 1000) * 1e6);
		s->reading.sample_ns = t.mono_ns;
		s->reading.energy_known = w.story->gpu_counts;
		s->reading.energy_uj = (uint64_t)(w.gpu_j[g] * 1e6);
		s->reading.power_known = !w.story->gpu_counts;
		s->reading.power_uw = (uint64_t)((w.gpu_j[g] - w.gpu_before_j[g]) / elapsed_s *
			1e6);
		w.gpu_before_j[g] = w.gpu_j[g];
		w.gpu_use_sum[g] = 0;
	}
	for (int i = 0; i < JOBS; i++) {
		w.jobs[i].gpu_use_ppm = (uint32_t)(w.job_use_sum[i] / (elapsed_s * 1000) * 1e6);
		w.job_use_sum[i] = 0;
	}
}

/* Who holds them is known at any time. */
static int sample_gpus(void *ctx, const struct gpu_sample **ret_samples, size_t *ret_n)
{
	if (!w.gpus_spoke)
		return -ENODATA;
	for (int g = 0; g < GPUS; g++) {
		struct gpu_sample *s = &w.samples[g];

		s->holders = w.holders[g];
		s->n_holders = 0;
		for (int i = 0; i < JOBS; i++) {
			struct job *j = &w.jobs[i];

			if (j->gpu != g || !alive(j, w.now_ms))
				continue;
			w.holders[g][s->n_holders++] = (struct gpu_holder){
				.key = { "slurm", "", j->name },
				.part_ppm = 500000,
				.use_known = w.story->gpu_use_told,
				.use_ppm = w.story->gpu_use_told ? j->gpu_use_ppm : 0,
			};
		}
	}
	*ret_samples = w.samples;
	*ret_n = GPUS;
	return 0;
}

static void show_units(void)
{
	t.n_units = 0;
	for (int i = 0; i < JOBS; i++) {
		const struct job *j = &w.jobs[i];

		if (!alive(j, w.now_ms))
			continue;
		t.units[t.n_units++] = (struct unit_sample){
			.key = { "slurm", "", j->name },
			.incarnation = 1,
			.cpu_known = true,
			.cpu_usage_us = j->used_us,
			.alloc_cpus_milli = 1000,
			.born_ns = t.real_ns - (int64_t)(w.now_ms - j->start_ms) * 1000000,
		};
	}
	t.roots_us = (uint64_t)w.roots_us;
	t.busy_ticks = (uint64_t)(w.busy_us / 10000);
}

static void plan_faults(void)
{
	if (!w.story->faults)
		return;
	if (w.now_ms == 60000)
		w.frozen_until_ms[0] = 65000;
	if (w.now_ms == 150000)
		w.gone_until_ms = 175000;
	if (w.now_ms == 240000)
		w.bmc_frozen_until_ms = 246000;
	if (w.now_ms == 330000)
		w.gpus_gone_until_ms = 334000;
}

static void scrape(void)
{
	sampler_scraped(t.sampler, t.mono_ns);
	for (size_t i = 0; i < t.report.totals.n_units; i++) {
		const struct ledger_unit_total *u = &t.report.totals.units[i];
		struct job *j = &w.jobs[atoi(u->key.uuid)];
		double joules = 0;

		for (int d = 0; d < N_ENERGY_DOMAINS; d++)
			joules += (double)u->energy_uj[d] / 1e6;
		assert_true(joules >= j->scraped_j);
		j->scraped_j = joules;
	}
}

static void check_books(void)
{
	const struct ledger_totals *totals = &t.report.totals;
	const struct sampler_node *node = &t.report.node;
	uint64_t domains = 0;

	for (int d = 0; d < N_ENERGY_DOMAINS; d++) {
		uint64_t parties = 0, units = 0;

		for (int p = 0; p < N_ENERGY_PARTIES; p++)
			parties += totals->party_uj[d][p];
		assert_true(parties == totals->meter_uj[d]);
		for (size_t i = 0; i < totals->n_units; i++)
			units += totals->units[i].energy_uj[d];
		assert_true(units <= totals->party_uj[d][PARTY_UNITS]);
		domains += totals->meter_uj[d];
	}
	if (node->told)
		assert_true((int64_t)(domains - node->meter_uj - node->exceeded_uj -
				    node->unmetered_uj) == -node->pending_uj);
}

static void poll_meters(void)
{
	if (w.story->bmc && w.now_ms >= w.bmc_poll_ms) {
		show_bmc();
		w.bmc_poll_ms = next_poll_ms(w.bmc_poll_ms, 0);
	}
	if (w.story->gpus && w.now_ms >= w.gpu_poll_ms) {
		if (w.now_ms >= w.gpus_gone_until_ms)
			poll_gpus();
		w.gpu_poll_ms = next_poll_ms(w.gpu_poll_ms, GPU_PHASE_MS);
	}
}

static void tick_now(void)
{
	if (w.story->rapl)
		show_zones();
	show_units();
	put_stat();
	sampler_tick(t.sampler);
	report();
	check_books();
}

static void begin(const struct story *story, unsigned seed)
{
	static const struct power_meter *meters[1];

	srandom(seed);
	memset(&w, 0, sizeof(w));
	w.story = story;
	read_curve(story->curve);
	make_jobs();
	w.meter = (struct power_meter){ POWER_METER_REDFISH, read_bmc, NULL, S_NS };
	meters[0] = &w.meter;
	t.meters[0] = meters[0];
	t.n_meters = story->bmc;
	t.gpu_sample = story->gpus ? sample_gpus : NULL;
	w.start_uj[0] = RANGE_UJ - 7000000000; /* wraps soon */
	w.start_uj[1] = 5;
	if (story->rapl) {
		zone("intel-rapl:0", "package-0\n", w.start_uj[0]);
		zone("intel-rapl:1", "package-1\n", w.start_uj[1]);
	}
	node_start(&(struct sampler_config){ .model_mode = POWER_MODEL_OFF,
		.static_given = { [DOMAIN_CPU] = true, [DOMAIN_REST] = true },
		.static_uw = { [DOMAIN_CPU] = (uint64_t)(CPU_IDLE * 1e6),
			[DOMAIN_REST] = (uint64_t)(REST_IDLE * 1e6) } });
}

static void check_shares(unsigned seed, int scrape_s)
{
	/* A BMC's lag has to be learned first. */
	const int from_ms = w.story->bmc ? 60000 : 0;
	size_t checked = 0;

	for (int i = 0; i < JOBS; i++) {
		const struct job *j = &w.jobs[i];
		double off = fabs(j->scraped_j - j->true_j);

		if (j->start_ms < from_ms || j->end_ms > (SECONDS - 100) * 1000)
			continue;
		if (off > j->true_j * w.story->percent / 100)
			fail_msg("%s, seed %u, scraped every %d s: job %s of %.1f s from %.2f s: "
				 "%.1f J instead of %.1f",
				w.story->name, seed, scrape_s, j->name,
				(j->end_ms - j->start_ms) / 1e3, j->start_ms / 1e3, j->scraped_j,
				j->true_j);
		checked += j->true_j > 0;
	}
	assert_true(checked > 5);
}

static void check_flowed(void)
{
	if (w.story->rapl)
		assert_true(t.report.totals.meter_uj[DOMAIN_CPU] ==
			(uint64_t)(w.zone_j[0] * 1e6) + (uint64_t)(w.zone_j[1] * 1e6));
	/* The BMC is late by its lag and half of its second, twice. */
	if (w.story->bmc)
		assert_in_range((uint64_t)(w.node_j - (double)t.report.node.meter_uj / 1e6), 0,
			(uint64_t)(4.0 * 500));
	assert_int_equal(t.report.node.exceeded_uj, 0);
}

/* As sampler_loop.c does. */
static void take_events(struct tick_pace *pace, bool listened)
{
	if (w.went)
		sampler_unit_went(t.sampler, listened ? t.mono_ns : w.heard_ns, t.mono_ns);
	if (w.came || w.went)
		tick_pace_event(pace, t.mono_ns, !w.went);
	w.came = w.went = false;
	w.heard_ns = t.mono_ns;
}

static void play(const struct story *story, unsigned seed, int scrape_s)
{
	struct tick_pace pace;
	int late_ms = 0;

	begin(story, seed);
	w.begin_ns = t.mono_ns;
	w.bmc_poll_ms = 1000;
	w.gpu_poll_ms = GPU_PHASE_MS;
	tick_pace_init(&pace, S_NS, t.mono_ns + TICK_PHASE_MS * INT64_C(1000000));
	while (w.now_ms < SECONDS * 1000) {
		step();
		set_clock();
		plan_faults();
		poll_meters();
		if ((w.came || w.went) && tick_pace_listens(&pace))
			take_events(&pace, true);
		if (t.mono_ns >= tick_pace_due_ns(&pace) + late_ms * INT64_C(1000000)) {
			take_events(&pace, tick_pace_listens(&pace));
			tick_now();
			tick_pace_read(&pace, t.mono_ns);
			late_ms = 10 * (int)(random() % 3);
		}
		if (w.now_ms % (scrape_s * 1000) == 0)
			scrape();
	}
	tick_now();
	scrape();
	check_shares(seed, scrape_s);
	check_flowed();
	sampler_close(t.sampler);
	t.sampler = NULL;
}

static const struct story stories[] = {
	{ .name = "RAPL", .rapl = true, .percent = 2 },
	{ .name = "RAPL with faults", .rapl = true, .faults = true, .percent = 2 },
	{ .name = "BMC alone", .bmc = true, .bmc_lag_ms = 400, .percent = 2 },
	{ .name = "RAPL and BMC", .rapl = true, .bmc = true, .bmc_lag_ms = 400, .percent = 2 },
	{ .name = "RAPL and a late BMC",
		.rapl = true,
		.bmc = true,
		.bmc_lag_ms = 900,
		.percent = 2 },
	{ .name = "GPU counters", .gpus = true, .gpu_counts = true, .percent = 2 },
	{ .name = "GPU powers", .gpus = true, .percent = 2 },
	{ .name = "RAPL, GPU powers and BMC",
		.rapl = true,
		.bmc = true,
		.gpus = true,
		.bmc_lag_ms = 300,
		.percent = 3 },
	{ .name = "all of them with faults",
		.rapl = true,
		.bmc = true,
		.bmc_counts = true,
		.gpus = true,
		.gpu_counts = true,
		.bmc_lag_ms = 600,
		.faults = true,
		.percent = 2 },
	{ .name = "BMC alone, silent for 6 s",
		.bmc = true,
		.bmc_lag_ms = 400,
		.faults = true,
		.percent = 2 },
	{ .name = "BMC alone, stuck for 6 s",
		.bmc = true,
		.bmc_lag_ms = 400,
		.faults = true,
		.bmc_sticks = true,
		.percent = 2 },
	{ .name = "RAPL with faults and a BMC that is silent",
		.rapl = true,
		.bmc = true,
		.bmc_lag_ms = 400,
		.faults = true,
		.percent = 2 },
	{ .name = "RAPL with faults and a BMC that is stuck",
		.rapl = true,
		.bmc = true,
		.bmc_lag_ms = 400,
		.faults = true,
		.bmc_sticks = true,
		.percent = 2 },
	{ .name = "all of them by power, with faults",
		.rapl = true,
		.bmc = true,
		.gpus = true,
		.bmc_lag_ms = 300,
		.faults = true,
		.percent = 30 },
};

/* Each is played with each curve of tests/fixtures/curves, too. */
static const struct story varying[] = {
	{ .name = "RAPL with faults", .rapl = true, .faults = true, .percent = 2 },
	{ .name = "RAPL and BMC", .rapl = true, .bmc = true, .bmc_lag_ms = 400, .percent = 2 },
	{ .name = "BMC alone", .bmc = true, .bmc_lag_ms = 400, .percent = 2 },
	{ .name = "all by counter with faults",
		.rapl = true,
		.bmc = true,
		.bmc_counts = true,
		.gpus = true,
		.gpu_counts = true,
		.bmc_lag_ms = 600,
		.faults = true,
		.percent = 4 },
};
static const char *const curves[] = { "build", "steps", "ramp", "bursts" };
static struct story varied[ARRAY_SIZE(varying)][ARRAY_SIZE(curves)];

static unsigned seeds = 3;

static void each_unit_gets_its_true_share(void **state)
{
	const struct story *story = *state;
	static const int scrapes_s[] = { 1, 15, 60 };

	for (unsigned i = 0; i < seeds; i++) {
		node_setup(NULL);
		play(story, 17 + i, scrapes_s[i % ARRAY_SIZE(scrapes_s)]);
		node_teardown(NULL);
	}
}

/* test_truth [SEEDS] */
int main(int argc, char **argv)
{
	struct CMUnitTest tests[ARRAY_SIZE(stories) + sizeof(varied) / sizeof(varied[0][0])];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(stories); i++)
		tests[n++] = (struct CMUnitTest){ stories[i].name, each_unit_gets_its_true_share,
			NULL, NULL, (void *)&stories[i] };
	for (size_t i = 0; i < ARRAY_SIZE(varying); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(curves); k++) {
			varied[i][k] = varying[i];
			varied[i][k].curve = curves[k];
			tests[n++] = (struct CMUnitTest){ curves[k], each_unit_gets_its_true_share,
				NULL, NULL, &varied[i][k] };
		}
	}
	if (argc > 1)
		seeds = (unsigned)strtoul(argv[1], NULL, 10);
	return _cmocka_run_group_tests("truth", tests, n, NULL, NULL);
}
