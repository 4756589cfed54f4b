// SPDX-License-Identifier: Apache-2.0
#include "lb/server.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include "net/url.h"
#include "remote/tsdb.h"

enum {
	PROBE_INTERVAL_S = 20,
	PROBE_TIMEOUT_MS = 10 * 1000,
	PAUSE_MIN_S = 1, /* of a dead server; doubles up to the interval */
	SETTINGS_INTERVAL_S = 600,
	SETTINGS_TIMEOUT_MS = 2000,
	STACK_BYTES = 256 << 10,
};

/* The public part first. */
struct private
{
	struct server server;
	struct settings *settings;
	const struct lb_server_config *config;
	const struct log *log;
	char *name;
	atomic_uint refs;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stopping, suspected; /* under the lock */
};

static struct private *of(struct server *server)
{
	return (struct private *)server;
}

const char *server_kind_name(enum gate_kind kind)
{
	return kind == GATE_TSDB ? "tsdb" : "pyroscope";
}

static bool has_host(const char *url)
{
	const char *host = strstr(url, "://");

	return host && host[3] && !strchr("/?#:", host[3]) &&
		(strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0);
}

/* The URL as logs and metrics show it. */
static int make_name(struct private *p, struct err *err)
{
	CLEANUP(buffer_done) struct buffer text = { 0 };
	int r = url_redact(p->config->web.url, &text);

	p->name = r >= 0 ? strdup(buffer_text(&text)) : NULL;
	p->server.name = p->name;
	if (!p->name)
		return err_errno(err, -ENOMEM, "server");
	if (!has_host(p->config->web.url))
		return err_set(err, -EINVAL, "'%s' is no http or https URL", p->name);
	return 0;
}

static int make_upstream(struct private *p, struct err *err)
{
	const char *host = strstr(p->config->web.url, "://") + 3, *at;
	size_t n = strcspn(host, "/?#");
	char agent[300];
	const struct upstream_config config = {
		.url = p->config->web.url,
		.client = &p->config->web.client,
		.user_agent = agent,
	};

	at = memrchr(host, '@', n);
	if (at) {
		n -= (size_t)(at + 1 - host);
		host = at + 1;
	}
	snprintf(agent, sizeof(agent), "ceems_lb/%.*s", (int)n, host);
	return upstream_new(&config, &p->server.upstream, err);
}

int server_new(struct settings *settings, enum gate_kind kind, const char *cluster,
	const struct lb_server_config *config, bool alive, const struct log *log,
	struct server **ret_server, struct err *err)
{
	struct private *p = calloc(1, sizeof(*p));
	pthread_condattr_t attr;
	int r;

	if (!p)
		return err_errno(err, -ENOMEM, "server");
	p->refs = 1;
	p->settings = settings_ref(settings);
	p->config = config;
	p->log = log;
	p->server.kind = kind;
	p->server.cluster = cluster;
	p->server.filter_labels = &config->filter_labels;
	p->server.alive = alive;
	pthread_mutex_init(&p->lock, NULL);
	/* A wall clock that is set back would have a dead server wait for as long. */
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->changed, &attr);
	pthread_condattr_destroy(&attr);
	r = make_name(p, err);
	if (r >= 0)
		r = make_upstream(p, err);
	if (r < 0) {
		server_unref(&p->server);
		return r;
	}
	*ret_server = &p->server;
	return 0;
}

int server_set_up(struct server *server, struct err *err)
{
	int r = upstream_check_files(server->upstream, err);

	server->set_up = r >= 0;
	if (r < 0)
		server->alive = false;
	return r;
}

struct server *server_ref(struct server *server)
{
	of(server)->refs++;
	return server;
}

void server_unref(struct server *server)
{
	struct private *p = server ? of(server) : NULL;

	if (!p || --p->refs > 0)
		return;
	upstream_unref(server->upstream);
	settings_unref(p->settings);
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->lock);
	free(p->name);
	free(p);
}

static void log_probe(const struct private *p, bool alive, bool was_alive, const struct err *err)
{
	const struct server *s = &p->server;

	if (alive == was_alive)
		log_debug(p->log, "Health check",
			LOG_STR("backend_type", server_kind_name(s->kind)),
			LOG_STR("id", s->cluster), LOG_STR("backend", s->name),
			LOG_STR("status", alive ? "up" : "down"));
	else if (alive)
		log_info(p->log, "Health check", LOG_STR("backend_type", server_kind_name(s->kind)),
			LOG_STR("id", s->cluster), LOG_STR("backend", s->name),
			LOG_STR("status", "up"));
	else
		log_error(p->log, "Health check",
			LOG_STR("backend_type", server_kind_name(s->kind)),
			LOG_STR("id", s->cluster), LOG_STR("backend", s->name),
			LOG_STR("status", "down"), LOG_ERR(err));
}

