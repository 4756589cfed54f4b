// SPDX-License-Identifier: Apache-2.0
#include "host/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/macros.h"

enum { LIST_CHUNK_BYTES = 32 * 1024 };

enum cgroup_version cgroup_detect(const char *path)
{
	struct statfs fs;

	if (statfs(path, &fs) < 0)
		return CGROUP_V1;
	return fs.f_type == CGROUP2_SUPER_MAGIC ? CGROUP_V2 : CGROUP_V1;
}

static int open_directory(int fd, const char *name)
{
	int r = openat(fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return r < 0 ? -errno : r;
}

int cgroup_open_hierarchy(int mount_fd, const char *controller, const char **ret_name)
{
	static const char *const shared[][4] = {
		{ "cpu", "cpuacct", "cpu,cpuacct", "cpuacct,cpu" },
		{ "net_cls", "net_prio", "net_cls,net_prio", "net_prio,net_cls" },
	};
	const char *name = controller;
	int fd = -1;

	for (size_t i = 0; i < ARRAY_SIZE(shared); i++) {
		if (!str_eq(controller, shared[i][0]) && !str_eq(controller, shared[i][1]))
			continue;
		for (size_t k = 2; k < ARRAY_SIZE(shared[i]) && fd < 0; k++) {
			name = shared[i][k];
			fd = open_directory(mount_fd, name);
		}
	}
	if (fd < 0) {
		name = controller;
		fd = open_directory(mount_fd, name);
	}
	if (fd >= 0 && ret_name)
		*ret_name = name;
	return fd;
}

enum cgroup_fs cgroup_fs_of(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return CGROUP_FS_OTHER;
	switch (fs.f_type) {
	case CGROUP_SUPER_MAGIC:
		return CGROUP_FS_V1;
	case CGROUP2_SUPER_MAGIC:
		return CGROUP_FS_V2;
	case TMPFS_MAGIC:
		return CGROUP_FS_OTHER_COUNTED;
	default:
		return CGROUP_FS_OTHER;
	}
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int cgroup_unescape(struct slice name, char *text, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (c == '\\') {
			int high, low;

			if (name.n - i < 4 || name.p[i + 1] != 'x')
				return -EBADMSG;
			high = hex_digit(name.p[i + 2]);
			low = hex_digit(name.p[i + 3]);
			if (high < 0 || low < 0)
				return -EBADMSG;
			c = (char)(high << 4 | low);
			if (c == '/' || c == '\0')
				return -EBADMSG;
			i += 3;
		}
		if (n + 1 >= cap)
			return -E2BIG;
		text[n++] = c;
	}
	if (n >= cap)
		return -E2BIG;
	text[n] = '\0';
	return (int)n;
}

/* NUL is before '/', which is before the others. */
static int rank(char c)
{
	return c == '\0' ? 0 : c == '/' ? 1 : 2 + (unsigned char)c;
}

int cgroup_path_compare(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return rank(*a) - rank(*b);
}

bool cgroup_failure_passes(int r)
{
	return r == -ENOMEM || r == -EMFILE || r == -ENFILE || r == -EIO || r == -EINTR;
}

void cgroup_walk_init(struct cgroup_walk *walk)
{
	*walk = (struct cgroup_walk){ .fs = CGROUP_FS_OTHER };
	buffer_init(&walk->names, CGROUP_WALK_NAMES_MAX_BYTES);
}

void cgroup_walk_done(struct cgroup_walk *walk)
{
	buffer_done(&walk->names);
}

static bool vanished(int r)
{
	return r == -ENOENT || r == -ENODEV || r == -ENOTDIR || r == -ELOOP;
}

/* Whether the entry is a directory; the file system need not say so by itself. */
static bool is_dir(int fd, const struct dirent64 *entry)
{
	struct stat st;

	if (entry->d_name[0] == '.' &&
		(entry->d_name[1] == '\0' || (entry->d_name[1] == '.' && entry->d_name[2] == '\0')))
		return false;
	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* Appends the names of the subdirectories, each as its inode, the name and a NUL. */
static int __attribute__((noinline)) list_dirs(int fd, struct buffer *names)
{
	union {
		struct dirent64 align;
		char data[LIST_CHUNK_BYTES];
	} chunk;

	for (;;) {
		ssize_t n = getdents64(fd, chunk.data, sizeof(chunk.data));

		if (n < 0)
			return -errno;
		if (n == 0)
			return buffer_error(names);
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *entry = (const void *)(chunk.data + at);

			if (is_dir(fd, entry)) {
				uint64_t inode = entry->d_ino;

				buffer_append(names, &inode, sizeof(inode));
				buffer_append(names, entry->d_name, strlen(entry->d_name) + 1);
			}
			at += entry->d_reclen;
		}
	}
}

/* Saves opening and listing: most groups have no groups below. */
static bool has_no_subdirs(const struct cgroup_walk *walk, int parent_fd, const char *name)
{
	struct stat st;

	if (walk->fs == CGROUP_FS_OTHER)
		return false;
	return fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_nlink == 2;
}

static void report(const struct cgroup_walk *walk, int r)
{
	if (walk->visitor->failed)
		walk->visitor->failed(walk->visitor->ctx, walk->path, r);
}

static int walk_below(struct cgroup_walk *walk, int fd, size_t path_len, unsigned depth);

static int descend(
	struct cgroup_walk *walk, int parent_fd, const char *name, size_t path_len, unsigned depth)
{
	CLEANUP(file_closep) int fd = -1;
	int r;

	if (has_no_subdirs(walk, parent_fd, name))
		return 0;
	fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	r = fd < 0 ? -errno : walk_below(walk, fd, path_len, depth);
	if (fd < 0 && !vanished(r))
		report(walk, r);
	return fd < 0 ? 0 : r;
}

/* Visits the directory whose name was put behind path_len. */
static int visit(struct cgroup_walk *walk, int fd, uint64_t inode, size_t path_len, size_t name_at,
	unsigned depth)
{
	const struct cgroup_dir dir = {
		.path = walk->path,
		.path_len = path_len,
		.name = walk->path + name_at,
		.parent_fd = fd,
		.inode = inode,
	};
	int r = walk->visitor->visit(walk->visitor->ctx, &dir);

	if (r < 0)
		return r;
	if (r == CGROUP_STOP)
		return 1;
	if (r == CGROUP_DESCEND)
		return descend(walk, fd, walk->path + name_at, path_len, depth + 1);
	return 0;
}

/* 0, 1 when stopped, or the visit's error. A failure to list is reported and is no error. */
static int walk_below(struct cgroup_walk *walk, int fd, size_t path_len, unsigned depth)
{
	const size_t start = walk->names.len;
	size_t end;
	int r = depth > CGROUP_DEPTH_MAX ? -ELOOP : list_dirs(fd, &walk->names);

	end = walk->names.len;
	if (r < 0) {
		if (depth > CGROUP_DEPTH_MAX || !vanished(r))
			report(walk, r);
		r = 0;
	}
	for (size_t at = start; at < end && r == 0;) {
		const size_t name_at = path_len ? path_len + 1 : 0;
		const char *record = walk->names.data + at;
		size_t name_len = strlen(record + sizeof(uint64_t));
		uint64_t inode;

		memcpy(&inode, record, sizeof(inode));
		at += sizeof(inode) + name_len + 1;
		if (name_at + name_len >= sizeof(walk->path)) {
			report(walk, -ENAMETOOLONG);
			continue;
		}
		if (path_len)
			walk->path[path_len] = '/';
		memcpy(walk->path + name_at, record + sizeof(inode), name_len + 1);
		r = visit(walk, fd, inode, name_at + name_len, name_at, depth);
		walk->path[path_len] = '\0';
	}
	walk->names.len = start;
	return r;
}

int cgroup_walk(struct cgroup_walk *walk, int base_fd, const char *start,
	const struct cgroup_visitor *visitor)
{
	CLEANUP(file_closep) int fd = -1;
	size_t len = strlen(start);
	int r;

	if (len >= sizeof(walk->path))
		return -ENAMETOOLONG;
	fd = openat(base_fd, len ? start : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	buffer_clear(&walk->names);
	memcpy(walk->path, start, len + 1);
	walk->visitor = visitor;
	r = walk_below(walk, fd, len, 0);
	walk->visitor = NULL;
	return r;
}
