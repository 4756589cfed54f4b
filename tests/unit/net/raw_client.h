// SPDX-License-Identifier: Apache-2.0
/* A client that sends exactly the bytes it is given, for requests that no proper client makes. */
#ifndef CEEMS_TESTS_RAW_CLIENT_H
#define CEEMS_TESTS_RAW_CLIENT_H

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "basic/buffer.h"

enum { RAW_TIMEOUT_MS = 10000 };

static inline int raw_connect(int port)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	return fd;
}

/* False once the peer has gone. */
static inline bool raw_send(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static inline bool raw_puts(int fd, const char *text)
{
	return raw_send(fd, text, strlen(text));
}

/* Reads to the end of the connection; false if that did not come in time. */
static inline bool raw_read_all(int fd, struct buffer *reply, int timeout_ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char data[65536];

	for (;;) {
		ssize_t n;

		if (poll(&pfd, 1, timeout_ms) <= 0)
			return false;
		n = recv(fd, data, sizeof(data), 0);
		if (n <= 0)
			return true; /* a reset is an end, too */
		buffer_append(reply, data, (size_t)n);
	}
}

/* Reads until text has been seen that many times. */
static inline bool raw_read_until(int fd, struct buffer *reply, const char *text, int times)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char data[65536];

	for (;;) {
		const char *p = buffer_text(reply);
		int seen = 0;
		ssize_t n;

		while ((p = strstr(p, text))) {
			seen++;
			p += strlen(text);
		}
		if (seen >= times)
			return true;
		if (poll(&pfd, 1, RAW_TIMEOUT_MS) <= 0)
			return false;
		n = recv(fd, data, sizeof(data), 0);
		if (n <= 0)
			return false;
		buffer_append(reply, data, (size_t)n);
	}
}

static inline int64_t raw_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* The whole answer to a request text, over a connection of its own. Valid until the next call. */
static inline const char *raw_request_len(int port, const void *request, size_t len)
{
	static struct buffer reply;
	int fd = raw_connect(port);

	buffer_done(&reply);
	buffer_init(&reply, 0);
	(void)raw_send(fd, request, len);
	assert_true(raw_read_all(fd, &reply, RAW_TIMEOUT_MS));
	close(fd);
	return buffer_text(&reply);
}

static inline const char *raw_request(int port, const char *request)
{
	return raw_request_len(port, request, strlen(request));
}

static inline int raw_status(const char *reply)
{
	return strncmp(reply, "HTTP/1.", 7) == 0 ? atoi(reply + 9) : -1;
}

static inline const char *raw_body(const char *reply)
{
	const char *end = strstr(reply, "\r\n\r\n");

	return end ? end + 4 : "";
}

#endif
