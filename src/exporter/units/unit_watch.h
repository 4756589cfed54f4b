// SPDX-License-Identifier: Apache-2.0
/*
 * Tells when units come and go, between two looks: by inotify(7) on the directories that hold
 * theirs. It only says that something happened; what it was, the next look finds. Where it doesn't
 * work (no instance or watch is left), nothing is told, and nothing is lost but the moment.
 */
#ifndef CEEMS_EXPORTER_UNITS_UNIT_WATCH_H
#define CEEMS_EXPORTER_UNITS_UNIT_WATCH_H

enum unit_watch_event {
	UNIT_WATCH_CAME = 1, /* a directory was made */
	UNIT_WATCH_WENT = 2, /* one was removed */
};

struct unit_watch {
	int fd; /* readable when there is something to take; -1: it doesn't watch */
};

/* 0 or -errno; then the watch is as good as one that sees nothing. */
int unit_watch_open(struct unit_watch *watch);
void unit_watch_close(struct unit_watch *watch);

/* Watches nothing any more; the descriptor stays the same. 0 or -errno: it watches on. */
int unit_watch_reset(struct unit_watch *watch);

/*
 * Watches the directory (paths below base_fd), or the one that holds it. Once is enough: it ends
 * with the directory, and a second time changes nothing. 0 or -errno.
 */
int unit_watch_dir(struct unit_watch *watch, int base_fd, const char *path);
int unit_watch_parent(struct unit_watch *watch, int base_fd, const char *path);

/* What happened since the last time: a set of enum unit_watch_event. Does not wait. */
unsigned unit_watch_take(struct unit_watch *watch);

#endif
