// SPDX-License-Identifier: Apache-2.0
#include "net/basic_auth.h"

#include <crypt.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "basic/base64.h"
#include "basic/buffer.h"
#include "basic/str.h"

enum { PEER_BYTES = 16 };

struct entry {
	uint64_t used; /* 0: free */
	unsigned char key[BASIC_AUTH_KEY_BYTES];
};

/* One check; requests that present the same share it. */
struct job {
	struct job *next;
	struct basic_auth_login login;
	unsigned char peer[PEER_BYTES];
	struct basic_auth_waiter *waiters;
};

struct basic_auth {
	unsigned char secret[BASIC_AUTH_KEY_BYTES]; /* of the keyed hash */
	pthread_t thread;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t work;
	uint64_t clock; /* counts uses */
	/* Apart, so that guessing doesn't push good ones out. */
	struct entry granted[BASIC_AUTH_CACHE], denied[BASIC_AUTH_CACHE];
	struct job *jobs; /* oldest first; the first is being worked on */
	size_t n_jobs;
	bool started, stopping;
};

static struct entry *find(struct entry *entries, const unsigned char *key)
{
	struct entry *found = NULL;

	for (size_t i = 0; i < BASIC_AUTH_CACHE; i++) {
		if (entries[i].used &&
			gnutls_memcmp(entries[i].key, key, BASIC_AUTH_KEY_BYTES) == 0)
			found = &entries[i];
	}
	return found;
}

static void remember_locked(struct basic_auth *auth, const unsigned char *key, bool granted)
{
	struct entry *entries = granted ? auth->granted : auth->denied, *oldest = entries;

	for (size_t i = 0; i < BASIC_AUTH_CACHE; i++) {
		if (entries[i].used < oldest->used)
			oldest = &entries[i];
	}
	oldest->used = ++auth->clock;
	memcpy(oldest->key, key, BASIC_AUTH_KEY_BYTES);
}

static enum basic_auth_result lookup_locked(struct basic_auth *auth, const unsigned char *key)
{
	struct entry *granted = find(auth->granted, key), *denied = find(auth->denied, key);

	if (granted)
		granted->used = ++auth->clock;
	else if (denied)
		denied->used = ++auth->clock;
	return granted ? BASIC_AUTH_GRANTED : denied ? BASIC_AUTH_DENIED : BASIC_AUTH_UNKNOWN;
}

enum basic_auth_result basic_auth_lookup(
	struct basic_auth *auth, const struct basic_auth_login *login)
{
	enum basic_auth_result result;

	pthread_mutex_lock(&auth->lock);
	result = lookup_locked(auth, login->key);
	pthread_mutex_unlock(&auth->lock);
	return result;
}

/* BASIC_AUTH_BUSY: there was no memory for it. */
static enum basic_auth_result check(const struct basic_auth_login *login)
{
	struct crypt_data *data = calloc(1, sizeof(*data));
	size_t len = strlen(login->hash);
	enum basic_auth_result result;
	const char *hash;

	if (!data)
		return BASIC_AUTH_BUSY;
	/* Unlike crypt_r(), which may fail with a string, this one gives NULL then. */
	errno = 0;
	hash = crypt_rn(login->password, login->hash, data, sizeof(*data));
	if (!hash && errno == ENOMEM)
		result = BASIC_AUTH_BUSY;
	else if (hash && strlen(hash) == len && gnutls_memcmp(hash, login->hash, len) == 0 &&
		login->known)
		result = BASIC_AUTH_GRANTED;
	else
		result = BASIC_AUTH_DENIED;
	explicit_bzero(data, sizeof(*data));
	free(data);
	return result;
}

static void finish(struct job *job, enum basic_auth_result result)
{
	struct basic_auth_waiter *waiter = job->waiters;

	while (waiter) {
		/* It may be gone once it has heard. */
		struct basic_auth_waiter *next = waiter->next;

		waiter->done(waiter, result);
		waiter = next;
	}
	basic_auth_login_done(&job->login);
	free(job);
}

