// SPDX-License-Identifier: Apache-2.0
#include "exporter/units/unit_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "basic/file.h"

enum {
	EVENTS_BYTES = 4096,
	PATH_MAX_BYTES = 4096,
	READS_MAX = 64, /* of a storm of events the rest is taken the next time */
};

int unit_watch_open(struct unit_watch *watch)
{
	watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	return watch->fd < 0 ? -errno : 0;
}

int unit_watch_reset(struct unit_watch *watch)
{
	CLEANUP(file_closep) int fd = watch->fd < 0 ? -1 : inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (watch->fd < 0)
		return 0;
	return fd < 0 || dup3(fd, watch->fd, O_CLOEXEC) < 0 ? -errno : 0;
}

void unit_watch_close(struct unit_watch *watch)
{
	file_closep(&watch->fd);
}

static int add(struct unit_watch *watch, int base_fd, const char *path, size_t len)
{
	char full[PATH_MAX_BYTES];
	int n;

	if (watch->fd < 0)
		return 0;
	n = snprintf(full, sizeof(full), "/proc/self/fd/%d/%.*s", base_fd, (int)len, path);
	if (n < 0 || (size_t)n >= sizeof(full))
		return -ENAMETOOLONG;
	if (inotify_add_watch(watch->fd, full,
		    IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR |
			    IN_EXCL_UNLINK) < 0)
		return -errno;
	return 0;
}

int unit_watch_dir(struct unit_watch *watch, int base_fd, const char *path)
{
	return add(watch, base_fd, path, strlen(path));
}

int unit_watch_parent(struct unit_watch *watch, int base_fd, const char *path)
{
	const char *slash = strrchr(path, '/');

	return add(watch, base_fd, path, slash ? (size_t)(slash - path) : 0);
}

static unsigned kinds_of(const char *events, size_t n)
{
	unsigned kinds = 0;

	while (n >= sizeof(struct inotify_event)) {
		struct inotify_event e;

		memcpy(&e, events, sizeof(e));
		if (e.mask & IN_ISDIR && e.mask & (IN_CREATE | IN_MOVED_TO))
			kinds |= UNIT_WATCH_CAME;
		if (e.mask & IN_ISDIR && e.mask & (IN_DELETE | IN_MOVED_FROM))
			kinds |= UNIT_WATCH_WENT;
		if (e.mask & IN_Q_OVERFLOW)
			kinds |= UNIT_WATCH_CAME | UNIT_WATCH_WENT;
		if (e.len > n - sizeof(e))
			break; /* the kernel tells whole events only */
		events += sizeof(e) + e.len;
		n -= sizeof(e) + e.len;
	}
	return kinds;
}

unsigned unit_watch_take(struct unit_watch *watch)
{
	_Alignas(struct inotify_event) char events[EVENTS_BYTES];
	unsigned kinds = 0;

	for (int i = 0; watch->fd >= 0 && i < READS_MAX; i++) {
		ssize_t n = read(watch->fd, events, sizeof(events));

		if (n <= 0)
			break;
		kinds |= kinds_of(events, (size_t)n);
	}
	return kinds;
}
