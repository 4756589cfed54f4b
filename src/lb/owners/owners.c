// SPDX-License-Identifier: Apache-2.0
#include "lb/owners/owners.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "lb/owners/answer_cache.h"
#include "lb/owners/owners_api.h"
#include "lb/owners/owners_db.h"

enum {
	NS_PER_MS = 1000000,
	/* A source that failed is asked again after this; until then every request is refused. */
	RETRY_MS = 1000,
	/* Between looks at a locked database. */
	LOCK_POLL_MS = 10,
	/* An answer is as old as this at most after a change of the database. */
	CHECK_INTERVAL_MS = 10,
};

struct owners {
	struct owners_config config;
	struct owners_db *db; /* one of the two is not NULL */
	struct owners_api *api;
	pthread_mutex_t lock; /* all below, and the database */
	struct answer_cache *cache;
	int64_t checked_ms; /* the database; monotonic like all times here */
	int64_t retry_ms; /* not before; 0: nothing is wrong */
	bool forgets; /* keeps no answers */
	bool told_too_large;
	struct owners_stats stats;
};

int owners_new(const struct owners_config *config, struct owners **ret_owners, struct err *err)
{
	struct owners *o = calloc(1, sizeof(*o));
	int r = 0;

	if (!o)
		return err_errno(err, -ENOMEM, "ownership of units");
	o->config = *config;
	pthread_mutex_init(&o->lock, NULL);
	if (answer_cache_new(config->max_answers, OWNERS_CACHE_MAX_BYTES, &o->cache) < 0 ||
		(config->database && owners_db_new(config->database, &o->db) < 0))
		r = err_errno(err, -ENOMEM, "ownership of units");
	if (r >= 0 && !o->db)
		r = owners_api_new(config->api_url, config->api_client, config->cancel_fd,
			config->clock, &o->api, err);
	if (r < 0) {
		owners_free(o);
		return r;
	}
	*ret_owners = o;
	return 0;
}

void owners_free(struct owners *o)
{
	if (!o)
		return;
	owners_db_free(o->db);
	owners_api_free(o->api);
	answer_cache_free(o->cache);
	pthread_mutex_destroy(&o->lock);
	free(o);
}

static int64_t now_ms(const struct owners *o)
{
	return clock_monotonic_ns(o->config.clock) / NS_PER_MS;
}

/* What a state of the source means, said when it changes. */
static void failed_locked(struct owners *o, const struct err *err)
{
	o->stats.failures++;
	o->retry_ms = now_ms(o) + RETRY_MS;
	if (!o->stats.failing)
		log_error(o->config.log,
			"ownership of units can't be looked up; requests are refused until it can",
			LOG_ERR(err));
	o->stats.failing = true;
}

static void worked_locked(struct owners *o)
{
	o->retry_ms = 0;
	if (o->stats.failing)
		log_info(o->config.log, "ownership of units can be looked up again");
	o->stats.failing = false;
}

static bool is_paused_locked(const struct owners *o)
{
	return o->retry_ms && now_ms(o) < o->retry_ms;
}

/*
 * Drops answers that a change of the database has made old. -EBUSY leaves them, as their time is
 * short anyway.
 */
static int check_db_locked(struct owners *o, struct err *err)
{
	int64_t now = now_ms(o);
	int r;

	if (!o->db || (o->checked_ms && now < o->checked_ms + CHECK_INTERVAL_MS))
		return 0;
	r = owners_db_refresh(o->db, err);
	if (r != 0 && r != -EBUSY)
		answer_cache_clear(o->cache);
	if (r >= 0)
		o->checked_ms = now;
	else if (r != -EBUSY)
		o->checked_ms = 0;
	return r < 0 ? r : 0;
}

static int key_of(const struct owners_question *q, struct arena *arena, struct slice *ret_key)
{
	size_t n = strlen(q->user) + strlen(q->cluster) + 3;
	char *key, *out;

	for (size_t i = 0; i < q->units->n; i++)
		n += strlen(q->units->v[i]) + 1;
	key = out = arena_alloc(arena, n);
	if (!key)
		return -ENOMEM;
	*out++ = 'u';
	out = stpcpy(out, q->user) + 1;
	out = stpcpy(out, q->cluster) + 1;
	for (size_t i = 0; i < q->units->n; i++)
		out = stpcpy(out, q->units->v[i]) + 1;
	*ret_key = (struct slice){ key, (size_t)(out - key) };
	return 0;
}

static void keep_locked(struct owners *o, struct slice key, const struct answer *answer)
{
	if (!o->forgets)
		answer_cache_put(o->cache, key, now_ms(o) + o->config.keep_ms, answer);
}

/* 1: the answer is there. 0: the source must be asked. -EBUSY: it is locked. -errno: it failed. */
static int at_hand_locked(struct owners *o, struct slice key, struct arena *arena,
	struct answer *ret_answer, struct err *err)
{
	int r = is_paused_locked(o) && o->db ? err_set(err, -EIO, "paused")
					     : check_db_locked(o, err),
	    found;

