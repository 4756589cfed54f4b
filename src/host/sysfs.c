// SPDX-License-Identifier: Apache-2.0
#include "host/sysfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/macros.h"

enum { FIRST_NAMES = 64 };

DEFINE_CLEANUP(DIR *, closedir);

int sysfs_open(int dir_fd, const char *path)
{
	/* In a tree that isn't the kernel's, something to wait at may stand there. */
	int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	return fd < 0 ? -errno : fd;
}

int sysfs_open_dir(int dir_fd, const char *path)
{
	int fd = openat(dir_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int sysfs_reread(int fd, char text[static SYSFS_TEXT_MAX], struct slice *ret_value)
{
	ssize_t n;

	do {
		n = pread(fd, text, SYSFS_TEXT_MAX, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	*ret_value = slice_trim((struct slice){ text, (size_t)n });
	return 0;
}

int sysfs_read(
	int dir_fd, const char *path, char text[static SYSFS_TEXT_MAX], struct slice *ret_value)
{
	CLEANUP(file_closep) int fd = sysfs_open(dir_fd, path);

	return fd < 0 ? fd : sysfs_reread(fd, text, ret_value);
}

/* Of a tree that isn't the kernel's; there, reading what went fails. */
static bool was_replaced(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 || st.st_nlink == 0;
}

int sysfs_read_kept(int dir_fd, const char *path, int *fd, char text[static SYSFS_TEXT_MAX],
	struct slice *ret_value)
{
	int r;

	if (*fd >= 0 && !was_replaced(*fd)) {
		r = sysfs_reread(*fd, text, ret_value);
		if (r >= 0)
			return 0;
	}
	file_closep(fd);
	r = sysfs_open(dir_fd, path);
	if (r < 0)
		return r;
	*fd = r;
	r = sysfs_reread(*fd, text, ret_value);
	if (r < 0)
		file_closep(fd);
	return r;
}

int sysfs_read_u64(int dir_fd, const char *path, uint64_t *ret_value)
{
	char text[SYSFS_TEXT_MAX];
	struct slice value;
	int r = sysfs_read(dir_fd, path, text, &value);

	if (r < 0)
		return r;
	return slice_to_u64(value, ret_value) < 0 ? -EBADMSG : 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int add_names(DIR *dir, struct arena *arena, struct sysfs_names *names)
{
	const struct dirent *d;
	size_t cap = 0;

	for (errno = 0; (d = readdir(dir)); errno = 0) {
		char *name;

		if (d->d_name[0] == '.')
			continue;
		if (names->n == SYSFS_ENTRIES_MAX)
			return -E2BIG;
		if (names->n == cap) {
			size_t more = cap ? cap * 2 : FIRST_NAMES;

			names->v = arena_grow(arena, names->v, cap, more, sizeof(*names->v));
			if (!names->v)
				return -ENOMEM;
			cap = more;
		}
		name = arena_strdup(arena, d->d_name);
		if (!name)
			return -ENOMEM;
		names->v[names->n++] = name;
	}
	return -errno;
}

int sysfs_list(int dir_fd, const char *path, struct arena *arena, struct sysfs_names *ret_names)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(closedirp) DIR *dir = NULL;
	struct sysfs_names names = { 0 };
	int r;

	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	r = add_names(dir, arena, &names);
	if (r < 0)
		return r;
	if (names.n)
		qsort(names.v, names.n, sizeof(*names.v), by_name);
	*ret_names = names;
	return 0;
}
