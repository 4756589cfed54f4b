// SPDX-License-Identifier: Apache-2.0
/*
 * The directories below the control group mount that units' paths begin at: in v2 the mount itself,
 * in v1 that of each controller's hierarchy. They stay open, and are mounted, unmounted and mounted
 * again, so that each scan asks whether they still are what their names lead to.
 */
#ifndef CEEMS_EXPORTER_UNITS_UNIT_HIERARCHIES_H
#define CEEMS_EXPORTER_UNITS_UNIT_HIERARCHIES_H

#include "exporter/units/unit_rows.h"
#include "host/cgroup.h"
#include "host/place.h"
#include "host/root.h"

/* Covered by the lock of its owner. */
struct unit_hierarchies {
	const struct host_root *host;
	enum cgroup_version version;
	enum unit_hierarchy base; /* the one in which units are searched */
	int fd[UNIT_HIERARCHIES]; /* -1: not there */
	const char *name[UNIT_HIERARCHIES]; /* v1: under which it was opened */
	struct place place[UNIT_HIERARCHIES];
	unsigned generation; /* of the mount */
};

/* Cannot fail: hierarchies may come later. The host is borrowed. */
void unit_hierarchies_init(struct unit_hierarchies *hierarchies, const struct host_root *host,
	enum cgroup_version version);
void unit_hierarchies_done(struct unit_hierarchies *hierarchies);

/* Opens what wasn't there before, but for the base of v1. */
void unit_hierarchies_find(struct unit_hierarchies *hierarchies);

/*
 * Makes the base that of a controller (v1; borrowed). Its descriptor, which is borrowed, or -errno,
 * and the base of before stays.
 */
int unit_hierarchies_use(struct unit_hierarchies *hierarchies, const char *controller);

/*
 * Closes what is something else now, or nothing; true: there was some, and whatever was opened
 * below any of them may be another unit's. One system call for each hierarchy of v1, none in v2:
 * that host_root_follow() was called is the caller's part.
 */
bool unit_hierarchies_follow(struct unit_hierarchies *hierarchies);

#endif
