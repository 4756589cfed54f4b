// SPDX-License-Identifier: Apache-2.0
/*
 * What tells one resource manager's control groups from another's: where its trees are rooted,
 * which directories are units, what names them, and which devices a unit was given. The generic
 * code is in unit_table.c.
 */
#ifndef CEEMS_EXPORTER_UNITS_UNIT_MANAGER_H
#define CEEMS_EXPORTER_UNITS_UNIT_MANAGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/err.h"
#include "exporter/units/unit_identity.h"
#include "host/cgroup.h"

enum {
	UNIT_PROCESSES_MAX = 4096, /* of one unit, that are looked at to identify it */
};

struct unit_match {
	char id[UNIT_NAME_MAX];
	char virtual_host[UNIT_NAME_MAX]; /* "" unless several daemons share the host */
};

enum unit_path_is {
	UNIT_PATH_OTHER, /* units may be below it */
	UNIT_PATH_UNIT, /* whatever is below it belongs to it */
	UNIT_PATH_CHILD, /* part of a unit that isn't there itself */
};

/* Where the number of a unit's CPUs comes from (spec exporter-units.md 3.1). */
enum unit_cpus_from {
	UNIT_CPUS_CPUSET, /* the CPUs of its cpuset */
	UNIT_CPUS_VCPU_DIRS, /* its directories vcpu*, below libvirt/ if it has that */
	UNIT_CPUS_SHARES, /* cpu.weight, or v1's cpu.shares of the active hierarchy */
};

/* What is known of a unit that is to be identified. Valid during the call. */
struct unit_facts {
	const char *id, *virtual_host;
	const char *path; /* from the mount or the hierarchy in which units are searched */
	int procfs_fd;
	bool wants_gpus; /* the node has GPUs, so that device references are of use */
	/*
	 * Lists the first UNIT_PROCESSES_MAX of its processes, in the order of a walk; valid until
	 * the call ends. Costs system calls, so only those pay who ask.
	 */
	size_t (*processes)(void *lister, const uint64_t **ret_pids);
	void *lister;
	/* The manager's own, kept with the unit; 0 at first, and when its answer was lost. */
	uint64_t *note;
};

struct unit_manager {
	const char *name; /* label 'manager' */
	/*
	 * Roots: either directories of these names right below the mount or, in v1, the active
	 * hierarchy, ends with NULL (first_root_only: those after one that is there are not looked
	 * at); or, with NULL, what is_root() says of directories searched below search_v1 and
	 * search_v2, where "" is the whole of it.
	 */
	const char *const *root_names;
	bool first_root_only;
	const char *search_v1, *search_v2;
	bool (*is_root)(enum cgroup_version version, const char *path);
	/*
	 * v1: hierarchies in which roots are looked for, in this order, as long as the active one
	 * has none (a hybrid host need not have the active one's directories). NULL: none.
	 */
	const char *const *other_hierarchies;
	/* Of a path from the mount, or the active hierarchy, as it stands in the file system. */
	enum unit_path_is (*classify)(
		enum cgroup_version version, struct slice path, struct unit_match *ret_match);
	/* A unit without any process is a leftover of one that ended, and is not shown. */
	bool needs_processes;
	enum unit_cpus_from cpus_from;
	/*
	 * Finds out what a unit is known by and which devices it holds. Called under the table's
	 * lock when the unit is new and shown, and for each again when generation() or the list of
	 * GPUs has changed; ret_identity is empty before. ctx is unit_table_config.manager_ctx.
	 *   0        ret_identity holds until the next change;
	 *   1        what was found before holds further (never for a unit that has nothing yet);
	 *   -EAGAIN  ret_identity holds for now; asked again in growing intervals. With
	 *            ret_identity->problem set, that is logged once for the unit;
	 *   -errno   the same, but what was found before stays.
	 * NULL: the id is what a unit is known by, and it has no devices.
	 */
	int (*identify)(
		void *ctx, const struct unit_facts *facts, struct unit_identity *ret_identity);
	/* Differs when identities may have changed. Asked at every scan. NULL: never. */
	uint64_t (*generation)(void *ctx);
};

#endif
