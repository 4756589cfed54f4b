// SPDX-License-Identifier: Apache-2.0
/* From the names in a web config to GnuTLS's. */
#ifndef CEEMS_NET_HTTP_TLS_NAMES_H
#define CEEMS_NET_HTTP_TLS_NAMES_H

#include "basic/buffer.h"
#include "basic/err.h"
#include "net/web_config_file.h"

enum http_tls_client_auth {
	HTTP_TLS_NO_CLIENT_CERT,
	HTTP_TLS_REQUEST,
	HTTP_TLS_REQUIRE_ANY,
	HTTP_TLS_VERIFY_IF_GIVEN,
	HTTP_TLS_REQUIRE_AND_VERIFY,
};

/* Names of versions, suites, curves and client_auth_type. -EINVAL. */
int http_tls_check_names(const struct web_tls_config *config, struct err *err);

/* NULL and "" are NoClientCert. -EINVAL. */
int http_tls_client_auth(const char *name, enum http_tls_client_auth *ret_auth);

/*
 * GnuTLS's priority string. Suites are made of its parts: it allows each listed key exchange with
 * each listed cipher, which is more than the list if that mixes ECDSA and RSA unevenly. TLS 1.3
 * shares the ciphers; without one that it can use it is switched off.
 */
int http_tls_priorities(
	const struct web_tls_config *config, struct buffer *ret_text, struct err *err);

#endif
