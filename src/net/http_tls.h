// SPDX-License-Identifier: Apache-2.0
/*
 * TLS of the server: what a web config says, ready for handshakes (GnuTLS). Suites, curves and
 * versions come by the names that Go gives them, as in Prometheus's web configs.
 */
#ifndef CEEMS_NET_HTTP_TLS_H
#define CEEMS_NET_HTTP_TLS_H

#include <gnutls/gnutls.h>
#include <stdbool.h>

#include <stdbool.h>

#include "basic/err.h"
#include "net/web_config_file.h"

struct http_tls; /* counted; handshakes of several threads may share one */

enum { HTTP_TLS_FILE_MAX_BYTES = 1 << 20 };

/* Loads certificate, key and authorities; relative files are below directory. */
int http_tls_new(const struct web_tls_config *config, const char *directory,
	struct http_tls **ret_tls, struct err *err);
struct http_tls *http_tls_ref(struct http_tls *tls);
void http_tls_unref(struct http_tls *tls); /* NULL is fine */

/* Whether every client must have a certificate, which is verified. */
bool http_tls_authenticates(const struct http_tls *tls);

/*
 * After the handshake: whether the client's certificate was verified, and its subject's common name
 * (empty if it doesn't fit or isn't there).
 */
bool http_tls_client_name(
	const struct http_tls *tls, gnutls_session_t session, char *ret_name, size_t cap);

/* Sets a session up before its handshake. tls must stay until the session's end. */
int http_tls_attach(struct http_tls *tls, gnutls_session_t session);

/* After the handshake: whether the client showed a certificate, and it was verified. */
bool http_tls_peer_is_verified(const struct http_tls *tls, gnutls_session_t session);

#endif
