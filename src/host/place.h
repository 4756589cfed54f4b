// SPDX-License-Identifier: Apache-2.0
/*
 * Which directory a path leads to (statx(2)), so that one in the place of another is noticed: made
 * anew, mounted over, or unmounted and mounted again.
 */
#ifndef CEEMS_HOST_PLACE_H
#define CEEMS_HOST_PLACE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * As long as a descriptor of the directory is open, nothing else can have the same three numbers.
 * Before Linux 5.8 the mount is not told (0), and the same file system mounted again is the same.
 */
struct place {
	uint64_t device, inode, mount;
};

/*
 * One system call. dir_fd may be AT_FDCWD; path "" is dir_fd itself. -ENOENT, -ENOTDIR (also: what
 * is there is no directory), -errno.
 */
int place_of(int dir_fd, const char *path, struct place *ret_place);
bool place_equal(const struct place *a, const struct place *b);

#endif
