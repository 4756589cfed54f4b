// SPDX-License-Identifier: Apache-2.0
/*
 * The loop that feeds the ledger: once an interval it reads the energy sources, the node and the
 * units, and books what the interval brought. It has its own thread and one lock, under which an
 * interval is booked and an answer is read.
 */
#ifndef CEEMS_EXPORTER_LEDGER_SAMPLER_H
#define CEEMS_EXPORTER_LEDGER_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/clock.h"
#include "basic/err.h"
#include "basic/log.h"
#include "basic/macros.h"
#include "exporter/ledger/gpu_energy.h"
#include "exporter/ledger/ledger.h"
#include "exporter/meters/power_meter.h"
#include "exporter/units/unit.h"
#include "host/root.h"
#include "host/thread_usage.h"

enum power_model_mode { POWER_MODEL_AUTO, POWER_MODEL_ON, POWER_MODEL_OFF };

struct sampler_config {
	const struct host_root *host;
	const struct clock *clock;
	const struct log *log;
	int64_t (*asleep_ns)(
		void); /* how long the machine was suspended since boot; NULL = ask it */
	struct ledger_config ledger; /* its interval is set here: */
	int64_t interval_ns;
	int64_t max_gap_ns; /* a longer interval's energy is unattributed */
	bool static_given[N_ENERGY_DOMAINS]; /* otherwise it is learned */
	uint64_t static_uw[N_ENERGY_DOMAINS];
	enum power_model_mode model_mode;
	uint64_t model_idle_uw, model_max_uw; /* 0 = by the number of CPUs */
	struct usage_account *account; /* where the thread's use is booked; NULL: nowhere */
	uint64_t max_node_watts; /* a meter of the node that tells more is wrong */
};

/* What other collectors offer; stays valid until sampler_stop() has returned. */
struct sampler_inputs {
	struct unit_table *const *tables;
	size_t n_tables;
	const struct power_meter *const *meters; /* of the whole node */
	size_t n_meters;
	gpu_sample_fn gpu_sample; /* NULL: nobody looks for GPUs */
	bool has_gpus; /* there are some already */
	void *gpu_ctx;
};

struct sampler;

/*
 * Opens the sources and the node's files: before privileges are dropped. A node without any source
 * is fine. What config points to outlives the sampler.
 */
int sampler_open(
	const struct sampler_config *config, struct sampler **ret_sampler, struct err *err);
void sampler_close(struct sampler *sampler); /* NULL is fine; the thread has ended */
DEFINE_CLEANUP(struct sampler *, sampler_close);

/* Starts the thread. */
int sampler_start(struct sampler *sampler, const struct sampler_inputs *inputs, struct err *err);
void sampler_stop(struct sampler *sampler);

/* The inputs alone, for who calls sampler_tick() himself. -ENOSPC: too many tables. */
int sampler_use(struct sampler *sampler, const struct sampler_inputs *inputs);

/* One reading; the thread's work. */
void sampler_tick(struct sampler *sampler);

/* A unit was seen to go, at some moment between the two. From the thread that reads. */
void sampler_unit_went(struct sampler *sampler, int64_t from_ns, int64_t to_ns);

/* When the latest scrape began, on the sampler's monotonic clock. From any thread. */
void sampler_scraped(struct sampler *sampler, int64_t when_ns);

struct sampler_domain {
	const char *source; /* NULL: the domain has none now */
	bool measured;
	bool sampled; /* it brought a value yet */
	int64_t age_ns; /* of the oldest value in it, now */
	uint64_t covered_us; /* time whose energy the source told */
	uint64_t bridged_us; /* part of it that was told later, after a gap */
	bool static_known;
	uint64_t static_uw;
	int64_t resolution_ns; /* how often its meter changes at best; 0 = unknown */
};

/* The meters of the whole node. meter + exceeded + unmetered - pending = sum of all domains. */
struct sampler_node {
	bool told; /* one of them told something: the rest holds */
	uint64_t meter_uj;
	uint64_t exceeded_uj; /* parts beyond the meter */
	uint64_t unmetered_uj; /* parts in times of which it told nothing */
	int64_t pending_uj; /* not booked yet; negative: the parts are ahead */
	uint64_t switches; /* from one meter to another */
	bool offered[N_POWER_METER_SOURCES], active[N_POWER_METER_SOURCES];
	uint64_t refused[N_POWER_METER_SOURCES]; /* readings that cannot be */
};

struct sampler_report {
	struct ledger_totals totals;
	struct sampler_domain domains[N_ENERGY_DOMAINS];
	struct sampler_node node;
	int64_t start_realtime_ns; /* when the counters started at 0 */
	bool model_on; /* the power model runs, whether the ledger uses it or not */
	uint64_t model_uw; /* its last power */
	uint64_t gpu_refused; /* readings of GPUs that cannot be */
	uint64_t ticks,
		late_ticks; /* readings, and those that came after more than 1.5 intervals */
};

/* One state of all: taken under the lock, which stays held until sampler_unlock(). */
void sampler_lock(struct sampler *sampler, struct sampler_report *ret_report);
void sampler_unlock(struct sampler *sampler);

#endif
