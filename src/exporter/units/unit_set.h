// SPDX-License-Identifier: Apache-2.0
/*
 * The units that a table knows, found by directory. The owner of the set holds the lock that covers
 * it.
 */
#ifndef CEEMS_EXPORTER_UNITS_UNIT_SET_H
#define CEEMS_EXPORTER_UNITS_UNIT_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exporter/units/unit.h"
#include "exporter/units/unit_files.h"
#include "exporter/units/unit_index.h"
#include "exporter/units/unit_manager.h"
#include "exporter/units/unit_processes.h"

enum { UNITS_MAX = 65536, UNIT_NAMES_MAX_BYTES = 512 };

/* Heap; a list when the ledger's array may still have it. */
struct unit_uuid {
	struct unit_uuid *next;
	char text[];
};

/* What a unit was given; one block of the heap, texts included. */
struct unit_devices {
	uint64_t shares;
	size_t n_refs, text_len;
	struct gpu_ref refs[];
};

struct unit {
	struct unit_key key;
	const char *id;
	struct unit_uuid *uuid; /* what it is known by; NULL: its id */
	struct unit_devices *devices; /* NULL: none */
	uint64_t inode, scan; /* the last scan that saw it */
	int64_t born_ns;
	struct unit_files files;
	struct unit_witness witness;
	uint64_t alloc_cpus_milli, alloc_memory_bytes; /* as last read; see struct unit_sample */
	unsigned samples; /* that were taken of it */
	bool live, was_live; /* shown, now and at the scan before */
	bool sampled; /* the ledger's array has its key */
	bool last_sample; /* it was handed out once more after its processes ended */
	bool stale_logged, failure_logged, identity_wanted, identity_logged;
	unsigned identity_tries;
	uint64_t note; /* of the manager's identify() */
	uint64_t identity_scan; /* when to try again */
	uint64_t identity_stamp; /* of its directory, when that was last looked at */
	struct unit *next_dead;
	size_t path_len;
	char path[]; /* then the id and the virtual host, each with a NUL */
};

struct unit_set {
	struct unit **v; /* by path after unit_set_settle() */
	size_t n, cap;
	struct unit_index index;
	/* Gone, but the ledger's array has their keys. */
	struct unit *dead;
	struct unit_uuid *old_uuids;
	bool identities_wanted; /* of each new unit */
	struct unit_reader *reader; /* counts kept descriptors; borrowed */
	bool changed;
	bool virtual_hosts; /* some unit has one */
};

void unit_set_init(struct unit_set *set, struct unit_reader *reader, bool identities_wanted);
void unit_set_done(struct unit_set *set);

struct unit *unit_set_find(const struct unit_set *set, const struct cgroup_dir *dir);

/* -ENOMEM, -ENOSPC (over UNITS_MAX). */
int unit_set_add(struct unit_set *set, const char *manager, const struct cgroup_dir *dir,
	const struct unit_match *match, uint64_t scan);

/* Remembers an identity; whether it differs from what was known. -ENOMEM: nothing changed. */
int unit_set_know(struct unit_set *set, struct unit *u, const struct unit_identity *identity,
	bool *ret_changed);

/* Drops what this scan didn't see; true: there was some. The keys of sampled units live until
 * unit_set_free_dead(). */
bool unit_set_drop_unseen(struct unit_set *set, uint64_t scan);
void unit_set_free_dead(struct unit_set *set);

/* After additions and removals: sorts, each directory after the one that holds it and before what
 * sorts after that. */
void unit_set_settle(struct unit_set *set);

/* How many units aren't live and weren't named before; as many of their ids as fit, by commas. */
size_t unit_set_name_stale(struct unit_set *set, char ret_ids[static UNIT_NAMES_MAX_BYTES]);

/* Whether what the unit may use is to be read for this sample: at first each time, as its manager
 * is at work yet, then now and then, for each unit at another time. Counts the samples. */
bool unit_wants_allocation(struct unit *unit);
/* Remembers what it may use, which values have. */
void unit_note_allocation(struct unit *unit, const struct unit_values *values);
/* What the ledger is told; device is that of the file system in which its directory is. */
void unit_fill_sample(const struct unit *unit, uint64_t device, const struct unit_values *values,
	struct unit_sample *ret_sample);

#endif
