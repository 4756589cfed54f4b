// SPDX-License-Identifier: Apache-2.0
#include "truth_node.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macros.h"

enum {
	CPUS = 2, /* those of sampler_node.c */
	BACKGROUND_PERCENT = 5, /* of one CPU: daemons */
	GPU_PHASE_MS = 730, /* not when the BMC is asked, which is at 0 */
	CURVE_MAX = 1000,
	CURVE_MS = 100,
};

static const double CPU_IDLE = 40, CPU_PER_CPU = 60, REST_IDLE = 50, REST_PER_CPU = 10,
		    GPU_IDLE = 30, GPU_FULL = 250;
static const uint64_t RANGE_UJ = 262143328850;

struct truth_node w;

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
static double load_of(const struct truth_job *j)
{
	size_t i = (size_t)(j - w.jobs);

	return n_curve ? curve[((size_t)w.now_ms / CURVE_MS + 17 * i) % n_curve] : 1;
}

static double cpu_of(const struct truth_job *j)
{
	return j->cpu * load_of(j);
}

static double gpu_use_of(const struct truth_job *j)
{
	return j->gpu_use * load_of(j);
}

static bool alive(const struct truth_job *j, int ms)
{
	return ms >= j->start_ms && ms < j->end_ms;
}

/* Two places for jobs of one CPU each; every job waits for the one before it in its place. */
static void make_jobs(void)
{
	int free_ms[2] = { 8000, 12000 };

	for (int i = 0; i < TRUTH_JOBS; i++) {
		struct truth_job *j = &w.jobs[i];
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

	for (int i = 0; i < TRUTH_JOBS; i++)
		if (alive(&w.jobs[i], w.now_ms))
			busy += cpu_of(&w.jobs[i]);
	return busy;
}

static double gpu_step(int g, double s)
{
	double watts = GPU_IDLE;

	for (int i = 0; i < TRUTH_JOBS; i++) {
		struct truth_job *j = &w.jobs[i];

		if (j->gpu != g || !alive(j, w.now_ms))
			continue;
		watts += GPU_FULL * gpu_use_of(j);
		w.gpu_use_sum[g] += gpu_use_of(j) * TRUTH_STEP_MS;
		w.job_use_sum[i] += gpu_use_of(j) * TRUTH_STEP_MS;
		j->true_j += (GPU_IDLE / 2 + GPU_FULL * gpu_use_of(j)) * s;
	}
	w.gpu_j[g] += watts * s;
	return watts;
}

static void live(void)
{
	const double s = TRUTH_STEP_MS / 1000.0;
	double busy = busy_cpus(), cpu = CPU_IDLE + CPU_PER_CPU * busy, node = 0;

	if (w.story->rapl)
		node += cpu;
	w.zone_j[0] += cpu * 0.4 * s;
	w.zone_j[1] += cpu * 0.6 * s;
	if (w.story->gpus)
		for (int g = 0; g < TRUTH_GPUS; g++)
			node += gpu_step(g, s);
	node += REST_IDLE + REST_PER_CPU * busy;
	w.node_j += node * s;
	w.busy_us += busy * s * 1e6;
	for (int i = 0; i < TRUTH_JOBS; i++) {
		struct truth_job *j = &w.jobs[i];

		if (!alive(j, w.now_ms))
			continue;
		j->used_us += (uint64_t)llround(cpu_of(j) * s * 1e6);
		w.roots_us += cpu_of(j) * s * 1e6;
		if (w.story->rapl)
			j->true_j += (CPU_IDLE / CPUS + CPU_PER_CPU * cpu_of(j)) * s;
		if (w.story->bmc)
			j->true_j += (REST_IDLE / CPUS + REST_PER_CPU * cpu_of(j)) * s;
	}
	w.now_ms += TRUTH_STEP_MS;
	if (w.now_ms % 1000 == 0)
		w.node_at_s[w.now_ms / 1000] = w.node_j;
	for (int i = 0; i < TRUTH_JOBS; i++) {
		w.came |= alive(&w.jobs[i], w.now_ms) &&
			!alive(&w.jobs[i], w.now_ms - TRUTH_STEP_MS);
		w.went |= !alive(&w.jobs[i], w.now_ms) &&
			alive(&w.jobs[i], w.now_ms - TRUTH_STEP_MS);
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
	for (int g = 0; g < TRUTH_GPUS; g++) {
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
	for (int i = 0; i < TRUTH_JOBS; i++) {
		w.jobs[i].gpu_use_ppm = (uint32_t)(w.job_use_sum[i] / (elapsed_s * 1000) * 1e6);
		w.job_use_sum[i] = 0;
	}
}

/* Who holds them is known at any time. */
static int sample_gpus(void *ctx, const struct gpu_sample **ret_samples, size_t *ret_n)
{
	if (!w.gpus_spoke)
		return -ENODATA;
	for (int g = 0; g < TRUTH_GPUS; g++) {
		struct gpu_sample *s = &w.samples[g];

		s->holders = w.holders[g];
		s->n_holders = 0;
		for (int i = 0; i < TRUTH_JOBS; i++) {
			struct truth_job *j = &w.jobs[i];

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
	*ret_n = TRUTH_GPUS;
	return 0;
}

static void show_units(void)
{
	t.n_units = 0;
	for (int i = 0; i < TRUTH_JOBS; i++) {
		const struct truth_job *j = &w.jobs[i];

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

void truth_begin(const struct truth_story *story, unsigned seed)
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
	w.bmc_poll_ms = 1000;
	w.gpu_poll_ms = GPU_PHASE_MS;
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
	w.begin_ns = t.mono_ns;
}

void truth_step(void)
{
	live();
	set_clock();
	plan_faults();
	poll_meters();
}

void truth_show(void)
{
	if (w.story->rapl)
		show_zones();
	show_units();
	put_stat();
}

uint64_t truth_zones_uj(void)
{
	return (uint64_t)(w.zone_j[0] * 1e6) + (uint64_t)(w.zone_j[1] * 1e6);
}
