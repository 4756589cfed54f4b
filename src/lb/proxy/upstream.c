// SPDX-License-Identifier: Apache-2.0
/* Servers: what their URL and their configuration say, where they are, and their pools. */
#include <curl/curl.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "basic/base64.h"
#include "basic/clock.h"
#include "basic/file.h"
#include "lb/proxy/internal.h"
#include "net/http_client_curl.h"

enum {
	CONNECT_DEFAULT_MS = 10000,
	RESOLVE_AGAIN_MS = 30000,
	CREDENTIALS_MS = 10000,
	CREDENTIALS_MAX_BYTES = 32 << 10,
	SWEEP_MS = 1000,
	NS_PER_MS = 1000000,
};

static void free_upstream(struct upstream *u)
{
	http_client_free(u->client);
	pthread_mutex_destroy(&u->lock);
	if (u->credentials)
		explicit_bzero(u->credentials, strlen(u->credentials));
	free(u->credentials);
	free(u->url);
	free(u->host);
	free(u->port);
	free(u->authority);
	free(u->prefix);
	free(u->query);
	free(u->user_agent);
	free(u);
}

DEFINE_CLEANUP(struct upstream *, free_upstream);
DEFINE_CLEANUP(CURLU *, curl_url_cleanup);

/* A part of the URL on the heap; NULL where it has none. */
static int get_part(CURLU *url, CURLUPart part, unsigned flags, char **ret_text)
{
	char *text = NULL;
	CURLUcode code = curl_url_get(url, part, &text, flags);

	if (code == CURLUE_OUT_OF_MEMORY)
		return -ENOMEM;
	*ret_text = code == CURLUE_OK ? strdup(text) : NULL;
	curl_free(text);
	return code == CURLUE_OK && !*ret_text ? -ENOMEM : 0;
}

static bool is_target_text(const char *text)
{
	for (; *text; text++) {
		if (*text <= ' ' || *text > '~')
			return false;
	}
	return true;
}

/* "host:port" as the URL has it, without a port where it has none. */
static int make_authority(struct upstream *u, CURLU *url)
{
	char *port = NULL;
	int r = get_part(url, CURLUPART_PORT, 0, &port);

	if (r >= 0 &&
		asprintf(&u->authority, "%s%s%s", u->host, port ? ":" : "", port ? port : "") < 0)
		r = -ENOMEM;
	free(port);
	return r;
}

static int split_url(struct upstream *u, CURLU *url, struct err *err)
{
	char *scheme = NULL;
	size_t n;
	int r;

	if (!url)
		return err_errno(err, -ENOMEM, "upstream");
	if (curl_url_set(url, CURLUPART_URL, u->url, 0) != CURLUE_OK)
		return err_set(err, -EINVAL, "malformed URL");
	r = get_part(url, CURLUPART_SCHEME, 0, &scheme);
	if (r >= 0 && (!scheme || (!str_eq(scheme, "http") && !str_eq(scheme, "https"))))
		r = -EINVAL;
	u->tls = r >= 0 && str_eq(scheme, "https");
	free(scheme);
	if (r >= 0)
		r = get_part(url, CURLUPART_HOST, 0, &u->host);
	if (r >= 0)
		r = get_part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT, &u->port);
	if (r >= 0)
		r = get_part(url, CURLUPART_PATH, 0, &u->prefix);
	if (r >= 0)
		r = get_part(url, CURLUPART_QUERY, 0, &u->query);
	if (r >= 0 && (!u->host || !*u->host || !u->port || !u->prefix))
		r = -EINVAL;
	if (r >= 0 && (!is_target_text(u->prefix) || (u->query && !is_target_text(u->query))))
		r = -EINVAL;
	if (r >= 0)
		r = make_authority(u, url);
	if (r < 0)
		return err_errno(err, r, "URL of a server: needs http or https, and a host");
	n = strlen(u->prefix);
	if (n && u->prefix[n - 1] == '/')
		u->prefix[n - 1] = '\0';
	return 0;
}

