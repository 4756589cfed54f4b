// SPDX-License-Identifier: Apache-2.0
#include "api/managers/k8s_follow.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "api/ticker.h"
#include "remote/kube/kube_watch.h"

enum {
	PAGE_PODS = 250,
	LIST_TIMEOUT_MS = 60000, /* of a page */
	WATCH_MS = 290000,
	RETRY_FIRST_MS = 500,
	RETRY_MAX_MS = 30000,
	/* A watch that begins sends first what happened before. */
	CATCH_UP_MS = 1000,
	LOOK_MS = 20, /* how often who waits looks */
	WAIT_MS = 120000, /* for a list, which takes its time */
	WAIT_BROKEN_MS = 5000, /* while the server can't be followed */
};

struct k8s_follow {
	struct k8s_follow_config config;
	struct kube_client *client;
	struct kube_watch *watch;
	pthread_t thread;
	bool started;
	int wake_fd; /* ends the present request of the thread */
	pthread_mutex_t lock; /* of what follows */
	bool stopping;
	bool following, broken; /* neither: a list isn't in yet */
	int64_t ready_ms; /* monotonic: when following, since when all is known */
	int64_t heard_ms; /* of the server, Unix ms */
	struct err why; /* it's broken */
};

static int64_t monotonic_ms(const struct k8s_follow *f)
{
	return clock_monotonic_ns(f->config.clock) / 1000000;
}

static int64_t now_ms(const struct k8s_follow *f)
{
	return clock_realtime_ns(f->config.clock) / 1000000;
}

static void on_begin(void *ctx)
{
	const struct k8s_follow *f = ctx;

	k8s_pods_begin(f->config.pods, now_ms(f));
}

static int on_listed(void *ctx, const struct kube_object *pod)
{
	const struct k8s_follow *f = ctx;

	return k8s_pods_put(f->config.pods, pod, now_ms(f));
}

/* Whether everything is known as of now. */
static bool follows(struct k8s_follow *f, int64_t catch_up_ms)
{
	const int64_t at_ms = monotonic_ms(f);
	bool ready;

	pthread_mutex_lock(&f->lock);
	if (!f->following)
		f->ready_ms = at_ms + catch_up_ms;
	f->following = true;
	f->heard_ms = now_ms(f);
	f->broken = false;
	ready = at_ms >= f->ready_ms;
	pthread_mutex_unlock(&f->lock);
	return ready;
}

static int on_end(void *ctx)
{
	struct k8s_follow *f = ctx;

	k8s_pods_end(f->config.pods);
	follows(f, 0);
	return 0;
}

static int on_changed(void *ctx, enum kube_event_type type, const struct kube_object *pod)
{
	const struct k8s_follow *f = ctx;

	return type == KUBE_DELETED ? k8s_pods_remove(f->config.pods, pod, now_ms(f))
				    : k8s_pods_put(f->config.pods, pod, now_ms(f));
}

static void on_heard(void *ctx)
{
	struct k8s_follow *f = ctx;

	if (follows(f, CATCH_UP_MS))
		k8s_pods_heard(f->config.pods, now_ms(f));
}

/* The collection says what fails, if it still does when it needs the pods. */
static void fails(struct k8s_follow *f, const struct err *why)
{
	log_debug(f->config.log, "the pods can't be followed",
		LOG_STR("cluster_id", f->config.cluster_id), LOG_ERR(why));
	pthread_mutex_lock(&f->lock);
	f->following = false;
	f->broken = true;
	f->why = *why;
	pthread_mutex_unlock(&f->lock);
}

/* A list that is under way again isn't complete. */
static void is_gone(struct k8s_follow *f)
{
	pthread_mutex_lock(&f->lock);
	f->following = false;
	pthread_mutex_unlock(&f->lock);
}

/* Whether it is to go on, with a new watch. */
static bool is_woken(struct k8s_follow *f)
{
	eventfd_t ignored;
	bool stopping;

	pthread_mutex_lock(&f->lock);
	stopping = f->stopping;
	f->following = false;
	if (!stopping)
		eventfd_read(f->wake_fd, &ignored);
	pthread_mutex_unlock(&f->lock);
	return !stopping;
}

