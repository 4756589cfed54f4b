// SPDX-License-Identifier: Apache-2.0
/*
 * Answers that are costly to make, kept for a quarter of an hour from their last use (spec
 * api-server.md 5.11). Bounded in number and bytes; who was used longest ago goes first.
 */
#ifndef CEEMS_API_RESULT_CACHE_H
#define CEEMS_API_RESULT_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "basic/buffer.h"
#include "basic/str.h"

struct result_cache;

struct result_cache *result_cache_new(void); /* NULL: out of memory */
void result_cache_free(struct result_cache *cache);

/* Appends the answer to out and tells until when it is kept. False if there is none. */
bool result_cache_get(struct result_cache *cache, const char *key, int64_t now_s,
	struct buffer *out, int64_t *ret_expires_s);
/* Keeps a copy if it fits; a failure to do so is nobody's loss. */
void result_cache_put(
	struct result_cache *cache, const char *key, int64_t now_s, struct slice answer);

struct result_cache_stats {
	size_t entries, bytes;
	uint64_t hits, misses;
};
void result_cache_stats(struct result_cache *cache, struct result_cache_stats *ret_stats);

#endif
