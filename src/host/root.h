// SPDX-License-Identifier: Apache-2.0
/*
 * Where the kernel's file systems are mounted. All reads go below one of these descriptors, so that
 * a fixture tree or a container's /host/proc works like the real one. Roots come and go, as mounts
 * do: host_root_follow() puts what is there now behind the same descriptors.
 */
#ifndef CEEMS_HOST_ROOT_H
#define CEEMS_HOST_ROOT_H

#include "basic/err.h"

enum host_root_kind { HOST_PROCFS, HOST_SYSFS, HOST_CGROUPFS, N_HOST_ROOTS };

struct host_root_state;

struct host_root {
	/* Directories (O_PATH). The numbers stay; what they stand for is changed at once (dup3(2)),
	 * so that any thread may open below them at any time. A root that isn't there is an empty
	 * directory, or something that is none. */
	int procfs_fd, sysfs_fd, cgroupfs_fd;
	const char *procfs, *sysfs,
		*cgroupfs; /* paths as given, lexically cleaned ("./sys/" -> "sys") */
	struct host_root_state *state; /* NULL, in tests: roots that stay as they are */
};

/*
 * What of it there has to be is the caller's to say. An error: out of memory, or there is nothing
 * to stand for a root that is missing.
 */
int host_root_open(struct host_root *root, const char *procfs, const char *sysfs,
	const char *cgroupfs, struct err *err);
void host_root_close(struct host_root *root);

const char *host_root_path(const struct host_root *root, enum host_root_kind kind);
/* 0, or the -errno with which it could not be found. From any thread. */
int host_root_error(const struct host_root *root, enum host_root_kind kind);
/*
 * Differs when there is another directory than before, or none: who keeps descriptors of what is
 * below closes them then. From any thread; before what is below is opened.
 */
unsigned host_root_generation(const struct host_root *root, enum host_root_kind kind);

/*
 * Looks whether the roots are still what their paths lead to: three system calls if so. What can't
 * be told (a path that may not be searched, even with CAP_DAC_READ_SEARCH if that is permitted)
 * stays as it is. Returns the set of those that changed (1 << kind), once each. From any thread.
 */
unsigned host_root_follow(const struct host_root *root);

#endif
