// SPDX-License-Identifier: Apache-2.0
/*
 * Processes of a control group and the groups below it, from their cgroup.procs. One that is not in
 * the given procfs doesn't count.
 */
#ifndef CEEMS_EXPORTER_UNITS_UNIT_PROCESSES_H
#define CEEMS_EXPORTER_UNITS_UNIT_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/cgroup.h"

enum {
	UNIT_PIDS_MAX = 1 << 20, /* of one unit that are listed */
	UNIT_GROUP_PATHS_MAX_BYTES = 16 << 20, /* of the groups of one unit */
};

struct unit_process; /* scratch */

/* The group whose cgroup.procs showed a process the last time: as long as it does so still, nothing
 * else has to be read. Open if a descriptor may be kept, else by its name. */
struct unit_witness {
	int fd; /* of its directory; -1: none */
	char *list; /* path of its cgroup.procs from the base; NULL: none */
};

/* How to read; the text and the walk are scratch. */
struct unit_processes {
	int base_fd; /* groups' paths are below it */
	int procfs_fd;
	bool listed_is_alive; /* the kernel lists living processes, and procfs is the kernel's */
	char *text;
	size_t text_cap;
	struct cgroup_walk *walk;
	/* Of listings; grow as needed. */
	uint64_t *pids;
	struct unit_process *by_pid;
	size_t pids_cap; /* of both */
	struct buffer groups; /* paths, each with a NUL */
	const char **group_order;
	size_t group_order_cap;
};

/* The other members are set by the caller. */
void unit_processes_init(struct unit_processes *p);
void unit_processes_done(struct unit_processes *p);

/*
 * 1 or 0: whether there is any; -errno: can't be told now (no descriptors). may_keep: a new witness
 * may be a descriptor. (The file itself is opened anew each time: in v1 the kernel keeps the list
 * of an open one for as long as it is read once a second.)
 */
int unit_processes_any(
	struct unit_processes *p, const char *path, bool may_keep, struct unit_witness *witness);
void unit_witness_init(struct unit_witness *witness);
void unit_witness_done(struct unit_witness *witness);

/*
 * Lists the first max of them: the group's own, then those of the groups below in the order of
 * cgroup_path_compare(), each group in the file's order, each process once (in v1 it stands in each
 * group that has one of its threads). What can't be read is left out, with no memory all from there
 * on. Valid until the next call.
 */
size_t unit_processes_list(
	struct unit_processes *p, const char *path, size_t max, const uint64_t **ret_pids);

#endif
