// SPDX-License-Identifier: Apache-2.0
#include "lb/owners/answer_cache.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

/* One block of memory: the entry, its lives, their times, its key. */
struct entry {
	struct entry *chain; /* of the bucket */
	struct entry *newer, *older;
	uint64_t hash;
	int64_t until_ms;
	size_t size_bytes, key_len, n_lives;
	bool allowed, has_lives;
	struct gate_unit_lives *lives;
	char *key;
};

struct answer_cache {
	struct entry **buckets;
	size_t n_buckets; /* a power of two */
	struct entry *newest, *oldest;
	size_t n, max_entries, size_bytes, max_bytes;
	uint64_t seed;
};

int answer_cache_new(size_t max_entries, size_t max_bytes, struct answer_cache **ret_cache)
{
	struct answer_cache *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->max_entries = max_entries;
	c->max_bytes = max_bytes;
	c->n_buckets = 16;
	while (c->n_buckets < max_entries)
		c->n_buckets *= 2;
	c->buckets = calloc(c->n_buckets, sizeof(*c->buckets));
	/* Without randomness a client could make buckets long, no more. */
	if (getrandom(&c->seed, sizeof(c->seed), GRND_NONBLOCK) < 0)
		c->seed = (uintptr_t)c;
	if (!c->buckets) {
		free(c);
		return -ENOMEM;
	}
	*ret_cache = c;
	return 0;
}

/* FNV-1a. */
static uint64_t hash_of(const struct answer_cache *c, struct slice key)
{
	uint64_t hash = c->seed ^ UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < key.n; i++)
		hash = (hash ^ (unsigned char)key.p[i]) * UINT64_C(0x100000001b3);
	return hash ^ hash >> 32;
}

static struct entry **find(struct answer_cache *c, uint64_t hash, struct slice key)
{
	struct entry **at = &c->buckets[hash & (c->n_buckets - 1)];

	while (*at &&
		((*at)->hash != hash || (*at)->key_len != key.n ||
			memcmp((*at)->key, key.p, key.n) != 0))
		at = &(*at)->chain;
	return at;
}

static void unlink_age(struct answer_cache *c, struct entry *e)
{
	*(e->newer ? &e->newer->older : &c->newest) = e->older;
	*(e->older ? &e->older->newer : &c->oldest) = e->newer;
}

static void link_newest(struct answer_cache *c, struct entry *e)
{
	e->newer = NULL;
	e->older = c->newest;
	*(c->newest ? &c->newest->newer : &c->oldest) = e;
	c->newest = e;
}

static void drop(struct answer_cache *c, struct entry **at)
{
	struct entry *e = *at;

	*at = e->chain;
	unlink_age(c, e);
	c->n--;
	c->size_bytes -= e->size_bytes;
	free(e);
}

static void drop_oldest(struct answer_cache *c)
{
	struct entry *e = c->oldest, **at = &c->buckets[e->hash & (c->n_buckets - 1)];

	while (*at != e)
		at = &(*at)->chain;
	drop(c, at);
}

void answer_cache_clear(struct answer_cache *c)
{
	while (c->oldest)
		drop_oldest(c);
}

void answer_cache_free(struct answer_cache *c)
{
	if (!c)
		return;
	answer_cache_clear(c);
	free(c->buckets);
	free(c);
}

size_t answer_cache_count(const struct answer_cache *c)
{
	return c->n;
}

static size_t count_times(const struct gate_unit_lives *lives, size_t n)
{
	size_t times = 0;

	for (size_t i = 0; i < n; i++)
		times += lives[i].n + lives[i].n_foreign;
	return times;
}

static const struct gate_life *copy_times(
	const struct gate_life *from, size_t n, struct gate_life **room)
{
	struct gate_life *to = *room;

	if (n)
		memcpy(to, from, n * sizeof(*to));
	*room += n;
	return to;
}

/* times: room for all that the lives hold. */
static void copy_lives(const struct gate_unit_lives *lives, size_t n, struct gate_unit_lives *out,
	struct gate_life *times)
{
	for (size_t i = 0; i < n; i++) {
		out[i] = lives[i];
		out[i].v = copy_times(lives[i].v, lives[i].n, &times);
		out[i].foreign = copy_times(lives[i].foreign, lives[i].n_foreign, &times);
	}
}

int answer_cache_get(struct answer_cache *c, struct slice key, int64_t now_ms, struct arena *arena,
	struct answer *ret_answer)
{
	struct entry **at = find(c, hash_of(c, key), key), *e = *at;
	struct gate_unit_lives *lives = NULL;

	if (!e)
		return 0;
	if (now_ms >= e->until_ms) {
		drop(c, at);
		return 0;
	}
	if (e->has_lives) {
		size_t n_times = count_times(e->lives, e->n_lives);
		struct gate_life *times = arena_alloc(arena, MAX(n_times, 1) * sizeof(*times));

		lives = arena_alloc(arena, MAX(e->n_lives, 1) * sizeof(*lives));
		if (!times || !lives)
			return -ENOMEM;
		copy_lives(e->lives, e->n_lives, lives, times);
	}
	unlink_age(c, e);
	link_newest(c, e);
	*ret_answer = (struct answer){ e->allowed, lives, e->n_lives };
	return 1;
}

void answer_cache_put(
	struct answer_cache *c, struct slice key, int64_t until_ms, const struct answer *answer)
{
	uint64_t hash = hash_of(c, key);
	struct entry **at = find(c, hash, key), *e;
	size_t n_times = count_times(answer->lives, answer->lives ? answer->n_lives : 0);
	size_t size = sizeof(*e) + answer->n_lives * sizeof(struct gate_unit_lives) +
		n_times * sizeof(struct gate_life) + key.n;

	if (*at)
		drop(c, at);
	e = size <= c->max_bytes ? malloc(size) : NULL;
	if (!e)
		return;
	while (c->n && (c->n >= c->max_entries || c->size_bytes + size > c->max_bytes))
		drop_oldest(c);
	*e = (struct entry){
		.hash = hash,
		.until_ms = until_ms,
		.size_bytes = size,
		.key_len = key.n,
		.n_lives = answer->n_lives,
		.allowed = answer->allowed,
		.has_lives = answer->lives != NULL,
		.lives = (struct gate_unit_lives *)(e + 1),
	};
	e->key = (char *)((struct gate_life *)(e->lives + e->n_lives) + n_times);
	if (answer->lives)
		copy_lives(answer->lives, answer->n_lives, e->lives,
			(struct gate_life *)(e->lives + e->n_lives));
	memcpy(e->key, key.p, key.n);
	at = &c->buckets[hash & (c->n_buckets - 1)];
	e->chain = *at;
	*at = e;
	link_newest(c, e);
	c->n++;
	c->size_bytes += size;
}
