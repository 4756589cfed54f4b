// SPDX-License-Identifier: Apache-2.0
/*
 * RAPL zones below /sys/class/powercap (Documentation/power/powercap/powercap.rst). The energy
 * files stay open, so that reading them later takes one pread and no capability: since Linux 5.10
 * they are readable by root only, which the kernel checks when they are opened.
 */
#ifndef CEEMS_HOST_POWERCAP_H
#define CEEMS_HOST_POWERCAP_H

#include <stddef.h>
#include <stdint.h>

#include "basic/macros.h"
#include "basic/str.h"

enum { POWERCAP_ZONES_MAX = 4096, POWERCAP_NAME_MAX = 128 };

struct powercap_zone {
	char *entry; /* directory name: "intel-rapl:0:1"; "intel-rapl:0" is the zone it is part of
		      */
	char *name; /* file 'name', trimmed: "package-0" */
	char *zone; /* "package" */
	int64_t index; /* of the socket: 0 for "package-0"; see powercap_parse_name() */
	uint64_t max_energy_uj; /* the counter restarts at 0 after this value; 0 = not known */
	bool has_range; /* max_energy_range_uj could be read, whatever it says */
	int energy_fd; /* -1: could not be opened, energy_error says why */
	int energy_error; /* 0 or -errno */
};

/* Sorted bytewise by entry. One user at a time. */
struct powercap {
	struct powercap_zone *zones;
	size_t n;
	int class_fd; /* class/powercap */
};

/*
 * Lists the zones and opens their energy files; the caller has raised CAP_DAC_READ_SEARCH if it
 * may. Entries without a readable name are no zones. -ENODATA: no powercap here (absent or not
 * permitted); -E2BIG, -ENOMEM.
 */
int powercap_open(int sysfs_fd, struct powercap **ret_powercap);
void powercap_close(struct powercap *powercap); /* NULL is fine */
DEFINE_CLEANUP(struct powercap *, powercap_close);

/* Raw counter in microjoules, wraps to 0 after max_energy_uj. -EBADMSG: no number. */
int powercap_read_energy(const struct powercap_zone *zone, uint64_t *ret_uj);

/* Power limit in microwatts of the longer-term of the constraints 0 and 1. */
int powercap_read_limit(
	const struct powercap *powercap, const struct powercap_zone *zone, uint64_t *ret_uw);

/* What was added between two readings of a counter that restarts at 0 after max. max 0 = never. */
uint64_t powercap_energy_delta(uint64_t before_uj, uint64_t now_uj, uint64_t max_energy_uj);

/*
 * Splits a zone's name. 1: "package-0" is zone "package" with index 0. 0: the name is the zone
 * itself and *ret_index is untouched; such zones are numbered in the order of their entries, each
 * with one more than the index that its zone name had last.
 */
int powercap_parse_name(struct slice name, struct slice *ret_zone, int64_t *ret_index);

#endif
