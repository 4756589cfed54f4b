// SPDX-License-Identifier: Apache-2.0
/*
 * The target of a request line and form-encoded parameters. Escapes are decoded exactly once,
 * here; pure, no I/O.
 */
#ifndef CEEMS_NET_HTTP_TARGET_H
#define CEEMS_NET_HTTP_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#include "basic/arena.h"
#include "basic/buffer.h"

struct http_param {
	const char *name, *value;
};

struct http_target {
	const char *path; /* decoded, begins with '/' */
	const char *query; /* as sent, without '?'; NULL if there is none */
};

struct http_params {
	struct http_param *v;
	size_t n;
};

/*
 * Takes "/path?query" and "http://host/path?query". -EBADMSG: no path, blanks or control bytes,
 * a malformed escape or an escaped NUL in the path. -ENOMEM.
 */
int http_target_parse(const char *raw, struct arena *arena, struct http_target *ret_target);

/* Whether the path has empty, "." or ".." segments (a slash at its end is fine). */
bool http_path_is_clean(const char *path);

/* Appends the clean form of path, escaped for a Location header, and '?' with the query if any. */
void http_path_clean(const char *path, const char *query, struct buffer *ret_location);

/*
 * Appends the pairs of a form-encoded text to params. A pair with a malformed escape, an escaped
 * NUL or a ';' is left out. -ENOMEM.
 */
int http_params_parse(
	const char *text, size_t len, struct arena *arena, struct http_params *params);

#endif
