// SPDX-License-Identifier: Apache-2.0
/*
 * The whole way of a request, from a socket to the server's, without memory: whichever allocation
 * fails, what must not reach the server doesn't, and the next request is answered.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alloc_fail.h"
#include "lb/visit.h"
#include "sample_store.h"
#include "unit_test.h"

enum { TEXT_MAX = 64 << 10, LIMIT_S = 20, FAILURES_MAX = 2000, CLOSED = 0 };

static struct sample_store sample;
static struct log log_;
static struct lb lb;
static struct settings *settings;
static size_t eaten_bytes; /* of each request's arena, before it is looked at */

/* The server: it only looks for what must not be there. Without the heap, which fails. */
static int listener;
static pthread_t server;
static atomic_uint served;
static atomic_bool leaked;

static void serve(int fd)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
				     "Content-Length: 38\r\nConnection: close\r\n\r\n"
				     "{\"status\":\"success\",\"data\":[\"secret\"]}";
	static char text[TEXT_MAX];
	size_t len = 0, body = 0;
	ssize_t n;

	while ((n = recv(fd, text + len, sizeof(text) - 1 - len, 0)) > 0) {
		const char *head_end, *length;

		len += (size_t)n;
		text[len] = '\0';
		head_end = strstr(text, "\r\n\r\n");
		length = strstr(text, "Content-Length: ");
		body = length ? strtoul(length + 16, NULL, 10) : 0;
		if (head_end && len >= (size_t)(head_end + 4 - text) + body)
			break;
	}
	if (strstr(text, "7002") || strstr(text, "/status/") || strstr(text, "hidden"))
		atomic_store(&leaked, true);
	(void)send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL);
	atomic_fetch_add(&served, 1);
}

static void *run_server(void *arg)
{
	int fd;

	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		serve(fd);
		close(fd);
	}
	return NULL;
}

static int listen_somewhere(int *ret_port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(fd, SOMAXCONN), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*ret_port = ntohs(a.sin_port);
	return fd;
}

static void eat(void *ctx, struct exchange *x)
{
	if (eaten_bytes)
		assert_non_null(arena_alloc(exchange_arena(x), eaten_bytes));
	policy_handler.on_head(ctx, x);
}

