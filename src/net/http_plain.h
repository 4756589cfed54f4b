// SPDX-License-Identifier: Apache-2.0
/*
 * Plain HTTP sent to a port with TLS: status 400 in plain text, as Go's server answers it, before
 * the handshake fails of it.
 */
#ifndef CEEMS_NET_HTTP_PLAIN_H
#define CEEMS_NET_HTTP_PLAIN_H

#include <gnutls/gnutls.h>

/* Before the handshake of a session over the socket fd, which it must read by itself. */
void http_plain_answer(gnutls_session_t session, int fd);

#endif
