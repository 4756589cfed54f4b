// SPDX-License-Identifier: Apache-2.0
/*
 * A synthetic node for the sampling loop: RAPL zones, /proc/stat, /proc/meminfo in a scratch tree,
 * a table of units (it defines unit_table_*()), and clocks that the test moves.
 */
#ifndef CEEMS_TESTS_SAMPLER_NODE_H
#define CEEMS_TESTS_SAMPLER_NODE_H

#include "exporter/ledger/sampler.h"
#include "unit_test.h"

enum { NODE_UNITS_MAX = 32 };

struct node {
	char path[64];
	struct host_root host;
	int64_t mono_ns, real_ns, asleep_ns;
	int64_t step_ns; /* by which the monotonic clock goes on when it is read */
	uint64_t busy_ticks; /* of 10 ms, of two CPUs */
	struct unit_sample units[NODE_UNITS_MAX];
	size_t n_units;
	int units_error;
	int watch_fd; /* of unit_table_watch(); 0: nothing is watched */
	_Atomic unsigned events_taken; /* how often; each time a unit came and one went */
	uint64_t roots_us;
	const struct power_meter *meters[4]; /* of the whole node; offered at the start */
	size_t n_meters;
	gpu_sample_fn gpu_sample; /* NULL: none */
	struct sampler *sampler;
	struct sampler_report report; /* after the last tick */
};
extern struct node t;

static const int64_t S_NS = 1000000000;

int node_setup(void **state);
int node_teardown(void **state);

/* Writes in place, as sysfs does: the file stays the same. */
void put(const char *name, const char *text);
void put_energy(const char *entry, uint64_t uj);
void zone(const char *entry, const char *zone_name, uint64_t uj);
void put_stat(void);

/* Interval 1 s, gaps of up to 1 min, units kept for 1 min; the rest from extra, which may be NULL.
 */
void node_start(const struct sampler_config *extra);
void tick(double after_s);
void report(void);
int64_t mono_now(void); /* as the sampler reads it */

#endif