/* User and password of the URL, decoded, where nothing else is configured. */
static int url_login(CURLU *url, struct buffer *lines)
{
	CLEANUP(buffer_done) struct buffer pair = { 0 }, text = { 0 };
	char *user = NULL, *password = NULL;
	int r = get_part(url, CURLUPART_USER, CURLU_URLDECODE, &user);

	if (r >= 0)
		r = get_part(url, CURLUPART_PASSWORD, CURLU_URLDECODE, &password);
	if (r >= 0 && user) {
		buffer_printf(&pair, "%s:%s", user, password ? password : "");
		base64_encode((struct slice){ buffer_text(&pair), pair.len }, &text);
		buffer_printf(lines, "Authorization: Basic %s\r\n", buffer_text(&text));
		explicit_bzero(pair.data, pair.cap);
		r = buffer_error(&pair) ? buffer_error(&pair) : buffer_error(&text);
	}
	free(user);
	free(password);
	return r;
}

static bool uses_proxy(const struct http_client_config *config)
{
	return config &&
		((config->proxy.url && *config->proxy.url) || config->proxy.from_environment);
}

static int set_credentials(struct upstream *u, CURLU *url, struct err *err)
{
	CLEANUP(buffer_done) struct buffer lines = { 0 };
	int r = 0;

	u->plain = !u->tls && !uses_proxy(u->client_config);
	if (u->client_config)
		u->unsettled = !http_client_config_is_fixed(u->client_config);
	if (u->unsettled)
		return 0;
	r = u->client ? http_client_fields(u->client, CREDENTIALS_MS, &lines, err) : 0;
	if (r >= 0 && !(u->client_config && http_client_config_has_auth(u->client_config)))
		r = url_login(url, &lines);
	if (r >= 0)
		r = buffer_error(&lines);
	if (r >= 0 && lines.len) {
		u->credentials = strdup(buffer_text(&lines));
		r = u->credentials ? 0 : -ENOMEM;
	}
	if (lines.data)
		explicit_bzero(lines.data, lines.cap);
	return r;
}

/* A number instead of a name needs nobody to be asked. */
static void try_numeric(struct upstream *u)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	struct addrinfo *list = NULL;
	char host[256];

	snprintf(host, sizeof(host), "%s", u->host + (*u->host == '['));
	if (*u->host == '[')
		host[strcspn(host, "]")] = '\0';
	if (getaddrinfo(host, u->port, &hints, &list) != 0)
		return;
	memcpy(&u->addresses[0].sa, list->ai_addr, list->ai_addrlen);
	u->addresses[0].len = list->ai_addrlen;
	u->n_addresses = 1;
	u->numeric = true;
	freeaddrinfo(list);
}

int upstream_new(
	const struct upstream_config *config, struct upstream **ret_upstream, struct err *err)
{
	CLEANUP(free_upstreamp) struct upstream *u = calloc(1, sizeof(*u));
	CLEANUP(curl_url_cleanupp) CURLU *url = curl_url();
	int r;

	if (!u)
		return err_errno(err, -ENOMEM, "upstream");
	pthread_mutex_init(&u->lock, NULL);
	atomic_store(&u->owners, 1);
	atomic_store(&u->holders, 1);
	u->client_config = config->client;
	u->connect_timeout_ms = config->connect_timeout_ms > 0 ? config->connect_timeout_ms
							       : CONNECT_DEFAULT_MS;
	u->url = strdup(config->url ? config->url : "");
	u->user_agent = config->user_agent ? strdup(config->user_agent) : NULL;
	if (!u->url || (config->user_agent && !u->user_agent))
		return err_errno(err, -ENOMEM, "upstream");
	r = split_url(u, url, err);
	if (r >= 0)
		r = http_client_new(
			config->client, u->user_agent ? u->user_agent : "", &u->client, err);
	if (r >= 0)
		r = set_credentials(u, url, err);
	if (r < 0)
		return r;
	try_numeric(u);
	*ret_upstream = TAKE(u);
	return 0;
}

struct upstream *upstream_ref(struct upstream *upstream)
{
	atomic_fetch_add(&upstream->owners, 1);
	return upstream;
}

void upstream_unref(struct upstream *upstream)
{
	if (!upstream || atomic_fetch_sub(&upstream->owners, 1) > 1)
		return;
	atomic_store(&upstream->closed, true);
	upstream_release(upstream);
}

void upstream_hold(struct upstream *upstream)
{
	atomic_fetch_add(&upstream->holders, 1);
}

void upstream_release(struct upstream *upstream)
{
	if (atomic_fetch_sub(&upstream->holders, 1) == 1)
		free_upstream(upstream);
}

