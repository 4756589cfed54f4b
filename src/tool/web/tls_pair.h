// SPDX-License-Identifier: Apache-2.0
/* A self-signed certificate and its key: ECDSA P-256, PKCS#8, both as PEM text. */
#ifndef CEEMS_TOOL_WEB_TLS_PAIR_H
#define CEEMS_TOOL_WEB_TLS_PAIR_H

#include <stdint.h>

#include "basic/buffer.h"
#include "basic/err.h"
#include "basic/options.h" /* struct strings */

/*
 * hosts become subject alternative names: IP addresses as such, all others as DNS names. Valid from
 * now_s (Unix seconds) for validity_s > 0. The text is appended to the buffers; the key's is
 * secret.
 */
int tls_pair_generate(const struct strings *hosts, int64_t now_s, int64_t validity_s,
	struct buffer *ret_cert_pem, struct buffer *ret_key_pem, struct err *err);

#endif