	if (r < 0 && r != -EBUSY)
		return r;
	found = answer_cache_get(o->cache, key, now_ms(o), arena, ret_answer);
	if (found)
		o->stats.hits += found > 0;
	return found ? found : r;
}

/* A failure of the database: who asks is refused, or waits for its lock. */
static int db_failed_locked(struct owners *o, int r, const struct err *err)
{
	if (r == -ENOMEM)
		return r;
	/* What was asked is at fault, and costs nobody else an answer, nor the log a line each. */
	if (r == -E2BIG) {
		if (!o->told_too_large)
			log_warn(o->config.log, "ownership of units can't be looked up",
				LOG_ERR(err));
		o->told_too_large = true;
		return 0;
	}
	/* Once it was waited for in vain, the lock is not waited for again by each request. */
	if (r == -EBUSY && !o->stats.failing)
		return -EAGAIN;
	if (!is_paused_locked(o))
		failed_locked(o, err);
	return 0;
}

static int try_locked(struct owners *o, const struct owners_question *q, struct slice key,
	struct arena *arena, enum owners_verdict *verdict, const struct gate_unit_lives **lives)
{
	struct err err = { 0 };
	struct answer answer = { 0 };
	int r = at_hand_locked(o, key, arena, &answer, &err);

	if (r == 1) {
		*verdict = answer.allowed ? OWNERS_ALLOW : OWNERS_DENY;
		*lives = answer.lives;
		return 0;
	}
	if (!o->db)
		return r < 0 ? r : is_paused_locked(o) ? 0 : -EAGAIN;
	if (r == 0) {
		o->stats.misses++;
		r = owners_db_lookup(o->db, q, arena, verdict, lives, &err);
	}
	if (r < 0) {
		*verdict = OWNERS_UNAVAILABLE;
		return db_failed_locked(o, r, &err);
	}
	worked_locked(o);
	answer = (struct answer){ *verdict == OWNERS_ALLOW, *lives, q->units->n };
	keep_locked(o, key, &answer);
	return 0;
}

static bool is_service_account(const char *user)
{
	return !*user || str_eq(user, owners_service_account);
}

int owners_try(struct owners *o, const struct owners_question *q, struct arena *arena,
	enum owners_verdict *ret_verdict, const struct gate_unit_lives **ret_lives)
{
	enum owners_verdict verdict = OWNERS_UNAVAILABLE;
	const struct gate_unit_lives *lives = NULL;
	struct slice key;
	int r;

	if (is_service_account(q->user) || !q->units->n) {
		*ret_verdict = OWNERS_DENY;
		return 0;
	}
	r = key_of(q, arena, &key);
	if (r < 0)
		return r;
	pthread_mutex_lock(&o->lock);
	r = try_locked(o, q, key, arena, &verdict, &lives);
	pthread_mutex_unlock(&o->lock);
	if (r < 0)
		return r;
	*ret_verdict = verdict;
	*ret_lives = lives;
	return 0;
}

/* Waits a little, or until the program ends. */
static bool rest(const struct owners *o)
{
	struct pollfd end = { .fd = o->config.cancel_fd > 0 ? o->config.cancel_fd : -1,
		.events = POLLIN };

	return poll(&end, 1, LOCK_POLL_MS) == 0;
}

static void give_up_lock(struct owners *o)
{
	struct err err = { 0 };

	err_set(&err, -EBUSY, "the database '%s' is locked for longer than %d ms",
		o->config.database, OWNERS_TIMEOUT_MS);
	pthread_mutex_lock(&o->lock);
	if (!is_paused_locked(o))
		failed_locked(o, &err);
	pthread_mutex_unlock(&o->lock);
}

static int wait_for_db(struct owners *o, const struct owners_question *q, struct arena *arena,
	enum owners_verdict *ret_verdict, const struct gate_unit_lives **ret_lives)
{
	const int64_t end_ms = now_ms(o) + OWNERS_TIMEOUT_MS;
	int r;

	while ((r = owners_try(o, q, arena, ret_verdict, ret_lives)) == -EAGAIN) {
		if (now_ms(o) >= end_ms || !rest(o)) {
			give_up_lock(o);
			*ret_verdict = OWNERS_UNAVAILABLE;
			return 0;
		}
	}
	return r;
}

static int ask_api(struct owners *o, const struct owners_question *q, struct arena *arena,
	enum owners_verdict *ret_verdict, const struct gate_unit_lives **ret_lives)
{
	enum owners_verdict verdict = OWNERS_UNAVAILABLE;
	const struct gate_unit_lives *lives = NULL;
	struct err err = { 0 };
	struct slice key;
	int r = key_of(q, arena, &key);

