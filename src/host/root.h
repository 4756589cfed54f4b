// SPDX-License-Identifier: Apache-2.0
/*
 * Where the kernel's file systems are mounted. All reads go below one of these descriptors, so that
 * a fixture tree or a container's /host/proc works like the real one.
 */
#ifndef CEEMS_HOST_ROOT_H
#define CEEMS_HOST_ROOT_H

#include "basic/err.h"

struct host_root {
	int procfs_fd, sysfs_fd,
		cgroupfs_fd; /* O_PATH or O_RDONLY directories; cgroupfs -1 if absent */
	const char *procfs, *sysfs,
		*cgroupfs; /* paths as given, lexically cleaned ("./sys/" -> "sys") */
	/* 0, or the -errno with which it could not be opened: it has nothing in it then. */
	int procfs_error, sysfs_error;
};

/*
 * What of it there has to be is the caller's to say: a missing procfs or sysfs is an empty
 * directory, a missing cgroupfs is left at -1. An error: out of memory, or no empty directory could
 * be made in /tmp.
 */
int host_root_open(struct host_root *root, const char *procfs, const char *sysfs,
	const char *cgroupfs, struct err *err);
void host_root_close(struct host_root *root);

#endif
