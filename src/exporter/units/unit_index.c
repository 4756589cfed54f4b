// SPDX-License-Identifier: Apache-2.0
#include "exporter/units/unit_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 64 };

static size_t slot_of(uint64_t inode, size_t cap)
{
	return (size_t)(inode * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (cap - 1);
}

static struct unit_index_slot *find_slot(const struct unit_index *index, struct unit_index_key key)
{
	size_t i = slot_of(key.inode, index->cap);

	for (;; i = (i + 1) & (index->cap - 1)) {
		struct unit_index_slot *slot = &index->slots[i];

		if (!slot->value ||
			(slot->key.inode == key.inode && slot->key.path_len == key.path_len &&
				memcmp(slot->key.path, key.path, key.path_len) == 0))
			return slot;
	}
}

static int grow(struct unit_index *index)
{
	struct unit_index bigger = { .cap = index->cap ? index->cap * 2 : FIRST_SLOTS };

	bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	bigger.n = index->n;
	for (size_t i = 0; i < index->cap; i++) {
		if (index->slots[i].value)
			*find_slot(&bigger, index->slots[i].key) = index->slots[i];
	}
	free(index->slots);
	*index = bigger;
	return 0;
}

int unit_index_add(struct unit_index *index, struct unit_index_key key, void *value)
{
	struct unit_index_slot *slot;

	if (index->n * 2 >= index->cap && grow(index) < 0)
		return -ENOMEM;
	slot = find_slot(index, key);
	index->n += !slot->value;
	*slot = (struct unit_index_slot){ key, value };
	return 0;
}

void *unit_index_find(const struct unit_index *index, struct unit_index_key key)
{
	return index->cap ? find_slot(index, key)->value : NULL;
}

void unit_index_clear(struct unit_index *index)
{
	if (index->cap)
		memset(index->slots, 0, index->cap * sizeof(*index->slots));
	index->n = 0;
}

void unit_index_done(struct unit_index *index)
{
	free(index->slots);
	*index = (struct unit_index){ 0 };
}
