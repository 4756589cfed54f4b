// SPDX-License-Identifier: Apache-2.0
/* The server with a web config file: users, headers, TLS, and what happens when it changes. */
#include "unit_test.h"

#include <crypt.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "basic/file.h"
#include "basic/str.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "raw_client.h"
#include "test_certs.h"

#define ALICE "Authorization: Basic YWxpY2U6c2VjcmV0\r\n" /* alice:secret */
#define WRONG "Authorization: Basic YWxpY2U6d3Jvbmc=\r\n" /* alice:wrong */
#define NOBODY "Authorization: Basic bm9ib2R5OnNlY3JldA==\r\n" /* nobody:secret */

static char dir[64], config_path[128], log_path[128], hash[128];
static struct http_server *server;
static struct log logger = { .clock = NULL, .level = LOG_LEVEL_INFO };
static int port;
static int64_t header_timeout_ms = 20000; /* TLS takes long on a busy machine */
static struct test_cert authority, other_authority;

static void handler(void *ctx, struct http_request *req, struct http_response *res)
{
	if (str_eq(http_request_path(req), "/long")) {
		http_response_header(res, "Content-Type", "text/plain; version=0.0.4");
		for (int i = 0; i < 10000; i++)
			buffer_printf(http_response_body(res), "line %d\n", i);
		return;
	}
	buffer_printf(http_response_body(res), "user=%s\n",
		http_request_user(req) ? http_request_user(req) : "none");
}

static void write_config(const char *text)
{
	assert_int_equal(file_replace(config_path, 0600, text, strlen(text), NULL), 0);
}

static int open_server(struct err *err)
{
	static const char *address = "127.0.0.1:0";
	const struct http_server_config config = {
		.listen_addresses = { &address, 1 },
		.threads = 2,
		.web_config_file = config_path,
		.max_request_body_bytes = 1000,
		.header_timeout_ms = header_timeout_ms,
		.gzip = true,
		.gzip_level = 5,
		.log = &logger,
		.handler = handler,
	};
	int r = http_server_open(&config, &server, err);

	if (r >= 0)
		r = http_server_serve(server, err);
	if (r >= 0)
		port = http_server_port(server, 0);
	return r;
}

static void start_with(const char *text)
{
	struct err err;

	write_config(text);
	if (open_server(&err) < 0) {
		print_error("%s\n", err.text);
		fail();
	}
}

static int stop(void **state)
{
	http_server_stop(server, 2000);
	server = NULL;
	return 0;
}

