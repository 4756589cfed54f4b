// SPDX-License-Identifier: Apache-2.0
/*
 * The web config file (spec exporter-node.md 5): its keys, and the rules that can be told from the
 * file alone. The TLS material it names is loaded by net/http_tls.h.
 */
#ifndef CEEMS_NET_WEB_CONFIG_FILE_H
#define CEEMS_NET_WEB_CONFIG_FILE_H

#include <stdbool.h>

#include "basic/arena.h"
#include "basic/err.h"
#include "format/config.h"

struct web_tls_config {
	const char *cert, *cert_file, *key, *key_file; /* a file wins over inline text */
	const char *client_ca, *client_ca_file;
	const char *client_auth_type;
	struct strings client_allowed_sans;
	const char *min_version, *max_version;
	struct strings cipher_suites;
	bool prefer_server_cipher_suites;
	struct strings curve_preferences;
};

struct web_config {
	struct web_tls_config tls;
	struct {
		bool http2; /* taken, but this server speaks HTTP/1.1 */
		struct config_map headers;
	} http;
	struct config_map users; /* name -> bcrypt hash */
};

enum {
	WEB_CONFIG_MAX_BYTES = 1 << 20,
	WEB_CONFIG_BCRYPT_LEN = 60,
	/* 2^16 rounds take seconds already; the standard allows 31, which takes a day. */
	WEB_CONFIG_BCRYPT_COST_MAX = 16,
};

extern const struct config_table web_config_table;

/* name is for errors. -EBADMSG, -ENOMEM. */
int web_config_parse(const char *text, size_t len, const char *name, struct arena *arena,
	struct web_config *ret_config, struct err *err);

/* Whether it switches TLS on: any of cert, key, client_ca, client_auth_type. */
bool web_config_has_tls(const struct web_config *config);

/* Whether TLS keys are set that have no effect without a certificate. */
bool web_config_has_idle_tls_keys(const struct web_config *config);

/* "$2a$", "$2b$" or "$2y$", a cost, salt and digest. */
bool web_config_is_bcrypt(const char *hash);

#endif