static void *checker(void *arg)
{
	struct basic_auth *auth = arg;
	enum basic_auth_result result;
	struct job *job;

	pthread_mutex_lock(&auth->lock);
	while (!auth->stopping) {
		job = auth->jobs;
		if (!job) {
			pthread_cond_wait(&auth->work, &auth->lock);
			continue;
		}
		pthread_mutex_unlock(&auth->lock);
		result = check(&job->login);
		pthread_mutex_lock(&auth->lock);
		if (result != BASIC_AUTH_BUSY)
			remember_locked(auth, job->login.key, result == BASIC_AUTH_GRANTED);
		auth->jobs = job->next;
		auth->n_jobs--;
		pthread_mutex_unlock(&auth->lock);
		finish(job, result);
		pthread_mutex_lock(&auth->lock);
	}
	while ((job = auth->jobs)) {
		auth->jobs = job->next;
		pthread_mutex_unlock(&auth->lock);
		finish(job, BASIC_AUTH_BUSY);
		pthread_mutex_lock(&auth->lock);
	}
	pthread_mutex_unlock(&auth->lock);
	return NULL;
}

int basic_auth_new(struct basic_auth **ret_auth)
{
	struct basic_auth *auth = calloc(1, sizeof(*auth));
	sigset_t all, old;
	int r;

	if (!auth)
		return -ENOMEM;
	pthread_mutex_init(&auth->lock, NULL);
	pthread_cond_init(&auth->work, NULL);
	r = gnutls_rnd(GNUTLS_RND_KEY, auth->secret, sizeof(auth->secret)) < 0 ? -EIO : 0;
	if (r >= 0) {
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &old);
		r = -pthread_create(&auth->thread, NULL, checker, auth);
		pthread_sigmask(SIG_SETMASK, &old, NULL);
		auth->started = r == 0;
	}
	if (r < 0) {
		basic_auth_free(auth);
		return r;
	}
	*ret_auth = auth;
	return 0;
}

void basic_auth_stop(struct basic_auth *auth)
{
	pthread_mutex_lock(&auth->lock);
	auth->stopping = true;
	pthread_cond_signal(&auth->work);
	pthread_mutex_unlock(&auth->lock);
	if (auth->started)
		pthread_join(auth->thread, NULL);
	auth->started = false;
}

void basic_auth_free(struct basic_auth *auth)
{
	if (!auth)
		return;
	basic_auth_stop(auth);
	pthread_cond_destroy(&auth->work);
	pthread_mutex_destroy(&auth->lock);
	explicit_bzero(auth, sizeof(*auth));
	free(auth);
}

static int split(const char *header, struct basic_auth_login *login)
{
	char text[BASIC_AUTH_NAME_MAX + BASIC_AUTH_PASSWORD_MAX + 1];
	struct slice in = slice_from(header);
	const char *colon;
	size_t name_len, password_len;
	ssize_t len;
	int r = -EBADMSG;

	if (in.n < 6 || strncasecmp(in.p, "Basic ", 6) != 0)
		return -EBADMSG;
	in = slice_trim((struct slice){ in.p + 6, in.n - 6 });
	len = base64_decode(in, text, sizeof(text));
	/* Names and passwords with a NUL would mean something else to crypt(3). */
	colon = len > 0 && !memchr(text, '\0', (size_t)len) ? memchr(text, ':', (size_t)len) : NULL;
	if (colon) {
		name_len = (size_t)(colon - text);
		password_len = (size_t)len - name_len - 1;
		if (name_len <= BASIC_AUTH_NAME_MAX && password_len <= BASIC_AUTH_PASSWORD_MAX) {
			memcpy(login->name, text, name_len);
			memcpy(login->password, colon + 1, password_len);
			r = 0;
		}
	}
	explicit_bzero(text, sizeof(text));
	return r;
}