	if (r < 0)
		return r;
	r = owners_api_lookup(o->api, q, arena, &verdict, &lives, &err);
	if (r == -ENOMEM)
		return r;
	pthread_mutex_lock(&o->lock);
	o->stats.misses++;
	if (r < 0) {
		failed_locked(o, &err);
	} else {
		struct answer answer = { verdict == OWNERS_ALLOW, lives, lives ? q->units->n : 0 };

		worked_locked(o);
		keep_locked(o, key, &answer);
	}
	pthread_mutex_unlock(&o->lock);
	*ret_verdict = r < 0 ? OWNERS_UNAVAILABLE : verdict;
	*ret_lives = lives;
	return 0;
}

int owners_ask(struct owners *o, const struct owners_question *q, struct arena *arena,
	enum owners_verdict *ret_verdict, const struct gate_unit_lives **ret_lives)
{
	int r;

	if (o->db)
		return wait_for_db(o, q, arena, ret_verdict, ret_lives);
	/* Another request may have brought the answer, or the failure, meanwhile. */
	r = owners_try(o, q, arena, ret_verdict, ret_lives);
	return r == -EAGAIN ? ask_api(o, q, arena, ret_verdict, ret_lives) : r;
}

static int try_admin_locked(struct owners *o, const char *user, struct slice key, bool *admin)
{
	struct err err = { 0 };
	struct answer answer = { 0 };
	/* Such answers hold nothing that needs an arena. */
	int r = at_hand_locked(o, key, NULL, &answer, &err);

	if (r == 1) {
		*admin = answer.allowed;
		return 0;
	}
	if (!o->db)
		return r < 0 ? r : is_paused_locked(o) ? 0 : -EAGAIN;
	if (r == 0)
		r = owners_db_is_admin(o->db, user, &answer.allowed, &err);
	if (r < 0)
		return db_failed_locked(o, r, &err);
	worked_locked(o);
	keep_locked(o, key, &answer);
	*admin = answer.allowed;
	return 0;
}

static int ask_admin(struct owners *o, const char *user, struct slice key, bool *admin)
{
	struct err err = { 0 };
	struct answer answer = { 0 };
	int r = owners_api_is_admin(o->api, user, &answer.allowed, &err);

	pthread_mutex_lock(&o->lock);
	if (r < 0) {
		failed_locked(o, &err);
	} else {
		worked_locked(o);
		keep_locked(o, key, &answer);
		*admin = answer.allowed;
	}
	pthread_mutex_unlock(&o->lock);
	return 0;
}

int owners_is_admin(struct owners *o, const char *user, bool may_block, bool *ret_admin)
{
	const int64_t end_ms = now_ms(o) + OWNERS_TIMEOUT_MS;
	bool admin = false;
	char text[OWNERS_USER_MAX_BYTES + 2];
	struct slice key = { text, strlen(user) + 1 };
	int r;

	if (is_service_account(user) || key.n > OWNERS_USER_MAX_BYTES) {
		*ret_admin = false;
		return 0;
	}
	text[0] = 'a';
	memcpy(text + 1, user, key.n);
	do {
		pthread_mutex_lock(&o->lock);
		r = try_admin_locked(o, user, key, &admin);
		pthread_mutex_unlock(&o->lock);
	} while (r == -EAGAIN && may_block && o->db && now_ms(o) < end_ms && rest(o));
	if (r == -EAGAIN && may_block && o->db) {
		give_up_lock(o);
		r = 0;
	}
	if (r == -EAGAIN && may_block)
		r = ask_admin(o, user, key, &admin);
	if (r < 0)
		return r;
	*ret_admin = admin;
	return 0;
}

int owners_clusters(
	struct owners *o, struct arena *arena, struct strings *ret_clusters, struct err *err)
{
	int r;

	if (!o->db)
		return owners_api_clusters(o->api, arena, ret_clusters, err);
	pthread_mutex_lock(&o->lock);
	r = owners_db_refresh(o->db, err);
	if (r != 0 && r != -EBUSY)
		answer_cache_clear(o->cache);
	if (r >= 0)
		r = owners_db_clusters(o->db, arena, ret_clusters, err);
	/* It may be closed now, which the next lookup must find out before it uses it. */
	if (r < 0)
		o->checked_ms = 0;
	pthread_mutex_unlock(&o->lock);
	return r;
}

void owners_forget(struct owners *o, bool for_good)
{
	pthread_mutex_lock(&o->lock);
	o->forgets |= for_good;
	answer_cache_clear(o->cache);
	pthread_mutex_unlock(&o->lock);
}

void owners_stats(struct owners *o, struct owners_stats *ret_stats)
{
	pthread_mutex_lock(&o->lock);
	*ret_stats = o->stats;
	ret_stats->entries = answer_cache_count(o->cache);
	pthread_mutex_unlock(&o->lock);
}
