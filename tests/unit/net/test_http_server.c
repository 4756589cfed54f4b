// SPDX-License-Identifier: Apache-2.0
#include "unit_test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "basic/str.h"
#include "net/http_server.h"
#include "raw_client.h"

enum {
	BODY_MAX = 100000,
	HEAD_MAX = 8192,
	HEADER_TIMEOUT_MS = 1500,
	IDLE_TIMEOUT_MS = 2500,
	ANSWER_TIMEOUT_MS = 1000, /* of what asks for one */
};

static struct http_server *server;
static int port;
static atomic_int in_handler;
static atomic_bool release; /* lets /blocked go on */

struct counter {
	int left;
};

static ssize_t count_down(void *ctx, char *data, size_t max)
{
	struct counter *c = ctx;

	if (c->left == 0)
		return 0;
	if (c->left == -100)
		return -EIO;
	c->left--;
	return snprintf(data, max, "line %d\n", c->left);
}

static ssize_t endless(void *ctx, char *data, size_t max)
{
	memset(data, 'x', max);
	return (ssize_t)max;
}

static void echo(struct http_request *req, struct buffer *out)
{
	size_t n, len;
	const struct http_param *params = http_request_params(req, &n);
	const char *body = http_request_body(req, &len);

	buffer_printf(out, "method=%s\npath=%s\ntarget=%s\n", http_request_method(req),
		http_request_path(req), http_request_raw_target(req));
	for (size_t i = 0; i < n; i++)
		buffer_printf(out, "param %s=%s\n", params[i].name, params[i].value);
	if (http_request_header(req, "x-test"))
		buffer_printf(out, "x-test=%s\n", http_request_header(req, "x-test"));
	buffer_printf(out, "body=%zu:%.20s\n", len, body);
}

static void handler(void *ctx, struct http_request *req, struct http_response *res)
{
	const char *path = http_request_path(req);

	if (http_request_param(req, "timeout"))
		http_response_timeout(res, ANSWER_TIMEOUT_MS);
	if (str_eq(path, "/echo")) {
		echo(req, http_response_body(res));
	} else if (str_eq(path, "/slow")) {
		atomic_fetch_add(&in_handler, 1);
		usleep(400000);
		buffer_puts(http_response_body(res), "slow\n");
	} else if (str_eq(path, "/blocked")) {
		atomic_fetch_add(&in_handler, 1);
		while (!atomic_load(&release))
			usleep(1000);
		buffer_puts(http_response_body(res), "released\n");
	} else if (str_eq(path, "/big")) {
		for (int i = 0; i < 200000; i++)
			buffer_puts(http_response_body(res), "0123456789\n");
	} else if (str_eq(path, "/too-big")) {
		while (!buffer_error(http_response_body(res)))
			buffer_puts(http_response_body(res), "0123456789\n");
	} else if (str_eq(path, "/stream") || str_eq(path, "/broken-stream")) {
		struct counter *c = calloc(1, sizeof(*c));

		c->left = str_eq(path, "/stream") ? 3000 : -98;
		http_response_header(res, "Content-Type", "text/plain");
		http_response_stream(res, count_down, free, c);
	} else if (str_eq(path, "/endless-stream")) {
		http_response_stream(res, endless, NULL, NULL);
	} else if (str_eq(path, "/bad-header")) {
		http_response_header(res, "X-Bad", "a\r\nX-Injected: b");
	} else if (str_eq(path, "/user")) {
		const struct sockaddr *peer = http_request_peer(req);

		buffer_printf(http_response_body(res), "%s %d\n",
			http_request_user(req) ? http_request_user(req) : "none",
			peer->sa_family == AF_INET);
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
		.max_request_body_bytes = BODY_MAX,
		.max_header_bytes = HEAD_MAX,
		.max_response_bytes = 4 << 20,
		.max_connections = 64,
		.header_timeout_ms = HEADER_TIMEOUT_MS,
		.idle_timeout_ms = IDLE_TIMEOUT_MS,
		.gzip = true,
		.gzip_level = 6,
		.handler = handler,
	};
	struct err err;

	if (http_server_open(&config, &server, &err) < 0 || http_server_serve(server, &err) < 0) {
		print_error("%s\n", err.text);
		return -1;
	}
	port = http_server_port(server, 0);
	return 0;
}