static int start_group(void **state)
{
	static const char *const names[] = { "server", "server2" };
	struct test_cert cert;
	char *salted;

	strcpy(dir, "/tmp/ceems-http-web.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(config_path, sizeof(config_path), "%s/web.yml", dir);
	snprintf(log_path, sizeof(log_path), "%s/log", dir);
	logger.fd = open(log_path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	logger.clock = clock_system();
	/* Cost 8, a quarter of the usual, so that the tests are quick. */
	salted = crypt("secret", "$2b$08$abcdefghijklmnopqrstuu");
	snprintf(hash, sizeof(hash), "%s", salted);
	test_cert_make(&authority, NULL, "test authority", NULL, NULL);
	test_cert_write(&authority, dir, "ca");
	test_cert_make(&other_authority, NULL, "other authority", NULL, NULL);
	test_cert_write(&other_authority, dir, "other-ca");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		test_cert_make(&cert, &authority, names[i], "127.0.0.1", GNUTLS_KP_TLS_WWW_SERVER);
		test_cert_write(&cert, dir, names[i]);
		test_cert_done(&cert);
	}
	test_cert_make(&cert, &authority, "named", "name.example", GNUTLS_KP_TLS_WWW_SERVER);
	test_cert_write(&cert, dir, "named");
	test_cert_done(&cert);
	test_cert_make(&cert, &authority, "client", "client.example", GNUTLS_KP_TLS_WWW_CLIENT);
	test_cert_write(&cert, dir, "client");
	test_cert_done(&cert);
	test_cert_make(&cert, &other_authority, "bad", "bad.example", GNUTLS_KP_TLS_WWW_CLIENT);
	test_cert_write(&cert, dir, "stranger");
	test_cert_done(&cert);
	return 0;
}

static int stop_group(void **state)
{
	char command[128];

	test_cert_done(&authority);
	test_cert_done(&other_authority);
	close(logger.fd);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static const char *get(const char *target, const char *headers)
{
	char request[1024];

	snprintf(request, sizeof(request),
		"GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n%s\r\n", target, headers);
	return raw_request(port, request);
}

static int count_in_log(const char *text)
{
	CLEANUP(buffer_done) struct buffer data = { 0 };
	int n = 0;

	assert_int_equal(file_read(AT_FDCWD, log_path, 10 << 20, &data), 0);
	for (const char *p = buffer_text(&data); (p = strstr(p, text)); p++)
		n++;
	return n;
}

static void start_with_users(void)
{
	char text[1024];

	snprintf(text, sizeof(text), "basic_auth_users:\n  bob: %s\n  alice: %s\n",
		"$2b$08$abcdefghijklmnopqrstuuKvkvmHkvmHkvmHkvmHkvmHkvmHkvmH.", hash);
	start_with(text);
}

static void users_get_in_with_their_password_only(void **state)
{
	const char *reply;

	start_with_users();
	reply = get("/", ALICE);
	assert_int_equal(raw_status(reply), 200);
	assert_string_equal(raw_body(reply), "user=alice\n");
	assert_int_equal(raw_status(get("/", WRONG)), 401);
	assert_int_equal(raw_status(get("/", NOBODY)), 401);
	/* Remembered outcomes are the same. */
	assert_string_equal(raw_body(get("/", ALICE)), "user=alice\n");
	assert_int_equal(raw_status(get("/", WRONG)), 401);
	assert_int_equal(raw_status(get("/", NOBODY)), 401);
	stop(NULL);
}

static void refusals_look_as_the_spec_says(void **state)
{
	static const char *const headers[] = { "", WRONG, "Authorization: Basic !!!\r\n",
		"Authorization: Basic YWxpY2U=\r\n", "Authorization: Bearer x\r\n",
		"Authorization:\r\n", "Authorization: Basic\r\n" };

	start_with_users();
	for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
		/* Every path, also one that is not clean or not there. */
		const char *reply = get(i % 2 ? "/health" : "//x/%zz", headers[i]);

		assert_int_equal(raw_status(reply), 401);
		assert_non_null(strstr(reply, "\r\nWWW-Authenticate: Basic\r\n"));
		assert_non_null(strstr(reply, "Content-Type: text/plain; charset=utf-8\r\n"));
		assert_non_null(strstr(reply, "X-Content-Type-Options: nosniff\r\n"));
		assert_string_equal(raw_body(reply), "Unauthorized\n");
	}
	stop(NULL);
}

static void bodies_of_strangers_are_not_read(void **state)
{
	const char *reply;

	start_with_users();
	reply = raw_request(port,
		"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 500\r\n"
		"Expect: 100-continue\r\n\r\n");
	assert_int_equal(raw_status(reply), 401);
	assert_null(strstr(reply, "100 Continue"));
	reply = raw_request(port,
		"POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" ALICE
		"Content-Length: 5\r\nExpect: 100-continue\r\n\r\nhello");
	assert_non_null(strstr(reply, "HTTP/1.1 200"));
	stop(NULL);
}

static void *guess(void *arg)
{
	char request[256];

	for (int i = 0; i < 30; i++) {
		struct buffer reply;
		int fd = raw_connect(port);

		/* Names of two letters and an empty password: never seen before. */
		snprintf(request, sizeof(request),
			"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
			"Authorization: Basic %c%c%c6\r\n\r\n",
			'A' + i % 26, 'a' + *(int *)arg, 'a' + i / 26);
		buffer_init(&reply, 0);
		raw_puts(fd, request);
		raw_read_all(fd, &reply, RAW_TIMEOUT_MS);
		assert_int_not_equal(raw_status(buffer_text(&reply)), 200);
		buffer_done(&reply);
		close(fd);
	}
	return NULL;
}

static void guessing_holds_up_nobody_who_is_known(void **state)
{
	int numbers[20];
	pthread_t threads[20];
	int64_t worst = 0;

	start_with_users();
	assert_int_equal(raw_status(get("/", ALICE)), 200);
	for (int i = 0; i < 20; i++) {
		numbers[i] = i;
		pthread_create(&threads[i], NULL, guess, &numbers[i]);
	}
	for (int i = 0; i < 20; i++) {
		int64_t begin = raw_now_ms();

		assert_int_equal(raw_status(get("/", ALICE)), 200);
		worst = MAX(worst, raw_now_ms() - begin);
		usleep(10000);
	}
	for (int i = 0; i < 20; i++)
		pthread_join(threads[i], NULL);
	assert_in_range(worst, 0, 5000); /* 600 checks in a row take ten seconds and more */
	stop(NULL);
}

static void stopping_answers_those_whose_password_is_being_checked(void **state)
{
	int fds[10];

	start_with_users();
	for (int i = 0; i < 10; i++) {
		char request[256];

		fds[i] = raw_connect(port);
		snprintf(request, sizeof(request),
			"GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Basic %caa6\r\n\r\n", 'A' + i);
		raw_puts(fds[i], request);
	}
	usleep(20000);
	http_server_stop(server, 0);
	server = NULL;
	for (int i = 0; i < 10; i++)
		close(fds[i]);
}

static void configured_headers_are_on_every_answer(void **state)
{
	char text[512];

	snprintf(text, sizeof(text),
		"http_server_config:\n  headers:\n    X-Frame-Options: deny\n"
		"    Strict-Transport-Security: max-age=1\nbasic_auth_users: {alice: %s}\n",
		hash);
	start_with(text);
	assert_non_null(strstr(get("/", ALICE), "\r\nX-Frame-Options: deny\r\n"));
	assert_non_null(strstr(get("/", ""), "\r\nStrict-Transport-Security: max-age=1\r\n"));
	stop(NULL);
}

static void changes_count_from_the_next_request_on(void **state)
{
	char text[512];
	int said;

	start_with("");
	assert_int_equal(raw_status(get("/", "")), 200);
	snprintf(text, sizeof(text), "basic_auth_users: {alice: %s}\n", hash);
	write_config(text);
	assert_int_equal(raw_status(get("/", "")), 401);
	assert_int_equal(raw_status(get("/", ALICE)), 200);
	said = count_in_log("can't be used");
	write_config("basic_auth_users: [broken\n");
	for (int i = 0; i < 3; i++) {
		const char *reply = get("/", ALICE);

		assert_int_equal(raw_status(reply), 500);
		assert_string_equal(raw_body(reply), "Internal Server Error\n");
	}
	assert_int_equal(count_in_log("can't be used"), said + 1);
	unlink(config_path);
	assert_int_equal(raw_status(get("/", ALICE)), 500);
	write_config("http_server_config: {http2: true}\n");
	assert_int_equal(raw_status(get("/", "")), 200);
	stop(NULL);
}

static void other_hashes_make_old_passwords_worthless(void **state)
{
	char text[512];

	start_with_users();
	assert_int_equal(raw_status(get("/", ALICE)), 200);
	snprintf(text, sizeof(text), "basic_auth_users: {alice: %s}\n",
		crypt("other", "$2b$05$abcdefghijklmnopqrstuu"));
	write_config(text);
	assert_int_equal(raw_status(get("/", ALICE)), 401);
	stop(NULL);
}

static void answers_are_compressed_for_those_who_ask(void **state)
{
	const char *reply;

	start_with("");
	reply = get("/long", "");
	assert_null(strstr(reply, "Content-Encoding"));
	assert_non_null(strstr(reply, "\r\nVary: Accept-Encoding\r\n"));
	assert_non_null(strstr(reply, "line 9999\n"));
	reply = get("/long", "Accept-Encoding: gzip\r\n");
	assert_non_null(strstr(reply, "\r\nContent-Encoding: gzip\r\n"));
	assert_true((unsigned char)raw_body(reply)[0] == 0x1f);
	assert_true((unsigned char)raw_body(reply)[1] == 0x8b);
	assert_null(strstr(get("/long", "Accept-Encoding: gzip;q=0\r\n"), "Content-Encoding"));
	/* Short, and without a type that is known to shrink. */
	reply = get("/", "Accept-Encoding: gzip\r\n");
	assert_null(strstr(reply, "Content-Encoding"));
	stop(NULL);
}

/* One call by our own client, whose configuration is YAML. */
static int call(const char *yaml, char *ret_body, size_t cap, struct err *err)
{
	struct http_client_config config;
	const struct config_node *node;
	struct http_client *client = NULL;
	struct http_reply reply = { 0 };
	struct arena arena;
	char url[64];
	struct http_call http_call = {
		.method = "GET", .url = url, .timeout_ms = 20000, .max_response_bytes = 1 << 20
	};
	int r;

	arena_init(&arena, 1 << 20);
	snprintf(url, sizeof(url), "https://127.0.0.1:%d/", port);
	assert_int_equal(config_parse(yaml, strlen(yaml), "c", &arena, &node, err), 0);
	assert_int_equal(
		config_decode(node, "c", &http_client_config_table, &config, &arena, err), 0);
	config.directory = dir;
	r = http_client_new(&config, "u", &client, err);
	if (r >= 0)
		r = http_client_call(client, &http_call, &reply, err);
	if (r >= 0) {
		snprintf(ret_body, cap, "%s", buffer_text(&reply.body));
		r = reply.status;
	}
	http_reply_done(&reply);
	http_client_free(client);
	arena_done(&arena);
	return r;
}

static int tls_get(const char *yaml)
{
	char body[256];
	struct err err;

	return call(yaml, body, sizeof(body), &err);
}

static void tls_is_spoken_when_a_certificate_is_set(void **state)
{
	start_with("tls_server_config: {cert_file: server.pem, key_file: server.key}\n");
	assert_int_equal(tls_get("tls_config: {ca_file: ca.pem}"), 200);
	assert_int_equal(tls_get("tls_config: {insecure_skip_verify: true}"), 200);
	assert_int_equal(tls_get("tls_config: {ca_file: other-ca.pem}"), -EPROTO);
	assert_int_equal(tls_get("{}"), -EPROTO);
	assert_int_equal(tls_get("tls_config: {ca_file: ca.pem, server_name: x.example}"), -EPROTO);
	assert_true(count_in_log("TLS is enabled.") > 0);
	stop(NULL);
}

static void names_other_than_the_urls_can_be_verified(void **state)
{
	start_with("tls_server_config: {cert_file: named.pem, key_file: named.key}\n");
	assert_int_equal(tls_get("tls_config: {ca_file: ca.pem}"), -EPROTO);
	assert_int_equal(tls_get("tls_config: {ca_file: ca.pem, server_name: name.example}"), 200);
	stop(NULL);
}

static void plain_http_on_a_tls_port_is_told_so(void **state)
{
	char body[8192];

	start_with("tls_server_config: {cert_file: server.pem, key_file: server.key}\n");
	assert_int_equal(raw_status(get("/", "")), 400);
	assert_string_equal(
		raw_body(get("/", "")), "Client sent an HTTP request to an HTTPS server.\n");
	snprintf(body, sizeof(body),
		"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n%05000d", 0);
	assert_int_equal(raw_status(raw_request(port, body)), 400);
	assert_int_equal(raw_status(raw_request(port, "GETX / HTTP/1.1\r\n\r\n")), -1);
	assert_int_equal(tls_get("tls_config: {ca_file: ca.pem}"), 200);
	stop(NULL);
}

/* Who is beyond the handshake gets no answer in plain text into it. */
static void plain_http_in_a_session_is_no_request(void **state)
{
	gnutls_session_t session;
	gnutls_certificate_credentials_t credentials;
	struct buffer reply;
	int fd, r;

	start_with("tls_server_config: {cert_file: server.pem, key_file: server.key}\n");
	fd = raw_connect(port);
	assert_int_equal(gnutls_init(&session, GNUTLS_CLIENT), 0);
	assert_int_equal(gnutls_certificate_allocate_credentials(&credentials), 0);
	gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
	gnutls_set_default_priority(session);
	gnutls_transport_set_int(session, fd);
	do {
		r = gnutls_handshake(session);
	} while (r < 0 && !gnutls_error_is_fatal(r));
	assert_int_equal(r, 0);
	buffer_init(&reply, 0);
	raw_puts(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(raw_read_all(fd, &reply, RAW_TIMEOUT_MS));
	assert_null(memmem(reply.data, reply.len, "400 Bad", 7));
	buffer_done(&reply);
	gnutls_deinit(session);
	gnutls_certificate_free_credentials(credentials);
	close(fd);
	stop(NULL);
}

static void stalled_handshakes_are_cut(void **state)
{
	struct buffer reply;
	int fd;

	header_timeout_ms = 500;
	start_with("tls_server_config: {cert_file: server.pem, key_file: server.key}\n");
	header_timeout_ms = 20000;
	buffer_init(&reply, 0);
	fd = raw_connect(port);
	raw_send(fd, "\x16\x03\x01", 3);
	assert_true(raw_read_all(fd, &reply, RAW_TIMEOUT_MS));
	close(fd);
	buffer_done(&reply);
	stop(NULL);
}

static void versions_can_be_limited(void **state)
{
	start_with("tls_server_config: {cert_file: server.pem, key_file: server.key, "
		   "min_version: TLS13}\n");
	assert_int_equal(tls_get("tls_config: {ca_file: ca.pem, max_version: TLS12}"), -EPROTO);
	assert_int_equal(tls_get("tls_config: {ca_file: ca.pem, min_version: TLS13}"), 200);
	write_config("tls_server_config: {cert_file: server.pem, key_file: server.key, "
		     "max_version: TLS12}\n");
	assert_int_equal(tls_get("tls_config: {ca_file: ca.pem, max_version: TLS12}"), 200);
	assert_int_equal(tls_get("tls_config: {ca_file: ca.pem, min_version: TLS13}"), -EPROTO);
	stop(NULL);
}

static void suites_and_curves_can_be_listed(void **state)
{
	start_with("tls_server_config: {cert_file: server.pem, key_file: server.key, "
		   "curve_preferences: [CurveP256, X25519], cipher_suites: "
		   "[TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384]}\n");
	assert_int_equal(tls_get("tls_config: {ca_file: ca.pem}"), 200);
	/* An RSA suite is of no use with this certificate. */
	write_config(
		"tls_server_config: {cert_file: server.pem, key_file: server.key, cipher_suites: "
		"[TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]}\n");
	assert_int_equal(tls_get("tls_config: {ca_file: ca.pem, max_version: TLS12}"), -EPROTO);
	/* Nothing that TLS 1.3 could use. */
	write_config(
		"tls_server_config: {cert_file: server.pem, key_file: server.key, cipher_suites: "
		"[TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA]}\n");
	assert_int_equal(tls_get("tls_config: {ca_file: ca.pem, min_version: TLS13}"), -EPROTO);
	assert_int_equal(tls_get("tls_config: {ca_file: ca.pem}"), 200);
	stop(NULL);
}

static void copy(const char *from, const char *to)
{
	CLEANUP(buffer_done) struct buffer data = { 0 };
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", dir, from);
	assert_int_equal(file_read(AT_FDCWD, path, 1 << 20, &data), 0);
	snprintf(path, sizeof(path), "%s/%s", dir, to);
	assert_int_equal(file_replace(path, 0600, data.data, data.len, NULL), 0);
}

static void new_certificates_serve_new_handshakes(void **state)
{
	copy("server.pem", "live.pem");
	copy("server.key", "live.key");
	start_with("tls_server_config: {cert_file: live.pem, key_file: live.key}\n");
	assert_int_equal(tls_get("tls_config: {ca_file: ca.pem}"), 200);
	assert_int_equal(
		tls_get("tls_config: {ca_file: ca.pem, server_name: name.example}"), -EPROTO);
	copy("named.pem", "live.pem");
	/* Half of the change: no handshake succeeds, and nothing crashes. */
	assert_int_equal(tls_get("tls_config: {insecure_skip_verify: true}"), -EPROTO);
	copy("named.key", "live.key");
	assert_int_equal(tls_get("tls_config: {ca_file: ca.pem, server_name: name.example}"), 200);
	write_config("tls_server_config: {cert_file: live.pem, key_file: live.key, typo: 1}\n");
	assert_int_equal(tls_get("tls_config: {insecure_skip_verify: true}"), -EPROTO);
	write_config("{}\n");
	assert_int_equal(tls_get("tls_config: {insecure_skip_verify: true}"), -EPROTO);
	write_config("tls_server_config: {cert_file: live.pem, key_file: live.key}\n");
	assert_int_equal(tls_get("tls_config: {insecure_skip_verify: true}"), 200);
	stop(NULL);
}

static void client_certificates_are_asked_for_and_verified_by_type(void **state)
{
	static const struct {
		const char *type, *extra;
		int none, good, stranger;
	} cases[] = {
		{ "NoClientCert", "", 200, 200, 200 },
		{ "RequestClientCert", "client_ca_file: ca.pem, ", 200, 200, 200 },
		{ "RequireAnyClientCert", "client_ca_file: ca.pem, ", -1, 200, 200 },
		{ "RequireClientCert", "", -1, 200, 200 },
		{ "VerifyClientCertIfGiven", "client_ca_file: ca.pem, ", 200, 200, -1 },
		{ "RequireAndVerifyClientCert", "client_ca_file: ca.pem, ", -1, 200, -1 },
		{ "RequireAndVerifyClientCert", "", -1, -1, -1 },
		{ "RequireAndVerifyClientCert",
			"client_ca_file: ca.pem, client_allowed_sans: [client.example], ", -1, 200,
			-1 },
		{ "RequireAndVerifyClientCert",
			"client_ca_file: ca.pem, client_allowed_sans: [else.example], ", -1, -1,
			-1 },
		{ "RequestClientCert",
			"client_ca_file: ca.pem, client_allowed_sans: [bad.example], ", 200, -1,
			200 },
	};
	char text[512];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int none, good, stranger;

		snprintf(text, sizeof(text),
			"tls_server_config: {cert_file: server.pem, key_file: server.key, %s"
			"client_auth_type: %s}\n",
			cases[i].extra, cases[i].type);
		start_with(text);
		none = tls_get("tls_config: {ca_file: ca.pem}");
		good = tls_get("tls_config: {ca_file: ca.pem, cert_file: client.pem, key_file: "
			       "client.key}");
		stranger = tls_get("tls_config: {ca_file: ca.pem, cert_file: stranger.pem, "
				   "key_file: stranger.key}");
		assert_int_equal(MAX(none, -1), cases[i].none);
		assert_int_equal(MAX(good, -1), cases[i].good);
		assert_int_equal(MAX(stranger, -1), cases[i].stranger);
		stop(NULL);
	}
}

static void broken_files_at_the_start_are_sentences(void **state)
{
	static const char *const bad[][2] = {
		{ "tls_server_config: {cert_file: none.pem, key_file: server.key}", "none.pem" },
		{ "tls_server_config: {cert_file: server.pem, key_file: server2.key}",
			"server2.key" },
		{ "tls_server_config: {cert_file: web.yml, key_file: server.key}", "web.yml" },
		{ "tls_server_config: {cert_file: server.pem, key_file: server.key, client_ca_file: "
		  "server.key, client_auth_type: RequireAnyClientCert}",
			"server.key" },
		{ "tls_server_config: {cert: nonsense, key: nonsense}", "given inline" },
		{ "nonsense: 1", "nonsense" },
	};
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		write_config(bad[i][0]);
		assert_true(open_server(&err) < 0);
		assert_non_null(strstr(err.text, "web.yml"));
		assert_non_null(strstr(err.text, bad[i][1]));
		assert_true(http_web_config_check(config_path, &err) < 0);
	}
	unlink(config_path);
	assert_int_equal(open_server(&err), -ENOENT);
	write_config("tls_server_config: {cert_file: server.pem, key_file: server.key}");
	assert_int_equal(http_web_config_check(config_path, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(users_get_in_with_their_password_only),
		TEST(refusals_look_as_the_spec_says),
		TEST(bodies_of_strangers_are_not_read),
		TEST(guessing_holds_up_nobody_who_is_known),
		TEST(stopping_answers_those_whose_password_is_being_checked),
		TEST(configured_headers_are_on_every_answer),
		TEST(changes_count_from_the_next_request_on),
		TEST(other_hashes_make_old_passwords_worthless),
		TEST(answers_are_compressed_for_those_who_ask),
		TEST(tls_is_spoken_when_a_certificate_is_set),
		TEST(names_other_than_the_urls_can_be_verified),
		TEST(plain_http_on_a_tls_port_is_told_so),
		TEST(plain_http_in_a_session_is_no_request),
		TEST(stalled_handshakes_are_cut),
		TEST(versions_can_be_limited),
		TEST(suites_and_curves_can_be_listed),
		TEST(new_certificates_serve_new_handshakes),
		TEST(client_certificates_are_asked_for_and_verified_by_type),
		TEST(broken_files_at_the_start_are_sentences),
	};

	return cmocka_run_group_tests_name("http_web", tests, start_group, stop_group);
}
