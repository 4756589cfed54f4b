// SPDX-License-Identifier: Apache-2.0
#include "unit_test.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <zlib.h>

#include "basic/file.h"
#include "basic/str.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "raw_client.h"

static struct http_server *server;
static int port, other_port;
static char base[64], other_base[64], dir[64];
static atomic_int token_requests;
static atomic_bool form_only, refuse_tokens;

static void echo_header(struct http_request *req, struct buffer *out, const char *name)
{
	const char *value = http_request_header(req, name);

	if (value)
		buffer_printf(out, "%s=%s\n", name, value);
}

static void echo(struct http_request *req, struct http_response *res)
{
	static const char *const names[] = { "Authorization", "X-Call", "X-Conf", "User-Agent",
		"Accept", "Expect", "Content-Type", "Cookie" };
	struct buffer *out = http_response_body(res);
	const void *body;
	size_t len;

	buffer_printf(out, "%s %s\n", http_request_method(req), http_request_raw_target(req));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		echo_header(req, out, names[i]);
	body = http_request_body(req, &len);
	buffer_printf(out, "body=%.*s\n", (int)len, (const char *)body);
	http_response_header(res, "Content-Type", "text/echo");
	http_response_header(res, "X-Reply", "1");
}

static void issue_token(struct http_request *req, struct http_response *res)
{
	const char *auth = http_request_header(req, "Authorization");
	const char *secret = http_request_param(req, "client_secret");
	int n = atomic_fetch_add(&token_requests, 1) + 1;
	bool good;

	/* id:s3cret in base64 */
	good = atomic_load(&form_only) ? secret && str_eq(secret, "s3cret")
				       : auth && str_eq(auth, "Basic aWQ6czNjcmV0");
	if (!good || atomic_load(&refuse_tokens)) {
		http_response_text(res, 401, "no\n");
		return;
	}
	buffer_printf(http_response_body(res),
		"{\"access_token\":\"token%d-%s-%s\",\"token_type\":\"Bearer\",\"expires_in\":3600}",
		n, http_request_param(req, "scope"), http_request_param(req, "audience"));
}

static void redirect(struct http_request *req, struct http_response *res, int status)
{
	http_response_status(res, status);
	http_response_header(res, "Location", http_request_param(req, "to"));
}

static void bomb(struct http_response *res)
{
	static unsigned char zeros[1 << 20];
	unsigned char packed[8192];
	z_stream z = { 0 };

	http_response_header(res, "Content-Encoding", "gzip");
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	for (int i = 0; i < 64; i++) {
		z.next_in = zeros;
		z.avail_in = sizeof(zeros);
		do {
			z.next_out = packed;
			z.avail_out = sizeof(packed);
			deflate(&z, i == 63 ? Z_FINISH : Z_NO_FLUSH);
			buffer_append(
				http_response_body(res), packed, sizeof(packed) - z.avail_out);
		} while (z.avail_out == 0);
	}
	deflateEnd(&z);
}

static ssize_t endless(void *ctx, char *data, size_t max)
{
	memset(data, 'x', max);
	return (ssize_t)max;
}