static int stop(void **state)
{
	http_server_stop(server, 2000);
	server = NULL;
	return 0;
}

static const char *get(const char *target)
{
	char request[2048];

	snprintf(request, sizeof(request),
		"GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", target);
	return raw_request(port, request);
}

static void answers_a_get(void **state)
{
	const char *reply = raw_request(port,
		"GET /echo?a=1&b=x%20y+z&a=%c3%a4&bad=%zz&semi=a;b&=v&flag HTTP/1.1\r\nHost: h\r\n"
		"X-Test: value\r\nConnection: close\r\n\r\n");

	assert_int_equal(raw_status(reply), 200);
	assert_string_equal(raw_body(reply),
		"method=GET\npath=/echo\n"
		"target=/echo?a=1&b=x%20y+z&a=%c3%a4&bad=%zz&semi=a;b&=v&flag\n"
		"param a=1\nparam b=x y z\nparam a=\xc3\xa4\nparam =v\nparam flag=\nx-test=value\n"
		"body=0:\n");
}

static void listens_on_every_address(void **state)
{
	int first = port;

	port = http_server_port(server, 1);
	assert_int_not_equal(first, port);
	assert_int_equal(raw_status(get("/echo")), 200);
	port = first;
	assert_int_equal(http_server_port(server, 2), -EINVAL);
}

static void unknown_paths_get_the_text_of_the_spec(void **state)
{
	const char *reply = get("/nowhere");

	assert_int_equal(raw_status(reply), 404);
	assert_non_null(strstr(reply, "Content-Type: text/plain; charset=utf-8\r\n"));
	assert_non_null(strstr(reply, "X-Content-Type-Options: nosniff\r\n"));
	assert_string_equal(raw_body(reply), "404 page not found\n");
}

static void head_is_answered_like_get_without_a_body(void **state)
{
	const char *reply = raw_request(
		port, "HEAD /nowhere HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");

	assert_int_equal(raw_status(reply), 404);
	assert_non_null(strstr(reply, "Content-Length: 19\r\n"));
	assert_string_equal(raw_body(reply), "");
}

static void paths_are_decoded_once(void **state)
{
	assert_non_null(strstr(get("/a%2541"), "404"));
	assert_non_null(strstr(get("/%65ch%6f"), "path=/echo\n"));
	assert_int_equal(raw_status(get("/%2565cho")), 404);
}

static void broken_paths_are_refused(void **state)
{
	assert_int_equal(raw_status(get("/a%")), 400);
	assert_int_equal(raw_status(get("/a%4")), 400);
	assert_int_equal(raw_status(get("/a%zz")), 400);
	assert_int_equal(raw_status(get("/a%00b")), 400);
	assert_int_equal(raw_status(get("*")), 400);
	assert_int_equal(raw_status(get("echo")), 400);
	assert_int_equal(raw_status(get("/a\x01")), 400);
}

static void a_raw_nul_in_the_target_is_refused(void **state)
{
	static const char request[] =
		"GET /echo\0evil HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
	int status = raw_status(raw_request_len(port, request, sizeof(request) - 1));

	/* Since 1.0 the library closes the connection by itself. */
	assert_true(status == 400 || status == -1);
}

static void absolute_targets_are_taken(void **state)
{
	assert_non_null(strstr(get("http://h:1/echo?x=1"), "path=/echo\n"));
	assert_int_equal(raw_status(get("http://h")), 404);
}