unsigned upstream_active(const struct upstream *upstream)
{
	return atomic_load(&upstream->active);
}

bool upstream_sets_header(const struct upstream *upstream, struct slice name)
{
	const struct http_client_config *config = upstream->client_config;

	if (!config)
		return false;
	for (size_t i = 0; i < config->http_headers.n; i++) {
		if (strlen(config->http_headers.names[i]) == name.n &&
			strncasecmp(config->http_headers.names[i], name.p, name.n) == 0)
			return true;
	}
	return false;
}

int upstream_credentials(struct upstream *u, struct buffer *ret_lines, char *ret_why, size_t cap)
{
	struct err err = { 0 };
	int r;

	ret_lines->limit = CREDENTIALS_MAX_BYTES;
	r = http_client_fields(u->client, CREDENTIALS_MS, ret_lines, &err);
	if (r < 0)
		snprintf(ret_why, cap, "%.*s", (int)cap - 1, err.text);
	return r;
}

static void store_addresses_locked(struct upstream *u, const struct addrinfo *list)
{
	u->n_addresses = 0;
	for (; list && u->n_addresses < UPSTREAM_ADDRESSES_MAX; list = list->ai_next) {
		struct upstream_address *a = &u->addresses[u->n_addresses++];

		memcpy(&a->sa, list->ai_addr, list->ai_addrlen);
		a->len = list->ai_addrlen;
	}
}

static int64_t now_ms(void)
{
	return clock_monotonic_ns(clock_system()) / NS_PER_MS;
}

static int resolve(struct upstream *u, char *ret_why, size_t cap)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	struct addrinfo *list = NULL;
	int r = getaddrinfo(u->host, u->port, &hints, &list);

	pthread_mutex_lock(&u->lock);
	/* Where nobody answers, what was true before is the best guess. */
	if (r == 0)
		store_addresses_locked(u, list);
	u->resolved_ms = now_ms();
	pthread_mutex_unlock(&u->lock);
	if (r == 0)
		freeaddrinfo(list);
	else
		snprintf(ret_why, cap, "resolving '%s': %s", u->host,
			r == EAI_SYSTEM ? err_name(-errno) : gai_strerror(r));
	return r == 0 ? 0 : -EHOSTUNREACH;
}

int upstream_resolve(struct upstream *u, char *ret_why, size_t cap)
{
	bool known;

	pthread_mutex_lock(&u->lock);
	known = u->n_addresses > 0;
	pthread_mutex_unlock(&u->lock);
	return known ? 0 : resolve(u, ret_why, cap);
}

static void resolve_again(struct http_job *job)
{
	struct upstream *u = (struct upstream *)((char *)job -
		offsetof(struct upstream, resolve_job));
	char why[128];

	(void)resolve(u, why, sizeof(why));
	pthread_mutex_lock(&u->lock);
	u->resolving = false;
	pthread_mutex_unlock(&u->lock);
	upstream_release(u);
}

unsigned upstream_addresses(struct upstream *u, struct http_pool *workers, int64_t now,
	struct upstream_address ret_addresses[static UPSTREAM_ADDRESSES_MAX])
{
	bool again;
	unsigned n;

	pthread_mutex_lock(&u->lock);
	n = u->n_addresses;
	memcpy(ret_addresses, u->addresses, n * sizeof(u->addresses[0]));
	again = n && !u->numeric && !u->resolving && now - u->resolved_ms > RESOLVE_AGAIN_MS;
	if (again)
		u->resolving = true;
	pthread_mutex_unlock(&u->lock);
	if (!again)
		return n;
	upstream_hold(u);
	u->resolve_job.run = resolve_again;
	if (!http_pool_add(workers, &u->resolve_job))
		upstream_release(u);
	return n;
}

static int try_connect(const struct upstream_address *a, int64_t timeout_ms)
{
	CLEANUP(file_closep)
	int fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(int);
	int error = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&a->sa, a->len) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return -errno;
	if (poll(&poll_fd, 1, (int)timeout_ms) <= 0)
		return -ETIMEDOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	return -error;
}

