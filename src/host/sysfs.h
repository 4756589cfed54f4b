// SPDX-License-Identifier: Apache-2.0
/*
 * Attributes and directories of /sys (Documentation/filesystems/sysfs.rst). An attribute is a short
 * text that one read(2) gives as a whole, and each read may ask hardware, so that it fails in every
 * way that hardware does.
 */
#ifndef CEEMS_HOST_SYSFS_H
#define CEEMS_HOST_SYSFS_H

#include <stddef.h>
#include <stdint.h>

#include "basic/arena.h"
#include "basic/str.h"

enum {
	SYSFS_TEXT_MAX = 128, /* of an attribute; what is behind it isn't looked at */
	SYSFS_ENTRIES_MAX = 4096, /* of a directory */
	SYSFS_PATH_MAX = 1024, /* room for any path that is made here */
};

/* An attribute, opened to be read; never waits. -errno. */
int sysfs_open(int dir_fd, const char *path);

/* One read, from offset 0, without the blanks at its ends. 0 or -errno. */
int sysfs_reread(int fd, char text[static SYSFS_TEXT_MAX], struct slice *ret_value);
int sysfs_read(
	int dir_fd, const char *path, char text[static SYSFS_TEXT_MAX], struct slice *ret_value);

/*
 * The same of a file whose descriptor is kept in *fd (-1 at first; the caller closes it) for who
 * reads often. One that went, or was replaced, is opened again, if need be at the next call.
 */
int sysfs_read_kept(int dir_fd, const char *path, int *fd, char text[static SYSFS_TEXT_MAX],
	struct slice *ret_value);

/* Also -EBADMSG: not a decimal number as a whole. */
int sysfs_read_u64(int dir_fd, const char *path, uint64_t *ret_value);

struct sysfs_names {
	const char **v; /* sorted bytewise, without those that begin with a dot */
	size_t n;
};

/* All is in the arena. -ENOENT, -EACCES and so on of opening it; -E2BIG, -ENOMEM. */
int sysfs_list(int dir_fd, const char *path, struct arena *arena, struct sysfs_names *ret_names);

/* A directory to read below, symbolic links followed. -errno. */
int sysfs_open_dir(int dir_fd, const char *path);

#endif