static void unclean_paths_are_redirected(void **state)
{
	const char *reply = get("//evil.example/..//a/./b/../c%20d%5C/?q=1//2");

	assert_int_equal(raw_status(reply), 301);
	assert_non_null(strstr(reply, "Location: /a/c%20d%5C/?q=1//2\r\n"));
	assert_non_null(strstr(get("/.."), "Location: /\r\n"));
	assert_non_null(strstr(get("//h/x"), "Location: /h/x\r\n"));
	assert_non_null(strstr(get("/echo/."), "Location: /echo/\r\n"));
	assert_int_equal(raw_status(get("/echo/")), 404);
}

static void post_forms_are_parameters(void **state)
{
	const char *reply = raw_request(port,
		"POST /echo?a=1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 9\r\n"
		"Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n\r\n"
		"a=2&b=%41");

	assert_non_null(strstr(reply, "param a=1\nparam a=2\nparam b=A\nbody=9:a=2&b=%41\n"));
	reply = raw_request(port,
		"POST /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 3\r\n"
		"Content-Type: text/plain\r\n\r\na=2");
	assert_null(strstr(reply, "param"));
}

static void chunked_bodies_are_put_together(void **state)
{
	const char *reply = raw_request(port,
		"POST /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
		"Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n3\r\nefg\r\n0\r\n\r\n");

	assert_non_null(strstr(reply, "body=7:abcdefg\n"));
}

static void large_bodies_are_refused_before_they_are_read(void **state)
{
	int fd = raw_connect(port);
	struct buffer reply;

	buffer_init(&reply, 0);
	raw_puts(fd,
		"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100001\r\n"
		"Expect: 100-continue\r\n\r\n");
	assert_true(raw_read_all(fd, &reply, RAW_TIMEOUT_MS));
	assert_int_equal(raw_status(buffer_text(&reply)), 413);
	assert_null(strstr(buffer_text(&reply), "100 Continue"));
	close(fd);
	buffer_done(&reply);
}

static void large_chunked_bodies_are_refused(void **state)
{
	static char block[8192 + 8];
	int fd = raw_connect(port);
	struct buffer reply;

	buffer_init(&reply, 0);
	raw_puts(fd,
		"POST /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
		"Transfer-Encoding: chunked\r\n\r\n");
	memset(block, 'x', sizeof(block));
	memcpy(block, "2000\r\n", 6);
	memcpy(block + 6 + 8192, "\r\n", 2);
	for (int i = 0; i < 20; i++)
		raw_send(fd, block, sizeof(block));
	raw_puts(fd, "0\r\n\r\n");
	assert_true(raw_read_all(fd, &reply, RAW_TIMEOUT_MS));
	assert_int_equal(raw_status(buffer_text(&reply)), 413);
	close(fd);
	buffer_done(&reply);
}

static void endless_bodies_are_cut(void **state)
{
	static char block[8192 + 8];
	int fd = raw_connect(port), i;

	raw_puts(fd, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
	memset(block, 'x', sizeof(block));
	memcpy(block, "2000\r\n", 6);
	memcpy(block + 6 + 8192, "\r\n", 2);
	for (i = 0; i < 10000 && raw_send(fd, block, sizeof(block)); i++)
		;
	assert_in_range(i, 1, 9999);
	close(fd);
}

static void expectations_are_met_or_refused(void **state)
{
	int fd = raw_connect(port);
	struct buffer reply;

	buffer_init(&reply, 0);
	raw_puts(fd,
		"POST /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 2\r\n"
		"Expect: 100-continue\r\n\r\n");
	assert_true(raw_read_until(fd, &reply, "HTTP/1.1 100 Continue\r\n\r\n", 1));
	raw_puts(fd, "hi");
	assert_true(raw_read_all(fd, &reply, RAW_TIMEOUT_MS));
	assert_non_null(strstr(buffer_text(&reply), "\r\n\r\nHTTP/1.1 200"));
	close(fd);
	buffer_done(&reply);
	assert_int_equal(raw_status(raw_request(port,
				 "POST /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
				 "Content-Length: 2\r\nExpect: miracles\r\n\r\nhi")),
		417);
}

static void ambiguous_framing_is_refused(void **state)
{
	static const char *const heads[] = {
		"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
		"Content-Length: 2\r\nContent-Length: 3\r\n",
		"Content-Length: -2\r\n",
		"Content-Length: 2x\r\n",
		"Content-Length: 99999999999999999999999\r\n",
		"Transfer-Encoding: gzip\r\n",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
		"Host: other\r\n",
	};
	char request[256];

	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		int status;

		snprintf(request, sizeof(request), "POST /echo HTTP/1.1\r\nHost: h\r\n%s\r\n",
			heads[i]);
		status = raw_status(raw_request(port, request));
		assert_true(status == 400 || status == 413 || status == 501);
	}
	assert_int_equal(raw_status(raw_request(port, "GET /echo HTTP/1.1\r\n\r\n")), 400);
}

