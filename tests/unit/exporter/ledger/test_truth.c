// SPDX-License-Identifier: Apache-2.0
/*
 * Plays the node of truth_node.h to the sampler. Each unit must get its true share within what its
 * story allows (2 % or less, more where the sensors tell too little), whatever the scrape interval,
 * and the books must balance to the microjoule after each tick. Tells how far off a unit was at
 * most in each story: docs/energy.md has those figures.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "basic/macros.h"
#include "exporter/ledger/tick_pace.h"
#include "truth_node.h"

enum { TICK_PHASE_MS = 370 }; /* not when the meters are asked */

static double worst_percent; /* of the story that is played */

static void scrape(void)
{
	sampler_scraped(t.sampler, t.mono_ns);
	for (size_t i = 0; i < t.report.totals.n_units; i++) {
		const struct ledger_unit_total *u = &t.report.totals.units[i];
		struct truth_job *j = &w.jobs[atoi(u->key.uuid)];
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

static void tick_now(void)
{
	truth_show();
	sampler_tick(t.sampler);
	report();
	check_books();
}

static void check_shares(unsigned seed, int scrape_s)
{
	/* A BMC's lag has to be learned first. */
	const int from_ms = w.story->bmc ? 60000 : 0;
	size_t checked = 0;

	for (int i = 0; i < TRUTH_JOBS; i++) {
		const struct truth_job *j = &w.jobs[i];
		double off = fabs(j->scraped_j - j->true_j) / j->true_j * 100;

		if (j->start_ms < from_ms || j->end_ms > (TRUTH_SECONDS - 100) * 1000)
			continue;
		if (!(j->true_j > 0))
			continue;
		worst_percent = fmax(worst_percent, off);
		if (off > w.story->percent)
			fail_msg("%s, seed %u, scraped every %d s: job %s of %.1f s from %.2f s: "
				 "%.1f J instead of %.1f",
				w.story->name, seed, scrape_s, j->name,
				(j->end_ms - j->start_ms) / 1e3, j->start_ms / 1e3, j->scraped_j,
				j->true_j);
		checked++;
	}
	assert_true(checked > 5);
}

static void check_flowed(void)
{
	if (w.story->rapl)
		assert_true(t.report.totals.meter_uj[DOMAIN_CPU] == truth_zones_uj());
	/* The BMC is late by its lag and half of its second, twice; what it is silent about is
	 * made up. */
	if (w.story->bmc)
		assert_true(fabs(w.node_j - (double)t.report.node.meter_uj / 1e6) <= 4.0 * 500);
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

static void play(const struct truth_story *story, unsigned seed, int scrape_s)
{
	struct tick_pace pace;
	int late_ms = 0;

	truth_begin(story, seed);
	tick_pace_init(&pace, S_NS, t.mono_ns + TICK_PHASE_MS * INT64_C(1000000));
	while (w.now_ms < TRUTH_SECONDS * 1000) {
		truth_step();
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

static const struct truth_story stories[] = {
	{ .name = "RAPL", .rapl = true, .percent = 1 },
	{ .name = "RAPL with faults", .rapl = true, .faults = true, .percent = 1 },
	{ .name = "BMC alone", .bmc = true, .bmc_lag_ms = 400, .percent = 1.5 },
	{ .name = "RAPL and BMC", .rapl = true, .bmc = true, .bmc_lag_ms = 400, .percent = 1 },
	{ .name = "RAPL and a late BMC",
		.rapl = true,
		.bmc = true,
		.bmc_lag_ms = 900,
		.percent = 1 },
	{ .name = "GPU counters", .gpus = true, .gpu_counts = true, .percent = 0.5 },
	{ .name = "GPU powers", .gpus = true, .percent = 0.5 },
	{ .name = "RAPL, GPU powers and BMC",
		.rapl = true,
		.bmc = true,
		.gpus = true,
		.bmc_lag_ms = 300,
		.percent = 1 },
	{ .name = "all of them with faults",
		.rapl = true,
		.bmc = true,
		.bmc_counts = true,
		.gpus = true,
		.gpu_counts = true,
		.bmc_lag_ms = 600,
		.faults = true,
		.percent = 1 },
	{ .name = "BMC alone, silent for 6 s",
		.bmc = true,
		.bmc_lag_ms = 400,
		.faults = true,
		.percent = 1.5 },
	{ .name = "BMC alone, stuck for 6 s",
		.bmc = true,
		.bmc_lag_ms = 400,
		.faults = true,
		.bmc_sticks = true,
		.percent = 1.5 },
	{ .name = "RAPL with faults and a BMC that is silent",
		.rapl = true,
		.bmc = true,
		.bmc_lag_ms = 400,
		.faults = true,
		.percent = 1.5 },
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
		.percent = 25 },
};

/* Each is played with each curve of tests/fixtures/curves, too. */
static const struct truth_story varying[] = {
	{ .name = "RAPL with faults", .rapl = true, .faults = true, .percent = 1.5 },
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
		.percent = 1.5 },
};
static const char *const curves[] = { "build", "steps", "ramp", "bursts" };
static struct truth_story varied[ARRAY_SIZE(varying)][ARRAY_SIZE(curves)];

static unsigned seeds = 3;

static void each_unit_gets_its_true_share(void **state)
{
	const struct truth_story *story = *state;
	static const int scrapes_s[] = { 1, 15, 60 };

	worst_percent = 0;
	for (unsigned i = 0; i < seeds; i++) {
		node_setup(NULL);
		play(story, 17 + i, scrapes_s[i % ARRAY_SIZE(scrapes_s)]);
		node_teardown(NULL);
	}
	printf("# %s%s%s: a unit at most %.2f %% off\n", story->name, story->curve ? ", " : "",
		story->curve ? story->curve : "", worst_percent);
}

/* test_truth [SEEDS [STORY]]; the story may have wildcards, and is that of cmocka's output. */
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
	if (argc > 2)
		cmocka_set_test_filter(argv[2]);
	return _cmocka_run_group_tests("truth", tests, n, NULL, NULL);
}
