// SPDX-License-Identifier: Apache-2.0
#include "basic/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_MIN_BYTES = 16 * 1024 };

struct arena_chunk {
	struct arena_chunk *next;
	size_t size; /* of data */
	size_t used;
	alignas(max_align_t) char data[];
};

void arena_init(struct arena *arena, size_t limit_bytes)
{
	*arena = (struct arena){ .limit_bytes = limit_bytes };
}

static void free_chunks(struct arena *arena, struct arena_chunk *keep)
{
	struct arena_chunk *chunk = arena->chunks;

	while (chunk) {
		struct arena_chunk *next = chunk->next;

		if (chunk != keep)
			free(chunk);
		chunk = next;
	}
}

void arena_done(struct arena *arena)
{
	free_chunks(arena, NULL);
	arena->chunks = NULL;
	arena->total_bytes = 0;
	arena->over_limit = false;
}

void arena_reset(struct arena *arena)
{
	struct arena_chunk *largest = arena->chunks;

	for (struct arena_chunk *c = arena->chunks; c; c = c->next) {
		if (c->size > largest->size)
			largest = c;
	}
	free_chunks(arena, largest);
	arena->chunks = largest;
	arena->total_bytes = 0;
	arena->over_limit = false;
	if (largest) {
		largest->next = NULL;
		largest->used = 0;
		arena->total_bytes = sizeof(*largest) + largest->size;
	}
}

static struct arena_chunk *add_chunk(struct arena *arena, size_t size)
{
	size_t want = arena->chunks ? arena->chunks->size * 2 : CHUNK_MIN_BYTES;
	size_t room = arena->limit_bytes - arena->total_bytes;
	struct arena_chunk *chunk;

	if (room < sizeof(*chunk) || size > room - sizeof(*chunk)) {
		arena->over_limit = true;
		return NULL;
	}
	want = MIN(MAX(want, size), room - sizeof(*chunk));
	chunk = malloc(sizeof(*chunk) + want);
	if (!chunk)
		return NULL;
	chunk->size = want;
	chunk->used = 0;
	chunk->next = arena->chunks;
	arena->chunks = chunk;
	arena->total_bytes += sizeof(*chunk) + want;
	arena->peak_bytes = MAX(arena->peak_bytes, arena->total_bytes);
	return chunk;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	const size_t align = alignof(max_align_t);
	struct arena_chunk *chunk = arena->chunks;
	void *p;

	if (size > SIZE_MAX / 2)
		return NULL;
	size = (MAX(size, 1) + align - 1) / align * align;
	if (!chunk || chunk->size - chunk->used < size) {
		chunk = add_chunk(arena, size);
		if (!chunk)
			return NULL;
	}
	p = chunk->data + chunk->used;
	chunk->used += size;
	return p;
}

void *arena_calloc(struct arena *arena, size_t count, size_t size)
{
	void *p;

	if (size && count > SIZE_MAX / size)
		return NULL;
	p = arena_alloc(arena, count * size);
	if (p)
		memset(p, 0, count * size);
	return p;
}

void *arena_grow(struct arena *arena, void *old, size_t old_count, size_t new_count, size_t size)
{
	void *p = arena_calloc(arena, new_count, size);

	if (p && old_count)
		memcpy(p, old, old_count * size);
	return p;
}

char *arena_strndup(struct arena *arena, const char *text, size_t len)
{
	char *p = arena_alloc(arena, len + 1);

	if (p) {
		memcpy(p, text, len);
		p[len] = '\0';
	}
	return p;
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return arena_strndup(arena, text, strlen(text));
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	va_list args;
	char *p;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0)
		return NULL;
	p = arena_alloc(arena, (size_t)n + 1);
	if (!p)
		return NULL;
	va_start(args, format);
	vsnprintf(p, (size_t)n + 1, format, args);
	va_end(args);
	return p;
}