static void odd_versions_and_garbage_are_refused(void **state)
{
	static const char *const requests[] = {
		"GET /echo HTTP/2.0\r\nHost: h\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"GET /echo\r\n\r\n",
		"\x16\x03\x01\x02\x01\x01\x01\xfc\x03\x03\r\n\r\n",
		"GET /echo HTTP/1.1\r\nHost h\r\n\r\n",
		" \r\n\r\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		const char *reply = raw_request(port, requests[i]);

		assert_int_not_equal(raw_status(reply), 200);
	}
}

static void header_floods_are_refused(void **state)
{
	struct buffer request;
	int status;

	buffer_init(&request, 0);
	buffer_puts(&request, "GET /echo HTTP/1.1\r\nHost: h\r\nX-Long: ");
	for (int i = 0; i < HEAD_MAX; i++)
		buffer_putc(&request, 'x');
	buffer_puts(&request, "\r\nConnection: close\r\n\r\n");
	assert_int_equal(raw_status(raw_request(port, buffer_text(&request))), 431);
	buffer_clear(&request);
	buffer_puts(&request, "GET /echo HTTP/1.1\r\nHost: h\r\n");
	for (int i = 0; i < 20000; i++)
		buffer_printf(&request, "X-%d: y\r\n", i);
	buffer_puts(&request, "\r\n");
	status = raw_status(raw_request(port, buffer_text(&request)));
	assert_true(status == 431 || status == -1);
	buffer_clear(&request);
	buffer_puts(&request, "GET /echo?");
	for (int i = 0; i < 20000; i++)
		buffer_puts(&request, "aaaaaaaaaa");
	buffer_puts(&request, " HTTP/1.1\r\nHost: h\r\n\r\n");
	status = raw_status(raw_request(port, buffer_text(&request)));
	assert_true(status == 431 || status == 414 || status == -1);
	buffer_done(&request);
	assert_int_equal(raw_status(get("/echo")), 200);
}

