// SPDX-License-Identifier: Apache-2.0
#include "net/web_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "basic/clock.h"
#include "basic/file.h"
#include "basic/str.h"

enum {
	FILES_MAX = WEB_WATCH_FILES_MAX, /* the config, certificate, key, authorities */
	ARENA_MAX_BYTES = 16 << 20,
	NS_PER_S = 1000000000,
	/* A file that changed so shortly before it was read may change again unseen. */
	SETTLE_NS = 100000000,
};

struct stamp {
	char path[PATH_MAX]; /* "" for none */
	int error; /* of stat */
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
};

struct web_watch {
	char *path, *directory; /* NULL: nothing to watch */
	const struct log *log;
	pthread_mutex_t lock; /* of all below */
	struct web_state *state;
	struct stamp stamps[FILES_MAX];
	bool settled;
	bool had_tls; /* at the start; it is not switched later */
	struct err said; /* the last trouble that was logged */
};

static void look(struct stamp *stamp)
{
	struct stat st;

	if (!*stamp->path)
		return;
	stamp->error = stat(stamp->path, &st) < 0 ? errno : 0;
	if (stamp->error)
		return;
	stamp->dev = st.st_dev;
	stamp->ino = st.st_ino;
	stamp->size = st.st_size;
	stamp->mtime = st.st_mtim;
	stamp->ctime = st.st_ctim;
}

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool has_changed(const struct stamp *old)
{
	struct stamp now = { 0 };

	if (!*old->path)
		return false;
	memcpy(now.path, old->path, strlen(old->path) + 1);
	look(&now);
	if (now.error || old->error)
		return now.error != old->error;
	return now.dev != old->dev || now.ino != old->ino || now.size != old->size ||
		!same_time(now.mtime, old->mtime) || !same_time(now.ctime, old->ctime);
}

static void stamp_file(struct web_watch *watch, int i, const char *file)
{
	struct stamp *stamp = &watch->stamps[i];
	int n = 0;

	*stamp = (struct stamp){ 0 };
	if (file && *file)
		n = snprintf(stamp->path, sizeof(stamp->path), "%s%s%s",
			*file == '/' ? "" : watch->directory, *file == '/' ? "" : "/", file);
	if (n >= (int)sizeof(stamp->path))
		*stamp->path = '\0';
	look(stamp);
}

static void settle(struct web_watch *watch)
{
	int64_t now = clock_realtime_ns(clock_system());

	watch->settled = true;
	for (int i = 0; i < FILES_MAX; i++) {
		const struct timespec *t = &watch->stamps[i].ctime;
		int64_t age = now - ((int64_t)t->tv_sec * NS_PER_S + t->tv_nsec);

		if (*watch->stamps[i].path && !watch->stamps[i].error && age < SETTLE_NS &&
			age > -SETTLE_NS)
			watch->settled = false;
	}
}

static struct web_state *state_new(void)
{
	struct web_state *state = calloc(1, sizeof(*state));

	if (!state)
		return NULL;
	atomic_store(&state->refs, 1);
	arena_init(&state->arena, ARENA_MAX_BYTES);
	return state;
}

void web_state_put(struct web_state *state)
{
	if (!state || atomic_fetch_sub(&state->refs, 1) > 1)
		return;
	http_tls_unref(state->tls);
	arena_done(&state->arena);
	free(state);
}

static int load_config(struct web_watch *watch, struct web_state *state, struct err *err)
{
	CLEANUP(buffer_done) struct buffer text = { 0 };
	int r;

	buffer_init(&text, 0);
	r = file_read(AT_FDCWD, watch->path, WEB_CONFIG_MAX_BYTES, &text);
	if (r == -E2BIG)
		return err_set(
			err, r, "%s: larger than %d bytes", watch->path, WEB_CONFIG_MAX_BYTES);
	if (r < 0)
		return err_errno(err, r, "reading the web config '%s'", watch->path);
	return web_config_parse(
		buffer_text(&text), text.len, watch->path, &state->arena, &state->config, err);
}

/* Stamps come before reading, so that a change in between is seen as one afterwards. */
static int load(struct web_watch *watch, struct web_state *state, struct err *err)
{
	const struct web_tls_config *tls = &state->config.tls;
	int r;

	stamp_file(watch, 0, watch->path);
	r = load_config(watch, state, err);
	if (r < 0)
		return r;
	stamp_file(watch, 1, tls->cert_file);
	stamp_file(watch, 2, tls->key_file);
	stamp_file(watch, 3, tls->client_ca_file);
	if (!web_config_has_tls(&state->config))
		return 0;
	r = http_tls_new(tls, watch->directory, &state->tls, err);
	return r < 0 ? err_prefix(err, r, "%s", watch->path) : 0;
}

