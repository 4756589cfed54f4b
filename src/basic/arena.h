// SPDX-License-Identifier: Apache-2.0
/*
 * Memory that lives as long as one scrape, request or update, and goes with one reset. Capped: an
 * allocation over the cap yields NULL (-ENOMEM for the caller), never the end of the process.
 * Not thread-safe: one thread at a time uses an arena.
 */
#ifndef CEEMS_BASIC_ARENA_H
#define CEEMS_BASIC_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "basic/macros.h"

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks; /* newest first */
	size_t limit_bytes; /* cap on all live chunks together */
	size_t total_bytes; /* what the chunks take now */
	size_t peak_bytes; /* since init */
	bool over_limit; /* something was refused for the cap, since init or reset */
};

void arena_init(struct arena *arena, size_t limit_bytes);
void arena_done(struct arena *arena);

/* Frees all but the largest chunk, so that a steady load allocates nothing. */
void arena_reset(struct arena *arena);

/* Aligned for any type; contents undefined. NULL over the cap or out of memory. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((malloc));
void *arena_calloc(struct arena *arena, size_t count, size_t size) __attribute__((malloc));

/* Grows the array at old (old_count items) to new_count items; the old memory stays until reset. */
void *arena_grow(struct arena *arena, void *old, size_t old_count, size_t new_count, size_t size);

char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t len);
char *arena_printf(struct arena *arena, const char *format, ...) PRINTF_FORMAT(2, 3);

#define ARENA_NEW(arena, type) ((type *)arena_calloc((arena), 1, sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_calloc((arena), (count), sizeof(type)))

#endif
