// SPDX-License-Identifier: Apache-2.0
/*
 * What tells one resource manager's control groups from another's: where its trees are rooted,
 * which directories are units, and what names them. The generic code is in unit_table.c.
 */
#ifndef CEEMS_EXPORTER_UNIT_MANAGER_H
#define CEEMS_EXPORTER_UNIT_MANAGER_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/err.h"
#include "host/cgroup.h"

enum {
	UNIT_NAME_MAX = NAME_MAX + 1, /* ids and host names, NUL included */
	UNIT_PROCESSES_MAX = 4096, /* of one unit, that are looked at to identify it */
};

struct unit_match {
	char id[UNIT_NAME_MAX];
	char virtual_host[UNIT_NAME_MAX]; /* "" unless several daemons share the host */
	bool needs_identity; /* the id is not what the unit is known by: ask identify() */
};

enum unit_path_is {
	UNIT_PATH_OTHER, /* units may be below it */
	UNIT_PATH_UNIT, /* whatever is below it belongs to it */
	UNIT_PATH_CHILD, /* part of a unit that isn't there itself */
};

struct unit_manager {
	const char *name; /* label 'manager' */
	/* Roots are searched below this directory of the mount or, in v1, of the active hierarchy;
	 * "" is the whole of it. */
	const char *search_v1, *search_v2;
	bool (*is_root)(enum cgroup_version version, const char *path);
	/* Of a path from the mount, or the active hierarchy, as it stands in the file system. */
	enum unit_path_is (*classify)(
		enum cgroup_version version, struct slice path, struct unit_match *ret_match);
	/* A unit without any process is a leftover of one that ended, and is not shown. */
	bool needs_processes;
	/*
	 * Finds out what a unit is known by, from its processes. 0, or -ENODATA: they don't say.
	 * May be NULL when classify() never asks for it.
	 */
	int (*identify)(int procfs_fd, const uint64_t *pids, size_t n, char uuid[UNIT_NAME_MAX]);
};

#endif
