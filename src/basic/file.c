// SPDX-License-Identifier: Apache-2.0
#include "basic/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "basic/str.h"

static ssize_t read_some(int fd, void *data, size_t len)
{
	ssize_t n;

	do {
		n = read(fd, data, len);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static int read_all(int fd, size_t limit, struct buffer *buf)
{
	size_t start = buf->len;

	for (;;) {
		size_t room = limit + 1 - (buf->len - start);
		char *p = buffer_reserve(buf, MIN(room, 16384));
		ssize_t n;

		if (!p)
			return buffer_error(buf);
		n = read_some(fd, p, MIN(room, 16384));
		if (n < 0)
			return (int)n;
		if (n == 0)
			return 0;
		buf->len += (size_t)n;
		buf->data[buf->len] = '\0';
		if (buf->len - start > limit) {
			buf->len = start;
			buf->data[start] = '\0';
			return -E2BIG;
		}
	}
}

int file_read(int dirfd, const char *path, size_t limit, struct buffer *buf)
{
	const int wait = dirfd == AT_FDCWD ? 0 : O_NONBLOCK;
	CLEANUP(file_closep) int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | wait);

	return fd < 0 ? -errno : read_all(fd, limit, buf);
}

int file_read_nofollow(int dirfd, const char *path, size_t limit, struct buffer *buf)
{
	const int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	CLEANUP(file_closep) int at = -1;
	struct slice rest = slice_from(path), part;

	while (slice_next(&rest, '/', &part)) {
		char name[NAME_MAX + 1];
		int next;

		if (!part.n || part.n > NAME_MAX || slice_eq(part, ".."))
			return -EPERM;
		snprintf(name, sizeof(name), "%.*s", (int)part.n, part.p);
		next = openat(at < 0 ? dirfd : at, name, flags | (rest.p ? O_DIRECTORY : 0));
		if (next < 0)
			return -errno;
		file_closep(&at);
		at = next;
	}
	return at < 0 ? -ENOENT : read_all(at, limit, buf);
}

ssize_t file_read_small(int dirfd, const char *path, char *text, size_t cap)
{
	CLEANUP(file_closep)
	int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	return file_reread(fd, text, cap);
}

ssize_t file_reread(int fd, char *text, size_t cap)
{
	size_t len = 0;

	/* seq_file hands out at most a page a call, so a short read is not the end. */
	while (len < cap) {
		ssize_t n = pread(fd, text + len, cap - len, (off_t)len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0) {
			text[len] = '\0';
			return (ssize_t)len;
		}
		len += (size_t)n;
	}
	return -E2BIG;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_new(const char *path, mode_t mode, const void *data, size_t len)
{
	CLEANUP(file_closep) int fd = -1;
	int r;

	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	r = write_all(fd, data, len);
	if (r >= 0 && fchmod(fd, mode) < 0)
		r = -errno;
	if (r >= 0 && fsync(fd) < 0)
		r = -errno;
	return r;
}

int file_replace(const char *path, mode_t mode, const void *data, size_t len, struct err *err)
{
	char tmp[PATH_MAX];
	int n, r;

	n = snprintf(tmp, sizeof(tmp), "%s.new.%ld", path, (long)getpid());
	if (n < 0 || (size_t)n >= sizeof(tmp))
		return err_errno(err, -ENAMETOOLONG, "writing '%s'", path);
	(void)unlink(tmp);
	r = write_new(tmp, mode, data, len);
	if (r >= 0 && rename(tmp, path) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlink(tmp);
		return err_errno(err, r, "writing '%s'", path);
	}
	return 0;
}

int file_mkdirs(const char *path, mode_t mode, struct err *err)
{
	char copy[PATH_MAX];
	struct stat st;
	int n = snprintf(copy, sizeof(copy), "%s", path);

	if (n <= 0 || (size_t)n >= sizeof(copy))
		return err_errno(
			err, n <= 0 ? -EINVAL : -ENAMETOOLONG, "making directory '%s'", path);
	for (char *p = copy + 1;; p++) {
		char c = *p;

		if (c != '/' && c != '\0')
			continue;
		*p = '\0';
		if (mkdir(copy, mode) < 0 && errno != EEXIST)
			return err_errno(err, -errno, "making directory '%s'", copy);
		if (c == '\0')
			break;
		*p = c;
	}
	if (stat(path, &st) < 0)
		return err_errno(err, -errno, "making directory '%s'", path);
	if (!S_ISDIR(st.st_mode))
		return err_errno(err, -ENOTDIR, "making directory '%s'", path);
	return 0;
}
