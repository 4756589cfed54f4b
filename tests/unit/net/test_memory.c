// SPDX-License-Identifier: Apache-2.0
/* Servers and clients while allocations fail, one after the other. */
#include "unit_test.h"

#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>

#include "alloc_fail.h"
#include "basic/file.h"
#include "basic/str.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "raw_client.h"
#include "test_certs.h"

static char dir[64], config_path[128], tls_path[128];
static struct http_server *server;
static int port;

static ssize_t three_blocks(void *ctx, char *data, size_t max)
{
	int *left = ctx;

	memset(data, 'x', max);
	return (*left)-- > 0 ? (ssize_t)max : 0;
}

static void handler(void *ctx, struct http_request *req, struct http_response *res)
{
	size_t n;

	(void)http_request_params(req, &n);
	http_response_header(res, "Content-Type", "text/plain");
	if (str_eq(http_request_path(req), "/stream")) {
		int *left = malloc(sizeof(*left));

		if (!left) {
			http_response_text(res, 503, "no memory\n");
			return;
		}
		*left = 3;
		http_response_stream(res, three_blocks, free, left);
		return;
	}
	for (int i = 0; i < 100; i++)
		buffer_printf(http_response_body(res), "params %zu\n", n);
}

static int open_server(const char *path, struct http_server **ret_server, struct err *err)
{
	static const char *address = "127.0.0.1:0";
	const struct http_server_config config = {
		.listen_addresses = { &address, 1 },
		.web_config_file = path,
		.max_request_body_bytes = 1000,
		.gzip = true,
		.handler = handler,
	};

	return http_server_open(&config, ret_server, err);
}

static int start(void **state)
{
	struct test_cert authority;
	char text[512];
	struct err err;

	strcpy(dir, "/tmp/ceems-net-memory.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(config_path, sizeof(config_path), "%s/web.yml", dir);
	snprintf(text, sizeof(text),
		"http_server_config: {headers: {X-Frame-Options: deny}}\n"
		"basic_auth_users: {alice: %s}\n",
		crypt("secret", "$2b$04$abcdefghijklmnopqrstuu"));
	assert_int_equal(file_replace(config_path, 0600, text, strlen(text), NULL), 0);
	test_cert_make(&authority, NULL, "authority", NULL, NULL);
	test_cert_write(&authority, dir, "ca");
	test_cert_done(&authority);
	snprintf(tls_path, sizeof(tls_path), "%s/tls.yml", dir);
	strcpy(text,
		"tls_server_config: {cert_file: ca.pem, key_file: ca.key, client_ca_file: ca.pem, "
		"client_auth_type: RequireAnyClientCert, client_allowed_sans: [a, b], "
		"cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]}\n");
	assert_int_equal(file_replace(tls_path, 0600, text, strlen(text), NULL), 0);
	if (open_server(config_path, &server, &err) < 0 || http_server_serve(server, &err) < 0)
		return -1;
	port = http_server_port(server, 0);
	return 0;
}

static int stop(void **state)
{
	char command[128];

	http_server_stop(server, 1000);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

/* -1: the connection was closed without an answer. */
static int ask(const char *request)
{
	char data[300000];
	size_t len = 0;
	int fd = raw_connect(port);
	ssize_t n;

	(void)raw_puts(fd, request);
	while (len < sizeof(data) - 1 && (n = recv(fd, data + len, sizeof(data) - 1 - len, 0)) > 0)
		len += (size_t)n;
	data[len] = '\0';
	close(fd);
	return raw_status(data);
}

static void requests_fail_alone(void **state)
{
	static const char *const requests[] = {
		"GET /?a=1&b=2 HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAccept-Encoding: gzip\r\n"
		"Authorization: Basic YWxpY2U6c2VjcmV0\r\n\r\n",
		"POST /stream HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 3\r\n"
		"Content-Type: application/x-www-form-urlencoded\r\nAccept-Encoding: gzip\r\n"
		"Authorization: Basic YWxpY2U6c2VjcmV0\r\n\r\na=b",
		"GET //x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
		"Authorization: Basic YWxpY2U6c2VjcmV0\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
	};
	static const int expected[] = { 200, 200, 301, 401 };

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		size_t n = 0;
		int status;

		do {
			alloc_fail_at(++n);
			status = ask(requests[i]);
			assert_true(status == expected[i] || status == 500 || status == 503 ||
				status == -1);
		} while (alloc_fail_happened());
		alloc_fail_at(0);
		assert_true(n > 3);
		assert_int_equal(status, expected[i]);
	}
}

/* Each password is new, so that each is checked. */
static void logins_fail_alone(void **state)
{
	size_t n = 0;

	do {
		char request[256];
		int status;

		snprintf(request, sizeof(request),
			"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
			"Authorization: Basic YWxpY2U6%c%caa\r\n\r\n",
			(int)('A' + n % 26), (int)('a' + n / 26 % 26));
		alloc_fail_at(++n);
		status = ask(request);
		assert_true(status == 401 || status == 500 || status == 503 || status == -1);
	} while (alloc_fail_happened());
	alloc_fail_at(0);
	assert_true(n > 3);
	assert_int_equal(ask("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
			     "Authorization: Basic YWxpY2U6c2VjcmV0\r\n\r\n"),
		200);
}

static void starting_a_server_fails_with_a_sentence(void **state)
{
	const char *paths[] = { config_path, tls_path, NULL };

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		size_t n = 0;
		int r;

		do {
			struct http_server *other = NULL;
			struct err err = { 0 };

			alloc_fail_at(++n);
			r = open_server(paths[i], &other, &err);
			if (r >= 0)
				r = http_server_serve(other, &err);
			http_server_stop(other, 0);
			if (r < 0)
				assert_true(*err.text);
		} while (alloc_fail_happened());
		alloc_fail_at(0);
		assert_int_equal(r, 0);
		assert_true(n > 2);
	}
}