static void many_parameters_fit(void **state)
{
	struct buffer request;
	const char *reply;

	buffer_init(&request, 0);
	buffer_puts(&request, "GET /echo?");
	for (int i = 0; i < 600; i++)
		buffer_puts(&request, "uuid=123456&");
	buffer_puts(&request, "last=1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	reply = raw_request(port, buffer_text(&request));
	assert_int_equal(raw_status(reply), 200);
	assert_non_null(strstr(reply, "param last=1\n"));
	buffer_done(&request);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	const char *reply = raw_request(port,
		"GET /echo?n=1 HTTP/1.1\r\nHost: h\r\n\r\n"
		"POST /echo?n=2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
		"GET /echo?n=3 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	const char *one = strstr(reply, "param n=1\n"),
		   *two = strstr(reply, "param n=2\nbody=3:abc"),
		   *three = strstr(reply, "param n=3\n");

	assert_true(one && two && three && one < two && two < three);
}

static void connections_are_kept_alive(void **state)
{
	int fd = raw_connect(port);
	struct buffer reply;

	buffer_init(&reply, 0);
	for (int i = 0; i < 3; i++) {
		raw_puts(fd, "GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n");
		assert_true(raw_read_until(fd, &reply, "page not found\n", i + 1));
	}
	close(fd);
	buffer_done(&reply);
}

static void half_heads_are_cut_in_time(void **state)
{
	int64_t begin = raw_now_ms();
	int fd = raw_connect(port);
	struct buffer reply;

	buffer_init(&reply, 0);
	raw_puts(fd, "GET /echo HTTP/1.1\r\nHost:");
	assert_true(raw_read_all(fd, &reply, RAW_TIMEOUT_MS));
	assert_in_range(raw_now_ms() - begin, HEADER_TIMEOUT_MS - 100, RAW_TIMEOUT_MS);
	assert_int_equal(reply.len, 0);
	close(fd);
	buffer_done(&reply);
}

static void dripping_heads_are_cut_in_time(void **state)
{
	int64_t begin = raw_now_ms();
	int fd = raw_connect(port), i;

	raw_puts(fd, "GET /echo HTTP/1.1\r\nX: ");
	for (i = 0; i < 100 && raw_puts(fd, "x"); i++)
		usleep(100000);
	assert_in_range(raw_now_ms() - begin, HEADER_TIMEOUT_MS - 100, RAW_TIMEOUT_MS);
	close(fd);
}

static void idle_connections_are_closed_in_time(void **state)
{
	int64_t begin;
	int fd = raw_connect(port);
	struct buffer reply;

	buffer_init(&reply, 0);
	raw_puts(fd, "GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_true(raw_read_until(fd, &reply, "not found\n", 1));
	begin = raw_now_ms();
	assert_true(raw_read_all(fd, &reply, RAW_TIMEOUT_MS));
	assert_in_range(raw_now_ms() - begin, IDLE_TIMEOUT_MS - 100, RAW_TIMEOUT_MS);
	close(fd);
	buffer_done(&reply);
}

static void half_bodies_are_cut_in_time(void **state)
{
	int fd = raw_connect(port);
	struct buffer reply;

	buffer_init(&reply, 0);
	raw_puts(fd, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf");
	assert_true(raw_read_all(fd, &reply, RAW_TIMEOUT_MS));
	close(fd);
	buffer_done(&reply);
}

/* So many answers that they fit no kernel's buffers. */
static int ask_for_much(const char *target)
{
	char request[128];
	int fd = raw_connect(port);

	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", target);
	for (int i = 0; i < 20; i++)
		raw_puts(fd, request);
	return fd;
}

static void clients_that_do_not_read_are_cut(void **state)
{
	struct pollfd fds[] = {
		{ .fd = ask_for_much("/big") },
		{ .fd = ask_for_much("/endless-stream") },
	};

	for (int i = 0; i < 2; i++) {
		assert_int_equal(poll(&fds[i], 1, RAW_TIMEOUT_MS), 1);
		assert_int_not_equal(fds[i].revents & (POLLERR | POLLHUP), 0);
		close(fds[i].fd);
	}
}

/* For twice the time-out, but with progress, of 200 kB/s. */
static void slow_readers_are_not_cut(void **state)
{
	struct pollfd fds[] = {
		{ .fd = ask_for_much("/big") },
		{ .fd = ask_for_much("/endless-stream") },
	};
	int64_t end = raw_now_ms() + 2 * IDLE_TIMEOUT_MS;
	char data[40000];

	while (raw_now_ms() < end) {
		usleep(200000);
		for (int i = 0; i < 2; i++)
			assert_true(recv(fds[i].fd, data, sizeof(data), 0) > 0);
	}
	assert_int_equal(poll(fds, 2, 0), 0);
	close(fds[0].fd);
	close(fds[1].fd);
}

/* Of 400 kB/s. */
static void slow_readers_are_cut_where_an_answer_has_its_time(void **state)
{
	struct pollfd fds[] = {
		{ .fd = ask_for_much("/big?timeout") },
		{ .fd = ask_for_much("/endless-stream?timeout") },
	};
	int64_t end = raw_now_ms() + RAW_TIMEOUT_MS;
	char data[4000];

	for (int i = 0; i < 2; i++) {
		do {
			usleep(10000);
			(void)recv(fds[i].fd, data, sizeof(data), MSG_DONTWAIT);
			assert_true(poll(&fds[i], 1, 0) >= 0);
		} while (!(fds[i].revents & (POLLERR | POLLHUP)) && raw_now_ms() < end);
		assert_int_not_equal(fds[i].revents & (POLLERR | POLLHUP), 0);
		close(fds[i].fd);
	}
}

static void slow_handlers_do_not_hold_up_others(void **state)
{
	int fds[2] = { raw_connect(port), raw_connect(port) };
	struct buffer reply;

	buffer_init(&reply, 0);
	atomic_store(&in_handler, 0);
	atomic_store(&release, false);
	for (int i = 0; i < 2; i++)
		raw_puts(fds[i], "GET /blocked HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	while (atomic_load(&in_handler) < 2)
		usleep(1000);
	/* One of three workers is left. */
	assert_int_equal(raw_status(get("/echo")), 200);
	assert_int_equal(raw_status(get("/echo")), 200);
	atomic_store(&release, true);
	for (int i = 0; i < 2; i++) {
		buffer_clear(&reply);
		assert_true(raw_read_all(fds[i], &reply, RAW_TIMEOUT_MS));
		assert_string_equal(raw_body(buffer_text(&reply)), "released\n");
		close(fds[i]);
	}
	buffer_done(&reply);
}

static void refusals_need_no_worker(void **state)
{
	int fds[3];

	atomic_store(&in_handler, 0);
	atomic_store(&release, false);
	for (int i = 0; i < 3; i++) {
		fds[i] = raw_connect(port);
		raw_puts(fds[i], "GET /blocked HTTP/1.1\r\nHost: h\r\n\r\n");
	}
	while (atomic_load(&in_handler) < 3)
		usleep(1000);
	assert_int_equal(raw_status(get("/%zz")), 400);
	atomic_store(&release, true);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}

static void many_clients_can_wait_for_one_slow_page(void **state)
{
	int fds[20];

	for (int i = 0; i < 20; i++) {
		fds[i] = raw_connect(port);
		raw_puts(fds[i], "GET /slow HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	}
	for (int i = 0; i < 20; i++) {
		struct buffer reply;

		buffer_init(&reply, 0);
		/* Every third one goes away early. */
		if (i % 3 == 0) {
			close(fds[i]);
			continue;
		}
		assert_true(raw_read_all(fds[i], &reply, RAW_TIMEOUT_MS));
		assert_int_equal(raw_status(buffer_text(&reply)), 200);
		close(fds[i]);
		buffer_done(&reply);
	}
}

static void streams_come_in_chunks(void **state)
{
	const char *reply = get("/stream");

	assert_int_equal(raw_status(reply), 200);
	assert_non_null(strstr(reply, "Transfer-Encoding: chunked\r\n"));
	assert_non_null(strstr(reply, "line 2999\n"));
	assert_non_null(strstr(reply, "line 0\n"));
	assert_true(str_ends(reply, "\r\n0\r\n\r\n"));
	reply = raw_request(port, "GET /stream HTTP/1.0\r\nHost: h\r\n\r\n");
	assert_null(strstr(reply, "chunked"));
	assert_true(str_ends(reply, "line 1\nline 0\n"));
	reply = raw_request(port, "HEAD /stream HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	assert_int_equal(raw_status(reply), 200);
	assert_null(strstr(reply, "line"));
}

static void broken_streams_are_cut_without_a_proper_end(void **state)
{
	const char *reply = get("/broken-stream");

	assert_int_equal(raw_status(reply), 200);
	assert_false(str_ends(reply, "\r\n0\r\n\r\n"));
}

static void answers_over_the_limit_become_errors(void **state)
{
	const char *reply = get("/too-big");

	assert_int_equal(raw_status(reply), 500);
	assert_string_equal(raw_body(reply), "Internal Server Error\n");
	reply = get("/big");
	assert_int_equal(raw_status(reply), 200);
	assert_int_equal(strlen(raw_body(reply)), 200000 * 11);
}

static void line_breaks_in_headers_never_get_out(void **state)
{
	const char *reply = get("/bad-header");

	assert_int_equal(raw_status(reply), 500);
	assert_null(strstr(reply, "X-Injected"));
}

static void peers_are_known_and_users_are_not(void **state)
{
	assert_string_equal(raw_body(get("/user")), "none 1\n");
}

static void new_clients_get_in_while_idle_ones_fill_the_table(void **state)
{
	static const char *address = "127.0.0.1:0";
	const struct http_server_config config = {
		.listen_addresses = { &address, 1 },
		.max_connections = 8,
		.header_timeout_ms = 10 * RAW_TIMEOUT_MS,
		.handler = handler,
	};
	struct http_server *small;
	int fds[20], first = port;

	assert_int_equal(http_server_open(&config, &small, NULL), 0);
	assert_int_equal(http_server_serve(small, NULL), 0);
	port = http_server_port(small, 0);
	for (int i = 0; i < 20; i++)
		fds[i] = raw_connect(port);
	/* None of them would time out while this waits. */
	assert_int_equal(raw_status(get("/echo")), 200);
	for (int i = 0; i < 20; i++)
		close(fds[i]);
	http_server_stop(small, 0);
	port = first;
}

static size_t resident_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	size_t size, resident = 0;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%zu %zu", &size, &resident), 2);
	fclose(f);
	return resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* All of a connection's memory is resident once it had an answer. */
static void open_connections_take_little_more_than_a_head(void **state)
{
	enum { N = 200, HEAD = 64 << 10 };
	static const char *address = "127.0.0.1:0";
	const struct http_server_config config = {
		.listen_addresses = { &address, 1 },
		.max_header_bytes = HEAD,
		.handler = handler,
	};
	struct http_server *other;
	struct buffer reply;
	size_t before;
	int fds[N];

#ifdef __SANITIZE_THREAD__
	skip(); /* it keeps several bytes for each */
#endif
	buffer_init(&reply, 0);
	assert_int_equal(http_server_open(&config, &other, NULL), 0);
	assert_int_equal(http_server_serve(other, NULL), 0);
	before = resident_bytes();
	for (int i = 0; i < N; i++) {
		fds[i] = raw_connect(http_server_port(other, 0));
		buffer_clear(&reply);
		raw_puts(fds[i], "GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n");
		assert_true(raw_read_until(fds[i], &reply, "page not found\n", 1));
	}
	assert_true(resident_bytes() < before + (size_t)N * 3 * HEAD);
	for (int i = 0; i < N; i++)
		close(fds[i]);
	http_server_stop(other, 0);
	buffer_done(&reply);
}

static void stopping_lets_running_requests_finish(void **state)
{
	int fd = raw_connect(port), idle = raw_connect(port);
	struct buffer reply;
	int64_t begin = raw_now_ms();

	buffer_init(&reply, 0);
	atomic_store(&in_handler, 0);
	raw_puts(fd, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
	while (!atomic_load(&in_handler))
		usleep(1000);
	http_server_stop(server, 5000);
	assert_true(raw_now_ms() - begin < 5000);
	assert_true(raw_read_all(fd, &reply, RAW_TIMEOUT_MS));
	assert_string_equal(raw_body(buffer_text(&reply)), "slow\n");
	assert_non_null(strstr(buffer_text(&reply), "Connection: close\r\n"));
	close(fd);
	close(idle);
	buffer_done(&reply);
	assert_int_equal(start(NULL), 0);
}

static void stopping_cuts_what_outlives_the_grace(void **state)
{
	int fd = raw_connect(port);
	struct buffer reply;

	buffer_init(&reply, 0);
	raw_puts(fd, "GET /endless HTTP/1.1\r\nHost: h\r\n");
	usleep(50000);
	atomic_store(&in_handler, 0);
	for (int i = 0; i < 6; i++) {
		int other = raw_connect(port);

		raw_puts(other, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
		while (i == 0 && !atomic_load(&in_handler))
			usleep(1000);
		close(other);
	}
	http_server_stop(server, 0);
	assert_true(raw_read_all(fd, &reply, RAW_TIMEOUT_MS));
	close(fd);
	buffer_done(&reply);
	assert_int_equal(start(NULL), 0);
}

static void taken_ports_and_bad_addresses_are_sentences(void **state)
{
	static const char *const addresses[] = { "", "9010", ":99999", ":x", "::1:80", "[::1]",
		"no.such.host.invalid:80", "vsock://9", "vsock://x:9", "127.0.0.1:-1" };
	struct http_server *other = NULL;
	struct http_server_config config = { .handler = handler };
	char taken[64];
	const char *address = taken;
	struct err err;

	snprintf(taken, sizeof(taken), "127.0.0.1:%d", port);
	config.listen_addresses = (struct strings){ &address, 1 };
	assert_int_equal(http_server_open(&config, &other, &err), -EADDRINUSE);
	assert_non_null(strstr(err.text, taken));
	assert_non_null(strstr(err.text, "Address already in use"));
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		address = addresses[i];
		assert_true(http_server_open(&config, &other, &err) < 0);
		assert_non_null(strstr(err.text, address));
	}
	config.listen_addresses.n = 0;
	assert_int_equal(http_server_open(&config, &other, &err), -EINVAL);
	assert_null(other);
}

static void a_server_that_never_served_can_be_stopped(void **state)
{
	const char *address = "127.0.0.1:0";
	const struct http_server_config config = {
		.handler = handler,
		.listen_addresses = { &address, 1 },
	};
	struct http_server *other = NULL;

	assert_int_equal(http_server_open(&config, &other, NULL), 0);
	http_server_stop(other, 1000);
	http_server_stop(NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(answers_a_get),
		TEST(listens_on_every_address),
		TEST(unknown_paths_get_the_text_of_the_spec),
		TEST(head_is_answered_like_get_without_a_body),
		TEST(paths_are_decoded_once),
		TEST(broken_paths_are_refused),
		TEST(a_raw_nul_in_the_target_is_refused),
		TEST(absolute_targets_are_taken),
		TEST(unclean_paths_are_redirected),
		TEST(post_forms_are_parameters),
		TEST(chunked_bodies_are_put_together),
		TEST(large_bodies_are_refused_before_they_are_read),
		TEST(large_chunked_bodies_are_refused),
		TEST(endless_bodies_are_cut),
		TEST(expectations_are_met_or_refused),
		TEST(ambiguous_framing_is_refused),
		TEST(odd_versions_and_garbage_are_refused),
		TEST(header_floods_are_refused),
		TEST(many_parameters_fit),
		TEST(pipelined_requests_are_answered_in_order),
		TEST(connections_are_kept_alive),
		TEST(half_heads_are_cut_in_time),
		TEST(dripping_heads_are_cut_in_time),
		TEST(idle_connections_are_closed_in_time),
		TEST(half_bodies_are_cut_in_time),
		TEST(clients_that_do_not_read_are_cut),
		TEST(slow_readers_are_not_cut),
		TEST(slow_readers_are_cut_where_an_answer_has_its_time),
		TEST(slow_handlers_do_not_hold_up_others),
		TEST(refusals_need_no_worker),
		TEST(many_clients_can_wait_for_one_slow_page),
		TEST(streams_come_in_chunks),
		TEST(broken_streams_are_cut_without_a_proper_end),
		TEST(answers_over_the_limit_become_errors),
		TEST(line_breaks_in_headers_never_get_out),
		TEST(peers_are_known_and_users_are_not),
		TEST(new_clients_get_in_while_idle_ones_fill_the_table),
		TEST(open_connections_take_little_more_than_a_head),
		TEST(stopping_lets_running_requests_finish),
		TEST(stopping_cuts_what_outlives_the_grace),
		TEST(taken_ports_and_bad_addresses_are_sentences),
		TEST(a_server_that_never_served_can_be_stopped),
	};

	return cmocka_run_group_tests_name("http_server", tests, start, stop);
}
