// SPDX-License-Identifier: Apache-2.0
/* Reading and writing whole files with limits; all opens are O_CLOEXEC and below a directory fd. */
#ifndef CEEMS_BASIC_FILE_H
#define CEEMS_BASIC_FILE_H

#include <stddef.h>
#include <sys/types.h>
#include <unistd.h>

#include "basic/buffer.h"
#include "basic/err.h"
#include "basic/macros.h"

/*
 * Appends the whole file to buf, to at most limit bytes (-E2BIG beyond it). dirfd may be AT_FDCWD.
 * Works for /proc and /sys, whose files state no size. A pipe is waited for only with AT_FDCWD,
 * where somebody named it: in a tree that is read it must hold nobody up. 0 or -errno.
 */
int file_read(int dirfd, const char *path, size_t limit, struct buffer *buf);

/*
 * The same of a relative path in a tree that somebody else made: no link in it is followed (-ELOOP,
 * or -ENOTDIR on the way), and ".." leads nowhere (-EPERM).
 */
int file_read_nofollow(int dirfd, const char *path, size_t limit, struct buffer *buf);

/*
 * Reads a small file into text (NUL added). Returns the length; -E2BIG if it does not fit in
 * cap - 1 bytes, -errno otherwise. No allocation: for the hot paths.
 */
ssize_t file_read_small(int dirfd, const char *path, char *text, size_t cap);

/* Like file_read_small() on an open descriptor, from offset 0 (pread). */
ssize_t file_reread(int fd, char *text, size_t cap);

/*
 * Replaces path as a whole: a new file beside it is written, fsynced and renamed over it, so
 * that a reader sees the old or the new contents and a full disk leaves the old ones.
 */
int file_replace(const char *path, mode_t mode, const void *data, size_t len, struct err *err);

/* Makes the directory and its missing parents. An existing directory is fine. */
int file_mkdirs(const char *path, mode_t mode, struct err *err);

static inline void file_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

#endif
