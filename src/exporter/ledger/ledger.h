// SPDX-License-Identifier: Apache-2.0
/*
 * The energy ledger: integer arithmetic only, no I/O. Every interval the energy that the meters saw
 * is split per domain to units, system, idle and unattributed, exactly. The maths and the policies
 * are in docs/energy.md.
 */
#ifndef CEEMS_EXPORTER_LEDGER_LEDGER_H
#define CEEMS_EXPORTER_LEDGER_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/err.h"
#include "exporter/gpu/gpus.h"
#include "exporter/units/unit.h"

enum energy_domain { DOMAIN_CPU, DOMAIN_DRAM, DOMAIN_GPU, DOMAIN_REST, N_ENERGY_DOMAINS };
extern const char *const energy_domain_names[N_ENERGY_DOMAINS];

enum energy_party { PARTY_UNITS, PARTY_SYSTEM, PARTY_IDLE, PARTY_UNATTRIBUTED, N_ENERGY_PARTIES };
extern const char *const energy_party_names[N_ENERGY_PARTIES];

enum ledger_policy { LEDGER_POLICY_SPLIT, LEDGER_POLICY_USAGE, LEDGER_POLICY_COMPAT };

enum { LEDGER_WHOLE_PPM = 1000000, LEDGER_BACK_INTERVALS = 32 };

/*
 * Energy that comes in later than it flows (a meter with a slow clock, one that stood still) is
 * split by what the units did since it was last settled, interval by interval.
 */
struct ledger_backlog {
	bool open; /* this interval belongs to it */
	bool settle; /* its energy is here; the time that belongs to it ends with this interval */
	bool again; /* if settled: what was gathered stays, more energy of that time will come */
	/* If settled, for the rest alone: so long before the end of this interval does its time
	   end; less than LEDGER_BACK_INTERVALS before. What came later begins the next one, and
	   so does in part what came in the time around the end in which it fades. */
	uint64_t back_us, fade_us;
	/* If settled, for the rest alone: its time began so much earlier than was thought. */
	uint64_t stretch_us;
	uint64_t energy_uj, static_uj, late_uj; /* as below */
};

enum { LEDGER_DEVICES_MAX = 64 };

/* A GPU: its energy comes in at its own readings, and is split among who held it since the last. */
struct ledger_device {
	size_t slot; /* the same one each time; below LEDGER_DEVICES_MAX */
	const struct gpu_holder *holders; /* now */
	size_t n_holders;
	bool use_known;
	uint32_t use_ppm;
	bool drawn; /* as a line between two powers, and so is the use; otherwise its energy and use
		       are those of the time since the last reading */
	bool settle; /* there is a reading */
	uint32_t part_ppm; /* if settled: which part of this interval came before it */
	uint64_t energy_uj, static_uj, late_uj; /* as below */
};

/* What one interval brought. Domain gpu has its devices only. */
struct ledger_interval {
	/* 0: no interval yet; the units' readings are remembered, and energy is unattributed. */
	uint64_t duration_us;
	uint64_t energy_uj[N_ENERGY_DOMAINS]; /* metered or modelled */
	uint64_t static_uj[N_ENERGY_DOMAINS]; /* part of it that flows without load; <= energy */
	/* Part of it that nobody can be charged with: it flowed before this interval. <= energy */
	uint64_t late_uj[N_ENERGY_DOMAINS];
	bool present[N_ENERGY_DOMAINS]; /* the domain has a source on this node */
	struct ledger_backlog backlog[N_ENERGY_DOMAINS]; /* besides the above */
	const struct ledger_device *devices;
	size_t n_devices;
	/* The node, over the same interval. */
	/* The node's and the units' usage could be read. Otherwise all energy is unattributed and
	   the units' last readings stay as they are: the next interval counts its part only. */
	bool node_known;
	uint64_t node_cpu_busy_us; /* all modes but idle, iowait, steal */
	uint64_t node_cpus_milli; /* online CPUs, thousandths */
	uint64_t node_memory_bytes, node_memory_used_bytes;
	const struct unit_sample *units; /* at the end of the interval */
	size_t n_units;
	/* CPU time of all units, of those that ended in the interval too: told by the cgroups above
	   them, for what no reading of a unit shows any more. */
	bool units_cpu_known;
	uint64_t units_cpu_us;
	/* Units that ended in the interval did so that long after its beginning. */
	bool ended_known;
	uint64_t ended_us;
	/* When the latest scrape began, monotonic; 0 = none yet. */
	int64_t last_scrape_ns;
	int64_t now_ns; /* monotonic, end of the interval */
	int64_t realtime_ns; /* Unix time, end of the interval */
};

#define LEDGER_KEEP_UNSCRAPED_NS (INT64_C(24) * 3600 * 1000000000)

struct ledger;

struct ledger_config {
	enum ledger_policy policy;
	/* How long an ended unit stays exported; until it was scraped after its end, if that takes
	   longer, but no longer than LEDGER_KEEP_UNSCRAPED_NS. */
	int64_t keep_ended_ns;
	size_t max_units; /* live and ended ones; beyond it energy goes to the party units only */
	uint64_t interval_us; /* usual; some are shorter. 0: each stands for itself */
};

int ledger_new(const struct ledger_config *config, struct ledger **ret_ledger);
void ledger_free(struct ledger *ledger);

/*
 * Books one interval. Afterwards, for every domain: sum over units (live, kept and forgotten) =
 * party units, and the sum of the parties = the meter. No counter ever goes down. 0 or -ENOMEM (the
 * interval is booked as unattributed, the sums still hold).
 */
int ledger_book(struct ledger *ledger, const struct ledger_interval *interval);

struct ledger_unit_total {
	struct unit_key key;
	uint64_t energy_uj[N_ENERGY_DOMAINS];
	int64_t start_realtime_ns; /* when its counters started at 0 */
	bool ended;
};

struct ledger_totals {
	bool present[N_ENERGY_DOMAINS]; /* ever */
	uint64_t meter_uj[N_ENERGY_DOMAINS];
	uint64_t party_uj[N_ENERGY_DOMAINS][N_ENERGY_PARTIES];
	const struct ledger_unit_total *units; /* sorted by key; valid until the next ledger call */
	size_t n_units;
};

/* Whether units came or went in the last interval. */
bool ledger_units_changed(const struct ledger *ledger);

/* One consistent answer. Not thread-safe: the owner holds the lock that covers book and totals. */
void ledger_totals(struct ledger *ledger, struct ledger_totals *ret_totals);

#endif
