// SPDX-License-Identifier: Apache-2.0
/* --url and --http.config.file: where a server is and how to speak to it. */
#ifndef CEEMS_TOOL_TSDB_CONNECT_H
#define CEEMS_TOOL_TSDB_CONNECT_H

#include <stdbool.h>

#include "basic/arena.h"
#include "basic/buffer.h"
#include "basic/err.h"
#include "config.h"
#include "net/http_client.h"
#include "tool/tool.h"

#define CONNECTION_USER_AGENT "ceems_tool/" CEEMS_VERSION

struct connection {
	struct arena arena;
	struct http_client_config file; /* of --http.config.file */
	const struct http_client_config *config; /* NULL: defaults */
	struct buffer url; /* with scheme */
	struct buffer shown_url; /* without the password, for messages */
};

/*
 * Zero it first; connection_done() is fine after a failure too. one_login: a user in the URL and a
 * config file exclude each other.
 */
int connection_init(struct connection *conn, const struct server_options *server, bool one_login,
	struct err *err);
void connection_done(struct connection *conn);

/* "host" and "//host:port" get the scheme http. -EINVAL: neither that nor http nor https. */
int connection_url(const char *given, struct buffer *ret_url, struct err *err);

#endif
