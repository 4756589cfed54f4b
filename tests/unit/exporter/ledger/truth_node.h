// SPDX-License-Identifier: Apache-2.0
/*
 * A node of which everything is known, on the clocks of sampler_node.h: units that come and go,
 * power that is a straight line of what they do, and meters that tell it as meters do. RAPL zones
 * wrap, freeze, vanish and return; a BMC tells the mean of the second before, late; GPUs are read
 * once a second.
 */
#ifndef CEEMS_TESTS_TRUTH_NODE_H
#define CEEMS_TESTS_TRUTH_NODE_H

#include "sampler_node.h"

enum {
	TRUTH_STEP_MS = 10,
	TRUTH_SECONDS = 600,
	TRUTH_JOBS = 40,
	TRUTH_GPUS = 2,
};

/* How the sensors behave. */
struct truth_story {
	const char *name;
	bool rapl, bmc, bmc_counts, gpus, gpu_counts, gpu_use_told;
	int bmc_lag_ms; /* between a second's end and its value */
	bool faults;
	bool bmc_sticks; /* its fault: it tells the same again and again, instead of nothing */
	double percent; /* how far off a unit may be */
	const char *curve; /* of tests/fixtures/curves: every unit's load; NULL: a steady 1 */
};

struct truth_job {
	char name[8];
	int start_ms, end_ms;
	double cpu; /* of one CPU */
	int gpu; /* that it holds half of; -1: none */
	double gpu_use; /* of the device */
	double true_j, scraped_j;
	uint64_t used_us;
	uint32_t gpu_use_ppm; /* at the GPUs' last reading */
};

struct truth_node {
	const struct truth_story *story;
	struct truth_job jobs[TRUTH_JOBS];
	int now_ms;
	double zone_j[2], dram_j, node_j, gpu_j[TRUTH_GPUS]; /* since the beginning */
	double busy_us, roots_us;
	/* The BMC: energy at the ends of the last seconds. */
	double node_at_s[TRUTH_SECONDS + 2];
	double gpu_before_j[TRUTH_GPUS];
	double gpu_use_sum[TRUTH_GPUS],
		job_use_sum[TRUTH_JOBS]; /* since the GPUs' last reading, in ms */
	struct gpu_sample samples[TRUTH_GPUS];
	struct gpu_holder holders[TRUTH_GPUS][TRUTH_JOBS];
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

extern struct truth_node w;

/* The node of t (node_setup() made it) at 0 ms, with the sampler started. */
void truth_begin(const struct truth_story *story, unsigned seed);

/* 10 ms of units, power and clocks, and what meters tell at the end of it. */
void truth_step(void);

/* The files and units as they are now, for a tick. */
void truth_show(void);

/* Microjoules of all zones since the beginning. */
uint64_t truth_zones_uj(void);

#endif