static int probe_plain(struct upstream *u, int64_t timeout_ms, struct err *err)
{
	int64_t end_ms = now_ms() + timeout_ms;
	struct upstream_address addresses[UPSTREAM_ADDRESSES_MAX];
	char why[128] = "";
	unsigned n;
	int r = u->numeric ? 0 : resolve(u, why, sizeof(why));

	pthread_mutex_lock(&u->lock);
	n = u->n_addresses;
	memcpy(addresses, u->addresses, n * sizeof(addresses[0]));
	pthread_mutex_unlock(&u->lock);
	if (!n)
		return err_set(err, r, "%s", why);
	r = -ETIMEDOUT;
	for (unsigned i = 0; i < n && now_ms() < end_ms; i++) {
		r = try_connect(&addresses[i], end_ms - now_ms());
		if (r >= 0)
			return 0;
	}
	return err_errno(err, r, "connecting to '%s'", u->authority);
}

DEFINE_CLEANUP(CURL *, curl_easy_cleanup);

/*
 * With all that stands before a request: the TLS handshake with its certificates, the proxy's
 * tunnel. A server that is reached by a proxy alone can't be connected to in another way.
 */
static int probe_by_library(struct upstream *u, int64_t timeout_ms, struct err *err)
{
	CLEANUP(http_client_lists_done) struct http_client_lists lists = { 0 };
	CLEANUP(curl_easy_cleanupp) CURL *easy = curl_easy_init();
	CLEANUP(buffer_done) struct buffer url = { 0 };
	char why[CURL_ERROR_SIZE] = "";
	CURLcode code;
	int r = -ENOMEM;

	buffer_printf(&url, "%s://%s:%s/", u->tls ? "https" : "http", u->host, u->port);
	if (easy && !buffer_error(&url) &&
		curl_easy_setopt(easy, CURLOPT_URL, buffer_text(&url)) == CURLE_OK)
		r = http_client_set_connection(u->client, easy, buffer_text(&url), &lists);
	if (r < 0)
		return err_errno(err, r, "connecting to '%s'", u->authority);
	curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, why);
	code = curl_easy_perform(easy);
	if (code == CURLE_OK)
		return 0;
	return err_set(err, code == CURLE_OPERATION_TIMEDOUT ? -ETIMEDOUT : -ECONNREFUSED,
		"connecting to '%s': %s", u->authority, *why ? why : curl_easy_strerror(code));
}

int upstream_check_files(const struct upstream *u, struct err *err)
{
	return http_client_check_files(u->client, err);
}

int upstream_probe(struct upstream *u, int64_t timeout_ms, struct err *err)
{
	if (!u->plain)
		return probe_by_library(u, timeout_ms, err);
	return probe_plain(u, timeout_ms, err);
}

static void on_sweep(struct loop_timer *timer)
{
	struct proxy_loop *loop = (struct proxy_loop *)((char *)timer -
		offsetof(struct proxy_loop, sweep_timer));

	upstream_pools_sweep(loop, false);
	if (loop->pools)
		loop_timer_set(&loop->loop, timer, loop->loop.now_ms + SWEEP_MS);
}

struct upstream_pool *upstream_pool_of(struct proxy_loop *loop, struct upstream *upstream)
{
	struct upstream_pool *pool = loop->pools;

	while (pool && pool->upstream != upstream)
		pool = pool->next;
	if (pool)
		return pool;
	if (!loop->sweep_timer.fire &&
		loop_timer_init(&loop->loop, &loop->sweep_timer, on_sweep) < 0)
		return NULL;
	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return NULL;
	if (!loop->pools)
		loop_timer_set(&loop->loop, &loop->sweep_timer, loop->loop.now_ms + SWEEP_MS);
	upstream_hold(upstream);
	*pool = (struct upstream_pool){ loop->pools, upstream, loop, NULL, 0, 0 };
	loop->pools = pool;
	return pool;
}

/* Those of servers that nobody names any more; wires in use keep theirs until later. */
void upstream_pools_sweep(struct proxy_loop *loop, bool all)
{
	struct upstream_pool **at = &loop->pools;

	while (*at) {
		struct upstream_pool *pool = *at;

		if (all || atomic_load(&pool->upstream->closed))
			wire_close_idle(pool);
		if (pool->n_wires || !(all || atomic_load(&pool->upstream->closed))) {
			at = &pool->next;
			continue;
		}
		*at = pool->next;
		upstream_release(pool->upstream);
		free(pool);
	}
}
