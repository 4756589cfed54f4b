// SPDX-License-Identifier: Apache-2.0
/*
 * Compute units of this node and their use of it, as both the scrape and the energy ledger see
 * them. A unit table belongs to one resource manager; it keeps descriptors of known units open, so
 * that a tick costs one pread per file.
 */
#ifndef CEEMS_EXPORTER_UNITS_UNIT_H
#define CEEMS_EXPORTER_UNITS_UNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/err.h"
#include "exporter/units/unit_watch.h"

/* Label values that name a unit. */
struct unit_key {
	const char *manager; /* "slurm" */
	const char *cgrouphostname; /* "" unless several slurmd share the host */
	const char *uuid;
};

/* Counters and levels at one moment. */
struct unit_sample {
	struct unit_key key; /* borrowed until the unit is gone for good (see unit_table_sample) */
	const char *path; /* of its directory, as long as the key; NULL = unknown */
	uint64_t incarnation; /* differs when a job id is used again by a new cgroup (inode, birth)
			       */
	uint64_t cpu_usage_us; /* since the cgroup's birth; user + system */
	int64_t born_ns; /* Unix time at which its cgroup directory was made (its ctime when it was
			    first seen); 0 = unknown */
	uint64_t working_set_bytes; /* memory in use less inactive page cache */
	uint64_t memory_used_bytes; /* page cache included, as the reference counts it */
	uint64_t alloc_cpus_milli; /* CPUs it may use, in thousandths; 0 = unknown */
	uint64_t alloc_memory_bytes; /* limit; 0 = unknown or unlimited */
	bool cpu_known, memory_known; /* its file could be read */
};

struct unit_table; /* thread-safe: sample and scrape may run at the same time */

/*
 * Finds units anew and reads them. The array is valid until the next call by the same caller;
 * no allocation when nothing changed. 0; -ENODATA: there is nothing that could hold units; -ESTALE:
 * there was, so that nothing can be told of them until it is back; -errno (nothing could be read at
 * all).
 */
int unit_table_sample(
	struct unit_table *table, const struct unit_sample **ret_samples, size_t *ret_n);

/*
 * CPU time of everything below the table's root cgroups, of units that ended too, read right after
 * the units of the last unit_table_sample(). With it the ledger gives a unit that ended between
 * two readings what it used last: a cgroup's time stays in its parents when it is removed. 0, or
 * -ENODATA when it could not be read.
 */
int unit_table_roots_cpu_usage(struct unit_table *table, uint64_t *ret_us);

/*
 * From now on notices when units come and go. A descriptor that is readable when some did, or
 * -errno: they are found by sampling only. The table keeps owning it; what it tells is taken by one
 * thread: a set of enum unit_watch_event.
 */
int unit_table_watch(struct unit_table *table);
unsigned unit_table_take_events(struct unit_table *table);

#endif
