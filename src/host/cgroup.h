// SPDX-License-Identifier: Apache-2.0
/*
 * The control group file systems: which version is there, systemd's escapes in names, and walks
 * over directories (Documentation/admin-guide/cgroup-v1/, cgroup-v2.rst). What the files of a group
 * say is read by cgroup_parse.h.
 */
#ifndef CEEMS_HOST_CGROUP_H
#define CEEMS_HOST_CGROUP_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/buffer.h"
#include "basic/str.h"

enum cgroup_version {
	CGROUP_V1 = 1, /* also hybrid: a v2 mount beside v1, which counts no resource */
	CGROUP_V2 = 2,
};

/* Of the mount at path (always /sys/fs/cgroup but in tests). What cannot be told is v1. */
enum cgroup_version cgroup_detect(const char *path);

/*
 * v1: the directory of a controller's hierarchy below the mount, or of those that share it
 * ("cpu,cpuacct"). A descriptor (O_PATH), or -errno. *ret_name is the directory's name, which is
 * static or controller itself; may be NULL.
 */
int cgroup_open_hierarchy(int mount_fd, const char *controller, const char **ret_name);

/* What a directory lies on, as far as it changes how it may be read. */
enum cgroup_fs {
	CGROUP_FS_OTHER, /* a copy of a tree: its files may be replaced behind our back */
	CGROUP_FS_OTHER_COUNTED, /* the same, and a directory's link count tells its subdirectories
				  */
	CGROUP_FS_V1,
	CGROUP_FS_V2,
};
enum cgroup_fs cgroup_fs_of(int fd);

/*
 * Undoes systemd's escapes in one name: "\x2d" is '-'. Returns the length (NUL added), -EBADMSG for
 * any other backslash and for escapes of '/' and NUL, -E2BIG when it does not fit.
 */
int cgroup_unescape(struct slice name, char *text, size_t cap);

/* As strcmp(), in the order of a walk, depth first, siblings by name: '/' sorts before all bytes.
 */
int cgroup_path_compare(const char *a, const char *b);

enum { CGROUP_DEPTH_MAX = 32, CGROUP_WALK_NAMES_MAX_BYTES = 64 << 20 };

struct cgroup_dir {
	const char *path; /* below the walk's base; valid during the visit */
	size_t path_len;
	const char *name; /* its last component */
	int parent_fd;
	uint64_t inode;
};

enum cgroup_visit { CGROUP_SKIP, CGROUP_DESCEND, CGROUP_STOP };

struct cgroup_visitor {
	/* An enum cgroup_visit, or -errno, which ends the walk and is returned. */
	int (*visit)(void *ctx, const struct cgroup_dir *dir);
	/* A directory could not be listed and is left out. Never for one that has vanished. May be
	 * NULL. */
	void (*failed)(void *ctx, const char *path, int r);
	void *ctx;
};

struct cgroup_walk {
	enum cgroup_fs fs;
	/* Scratch that is kept, so that a second walk allocates nothing. */
	struct buffer names;
	char path[PATH_MAX];
	const struct cgroup_visitor *visitor; /* during a walk */
};

/* Whether a failed() may go well next time (no memory, no descriptor); else it is left out for
 * good. */
bool cgroup_failure_passes(int r);

void cgroup_walk_init(struct cgroup_walk *walk);
void cgroup_walk_done(struct cgroup_walk *walk);

/*
 * Visits every directory below base/start ("" is the base), each before what it contains, siblings
 * in the file system's order. Symbolic links are not followed. 1 when a visit stopped it, else 0;
 * -errno when start could not be opened (-ENOENT: it is not there).
 */
int cgroup_walk(struct cgroup_walk *walk, int base_fd, const char *start,
	const struct cgroup_visitor *visitor);

#endif
