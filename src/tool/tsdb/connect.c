// SPDX-License-Identifier: Apache-2.0
#include "tool/tsdb/connect.h"

#include <errno.h>
#include <string.h>

#include "basic/macros.h"
#include "basic/str.h"

enum { CONFIG_ARENA_MAX_BYTES = 8 << 20 };

int connection_url(const char *given, struct buffer *ret_url, struct err *err)
{
	const char *rest = given, *scheme = "";

	if (str_starts(given, "http://") || str_starts(given, "https://")) {
		rest = strstr(given, "//") + 2;
	} else if (str_starts(given, "//")) {
		scheme = "http:";
		rest = given + 2;
	} else if (strstr(given, "://")) {
		return err_set(err, -EINVAL, "--url must begin with http:// or https://");
	} else if (given[strcspn(given, ":/")] == ':') {
		/* A name before a colon is a scheme in every URL grammar: no guessing. */
		return err_set(err, -EINVAL,
			"--url needs a scheme in front of the host when a port is given, for "
			"instance http://localhost:9090");
	} else {
		scheme = "http://";
	}
	if (!*rest || *rest == '/' || *rest == ':')
		return err_set(err, -EINVAL, "--url has no host");
	for (const char *p = given; *p; p++) {
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return err_set(err, -EINVAL, "--url must not hold blanks");
	}
	buffer_puts(ret_url, scheme);
	buffer_puts(ret_url, given);
	return buffer_error(ret_url) ? err_errno(err, buffer_error(ret_url), "--url") : 0;
}

static bool has_user(const char *url)
{
	const char *host = strstr(url, "//");

	return host && memchr(host + 2, '@', strcspn(host + 2, "/?#"));
}

static int load(struct connection *conn, const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	int r;

	r = config_load(path, false, &http_client_config_table, &conn->file, &conn->arena, err);
	if (r < 0)
		return r;
	conn->file.directory = slash
		? arena_strndup(&conn->arena, path, slash == path ? 1 : (size_t)(slash - path))
		: ".";
	if (!conn->file.directory)
		return err_errno(err, -ENOMEM, "reading '%s'", path);
	conn->config = &conn->file;
	return 0;
}

int connection_init(struct connection *conn, const struct server_options *server, bool one_login,
	struct err *err)
{
	int r;

	arena_init(&conn->arena, CONFIG_ARENA_MAX_BYTES);
	r = connection_url(server->url, &conn->url, err);
	if (r < 0)
		return r;
	if (one_login && *server->http_config_file && has_user(buffer_text(&conn->url)))
		return err_set(
			err, -EINVAL, "a user in --url cannot be combined with --http.config.file");
	r = url_redact(buffer_text(&conn->url), &conn->shown_url);
	if (r < 0)
		return err_errno(err, r, "--url");
	return *server->http_config_file ? load(conn, server->http_config_file, err) : 0;
}

void connection_done(struct connection *conn)
{
	buffer_done(&conn->url);
	buffer_done(&conn->shown_url);
	arena_done(&conn->arena);
}
