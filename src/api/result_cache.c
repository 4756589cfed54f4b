// SPDX-License-Identifier: Apache-2.0
#include "api/result_cache.h"

#include <pthread.h>
#include <stdlib.h>

enum {
	ENTRIES = 256,
	KEEP_S = 15 * 60,
	ANSWER_MAX_BYTES = 4 << 20,
	TOTAL_MAX_BYTES = 64 << 20,
};

struct entry {
	char *key; /* NULL: free */
	char *answer;
	size_t len;
	int64_t used_s;
	uint64_t turn; /* of its last use */
};

struct result_cache {
	pthread_mutex_t lock;
	struct entry entries[ENTRIES]; /* all below under lock */
	size_t total_bytes;
	uint64_t turn, hits, misses;
};

struct result_cache *result_cache_new(void)
{
	struct result_cache *cache = calloc(1, sizeof(*cache));

	if (cache)
		pthread_mutex_init(&cache->lock, NULL);
	return cache;
}

static void drop(struct result_cache *cache, struct entry *e)
{
	if (!e->key)
		return;
	cache->total_bytes -= e->len;
	free(e->key);
	free(e->answer);
	*e = (struct entry){ 0 };
}

void result_cache_free(struct result_cache *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; i < ENTRIES; i++)
		drop(cache, &cache->entries[i]);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

/* The entry of the key; what is too old goes on the way. */
static struct entry *find(struct result_cache *cache, const char *key, int64_t now_s)
{
	struct entry *found = NULL;

	for (size_t i = 0; i < ENTRIES; i++) {
		struct entry *e = &cache->entries[i];

		if (e->key && (now_s - e->used_s > KEEP_S || now_s < e->used_s))
			drop(cache, e);
		if (e->key && str_eq(e->key, key))
			found = e;
	}
	return found;
}

bool result_cache_get(struct result_cache *cache, const char *key, int64_t now_s,
	struct buffer *out, int64_t *ret_expires_s)
{
	struct entry *e;

	pthread_mutex_lock(&cache->lock);
	e = find(cache, key, now_s);
	*(e ? &cache->hits : &cache->misses) += 1;
	if (e) {
		e->used_s = now_s;
		e->turn = ++cache->turn;
		buffer_append(out, e->answer, e->len);
		*ret_expires_s = now_s + KEEP_S;
	}
	pthread_mutex_unlock(&cache->lock);
	return e != NULL;
}

/* A free entry with room for len bytes. */
static struct entry *make_room(struct result_cache *cache, size_t len)
{
	for (;;) {
		struct entry *oldest = NULL, *unused = NULL;

		for (size_t i = 0; i < ENTRIES; i++) {
			struct entry *e = &cache->entries[i];

			if (!e->key)
				unused = e;
			else if (!oldest || e->turn < oldest->turn)
				oldest = e;
		}
		if (unused && cache->total_bytes + len <= TOTAL_MAX_BYTES)
			return unused;
		drop(cache, oldest);
	}
}

void result_cache_put(
	struct result_cache *cache, const char *key, int64_t now_s, struct slice answer)
{
	struct entry new = {
		.key = strdup(key), .answer = malloc(answer.n + 1), .len = answer.n, .used_s = now_s
	};
	struct entry *e;

	if (!new.key || !new.answer || answer.n > ANSWER_MAX_BYTES) {
		free(new.key);
		free(new.answer);
		return;
	}
	memcpy(new.answer, answer.p, answer.n);
	pthread_mutex_lock(&cache->lock);
	e = find(cache, key, now_s);
	if (e)
		drop(cache, e);
	e = make_room(cache, answer.n);
	*e = new;
	e->turn = ++cache->turn;
	cache->total_bytes += answer.n;
	pthread_mutex_unlock(&cache->lock);
}

void result_cache_stats(struct result_cache *cache, struct result_cache_stats *ret_stats)
{
	struct result_cache_stats stats = { 0 };

	pthread_mutex_lock(&cache->lock);
	for (size_t i = 0; i < ENTRIES; i++)
		stats.entries += cache->entries[i].key != NULL;
	stats.bytes = cache->total_bytes;
	stats.hits = cache->hits;
	stats.misses = cache->misses;
	pthread_mutex_unlock(&cache->lock);
	*ret_stats = stats;
}
