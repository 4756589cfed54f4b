// SPDX-License-Identifier: Apache-2.0
#include "net/http_plain.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "basic/macros.h"

enum { DRAIN_BYTES = 4096, DRAINS_MAX = 16 };

static const char request_starts[][HTTP_PLAIN_BYTES + 1] = { "GET /", "HEAD ", "POST ", "PUT /",
	"OPTIO", "DELET", "PATCH" };

static const char answer[] = "HTTP/1.0 400 Bad Request\r\n"
			     "Content-Type: text/plain; charset=utf-8\r\n"
			     "Connection: close\r\n\r\n" HTTP_PLAIN_TEXT;

bool http_plain_begins(const void *data)
{
	for (size_t i = 0; i < ARRAY_SIZE(request_starts); i++) {
		if (memcmp(data, request_starts[i], HTTP_PLAIN_BYTES) == 0)
			return true;
	}
	return false;
}

/* A socket that is closed with something unread is reset, and the answer may be lost. */
static void drain(int fd)
{
	char data[DRAIN_BYTES];

	for (int i = 0; i < DRAINS_MAX; i++) {
		if (recv(fd, data, sizeof(data), MSG_DONTWAIT) <= 0)
			return;
	}
}

/* Reads as the library does, which asks for the head of a record first. */
static ssize_t pull(gnutls_transport_ptr_t transport, void *data, size_t size)
{
	const int fd = (int)(intptr_t)transport;
	const ssize_t n = recv(fd, data, size, 0);

	if (n == HTTP_PLAIN_BYTES && http_plain_begins(data)) {
		drain(fd);
		(void)send(fd, answer, strlen(answer), MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	return n;
}

/* As the library's, which it doesn't give back. */
static ssize_t pull_all(gnutls_transport_ptr_t transport, void *data, size_t size)
{
	return recv((int)(intptr_t)transport, data, size, 0);
}

static int on_hello(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
	const gnutls_datum_t *message)
{
	gnutls_transport_set_pull_function(session, pull_all);
	return 0;
}

void http_plain_answer(gnutls_session_t session, int fd)
{
	/* Reads of another kind are left to who set them up. */
	if (gnutls_transport_get_int(session) != fd)
		return;
	gnutls_transport_set_pull_function(session, pull);
	gnutls_handshake_set_hook_function(
		session, GNUTLS_HANDSHAKE_CLIENT_HELLO, GNUTLS_HOOK_PRE, on_hello);
}