/* Absolute, but with its symbolic links: those may be switched to other files. */
static int set_paths(struct web_watch *watch, const char *path)
{
	char cwd[PATH_MAX];

	if (*path == '/')
		watch->path = strdup(path);
	else if (!getcwd(cwd, sizeof(cwd)))
		return -errno;
	else if (asprintf(&watch->path, "%s/%s", cwd, path) < 0)
		watch->path = NULL;
	if (watch->path)
		watch->directory = strndup(
			watch->path, (size_t)(strrchr(watch->path, '/') - watch->path));
	return watch->directory ? 0 : -ENOMEM;
}

int web_watch_open(
	const char *path, const struct log *log, struct web_watch **ret_watch, struct err *err)
{
	struct web_watch *watch = calloc(1, sizeof(*watch));
	int r = 0;

	if (!watch)
		return err_errno(err, -ENOMEM, "web config");
	pthread_mutex_init(&watch->lock, NULL);
	watch->log = log;
	watch->state = state_new();
	r = watch->state ? 0 : -ENOMEM;
	if (r >= 0 && path && *path)
		r = set_paths(watch, path);
	if (r < 0)
		err_errno(err, r, "web config");
	else if (watch->path)
		r = load(watch, watch->state, err);
	if (r < 0) {
		web_watch_close(watch);
		return r;
	}
	settle(watch);
	watch->had_tls = watch->state->tls != NULL;
	if (watch->path && web_config_has_idle_tls_keys(&watch->state->config))
		log_warn(log, "TLS settings without a certificate have no effect",
			LOG_STR("file", path));
	*ret_watch = watch;
	return 0;
}

void web_watch_close(struct web_watch *watch)
{
	if (!watch)
		return;
	web_state_put(watch->state);
	pthread_mutex_destroy(&watch->lock);
	free(watch->path);
	free(watch->directory);
	free(watch);
}

size_t web_watch_files(const struct web_watch *watch, const char *ret_paths[WEB_WATCH_FILES_MAX])
{
	size_t n = 0;

	for (int i = 0; i < FILES_MAX; i++)
		if (*watch->stamps[i].path)
			ret_paths[n++] = watch->stamps[i].path;
	return n;
}

bool web_watch_has_tls(const struct web_watch *watch)
{
	return watch->had_tls;
}

static void say(struct web_watch *watch, int r, const struct err *err)
{
	if (r >= 0) {
		watch->said.text[0] = '\0';
		log_info(watch->log, "Web config was read again", LOG_STR("file", watch->path));
	} else if (!str_eq(watch->said.text, err->text)) {
		watch->said = *err;
		log_error(watch->log, "Web config can't be used", LOG_ERR(err));
	}
}

/* Faults of the machine, not of the files. */
static bool may_pass(int r)
{
	return r == -ENOMEM || r == -EMFILE || r == -ENFILE || r == -EIO;
}

/* changed: else it is another look, to be sure, at files that were too fresh. */
static void reload_locked(struct web_watch *watch, bool changed)
{
	struct web_state *state = state_new();
	struct err err = { 0 };
	int r;

	if (!state)
		return; /* the old one stays, and the change is seen again */
	r = load(watch, state, &err);
	if (may_pass(r)) {
		say(watch, r, &err);
		web_state_put(state);
		watch->settled = false; /* the next request tries again */
		return;
	}
	/* Listeners speak TLS or not from their start on. */
	if (r >= 0 && watch->had_tls && !state->tls)
		r = err_set(&err, -EINVAL, "%s: TLS was switched off, which needs a restart",
			watch->path);
	if (r >= 0 && !watch->had_tls && state->tls && changed)
		log_warn(watch->log, "TLS was switched on, which needs a restart: still plain HTTP",
			LOG_STR("file", watch->path));
	state->broken = r < 0;
	if (state->broken)
		state->config = (struct web_config){ 0 };
	settle(watch);
	if (changed || r < 0)
		say(watch, r, &err);
	web_state_put(watch->state);
	watch->state = state;
}

struct web_state *web_watch_get(struct web_watch *watch)
{
	struct web_state *state;
	bool changed = false;

	pthread_mutex_lock(&watch->lock);
	for (int i = 0; i < FILES_MAX && watch->path && !changed; i++)
		changed = has_changed(&watch->stamps[i]);
	if (watch->path && (changed || !watch->settled))
		reload_locked(watch, changed);
	state = watch->state;
	atomic_fetch_add(&state->refs, 1);
	pthread_mutex_unlock(&watch->lock);
	return state;
}