static void *run(void *ctx)
{
	struct k8s_follow *f = ctx;
	int64_t pause_ms = RETRY_FIRST_MS;

	for (;;) {
		const int64_t began_ms = monotonic_ms(f);
		struct err err = { 0 };
		int r;

		if (!kube_watch_knows(f->watch))
			is_gone(f);
		r = kube_watch_step(f->watch, f->wake_fd, &err);
		if (r == -ECANCELED) {
			if (!is_woken(f))
				return NULL;
			continue;
		}
		if (r < 0)
			fails(f, &err);
		else
			pause_ms = RETRY_FIRST_MS;
		/* A server that ends each watch at once is not to be asked all the time. */
		if (r > 0 || (r == 0 && monotonic_ms(f) - began_ms > pause_ms))
			continue;
		if (ticker_sleep(f->wake_fd, pause_ms) && !is_woken(f))
			return NULL;
		if (r < 0)
			pause_ms = MIN(2 * pause_ms, RETRY_MAX_MS);
	}
}

static int open_clients(struct k8s_follow *f, struct err *err)
{
	struct kube_watch_config watch = {
		.path = "/api/v1/pods",
		.page_limit = PAGE_PODS,
		.list_timeout_ms = LIST_TIMEOUT_MS,
		.watch_ms = WATCH_MS,
		.begin = on_begin,
		.listed = on_listed,
		.end = on_end,
		.changed = on_changed,
		.heard = on_heard,
		.ctx = f,
	};
	int r = kube_client_new(f->config.kube, "ceems_api_server", &f->client, err);

	watch.client = f->client;
	return r < 0 ? r : kube_watch_new(&watch, &f->watch, err);
}

static int start(struct k8s_follow *f, struct err *err)
{
	int r;

	f->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (f->wake_fd < 0)
		return err_errno(err, -errno, "eventfd");
	r = open_clients(f, err);
	if (r < 0)
		return r;
	r = pthread_create(&f->thread, NULL, run, f);
	if (r)
		return err_errno(err, -r, "thread 'k8s-pods'");
	pthread_setname_np(f->thread, "k8s-pods");
	f->started = true;
	return 0;
}

int k8s_follow_open(
	const struct k8s_follow_config *config, struct k8s_follow **ret_follow, struct err *err)
{
	struct k8s_follow *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return err_errno(err, -ENOMEM, "following pods");
	f->config = *config;
	f->wake_fd = -1;
	pthread_mutex_init(&f->lock, NULL);
	r = start(f, err);
	if (r < 0)
		k8s_follow_close(f);
	else
		*ret_follow = f;
	return r;
}

void k8s_follow_close(struct k8s_follow *f)
{
	if (!f)
		return;
	if (f->started) {
		pthread_mutex_lock(&f->lock);
		f->stopping = true;
		eventfd_write(f->wake_fd, 1);
		pthread_mutex_unlock(&f->lock);
		pthread_join(f->thread, NULL);
	}
	kube_watch_free(f->watch);
	kube_client_free(f->client);
	if (f->wake_fd >= 0)
		close(f->wake_fd);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

/* 1: known; 0: not yet; -errno: it can't be followed. A silent watch is woken once. */
static int look(struct k8s_follow *f, int64_t until_ms, bool *woken, struct err *err)
{
	int r = 0;

	pthread_mutex_lock(&f->lock);
	if (f->following && monotonic_ms(f) >= f->ready_ms) {
		r = f->heard_ms >= until_ms;
		if (!r && !*woken) {
			eventfd_write(f->wake_fd, 1);
			*woken = true;
		}
	} else if (!f->following && f->broken) {
		r = err_set(err, f->why.code < 0 ? f->why.code : -EIO, "%s", f->why.text);
	}
	pthread_mutex_unlock(&f->lock);
	return r;
}

int k8s_follow_wait(struct k8s_follow *f, int64_t until_ms, int cancel_fd, struct err *err)
{
	const int64_t begin_ms = monotonic_ms(f);
	bool woken = false;

	for (;;) {
		const int64_t waited_ms = monotonic_ms(f) - begin_ms;
		int r = look(f, until_ms, &woken, err);

		if (r > 0)
			return 0;
		if (r < 0 && waited_ms >= WAIT_BROKEN_MS)
			return r;
		if (waited_ms >= WAIT_MS)
			return err_set(err, -ETIMEDOUT,
				"what happened to pods is still not known after %d s",
				WAIT_MS / 1000);
		if (ticker_sleep(cancel_fd, LOOK_MS))
			return err_set(err, -ECANCELED, "cancelled");
	}
}
