// SPDX-License-Identifier: Apache-2.0
/*
 * The proxy engine by itself, with a handler that has no opinions:
 *
 *   proxy_peer [OPTION]... URL...
 *   --web-config=FILE --loops=N --workers=N --connections=N --header-bytes=N --grace=MS
 *   --listen=ADDRESS --client=FILE   settings for the servers, YAML
 *   --header-ms=N --body-ms=N --idle-ms=N --write-ms=N --timeout-ms=N --connect-ms=N
 *
 * It listens on a free port of 127.0.0.1 unless told otherwise, prints the port, and ends on
 * SIGTERM. Requests go to the URLs in turn, each tried once; these are answered here, whatever
 * follows the word: /answer     200 with the method and the target      /work    the same from a
 * worker thread /body       200 with the body (at most 1 MiB)       /big     200 with a mebibyte
 *   /read...    forwarded, with its body read first     /safe... likewise, and may be repeated
 *   /upper...   forwarded, letters of the answer made large by a filter
 * Each line on its standard error tells of an attempt, an exchange's end, or a refusal.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "basic/file.h"
#include "format/config.h"
#include "lb/proxy/proxy.h"

enum { BODY_MAX = 1 << 20, URLS_MAX = 16 };

struct peer {
	struct upstream *upstreams[URLS_MAX];
	unsigned n;
	int64_t timeout_ms;
	bool quiet;
};

static bool starts(struct slice s, const char *word)
{
	return s.n >= strlen(word) && memcmp(s.p, word, strlen(word)) == 0;
}

static int begin(void *ctx, int status, struct slice content_type)
{
	return 1;
}

static int make_upper(void *ctx, const char *data, size_t n, bool last, struct buffer *out)
{
	for (size_t i = 0; i < n; i++) {
		if (data[i] == '!')
			return -EBADMSG;
		buffer_putc(out, (char)toupper((unsigned char)data[i]));
	}
	if (last)
		buffer_puts(out, "END");
	return 0;
}

static const struct exchange_filter upper = { begin, make_upper };

static void forward(struct peer *peer, struct exchange *x)
{
	struct slice path = exchange_path(x);
	struct exchange_forward f = {
		.timeout_ms = peer->timeout_ms,
		.safe = starts(path, "/safe"),
		.filter = starts(path, "/upper") ? &upper : NULL,
	};

	exchange_forward(x, &f);
}

static void answer(struct exchange *x, const char *who)
{
	struct slice path = exchange_path(x);
	struct slice user = exchange_user(x) ? slice_from(exchange_user(x)) : SLICE("-");
	char *text = arena_printf(exchange_arena(x), "%s %s %.*s %.*s cert=%d\n", who,
		exchange_method(x), (int)path.n, path.p, (int)user.n, user.p,
		exchange_client_cert(x));

	exchange_answer(x, 200, "text/plain", NULL, slice_from(text));
}

static void work(void *ctx, struct exchange *x)
{
	exchange_set_data(x, x);
}

static void work_done(void *ctx, struct exchange *x)
{
	answer(x, exchange_data(x) == x ? "worker" : "nobody");
}

static void on_head(void *ctx, struct exchange *x)
{
	struct slice path = exchange_path(x);

	if (starts(path, "/answer")) {
		answer(x, "loop");
	} else if (starts(path, "/work")) {
		exchange_work(x, work, work_done);
	} else if (starts(path, "/big")) {
		char *text = arena_alloc(exchange_arena(x), BODY_MAX);

		memset(text, 'x', BODY_MAX);
		exchange_answer(x, 200, "text/plain", NULL, (struct slice){ text, BODY_MAX });
	} else if (starts(path, "/body") || starts(path, "/read") || starts(path, "/safe")) {
		exchange_read_body(x, BODY_MAX);
	} else {
		forward(ctx, x);
	}
}

static void on_body(void *ctx, struct exchange *x)
{
	if (starts(exchange_path(x), "/body"))
		exchange_answer(x, 200, "text/plain", NULL, exchange_body(x));
	else
		forward(ctx, x);
}

static struct upstream *pick(void *ctx, struct exchange *x, unsigned attempt)
{
	struct peer *peer = ctx;

	return attempt < peer->n ? peer->upstreams[attempt] : NULL;
}

static void on_attempt(void *ctx, struct exchange *x, struct upstream *upstream,
	enum attempt_result result, const char *why)
{
	static const char *const names[] = { "answered", "unreachable", "broken", "timeout",
		"client gone" };
	struct peer *peer = ctx;
	unsigned i = 0;

	while (i < peer->n && peer->upstreams[i] != upstream)
		i++;
	if (!peer->quiet)
		fprintf(stderr, "attempt server=%u result=%s why=%s\n", i, names[result], why);
}

static void on_done(void *ctx, struct exchange *x, const struct exchange_report *report)
{
	static const char *const names[] = { "answered", "cut", "client gone" };
	struct slice path = exchange_path(x);

	if (!((struct peer *)ctx)->quiet)
		fprintf(stderr, "done path=%.*s outcome=%s status=%d in=%llu out=%llu\n",
			(int)path.n, path.p, names[report->outcome], report->status,
			(unsigned long long)report->request_bytes,
			(unsigned long long)report->response_bytes);
}

static void on_refused(void *ctx, size_t listener, const struct sockaddr *peer, int status)
{
	if (!((struct peer *)ctx)->quiet)
		fprintf(stderr, "refused status=%d\n", status);
}

static const struct proxy_handler handler = {
	.on_head = on_head,
	.on_body = on_body,
	.pick = pick,
	.on_attempt = on_attempt,
	.on_done = on_done,
	.on_refused = on_refused,
};

static void wait_for_signal(void)
{
	sigset_t set;
	int number;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	(void)sigwait(&set, &number);
}

static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

struct settings {
	struct proxy_config config;
	int64_t connect_ms, grace_ms;
	const char *client, *address;
};

static void set(struct settings *s, struct peer *peer, const char *name, const char *value)
{
	const int64_t number = value ? atoll(value) : 0;
	struct proxy_config *c = &s->config;

	if (str_eq(name, "web-config"))
		c->web_config_file = value;
	else if (str_eq(name, "listen"))
		s->address = value;
	else if (str_eq(name, "client"))
		s->client = value;
	else if (str_eq(name, "loops"))
		c->loops = (unsigned)number;
	else if (str_eq(name, "workers"))
		c->workers = (unsigned)number;
	else if (str_eq(name, "connections"))
		c->max_connections = (unsigned)number;
	else if (str_eq(name, "header-bytes"))
		c->max_header_bytes = (size_t)number;
	else if (str_eq(name, "header-ms"))
		c->header_timeout_ms = number;
	else if (str_eq(name, "body-ms"))
		c->body_timeout_ms = number;
	else if (str_eq(name, "idle-ms"))
		c->idle_timeout_ms = number;
	else if (str_eq(name, "write-ms"))
		c->write_timeout_ms = number;
	else if (str_eq(name, "timeout-ms"))
		peer->timeout_ms = number;
	else if (str_eq(name, "connect-ms"))
		s->connect_ms = number;
	else if (str_eq(name, "grace"))
		s->grace_ms = number;
	else if (str_eq(name, "quiet"))
		peer->quiet = true;
}

static const struct option options[] = {
	{ "web-config", required_argument, NULL, 0 },
	{ "listen", required_argument, NULL, 0 },
	{ "client", required_argument, NULL, 0 },
	{ "loops", required_argument, NULL, 0 },
	{ "workers", required_argument, NULL, 0 },
	{ "connections", required_argument, NULL, 0 },
	{ "header-bytes", required_argument, NULL, 0 },
	{ "header-ms", required_argument, NULL, 0 },
	{ "body-ms", required_argument, NULL, 0 },
	{ "idle-ms", required_argument, NULL, 0 },
	{ "write-ms", required_argument, NULL, 0 },
	{ "timeout-ms", required_argument, NULL, 0 },
	{ "connect-ms", required_argument, NULL, 0 },
	{ "grace", required_argument, NULL, 0 },
	{ "quiet", no_argument, NULL, 0 },
	{ NULL, 0, NULL, 0 },
};

static int read_client(const char *path, struct arena *arena,
	const struct http_client_config **ret_config, struct err *err)
{
	struct http_client_config *config = ARENA_NEW(arena, struct http_client_config);

	*ret_config = path ? config : NULL;
	return path ? config_load(path, false, &http_client_config_table, config, arena, err) : 0;
}

static int add_upstream(struct peer *peer, const char *url, const struct http_client_config *client,
	int64_t connect_ms, struct err *err)
{
	struct upstream_config config = {
		.url = url,
		.client = client,
		.user_agent = "proxy_peer",
		.connect_timeout_ms = connect_ms,
	};

	if (peer->n == URLS_MAX)
		return err_set(err, -E2BIG, "too many URLs");
	return upstream_new(&config, &peer->upstreams[peer->n++], err);
}

int main(int argc, char **argv)
{
	const struct log log = {
		.fd = STDERR_FILENO, .level = LOG_LEVEL_WARN, .clock = clock_system()
	};
	struct settings s = { .grace_ms = 5000, .address = "127.0.0.1:0" };
	struct peer peer = { 0 };
	struct proxy *proxy = NULL;
	const struct http_client_config *client = NULL;
	struct err err = { 0 };
	struct arena arena;
	int r, i;

	while (getopt_long(argc, argv, "", options, &i) == 0)
		set(&s, &peer, options[i].name, optarg);
	s.config.listen_addresses = (struct strings){ &s.address, 1 };
	s.config.handler = &handler;
	s.config.log = &log;
	s.config.ctx = &peer;
	arena_init(&arena, BODY_MAX);
	r = read_client(s.client, &arena, &client, &err);
	for (i = optind; r >= 0 && i < argc; i++)
		r = add_upstream(&peer, argv[i], client, s.connect_ms, &err);
	block_signals();
	if (r >= 0)
		r = proxy_open(&s.config, &proxy, &err);
	if (r >= 0)
		r = proxy_serve(proxy, &err);
	if (r >= 0) {
		printf("%d\n", proxy_port(proxy, 0));
		fflush(stdout);
		wait_for_signal();
	} else {
		fprintf(stderr, "%s\n", err.text);
	}
	proxy_stop(proxy, s.grace_ms);
	for (unsigned k = 0; k < peer.n; k++)
		upstream_unref(peer.upstreams[k]);
	arena_done(&arena);
	return r < 0;
}
