// SPDX-License-Identifier: Apache-2.0
/*
 * Answers about owners, kept for a short time in bounded memory; the least recently used go first.
 * The caller locks.
 */
#ifndef CEEMS_LB_OWNERS_ANSWER_CACHE_H
#define CEEMS_LB_OWNERS_ANSWER_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/arena.h"
#include "basic/str.h"
#include "lb/access/gate.h"

struct answer_cache;

struct answer {
	bool allowed;
	const struct gate_unit_lives *lives; /* of what is allowed; NULL: none belong to it */
	size_t n_lives;
};

int answer_cache_new(size_t max_entries, size_t max_bytes, struct answer_cache **ret_cache);
void answer_cache_free(struct answer_cache *cache); /* NULL is fine */

/* A copy in the arena. 1: found; 0: not there, or past its time; -ENOMEM. */
int answer_cache_get(struct answer_cache *cache, struct slice key, int64_t now_ms,
	struct arena *arena, struct answer *ret_answer);
/* Copies all. What there is no memory for is not kept. */
void answer_cache_put(struct answer_cache *cache, struct slice key, int64_t until_ms,
	const struct answer *answer);
void answer_cache_clear(struct answer_cache *cache);
size_t answer_cache_count(const struct answer_cache *cache);

#endif
