// SPDX-License-Identifier: Apache-2.0
/* Listeners and threads: each loop accepts from all listeners, whoever comes first. */
#include "lb/proxy/proxy.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "basic/clock.h"
#include "lb/proxy/internal.h"
#include "lb/proxy/post_office.h"

enum {
	CONNECTIONS_DEFAULT = 16384,
	DESCRIPTORS_RESERVED = 64, /* for what isn't a connection */
	HEADER_TIMEOUT_DEFAULT_MS = 2000,
	BODY_TIMEOUT_DEFAULT_MS = 60000,
	IDLE_TIMEOUT_DEFAULT_MS = 300000,
	WRITE_TIMEOUT_DEFAULT_MS = 60000,
	WORKERS_DEFAULT = 4,
	NAME_MAX_BYTES = 160,
	NS_PER_US = 1000,
	NS_PER_S = 1000000000,
	MS_PER_S = 1000,
	NS_PER_MS = 1000000,
};

int64_t proxy_now_us(void)
{
	return clock_monotonic_ns(clock_system()) / NS_PER_US;
}

const char *proxy_loop_date(struct proxy_loop *loop)
{
	time_t now = (time_t)(clock_realtime_ns(clock_system()) / NS_PER_S);
	struct tm tm;

	if (now != loop->date_s || !*loop->date) {
		loop->date_s = now;
		gmtime_r(&now, &tm);
		strftime(loop->date, sizeof(loop->date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	}
	return loop->date;
}

/* Each client may need a server's connection besides. */
static unsigned connections_by_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return CONNECTIONS_DEFAULT;
	if (limit.rlim_cur < 2 * DESCRIPTORS_RESERVED)
		return DESCRIPTORS_RESERVED / 2;
	return (unsigned)MIN(
		(limit.rlim_cur - DESCRIPTORS_RESERVED) / 2, (rlim_t)CONNECTIONS_DEFAULT);
}

static void set_defaults(struct proxy_config *c)
{
	c->loops = MIN(MAX(c->loops, 1U), (unsigned)LOOPS_MAX);
	if (!c->workers)
		c->workers = WORKERS_DEFAULT;
	if (!c->max_connections)
		c->max_connections = connections_by_descriptors();
	if (!c->max_header_bytes)
		c->max_header_bytes = HEAD_DEFAULT_BYTES;
	c->max_header_bytes = MIN(c->max_header_bytes, (size_t)HEAD_MAX_BYTES);
	if (c->header_timeout_ms <= 0)
		c->header_timeout_ms = HEADER_TIMEOUT_DEFAULT_MS;
	if (c->body_timeout_ms <= 0)
		c->body_timeout_ms = BODY_TIMEOUT_DEFAULT_MS;
	if (c->idle_timeout_ms <= 0)
		c->idle_timeout_ms = IDLE_TIMEOUT_DEFAULT_MS;
	if (c->write_timeout_ms <= 0)
		c->write_timeout_ms = WRITE_TIMEOUT_DEFAULT_MS;
}

int proxy_open(const struct proxy_config *config, struct proxy **ret_proxy, struct err *err)
{
	struct proxy *proxy = calloc(1, sizeof(*proxy));
	pthread_condattr_t attr;
	int r;

	if (!proxy)
		return err_errno(err, -ENOMEM, "proxy");
	proxy->config = *config;
	set_defaults(&proxy->config);
	pthread_mutex_init(&proxy->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&proxy->ended, &attr);
	pthread_condattr_destroy(&attr);
	r = web_watch_open(config->web_config_file, config->log, &proxy->web, err);
	if (r >= 0)
		r = http_listen_all(&proxy->config.listen_addresses, proxy->config.systemd_socket,
			proxy->listeners, &proxy->n_listeners, err);
	if (r < 0) {
		proxy_stop(proxy, 0);
		return r;
	}
	proxy->tls = web_watch_has_tls(proxy->web);
	for (size_t i = 0; i < proxy->n_listeners; i++)
		proxy->ports[i] = http_listen_port(proxy->listeners[i]);
	*ret_proxy = proxy;
	return 0;
}

struct strings proxy_files(struct proxy *proxy)
{
	return (struct strings){ proxy->files, web_watch_files(proxy->web, proxy->files) };
}

int proxy_port(const struct proxy *proxy, size_t listener)
{
	return listener < proxy->n_listeners ? proxy->ports[listener] : -EINVAL;
}

size_t proxy_listeners(const struct proxy *proxy)
{
	return proxy->n_listeners;
}

void proxy_stats(const struct proxy *proxy, struct proxy_stats *ret_stats)
{
	*ret_stats = (struct proxy_stats){
		.connections = atomic_load(&proxy->n_connections),
		.accepted = atomic_load(&proxy->accepted),
		.refused = atomic_load(&proxy->refused),
	};
}

static void listen_on(struct proxy_loop *loop, bool on)
{
	for (size_t i = 0; i < loop->proxy->n_listeners; i++) {
		struct listener *l = &loop->listeners[i];

		if (on)
			(void)loop_add(&loop->loop, &l->watch, EPOLLIN | EPOLLEXCLUSIVE);
		else
			loop_remove(&loop->loop, &l->watch);
	}
}

static void on_accept_timer(struct loop_timer *timer)
{
	struct proxy_loop *loop = (struct proxy_loop *)((char *)timer -
		offsetof(struct proxy_loop, accept_timer));

	if (!loop->draining)
		listen_on(loop, true);
}

static void accept_from(struct listener *l, int limit)
{
	struct proxy_loop *loop = l->loop;

	for (int i = 0; i < limit; i++) {
		int fd = accept4(l->watch.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			client_accept(loop, fd, l->index);
			continue;
		}
		/* Without descriptors the connection stays where it is, and would wake us again. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			listen_on(loop, false);
			loop_timer_set(&loop->loop, &loop->accept_timer,
				loop->loop.now_ms + ACCEPT_PAUSE_MS);
			return;
		}
		if (errno == EAGAIN)
			return;
	}
}

static void on_listener(struct loop_watch *watch, uint32_t events)
{
	accept_from((struct listener *)watch, ACCEPT_BATCH);
}

void proxy_loop_check_end(struct proxy_loop *loop)
{
	struct proxy *proxy = loop->proxy;

	if (!loop->draining || loop->n_clients || loop->n_exchanges)
		return;
	pthread_mutex_lock(&proxy->lock);
	pthread_cond_broadcast(&proxy->ended);
	loop->empty = true;
	pthread_mutex_unlock(&proxy->lock);
}

static void drain(struct loop_task *task)
{
	struct proxy_loop *loop = (struct proxy_loop *)((char *)task -
		offsetof(struct proxy_loop, drain));
	struct client *next;

	/* Whoever has connected by now is served. */
	for (size_t i = 0; i < loop->proxy->n_listeners; i++)
		accept_from(&loop->listeners[i], INT32_MAX);
	loop->draining = true;
	listen_on(loop, false);
	for (struct client *c = loop->oldest; c; c = next) {
		next = c->next;
		client_retire(c);
	}
	proxy_loop_check_end(loop);
}

static void cut(struct loop_task *task)
{
	struct proxy_loop *loop = (struct proxy_loop *)((char *)task -
		offsetof(struct proxy_loop, cut));

	while (loop->oldest)
		client_close(loop->oldest, true);
	proxy_loop_check_end(loop);
}

static void end(struct loop_task *task)
{
	struct proxy_loop *loop = (struct proxy_loop *)((char *)task -
		offsetof(struct proxy_loop, end));

	post_office_close(loop);
	upstream_pools_sweep(loop, true);
	loop_stop(&loop->loop);
}

static void *run_loop(void *arg)
{
	struct proxy_loop *loop = arg;

	loop_run(&loop->loop);
	return NULL;
}

static int init_loop(struct proxy *proxy, unsigned index)
{
	struct proxy_loop *loop = &proxy->loops[index];
	int r;

	loop->proxy = proxy;
	loop->index = index;
	loop->drain.run = drain;
	loop->cut.run = cut;
	loop->end.run = end;
	r = loop_init(&loop->loop);
	if (r >= 0)
		r = loop_timer_init(&loop->loop, &loop->accept_timer, on_accept_timer);
	loop->listeners = calloc(proxy->n_listeners, sizeof(*loop->listeners));
	if (r < 0 || !loop->listeners)
		return r < 0 ? r : -ENOMEM;
	for (size_t i = 0; i < proxy->n_listeners; i++)
		loop->listeners[i] = (struct listener){
			.watch = { on_listener, proxy->listeners[i] },
			.loop = loop,
			.index = i,
		};
	listen_on(loop, true);
	r = -pthread_create(&loop->thread, NULL, run_loop, loop);
	loop->started = r == 0;
	return r;
}

static void log_listeners(const struct proxy *proxy)
{
	const struct log *log = proxy->config.log;
	char name[NAME_MAX_BYTES];

	if (proxy->config.systemd_socket)
		log_info(
			log, "Listening on systemd activated listeners instead of port listeners.");
	for (size_t i = 0; i < proxy->n_listeners; i++) {
		http_listen_name(proxy->listeners[i], name, sizeof(name));
		log_info(log, "Listening on", LOG_STR("address", name));
		if (proxy->tls)
			log_info(log, "TLS is enabled.", LOG_STR("http2", "false"),
				LOG_STR("address", name));
		else
			log_info(log, "TLS is disabled.", LOG_STR("http2", "false"),
				LOG_STR("address", name));
	}
}

int proxy_serve(struct proxy *proxy, struct err *err)
{
	const char *file = proxy->config.web_config_file;
	sigset_t all, old;
	int r;

	proxy->loops = calloc(proxy->config.loops, sizeof(*proxy->loops));
	r = proxy->loops ? http_pool_new(proxy->config.workers, &proxy->pool) : -ENOMEM;
	if (r >= 0 && file && *file)
		r = basic_auth_new(&proxy->auth);
	log_listeners(proxy);
	/* Signals belong to the program's own thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (unsigned i = 0; r >= 0 && i < proxy->config.loops; i++)
		r = init_loop(proxy, i);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r < 0 ? err_errno(err, r, "starting the proxy") : 0;
}

static void post_all(struct proxy *proxy, size_t task_offset)
{
	for (unsigned i = 0; proxy->loops && i < proxy->config.loops; i++) {
		struct proxy_loop *loop = &proxy->loops[i];

		if (loop->started)
			loop_post(&loop->loop, (struct loop_task *)((char *)loop + task_offset));
	}
}

static bool all_empty_locked(const struct proxy *proxy)
{
	for (unsigned i = 0; proxy->loops && i < proxy->config.loops; i++) {
		if (proxy->loops[i].started && !proxy->loops[i].empty)
			return false;
	}
	return true;
}

/* end_ms INT64_MAX: for ever. */
static void wait_for_loops(struct proxy *proxy, int64_t end_ms)
{
	struct timespec ts = {
		.tv_sec = end_ms / MS_PER_S,
		.tv_nsec = end_ms % MS_PER_S * NS_PER_MS,
	};
	int r = 0;

	pthread_mutex_lock(&proxy->lock);
	while (!all_empty_locked(proxy) && r != ETIMEDOUT) {
		if (end_ms == INT64_MAX)
			r = pthread_cond_wait(&proxy->ended, &proxy->lock);
		else
			r = pthread_cond_timedwait(&proxy->ended, &proxy->lock, &ts);
	}
	pthread_mutex_unlock(&proxy->lock);
}

static void done_loop(struct proxy_loop *loop)
{
	if (loop->started)
		pthread_join(loop->thread, NULL);
	loop_done(&loop->loop);
	exchange_spare_free(loop);
	free(loop->listeners);
}

void proxy_stop(struct proxy *proxy, int64_t grace_ms)
{
	if (!proxy)
		return;
	atomic_store(&proxy->stopping, true);
	post_all(proxy, offsetof(struct proxy_loop, drain));
	wait_for_loops(
		proxy, clock_monotonic_ns(clock_system()) / NS_PER_MS + MAX(grace_ms, (int64_t)0));
	if (proxy->config.cancel_fd > 0)
		eventfd_write(proxy->config.cancel_fd, 1);
	post_all(proxy, offsetof(struct proxy_loop, cut));
	/* What is with a worker or being checked comes back to its loop. */
	if (proxy->auth)
		basic_auth_stop(proxy->auth);
	if (proxy->pool)
		http_pool_stop(proxy->pool);
	wait_for_loops(proxy, INT64_MAX);
	post_all(proxy, offsetof(struct proxy_loop, end));
	for (unsigned i = 0; proxy->loops && i < proxy->config.loops; i++)
		done_loop(&proxy->loops[i]);
	for (size_t i = 0; i < proxy->n_listeners; i++)
		close(proxy->listeners[i]);
	free(proxy->loops);
	http_pool_free(proxy->pool);
	basic_auth_free(proxy->auth);
	web_watch_close(proxy->web);
	pthread_cond_destroy(&proxy->ended);
	pthread_mutex_destroy(&proxy->lock);
	free(proxy);
}
