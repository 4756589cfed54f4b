// SPDX-License-Identifier: Apache-2.0
/* What a request carries because of the configuration, as header lines. */
#include <errno.h>
#include <stdlib.h>

#include "basic/base64.h"
#include "basic/str.h"
#include "net/http_client_internal.h"

static bool given(const char *text)
{
	return text && *text;
}

bool http_client_config_has_auth(const struct http_client_config *c)
{
	return http_client_uses_basic(c) || http_client_uses_authorization(c) ||
		http_client_uses_oauth2(c) || http_client_uses_bearer(c);
}

bool http_client_config_is_fixed(const struct http_client_config *c)
{
	const struct http_client_header *headers = c->http_headers.v;

	for (size_t i = 0; i < c->http_headers.n; i++) {
		if (headers[i].files.n)
			return false;
	}
	return !http_client_uses_oauth2(c) && !given(c->basic_auth.username_file) &&
		!given(c->basic_auth.password_file) && !given(c->authorization.credentials_file) &&
		!given(c->bearer_token_file);
}

static void add_authorization(const struct http_auth *auth, struct buffer *lines)
{
	struct buffer pair;

	if (auth->authorization) {
		buffer_printf(lines, "Authorization: %s\r\n", auth->authorization);
		return;
	}
	if (!auth->username)
		return;
	buffer_init(&pair, 0);
	buffer_printf(&pair, "%s:%s", auth->username, auth->password ? auth->password : "");
	buffer_puts(lines, "Authorization: Basic ");
	base64_encode((struct slice){ buffer_text(&pair), pair.len }, lines);
	buffer_puts(lines, "\r\n");
	if (buffer_error(&pair))
		lines->error = buffer_error(&pair);
	if (pair.data)
		explicit_bzero(pair.data, pair.cap);
	buffer_done(&pair);
}

static int add_headers(const struct http_client_config *c, struct buffer *lines, struct err *err)
{
	const struct http_client_header *headers = c->http_headers.v;

	for (size_t i = 0; i < c->http_headers.n; i++) {
		const struct strings *sets[] = { &headers[i].values, &headers[i].secrets };
		const char *name = c->http_headers.names[i];

		for (size_t k = 0; k < ARRAY_SIZE(sets); k++) {
			for (size_t v = 0; v < sets[k]->n; v++)
				buffer_printf(lines, "%s: %s\r\n", name, sets[k]->v[v]);
		}
		for (size_t v = 0; v < headers[i].files.n; v++) {
			CLEANUP(http_secret_freep) char *text = NULL;
			int r = http_secret_read(c->directory, headers[i].files.v[v], &text, err);

			if (r < 0)
				return r;
			buffer_printf(lines, "%s: %s\r\n", name, text);
		}
	}
	return 0;
}

void http_client_fields_refused(struct http_client *client, const char *lines)
{
	if (http_client_uses_oauth2(client->config))
		http_auth_forget_token(client, lines);
}

int http_client_fields(
	struct http_client *client, int64_t timeout_ms, struct buffer *ret_lines, struct err *err)
{
	CLEANUP(http_auth_done) struct http_auth auth = { 0 };
	int r = http_auth_get(client, http_client_now_ms() + timeout_ms, 0, &auth, err);

	if (r < 0)
		return r;
	add_authorization(&auth, ret_lines);
	r = add_headers(client->config, ret_lines, err);
	if (r >= 0 && buffer_error(ret_lines))
		r = err_errno(err, buffer_error(ret_lines), "HTTP request");
	return r;
}