static void handler(void *ctx, struct http_request *req, struct http_response *res)
{
	const char *path = http_request_path(req);

	if (str_eq(path, "/refuse")) {
		http_response_text(res, 401, "no\n");
	} else if (str_starts(path, "/echo")) {
		echo(req, res);
	} else if (str_eq(path, "/token")) {
		issue_token(req, res);
	} else if (str_starts(path, "/redirect/")) {
		redirect(req, res, atoi(path + strlen("/redirect/")));
	} else if (str_eq(path, "/loop")) {
		http_response_status(res, 302);
		http_response_header(res, "Location", "/loop");
	} else if (str_eq(path, "/slow")) {
		usleep(2000000);
	} else if (str_eq(path, "/bomb")) {
		bomb(res);
	} else if (str_eq(path, "/endless")) {
		http_response_stream(res, endless, NULL, NULL);
	} else if (str_eq(path, "/broken-gzip")) {
		http_response_header(res, "Content-Encoding", "gzip");
		buffer_puts(http_response_body(res), "this is no gzip");
	} else if (str_eq(path, "/many-headers")) {
		for (int i = 0; i < 90; i++)
			http_response_header(res, "X-Many",
				"0123456789012345678901234567890123456789012345678901234567890123456789"
				"0123456789012345678901234567890123456789012345678901234567890123456789"
				"0123456789012345678901234567890123456789012345678901234567890123456789"
				"0123456789012345678901234567890123456789012345678901234567890123456789"
				"0123456789012345678901234567890123456789012345678901234567890123456789"
				"0123456789012345678901234567890123456789012345678901234567890123456789"
				"0123456789012345678901234567890123456789012345678901234567890123456789"
				"0123456789012345678901234567890123456789012345678901234567890123456789"
				"0123456789012345678901234567890123456789012345678901234567890123456789"
				"0123456789012345678901234567890123456789012345678901234567890123456789"
				"0123456789012345678901234567890123456789012345678901234567890123456789");
	} else {
		http_response_text(res, 404, "404 page not found\n");
	}
}