static void load_config(int port)
{
	char path[128], text[1024];
	struct err err = { 0 };
	int fd;

	snprintf(path, sizeof(path), "%s/config.yml", sample.dir);
	snprintf(text, sizeof(text),
		"ceems_lb: {backends: [{id: alpha, tsdb: [{web: {url: 'http://127.0.0.1:%d'},"
		" filter_labels: [hidden]}]}]}\nceems_api_server: {data: {path: '%s'}}\n",
		port, sample.dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	if (settings_load(path, false, "/", &settings, &err) < 0)
		fail_msg("%s", err.text);
	unlink(path);
}

static void fill_database(void)
{
	sample_sql(sample.path,
		"INSERT INTO projects (cluster_id, name, users) VALUES ('alpha', 'p1', '[\"ines\"]'),"
		" ('alpha', 'p2', '[\"omar\"]')");
	sample_sql(sample.path,
		"INSERT INTO units (cluster_id, uuid, project, started_at, started_at_ts) VALUES"
		" ('alpha', '7001', 'p1', '1', 1000), ('alpha', '7002', 'p2', '1', 1000)");
	sample_sql(sample.path, "INSERT INTO admin_users (name) VALUES ('ops')");
}

static void open_proxy(void)
{
	static struct proxy_handler handler;
	static const char *const address = "127.0.0.1:0";
	const struct proxy_config config = {
		.listen_addresses = { (const char **)&address, 1 },
		.log = &log_,
		.handler = &handler,
		.ctx = &lb,
	};
	struct err err = { 0 };

	handler = policy_handler;
	handler.on_head = eat;
	if (proxy_open(&config, &lb.proxy, &err) < 0 || proxy_serve(lb.proxy, &err) < 0)
		fail_msg("%s", err.text);
}

static int set_up(void **state)
{
	const struct state_config config = {
		.clock = clock_system(), .log = &log_, .cancel_fd = -1
	};
	static const char *trusted[] = { "127.0.0.1" };
	const struct strings networks = { trusted, 1 };
	static struct arena arena;
	int port;

	log_ = (struct log){ open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_LEVEL_DEBUG,
		LOG_FORMAT_LOGFMT, clock_system() };
	listener = listen_somewhere(&port);
	assert_int_equal(pthread_create(&server, NULL, run_server, NULL), 0);
	sample_store_open(&sample);
	fill_database();
	load_config(port);
	arena_init(&arena, 1 << 20);
	lb = (struct lb){ .clock = clock_system(),
		.log = &log_,
		.log_requests = true,
		.kinds = { GATE_TSDB },
		.n_kinds = 1 };
	pthread_mutex_init(&lb.lock, NULL);
	assert_int_equal(networks_parse(&networks, &arena, &lb.trusted, NULL), 0);
	assert_int_equal(users_new(&lb.users), 0);
	assert_int_equal(metrics_new(&lb.metrics), 0);
	assert_int_equal(state_new(&config, settings, NULL, &lb.state, NULL), 0);
	open_proxy();
	*state = &arena;
	return 0;
}

static int tear_down(void **state)
{
	proxy_stop(lb.proxy, 0);
	state_unref(lb.state);
	settings_unref(settings);
	users_free(lb.users);
	metrics_free(lb.metrics);
	pthread_mutex_destroy(&lb.lock);
	shutdown(listener, SHUT_RDWR);
	pthread_join(server, NULL);
	close(listener);
	close(log_.fd);
	sample_store_close(&sample);
	arena_done(*state);
	return 0;
}

/* The status of the answer; CLOSED: none came. */
static int ask(const char *user, const char *method, const char *target, const char *body)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)proxy_port(lb.proxy, 0)) };
	const struct timeval limit = { .tv_sec = LIMIT_S };
	static char text[TEXT_MAX];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), n;
	size_t len = 0;
	ssize_t got;

	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	n = snprintf(text, sizeof(text),
		"%s %s HTTP/1.1\r\nHost: h\r\nX-Grafana-User: %s\r\nX-Ceems-Cluster-Id: alpha\r\n"
		"Connection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n"
		"Content-Length: %zu\r\n\r\n%s",
		method, target, user, strlen(body), body);
	assert_true(n > 0 && n < TEXT_MAX);
	(void)send(fd, text, (size_t)n, MSG_NOSIGNAL);
	while ((got = recv(fd, text + len, sizeof(text) - 1 - len, 0)) > 0)
		len += (size_t)got;
	/* A time-out would be an answer that never comes. */
	assert_false(got < 0 && errno == EAGAIN);
	close(fd);
	text[len] = '\0';
	return len > 12 ? atoi(text + 9) : CLOSED;
}

/* A query of many selectors, the last of that unit: takes more memory than one chunk. */
static const char *long_form(const char *last)
{
	static char text[TEXT_MAX / 2];
	size_t n = (size_t)snprintf(text, sizeof(text), "query=");

	while (n < 4000)
		n += (size_t)snprintf(
			text + n, sizeof(text) - n, "m%%7Buuid%%3D~%%227001%%22%%7D%%2B");
	snprintf(text + n, sizeof(text) - n, "m%%7Buuid%%3D%%22%s%%22%%7D", last);
	return text;
}

struct request {
	const char *user, *method, *target, *last; /* last: the unit of the form, or NULL */
	bool allowed;
};

static int send_request(const struct request *r)
{
	return ask(r->user, r->method, r->target, r->last ? long_form(r->last) : "");
}

#define OWN "/api/v1/query?query=m%7Buuid%3D%227001%22%7D"
#define FOREIGN "/api/v1/query?query=m%7Buuid%3D~%227001|7002%22%7D"

