// SPDX-License-Identifier: Apache-2.0
/*
 * Units by inode and path, so that a directory that is known costs no system call and no parsing.
 * Open addressing; removals rebuild it.
 */
#ifndef CEEMS_EXPORTER_UNITS_UNIT_INDEX_H
#define CEEMS_EXPORTER_UNITS_UNIT_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct unit_index_key {
	uint64_t inode;
	const char *path;
	size_t path_len;
};

struct unit_index_slot {
	struct unit_index_key key;
	void *value; /* NULL: free */
};

struct unit_index {
	struct unit_index_slot *slots;
	size_t n, cap; /* cap: 0 or a power of two */
};

/* -ENOMEM. The key's path is borrowed until the index is cleared. */
int unit_index_add(struct unit_index *index, struct unit_index_key key, void *value);
void *unit_index_find(const struct unit_index *index, struct unit_index_key key);
void unit_index_clear(struct unit_index *index); /* keeps the memory */
void unit_index_done(struct unit_index *index);

#endif