/* Lengths go in, too, so that no two logins give the same bytes. */
static int make_key(struct basic_auth *auth, struct basic_auth_login *login)
{
	char text[sizeof(login->name) + sizeof(login->password) + sizeof(login->hash) + 64];
	int n = snprintf(text, sizeof(text), "%zu:%zu:%d:%s:%s:%s", strlen(login->name),
		strlen(login->password), login->known, login->name, login->hash, login->password);
	int r = gnutls_hmac_fast(
		GNUTLS_MAC_SHA256, auth->secret, sizeof(auth->secret), text, (size_t)n, login->key);

	explicit_bzero(text, sizeof(text));
	return r < 0 ? -EIO : 0;
}

int basic_auth_parse(struct basic_auth *auth, const char *header, const struct config_map *users,
	struct basic_auth_login *ret_login)
{
	int r;

	*ret_login = (struct basic_auth_login){ 0 };
	if (!users->n)
		return -EBADMSG;
	r = split(header ? header : "", ret_login);
	if (r < 0)
		return r;
	/* The first user's hash stands in for unknown names. */
	snprintf(ret_login->hash, sizeof(ret_login->hash), "%s", users->values[0]);
	for (size_t i = 0; i < users->n; i++) {
		if (!str_eq(users->names[i], ret_login->name))
			continue;
		ret_login->known = true;
		snprintf(ret_login->hash, sizeof(ret_login->hash), "%s", users->values[i]);
	}
	return make_key(auth, ret_login);
}

void basic_auth_login_done(struct basic_auth_login *login)
{
	explicit_bzero(login, sizeof(*login));
}

static void peer_key(const struct sockaddr *peer, unsigned char key[static PEER_BYTES])
{
	memset(key, 0, PEER_BYTES);
	if (peer->sa_family == AF_INET) {
		memcpy(key, &((const struct sockaddr_in *)peer)->sin_addr, 4);
		key[PEER_BYTES - 1] = AF_INET;
	} else if (peer->sa_family == AF_INET6) {
		const struct in6_addr *a = &((const struct sockaddr_in6 *)peer)->sin6_addr;

		if (IN6_IS_ADDR_V4MAPPED(a)) {
			memcpy(key, a->s6_addr + 12, 4);
			key[PEER_BYTES - 1] = AF_INET;
		} else {
			memcpy(key, a->s6_addr, 8);
			key[PEER_BYTES - 1] = AF_INET6;
		}
	}
}

/* Joins a check of the same login; NULL if there is none or the queue is full. */
static struct job *find_or_add_locked(
	struct basic_auth *auth, const struct basic_auth_login *login, const unsigned char *peer)
{
	struct job **tail = &auth->jobs, *job;
	size_t of_peer = 0;

	for (; (job = *tail); tail = &job->next) {
		if (gnutls_memcmp(job->login.key, login->key, BASIC_AUTH_KEY_BYTES) == 0)
			return job;
		of_peer += memcmp(job->peer, peer, PEER_BYTES) == 0;
	}
	if (auth->stopping || auth->n_jobs >= BASIC_AUTH_QUEUE_MAX ||
		of_peer >= BASIC_AUTH_QUEUE_PEER_MAX)
		return NULL;
	job = calloc(1, sizeof(*job));
	if (!job)
		return NULL;
	job->login = *login;
	memcpy(job->peer, peer, PEER_BYTES);
	*tail = job;
	auth->n_jobs++;
	pthread_cond_signal(&auth->work);
	return job;
}

enum basic_auth_result basic_auth_submit(struct basic_auth *auth,
	const struct basic_auth_login *login, const struct sockaddr *peer,
	struct basic_auth_waiter *waiter)
{
	unsigned char key[PEER_BYTES];
	enum basic_auth_result result;
	struct job *job;

	peer_key(peer, key);
	pthread_mutex_lock(&auth->lock);
	result = lookup_locked(auth, login->key);
	if (result == BASIC_AUTH_UNKNOWN) {
		job = find_or_add_locked(auth, login, key);
		result = job ? BASIC_AUTH_PENDING : BASIC_AUTH_BUSY;
		if (job) {
			waiter->next = job->waiters;
			job->waiters = waiter;
		}
	}
	pthread_mutex_unlock(&auth->lock);
	return result;
}
