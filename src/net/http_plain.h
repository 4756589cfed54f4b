// SPDX-License-Identifier: Apache-2.0
/*
 * Plain HTTP sent to a port with TLS: status 400 in plain text, as Go's server answers it, before
 * the handshake fails of it.
 */
#ifndef CEEMS_NET_HTTP_PLAIN_H
#define CEEMS_NET_HTTP_PLAIN_H

#include <gnutls/gnutls.h>
#include <stdbool.h>

#define HTTP_PLAIN_TEXT "Client sent an HTTP request to an HTTPS server.\n"

enum { HTTP_PLAIN_BYTES = 5 /* the head of a TLS record */ };

/* Whether so many bytes, in place of such a head, begin a request. */
bool http_plain_begins(const void *data);

/*
 * Before the handshake of a session over the socket fd, which it must read by itself. Once the
 * handshake has begun, reads are the library's own again.
 */
void http_plain_answer(gnutls_session_t session, int fd);

#endif