static int start(void **state)
{
	static const char *addresses[] = { "127.0.0.1:0", "127.0.0.1:0" };
	const struct http_server_config config = {
		.listen_addresses = { addresses, 2 },
		.threads = 3,
		.max_request_body_bytes = 1 << 20,
		.max_header_bytes = 128 << 10,
		.handler = handler,
	};
	struct err err;

	strcpy(dir, "/tmp/ceems-http-client.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	if (http_server_open(&config, &server, &err) < 0 || http_server_serve(server, &err) < 0)
		return -1;
	port = http_server_port(server, 0);
	other_port = http_server_port(server, 1);
	snprintf(base, sizeof(base), "http://127.0.0.1:%d", port);
	snprintf(other_base, sizeof(other_base), "http://127.0.0.1:%d", other_port);
	return 0;
}

static int stop(void **state)
{
	char command[128];

	http_server_stop(server, 2000);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void write_text(const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(file_replace(path, 0600, text, strlen(text), NULL), 0);
}

/* Decodes the YAML and makes a client; the config is the caller's. */
struct setup {
	struct arena arena;
	struct http_client_config config;
	struct http_client *client;
};

static int setup_client(struct setup *s, const char *yaml, struct err *err)
{
	const struct config_node *node;
	int r;

	*s = (struct setup){ 0 };
	arena_init(&s->arena, 1 << 20);
	r = config_parse(yaml, strlen(yaml), "test.yml", &s->arena, &node, err);
	if (r >= 0)
		r = config_decode(
			node, "test.yml", &http_client_config_table, &s->config, &s->arena, err);
	s->config.directory = dir;
	if (r >= 0)
		r = http_client_new(&s->config, "ceems-test/1", &s->client, err);
	return r;
}

static void setup_done(struct setup *s)
{
	http_client_free(s->client);
	arena_done(&s->arena);
}

static struct http_reply reply;
static struct err err;

static int call_url(struct http_client *client, const char *url, const char *method)
{
	static const char *const headers[] = { "X-Call: 1", "Accept: text/x", "Cookie: c", NULL };
	const struct http_call call = {
		.method = method,
		.url = url,
		.headers = headers,
		.body = str_eq(method, "POST") ? "a=b" : NULL,
		.body_len = 3,
		.timeout_ms = 20000,
		.max_response_bytes = 1 << 20,
	};

	http_reply_done(&reply);
	reply = (struct http_reply){ 0 };
	err.text[0] = '\0';
	return http_client_call(client, &call, &reply, &err);
}

static int call_path(struct http_client *client, const char *path)
{
	char url[512];

	snprintf(url, sizeof(url), "%s%s", base, path);
	return call_url(client, url, "GET");
}

static int get_with(const char *yaml, const char *path)
{
	struct setup s;
	int r;

	if (setup_client(&s, yaml, &err) < 0) {
		print_error("%s\n", err.text);
		fail();
	}
	r = call_path(s.client, path);
	setup_done(&s);
	return r;
}

static bool reply_has(const char *text)
{
	return strstr(buffer_text(&reply.body), text) != NULL;
}

static void a_get_brings_status_body_and_headers(void **state)
{
	struct http_client *client;

	assert_int_equal(http_client_new(NULL, "ceems-test/1", &client, &err), 0);
	assert_int_equal(call_path(client, "/echo?x=1"), 0);
	assert_int_equal(reply.status, 200);
	assert_string_equal(reply.content_type, "text/echo");
	assert_string_equal(buffer_text(&reply.body),
		"GET /echo?x=1\nX-Call=1\nUser-Agent=ceems-test/1\nAccept=text/x\nCookie=c\nbody=\n");
	assert_non_null(strstr(buffer_text(&reply.headers), "X-Reply: 1\n"));
	assert_int_equal(call_path(client, "/nowhere"), 0);
	assert_int_equal(reply.status, 404);
	http_client_free(client);
	http_client_free(NULL);
}

static void a_post_sends_its_body(void **state)
{
	struct http_client *client;
	char url[128];

	assert_int_equal(http_client_new(NULL, "u", &client, &err), 0);
	snprintf(url, sizeof(url), "%s/echo", base);
	assert_int_equal(call_url(client, url, "POST"), 0);
	assert_true(reply_has("POST /echo\n"));
	assert_true(reply_has("body=a=b\n"));
	assert_false(reply_has("Expect"));
	assert_int_equal(call_url(client, url, "HEAD"), 0);
	assert_int_equal(reply.status, 200);
	assert_int_equal(reply.body.len, 0);
	assert_int_equal(call_url(client, url, "DELETE"), 0);
	assert_true(reply_has("DELETE /echo\n"));
	http_client_free(client);
}

static void each_kind_of_authentication_is_sent(void **state)
{
	write_text("user", "filed\n");
	write_text("secret", "  p:w\n\n");
	assert_int_equal(get_with("basic_auth: {username: me, password: secret}", "/echo"), 0);
	assert_true(reply_has("Authorization=Basic bWU6c2VjcmV0\n"));
	assert_int_equal(
		get_with("basic_auth: {username_file: user, password_file: secret}", "/echo"), 0);
	assert_true(reply_has("Authorization=Basic ZmlsZWQ6cDp3\n"));
	assert_int_equal(get_with("basic_auth: {username: me}", "/echo"), 0);
	assert_true(reply_has("Authorization=Basic bWU6\n"));
	assert_int_equal(get_with("authorization: {credentials: abc}", "/echo"), 0);
	assert_true(reply_has("Authorization=Bearer abc\n"));
	assert_int_equal(
		get_with("authorization: {type: Token, credentials_file: secret}", "/echo"), 0);
	assert_true(reply_has("Authorization=Token p:w\n"));
	assert_int_equal(get_with("bearer_token: abc", "/echo"), 0);
	assert_true(reply_has("Authorization=Bearer abc\n"));
	assert_int_equal(get_with("bearer_token_file: user", "/echo"), 0);
	assert_true(reply_has("Authorization=Bearer filed\n"));
	assert_int_equal(get_with("basic_auth:\nauthorization: {}", "/echo"), 0);
	assert_false(reply_has("Authorization"));
}

static void user_info_in_a_url_is_basic_auth(void **state)
{
	struct http_client *client;
	char url[128];

	assert_int_equal(http_client_new(NULL, "u", &client, &err), 0);
	snprintf(url, sizeof(url), "http://me:secret@127.0.0.1:%d/echo", port);
	assert_int_equal(call_url(client, url, "GET"), 0);
	assert_true(reply_has("Authorization=Basic bWU6c2VjcmV0\n"));
	snprintf(url, sizeof(url), "http://me:topsecret@127.0.0.1:1/echo");
	assert_int_equal(call_url(client, url, "GET"), -ECONNREFUSED);
	assert_null(strstr(err.text, "topsecret"));
	assert_non_null(strstr(err.text, "http://me:xxxxx@127.0.0.1:1/echo"));
	http_client_free(client);
}

static void secret_files_are_read_anew(void **state)
{
	struct setup s;

	write_text("rotating", "one");
	assert_int_equal(setup_client(&s, "bearer_token_file: rotating", &err), 0);
	assert_int_equal(call_path(s.client, "/echo"), 0);
	assert_true(reply_has("Bearer one\n"));
	write_text("rotating", "two");
	assert_int_equal(call_path(s.client, "/echo"), 0);
	assert_true(reply_has("Bearer two\n"));
	write_text("rotating", "two\nlines");
	assert_int_equal(call_path(s.client, "/echo"), -EBADMSG);
	assert_null(strstr(err.text, "two"));
	setup_done(&s);
	assert_int_equal(get_with("bearer_token_file: missing", "/echo"), -ENOENT);
	assert_non_null(strstr(err.text, "missing"));
}

static void configured_headers_are_added(void **state)
{
	write_text("header", "from file\n");
	assert_int_equal(get_with("http_headers: {X-Conf: {values: [a]}}", "/echo"), 0);
	assert_true(reply_has("X-Conf=a\n"));
	assert_int_equal(get_with("http_headers: {X-Conf: {secrets: [b]}}", "/echo"), 0);
	assert_true(reply_has("X-Conf=b\n"));
	assert_int_equal(get_with("http_headers: {X-Conf: {files: [header]}}", "/echo"), 0);
	assert_true(reply_has("X-Conf=from file\n"));
}

static void redirects_are_followed(void **state)
{
	char path[256];

	assert_int_equal(get_with("{}", "/redirect/302?to=/echo/x"), 0);
	assert_true(reply_has("GET /echo/x\n"));
	snprintf(path, sizeof(path), "/redirect/307?to=%s/echo/other", other_base);
	assert_int_equal(get_with("{}", path), 0);
	assert_true(reply_has("GET /echo/other\n"));
	assert_int_equal(get_with("follow_redirects: false", "/redirect/301?to=/echo"), 0);
	assert_int_equal(reply.status, 301);
	assert_int_equal(get_with("{}", "/loop"), -EPROTO);
	assert_non_null(strstr(err.text, "more than 10 redirects"));
	assert_int_equal(get_with("{}", "/redirect/302?to=file:///etc/passwd"), -EINVAL);
}

static void redirected_posts_keep_or_drop_their_body(void **state)
{
	struct http_client *client;
	char url[256];

	assert_int_equal(http_client_new(NULL, "u", &client, &err), 0);
	snprintf(url, sizeof(url), "%s/redirect/302?to=/echo", base);
	assert_int_equal(call_url(client, url, "POST"), 0);
	assert_true(reply_has("GET /echo\n"));
	assert_true(reply_has("body=\n"));
	snprintf(url, sizeof(url), "%s/redirect/308?to=/echo", base);
	assert_int_equal(call_url(client, url, "POST"), 0);
	assert_true(reply_has("POST /echo\n"));
	assert_true(reply_has("body=a=b\n"));
	http_client_free(client);
}

static void secret_bodies_stay_with_the_first_host(void **state)
{
	struct http_call call = { .method = "POST",
		.body = "pin",
		.body_len = 3,
		.body_is_secret = true,
		.timeout_ms = 10000,
		.max_response_bytes = 4096 };
	struct http_client *client;
	struct http_reply answer = { 0 };
	char url[256];

	assert_int_equal(http_client_new(NULL, "u", &client, &err), 0);
	call.url = url;
	snprintf(url, sizeof(url), "%s/redirect/307?to=%s/echo", base, other_base);
	assert_int_equal(http_client_call(client, &call, &answer, &err), -EACCES);
	assert_non_null(strstr(err.text, "another host"));
	snprintf(url, sizeof(url), "%s/redirect/307?to=/echo", base);
	assert_int_equal(http_client_call(client, &call, &answer, &err), 0);
	assert_non_null(strstr(buffer_text(&answer.body), "body=pin\n"));
	http_reply_done(&answer);
	http_client_free(client);
}

static void credentials_stay_with_the_first_host(void **state)
{
	static const char *const configs[] = {
		"{basic_auth: {username: me, password: secret}, http_headers: {X-Conf: {secrets: [s]}}}",
		"{authorization: {credentials: abc}, http_headers: {X-Conf: {secrets: [s]}}}",
	};
	char path[256];

	for (size_t i = 0; i < ARRAY_SIZE(configs); i++) {
		snprintf(path, sizeof(path), "/redirect/302?to=%s/echo", other_base);
		assert_int_equal(get_with(configs[i], path), 0);
		assert_true(reply_has("GET /echo\n"));
		assert_false(reply_has("Authorization"));
		assert_false(reply_has("X-Conf"));
		assert_false(reply_has("Cookie"));
		assert_true(reply_has("Accept=text/x\n"));
		assert_int_equal(get_with(configs[i], "/redirect/302?to=/echo"), 0);
		assert_true(reply_has("Authorization"));
		assert_true(reply_has("X-Conf=s\n"));
		assert_true(reply_has("Cookie=c\n"));
	}
}

static void answers_have_a_limit_also_when_compressed(void **state)
{
	assert_int_equal(get_with("{}", "/bomb"), -E2BIG);
	assert_non_null(strstr(err.text, "larger than 1048576 bytes"));
	assert_int_equal(get_with("{}", "/endless"), -E2BIG);
	assert_int_equal(get_with("{}", "/many-headers"), -E2BIG);
	assert_int_equal(get_with("{}", "/broken-gzip"), -EPROTO);
}

static void calls_have_a_time_limit(void **state)
{
	struct http_call call = { .method = "GET", .timeout_ms = 100, .max_response_bytes = 100 };
	struct http_client *client;
	int64_t begin = raw_now_ms();
	char url[128];

	assert_int_equal(http_client_new(NULL, "u", &client, &err), 0);
	snprintf(url, sizeof(url), "%s/slow", base);
	call.url = url;
	assert_int_equal(http_client_call(client, &call, &reply, &err), -ETIMEDOUT);
	assert_in_range(raw_now_ms() - begin, 90, 1900);
	http_client_free(client);
}

static void *cancel_later(void *arg)
{
	usleep(100000);
	assert_int_equal(write(*(int *)arg, "x", 1), 1);
	return NULL;
}

static void calls_can_be_cancelled(void **state)
{
	struct http_call call = { .method = "GET", .timeout_ms = 20000, .max_response_bytes = 100 };
	struct http_client *client;
	int64_t begin = raw_now_ms();
	pthread_t thread;
	char url[128];
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(http_client_new(NULL, "u", &client, &err), 0);
	snprintf(url, sizeof(url), "%s/slow", base);
	call.url = url;
	call.cancel_fd = fds[0];
	pthread_create(&thread, NULL, cancel_later, &fds[1]);
	assert_int_equal(http_client_call(client, &call, &reply, &err), -ECANCELED);
	assert_in_range(raw_now_ms() - begin, 90, 1900);
	pthread_join(thread, NULL);
	http_client_free(client);
	close(fds[0]);
	close(fds[1]);
}

static void faults_of_the_network_have_codes(void **state)
{
	struct http_client *client;

	assert_int_equal(http_client_new(NULL, "u", &client, &err), 0);
	assert_int_equal(call_url(client, "http://127.0.0.1:1/", "GET"), -ECONNREFUSED);
	assert_int_equal(call_url(client, "http://no.such.host.invalid/", "GET"), -EHOSTUNREACH);
	assert_int_equal(call_url(client, "file:///etc/passwd", "GET"), -EINVAL);
	assert_int_equal(call_url(client, "ftp://127.0.0.1/", "GET"), -EINVAL);
	assert_int_equal(call_url(client, "gopher://127.0.0.1/", "GET"), -EINVAL);
	assert_int_equal(call_url(client, "::", "GET"), -EINVAL);
	http_client_free(client);
}

static void plain_http_instead_of_tls_is_a_protocol_error(void **state)
{
	struct http_client *client;
	char url[128];

	snprintf(url, sizeof(url), "https://127.0.0.1:%d/", port);
	assert_int_equal(http_client_new(NULL, "u", &client, &err), 0);
	assert_int_equal(call_url(client, url, "GET"), -EPROTO);
	http_client_free(client);
}

static void tokens_are_fetched_once_and_again_when_refused(void **state)
{
	struct setup s;
	char yaml[512];

	write_text("oauth", "s3cret\n");
	snprintf(yaml, sizeof(yaml),
		"oauth2: {client_id: id, client_secret_file: oauth, token_url: '%s/token', "
		"scopes: [a, b], endpoint_params: {audience: me}, "
		"tls_config: {insecure_skip_verify: true}}",
		base);
	atomic_store(&token_requests, 0);
	assert_int_equal(setup_client(&s, yaml, &err), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(call_path(s.client, "/echo"), 0);
		assert_true(reply_has("Authorization=Bearer token1-a b-me\n"));
	}
	/* Who takes no token at all is no reason to ask for one each time. */
	for (int i = 0; i < 5; i++)
		assert_int_equal(call_path(s.client, "/refuse"), 0);
	assert_int_equal(atomic_load(&token_requests), 1);
	write_text("oauth", "wrong");
	assert_int_equal(call_path(s.client, "/echo"), -EACCES);
	assert_non_null(strstr(err.text, "401"));
	write_text("oauth", "s3cret");
	atomic_store(&form_only, true);
	assert_int_equal(call_path(s.client, "/echo"), 0);
	assert_true(reply_has("Authorization=Bearer token"));
	atomic_store(&form_only, false);
	setup_done(&s);
}

static void wrong_configurations_are_refused_with_their_line(void **state)
{
	static const char *const bad[][2] = {
		{ "basic_auth: {username: a}\nauthorization: {credentials: b}", "at most one of" },
		{ "basic_auth: {username: a}\nbearer_token: b", "at most one of" },
		{ "oauth2: {client_id: a, token_url: b}\nbearer_token: b", "at most one of" },
		{ "basic_auth: {password: a, password_file: b}", "basic_auth.password" },
		{ "basic_auth: {username: a, username_file: b}", "basic_auth.username" },
		{ "authorization: {credentials: a, credentials_file: b}", "credentials_file" },
		{ "authorization: {type: BASIC, credentials: a}", "use basic_auth" },
		{ "bearer_token: a\nbearer_token_file: b", "bearer_token_file" },
		{ "oauth2: {client_id: a}", "token_url" },
		{ "oauth2: {token_url: a}", "client_id" },
		{ "oauth2: {client_id: a, token_url: u, client_secret: a, client_secret_file: b}",
			"client_secret_file" },
		{ "tls_config: {ca: a, ca_file: b}", "ca_file" },
		{ "tls_config: {cert: a}", "both a cert and a key" },
		{ "tls_config: {min_version: SSL3}", "SSL3" },
		{ "tls_config: {max_version: TLS14}", "TLS14" },
		{ "no_proxy: a", "proxy_url" },
		{ "proxy_from_environment: true\nproxy_url: http://a", "excludes" },
		{ "http_headers: {authorization: {values: [a]}}", "authorization" },
		{ "http_headers: {X-Prometheus-Scrape: {values: [a]}}", "X-Prometheus-Scrape" },
		{ "http_headers: {'a b': {values: [a]}}", "no header name" },
		{ "http_headers: {X-A: {values: [\"a\\nb\"]}}", "line break" },
		{ "http_headers: {X-A: {value: [a]}}", "value" },
		{ "user: a", "user" },
		{ "basic_auth: {user: a}", "user" },
		{ "follow_redirects: maybe", "follow_redirects" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct setup s;
		int r = setup_client(&s, bad[i][0], &err);

		assert_int_equal(r, -EBADMSG);
		assert_non_null(strstr(err.text, "test.yml:"));
		assert_non_null(strstr(err.text, bad[i][1]));
		setup_done(&s);
	}
}

static void defaults_are_those_of_the_spec(void **state)
{
	struct setup s;

	assert_int_equal(setup_client(&s, "", &err), 0);
	assert_true(s.config.follow_redirects);
	assert_true(s.config.enable_http2);
	assert_string_equal(s.config.authorization.type, "Bearer");
	assert_false(s.config.basic_auth.present);
	setup_done(&s);
}

static void proxies_are_used_as_configured(void **state)
{
	struct http_client *client;
	char yaml[128];

	snprintf(yaml, sizeof(yaml), "proxy_url: %s", other_base);
	/* The proxy is our server, which takes the absolute target. */
	assert_int_equal(get_with(yaml, "/echo"), 0);
	assert_true(reply_has("GET http://127.0.0.1:"));
	snprintf(yaml, sizeof(yaml), "{proxy_url: '%s', no_proxy: 127.0.0.1}", other_base);
	assert_int_equal(get_with(yaml, "/echo"), 0);
	assert_true(reply_has("GET /echo\n"));
	setenv("http_proxy", other_base, 1);
	assert_int_equal(get_with("{}", "/echo"), 0);
	assert_true(reply_has("GET /echo\n"));
	assert_int_equal(http_client_new(NULL, "u", &client, &err), 0);
	assert_int_equal(call_path(client, "/echo"), 0);
	assert_true(reply_has("GET /echo\n"));
	http_client_free(client);
	assert_int_equal(get_with("proxy_from_environment: true", "/echo"), 0);
	assert_true(reply_has("GET http://127.0.0.1:"));
	unsetenv("http_proxy");
	snprintf(yaml, sizeof(yaml), "proxy_url: http://u:hidden@127.0.0.1:1");
	assert_int_equal(get_with(yaml, "/echo"), -ECONNREFUSED);
	assert_null(strstr(err.text, "hidden"));
}

static void *many_calls(void *arg)
{
	for (int i = 0; i < 20; i++) {
		const struct http_call call = {
			.method = "GET", .url = arg, .timeout_ms = 20000, .max_response_bytes = 1000
		};
		struct http_reply mine;

		assert_int_equal(http_client_call(*(struct http_client **)((char *)arg + 128),
					 &call, &mine, NULL),
			0);
		http_reply_done(&mine);
	}
	return NULL;
}

static void one_client_serves_many_threads(void **state)
{
	struct {
		char url[128];
		struct http_client *client;
	} arg;
	pthread_t threads[8];

	assert_int_equal(http_client_new(NULL, "u", &arg.client, &err), 0);
	snprintf(arg.url, sizeof(arg.url), "%s/echo", base);
	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, many_calls, &arg);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	http_client_free(arg.client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_get_brings_status_body_and_headers),
		TEST(a_post_sends_its_body),
		TEST(each_kind_of_authentication_is_sent),
		TEST(user_info_in_a_url_is_basic_auth),
		TEST(secret_files_are_read_anew),
		TEST(configured_headers_are_added),
		TEST(redirects_are_followed),
		TEST(redirected_posts_keep_or_drop_their_body),
		TEST(secret_bodies_stay_with_the_first_host),
		TEST(credentials_stay_with_the_first_host),
		TEST(answers_have_a_limit_also_when_compressed),
		TEST(calls_have_a_time_limit),
		TEST(calls_can_be_cancelled),
		TEST(faults_of_the_network_have_codes),
		TEST(plain_http_instead_of_tls_is_a_protocol_error),
		TEST(tokens_are_fetched_once_and_again_when_refused),
		TEST(wrong_configurations_are_refused_with_their_line),
		TEST(defaults_are_those_of_the_spec),
		TEST(proxies_are_used_as_configured),
		TEST(one_client_serves_many_threads),
	};
	int failed = cmocka_run_group_tests_name("http_client", tests, start, stop);

	http_reply_done(&reply);
	return failed;
}