static void changed_files_are_read_once_there_is_memory(void **state)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
				      "Authorization: Basic YWxpY2U6c2VjcmV0\r\n\r\n";
	CLEANUP(buffer_done) struct buffer text = { 0 };
	int status;

	assert_int_equal(file_read(AT_FDCWD, config_path, 10000, &text), 0);
	for (size_t n = 1; n < 25; n++) {
		buffer_puts(&text, "#\n");
		assert_int_equal(file_replace(config_path, 0600, text.data, text.len, NULL), 0);
		/* Until the file is no longer so fresh that it is read again in any case. */
		usleep(110000);
		alloc_fail_at(n);
		status = ask(request);
		assert_true(status == 200 || status == 500 || status == 503 || status == -1);
		alloc_fail_at(0);
		assert_int_equal(ask(request), 200);
	}
}

static void calls_fail_with_a_sentence(void **state)
{
	static const char *names[] = { "X-Conf" };
	static const char *values[] = { "a" };
	struct http_client_header header = { .values = { values, 1 }, .secrets = { values, 1 } };
	const struct http_client_config config = {
		.basic_auth = { .present = true, .username = "alice", .password = "secret" },
		.http_headers = { &header, names, 1 },
		.tls = { .ca = "x", .server_name = "y" },
		.follow_redirects = true,
	};
	static const char *const headers[] = { "X-A: b", NULL };
	struct http_call call = { .method = "GET",
		.headers = headers,
		.timeout_ms = 10000,
		.max_response_bytes = 1 << 20 };
	char url[64];
	size_t n = 0;
	int r;

	snprintf(url, sizeof(url), "http://127.0.0.1:%d//x?a=1", port);
	call.url = url;
	do {
		struct http_client *client = NULL;
		struct http_reply reply = { 0 };
		struct err err = { 0 };

		alloc_fail_at(++n);
		r = http_client_new(&config, "u", &client, &err);
		if (r >= 0)
			r = http_client_call(client, &call, &reply, &err);
		if (r < 0)
			assert_true(*err.text);
		http_reply_done(&reply);
		http_client_free(client);
	} while (alloc_fail_happened());
	alloc_fail_at(0);
	assert_int_equal(r, 0);
	assert_true(n > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_fail_alone),
		TEST(logins_fail_alone),
		TEST(starting_a_server_fails_with_a_sentence),
		TEST(changed_files_are_read_once_there_is_memory),
		TEST(calls_fail_with_a_sentence),
	};

	return cmocka_run_group_tests_name("memory", tests, start, stop);
}
