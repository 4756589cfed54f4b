// SPDX-License-Identifier: Apache-2.0
/*
 * The control groups below which a manager keeps its units. They come and go with its daemon, so
 * they are looked for again and again.
 */
#ifndef CEEMS_EXPORTER_UNITS_UNIT_ROOTS_H
#define CEEMS_EXPORTER_UNITS_UNIT_ROOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exporter/units/unit_files.h"
#include "exporter/units/unit_manager.h"

enum { UNIT_ROOTS_MAX = 256 };

struct unit_root {
	char *path; /* from the mount or, in v1, the active hierarchy */
	bool found; /* by the latest search */
	bool has_units; /* ever; without, its CPU time is nobody's business here */
	bool cpu_known;
	uint64_t cpu_us;
	struct unit_files files;
};

struct unit_roots {
	struct unit_root *v;
	size_t n, cap;
	uint64_t cpu_total_us; /* never falls, when roots vanish neither */
	bool count_from_here; /* the next reading adds nothing: what is there was counted before */
};

/*
 * Searches below base_fd. 0, -EAGAIN: some of the tree could not be listed, so that roots that
 * weren't found were kept; -ENOMEM, -E2BIG (over UNIT_ROOTS_MAX).
 */
int unit_roots_search(struct unit_roots *roots, const struct unit_manager *manager,
	struct cgroup_walk *walk, int base_fd, struct unit_reader *reader);
void unit_roots_done(struct unit_roots *roots, struct unit_reader *reader);
/* They are in another tree now, or nowhere. */
void unit_roots_forget(struct unit_roots *roots, struct unit_reader *reader);

/* Reads the CPU time of those with units. 0, or -ENODATA: of none, or this was where to count
 * from. */
int unit_roots_read_cpu(struct unit_roots *roots, struct unit_reader *reader);

#endif
