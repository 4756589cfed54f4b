// SPDX-License-Identifier: Apache-2.0
/*
 * Processes of a control group and the groups below it, from their cgroup.procs. One that is not in
 * the given procfs doesn't count.
 */
#ifndef CEEMS_EXPORTER_UNIT_PROCESSES_H
#define CEEMS_EXPORTER_UNIT_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/cgroup.h"

/* How to read; the text and the walk are scratch. */
struct unit_processes {
	int base_fd; /* groups' paths are below it */
	int procfs_fd;
	bool listed_is_alive; /* the kernel lists living processes, and procfs is the kernel's */
	char *text;
	size_t text_cap;
	struct cgroup_walk *walk;
};

/*
 * 1 or 0: whether there is any; -errno: can't be told now (no descriptors). *witness_fd is the
 * directory whose cgroup.procs showed one the last time, or -1: as long as it still does nothing
 * else is read. The caller closes it. (The file itself is opened anew each time: in v1 the kernel
 * keeps the list of an open one for as long as it is read once a second.)
 */
int unit_processes_any(struct unit_processes *p, const char *path, int *witness_fd);

/* The first max of them. */
size_t unit_processes_list(struct unit_processes *p, const char *path, uint64_t *pids, size_t max);

#endif