static const struct request requests[] = {
	{ "ines", "GET", FOREIGN, NULL, false },
	{ "ines", "POST", "/api/v1/query", "7002", false },
	{ "ines", "GET", "/api/v1/status/config", NULL, false },
	{ "ines", "GET", "/api/v1/series?match[]=m%7Buuid%3D%227002%22%7D", NULL, false },
	{ "ops", "GET", "/api/v1/query?query=sum+by+(hidden)(m)", NULL, false },
	{ "ines", "GET", OWN, NULL, true },
	{ "ines", "POST", "/api/v1/query", "7001", true },
	{ "ines", "GET", "/api/v1/labels?match[]=m%7Buuid%3D%227001%22%7D", NULL, true },
	{ "ops", "GET", "/api/v1/query?query=m", NULL, true },
};

static void all_is_well_with_memory(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		assert_int_equal(send_request(&requests[i]), requests[i].allowed ? 200 : 403);
		assert_false(leaked);
	}
}

/* How many allocations the request takes: each of them failed once. */
static size_t fail_each(const struct request *r)
{
	size_t nth = 0;
	bool failed;

	do {
		unsigned before = served;
		int status;

		owners_forget(lb.state->owners, false);
		lb.state->pools[GATE_TSDB]->v[0].servers[0]->alive = true;
		alloc_fail_at(++nth);
		status = send_request(r);
		failed = alloc_fail_happened();
		alloc_fail_at(0);
		assert_false(leaked);
		if (!r->allowed) {
			assert_int_equal(served, before);
			assert_true(status == CLOSED || status == 403 || status == 503 ||
				status == 500);
		} else {
			assert_true(status == CLOSED || status == 200 || status == 403 ||
				status == 503 || status == 500 || status == 502);
		}
		assert_true(nth < FAILURES_MAX);
	} while (failed);
	return nth - 1;
}

static void no_allocation_that_fails_opens_anything(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		size_t n = fail_each(&requests[i]);

		/* So the failures did come, and in the decision. */
		assert_true(n > 5);
		print_message(
			"# %s %s: %zu allocations\n", requests[i].method, requests[i].target, n);
	}
	all_is_well_with_memory(state);
}

/* Nothing is known of what a request takes: it is tried with less and less. */
static void what_no_arena_holds_is_too_large(void **state)
{
	unsigned too_large = 0;

	for (size_t left = 256; left < 256 << 10; left += left / 2) {
		eaten_bytes = EXCHANGE_ARENA_MAX_BYTES - (64 << 10) - left;
		for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
			int status = send_request(&requests[i]);

			assert_false(leaked);
			too_large += status == 413;
			assert_true(status == 413 || status == (requests[i].allowed ? 200 : 403));
		}
	}
	eaten_bytes = 0;
	assert_true(too_large > 10);
	all_is_well_with_memory(state);
}

static void clusters_that_are_not_known_are_told_once(void **state)
{
	struct pool *pool = &lb.state->pools[GATE_TSDB]->v[0];
	const char *id = pool->id, *line;
	const struct log log = { memfd_create("log", MFD_CLOEXEC), LOG_LEVEL_INFO,
		LOG_FORMAT_LOGFMT, clock_system() };
	char text[4096] = "";

	pool->id = "nowhere";
	for (int i = 0; i < 3; i++)
		state_check_clusters(lb.state, &log);
	assert_false(lb.state->known);
	pool->id = id;
	state_check_clusters(lb.state, &log);
	assert_true(lb.state->known);
	assert_true(pread(log.fd, text, sizeof(text) - 1, 0) > 0);
	line = strstr(text, "unknown cluster ID");
	assert_non_null(line);
	assert_null(strstr(line + 1, "unknown cluster ID"));
	close(log.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(clusters_that_are_not_known_are_told_once),
		TEST(all_is_well_with_memory),
		TEST(no_allocation_that_fails_opens_anything),
		TEST(what_no_arena_holds_is_too_large),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