static bool probe(struct private *p)
{
	struct err err = { 0 };
	bool alive;

	/* Once it is, the files may go and come: connections fail meanwhile. */
	if (!p->server.set_up && server_set_up(&p->server, &err) < 0)
		return false;
	alive = upstream_probe(p->server.upstream, PROBE_TIMEOUT_MS, &err) >= 0;
	log_probe(p, alive, atomic_exchange(&p->server.alive, alive), &err);
	return alive;
}

/* Only hints come of it, so that a failure is no news. */
static void ask_settings(struct private *p)
{
	struct tsdb_settings settings = { 0 };
	struct tsdb *tsdb;
	struct err err;
	int r;

	if (p->server.kind != GATE_TSDB ||
		tsdb_new(p->config->web.url, &p->config->web.client, "ceems/tsdb", &tsdb, &err) < 0)
		return;
	tsdb_set_timeout(tsdb, SETTINGS_TIMEOUT_MS);
	r = tsdb_settings(tsdb, &settings, &err);
	tsdb_free(tsdb);
	/* Those that it had are a better guess than none. */
	if (r < 0) {
		log_debug(p->log, "settings of the server can't be had",
			LOG_STR("backend", p->server.name), LOG_ERR(&err));
		return;
	}
	p->server.retention_ms = settings.retention_ms;
	p->server.lookback_ms = settings.lookback_delta_ms;
}

/* Until the time has come, or a request failed. False: the end. */
static bool rest(struct private *p, int64_t pause_s)
{
	struct timespec end;
	bool go_on;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += pause_s;
	pthread_mutex_lock(&p->lock);
	while (!p->stopping && !p->suspected)
		if (pthread_cond_timedwait(&p->changed, &p->lock, &end) == ETIMEDOUT)
			break;
	p->suspected = false;
	go_on = !p->stopping;
	pthread_mutex_unlock(&p->lock);
	return go_on;
}

static int64_t monotonic_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static void *watch(void *arg)
{
	struct private *p = arg;
	int64_t pause_s = PAUSE_MIN_S, asked_s = 0;
	bool was_alive = false;

	do {
		bool alive = probe(p);

		if (alive && (!was_alive || monotonic_s() >= asked_s + SETTINGS_INTERVAL_S)) {
			ask_settings(p);
			asked_s = monotonic_s();
		}
		pause_s = alive     ? PROBE_INTERVAL_S
			: was_alive ? PAUSE_MIN_S
				    : MIN(pause_s * 2, (int64_t)PROBE_INTERVAL_S);
		was_alive = alive;
	} while (rest(p, pause_s));
	server_unref(&p->server);
	return NULL;
}

int server_start(struct server *server, struct err *err)
{
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	server_ref(server);
	r = pthread_create(&thread, &attr, watch, of(server));
	pthread_attr_destroy(&attr);
	if (r != 0) {
		server_unref(server);
		return err_errno(err, -r, "thread of a server");
	}
	return 0;
}

static void wake(struct private *p, bool stop)
{
	pthread_mutex_lock(&p->lock);
	p->stopping |= stop;
	p->suspected = true;
	pthread_cond_signal(&p->changed);
	pthread_mutex_unlock(&p->lock);
}

void server_stop(struct server *server)
{
	wake(of(server), true);
}

/*
 * Only a connection that could not be had says that a server is dead. One that broke may have met a
 * request that it could not digest, so the probe decides; a slow answer says nothing.
 */
void server_report(struct server *server, enum attempt_result result, const char *why)
{
	struct private *p = of(server);

	server->attempts[result]++;
	if (result == ATTEMPT_ANSWERED || result == ATTEMPT_CLIENT_GONE)
		return;
	log_warn(p->log, "Failed to handle the request",
		LOG_STR("backend_type", server_kind_name(server->kind)),
		LOG_STR("id", server->cluster), LOG_STR("host", server->name), LOG_STR("err", why));
	if (result == ATTEMPT_UNREACHABLE && atomic_exchange(&server->alive, false))
		log_error(p->log, "Health check",
			LOG_STR("backend_type", server_kind_name(server->kind)),
			LOG_STR("id", server->cluster), LOG_STR("backend", server->name),
			LOG_STR("status", "down"), LOG_STR("err", why));
	if (result != ATTEMPT_TIMEOUT)
		wake(p, false);
}
