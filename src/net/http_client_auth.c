// SPDX-License-Identifier: Apache-2.0
/* Secrets, read anew for each request, and OAuth 2.0 tokens, kept until shortly before their end.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "basic/file.h"
#include "basic/str.h"
#include "net/http_client_internal.h"

enum {
	TOKEN_REPLY_MAX_BYTES = 1 << 20,
	TOKEN_MARGIN_MS = 10000, /* so long before its end a token is replaced */
	TOKEN_DEFAULT_S = 300, /* for servers that don't tell; RFC 6749 only recommends it */
	TOKEN_LIFE_MAX_S = 30 * 24 * 3600,
	/* A server that takes none, whatever it is, costs the token's server a request in so long.
	 */
	TOKEN_TRIED_MS = 5000,
	MS_PER_S = 1000,
};

static void wipe_buffer(struct buffer *buf)
{
	if (buf->data)
		explicit_bzero(buf->data, buf->cap);
	buffer_done(buf);
}

void http_secret_free(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

int http_secret_read(const char *directory, const char *path, char **ret_text, struct err *err)
{
	CLEANUP(wipe_buffer) struct buffer data = { 0 };
	char *full = http_client_path(directory, path);
	struct slice trimmed;
	int r;

	r = full ? file_read(AT_FDCWD, full, HTTP_SECRET_MAX_BYTES, &data) : -ENOMEM;
	free(full);
	if (r < 0)
		return err_errno(err, r, "reading the secret file '%s'", path);
	trimmed = slice_trim((struct slice){ buffer_text(&data), data.len });
	if (memchr(trimmed.p, '\0', trimmed.n) || memchr(trimmed.p, '\n', trimmed.n) ||
		memchr(trimmed.p, '\r', trimmed.n))
		return err_set(err, -EBADMSG, "the secret file '%s' has more than one line", path);
	*ret_text = strndup(trimmed.p, trimmed.n);
	return *ret_text ? 0 : err_errno(err, -ENOMEM, "reading the secret file '%s'", path);
}

/* The file's content if there is one, else a copy of the text ("" for NULL). */
static int get_secret(
	const char *directory, const char *text, const char *file, char **ret_text, struct err *err)
{
	if (file && *file)
		return http_secret_read(directory, file, ret_text, err);
	*ret_text = strdup(text ? text : "");
	return *ret_text ? 0 : err_errno(err, -ENOMEM, "HTTP authentication");
}

static int set_authorization(struct http_auth *auth, const char *type, const char *credentials)
{
	return asprintf(&auth->authorization, "%s %s", type, credentials) < 0 ? -ENOMEM : 0;
}

static void token_form(
	const struct http_client_config *c, const char *secret_in_form, struct buffer *form)
{
	CLEANUP(buffer_done) struct buffer scopes = { 0 };

	url_append_param(form, "grant_type", "client_credentials");
	for (size_t i = 0; i < c->oauth2.scopes.n; i++)
		buffer_printf(&scopes, "%s%s", i ? " " : "", c->oauth2.scopes.v[i]);
	if (scopes.len)
		url_append_param(form, "scope", buffer_text(&scopes));
	if (secret_in_form) {
		url_append_param(form, "client_id", c->oauth2.client_id);
		url_append_param(form, "client_secret", secret_in_form);
	}
	for (size_t i = 0; i < c->oauth2.endpoint_params.n; i++)
		url_append_param(form, c->oauth2.endpoint_params.names[i],
			c->oauth2.endpoint_params.values[i]);
	if (buffer_error(&scopes))
		form->error = buffer_error(&scopes);
}

/* One token request, with the secret in the Authorization header or in the form. */
static int ask_for_token(struct http_client *client, const char *secret, bool in_form,
	int64_t end_ms, int cancel_fd, struct http_reply *ret_reply, struct err *err)
{
	const struct http_client_config *c = client->config;
	CLEANUP(curl_slist_free_allp) struct curl_slist *headers = NULL;
	CLEANUP(wipe_buffer) struct buffer form = { 0 };
	struct http_auth auth = { (char *)c->oauth2.client_id, (char *)secret, NULL };
	struct http_transfer t = {
		.url = c->oauth2.token_url,
		.method = "POST",
		.auth = in_form ? NULL : &auth,
		.user_agent = client->user_agent,
		.tls = &client->token_tls,
		.proxy = &c->oauth2.proxy,
		.http2 = c->enable_http2,
		.end_ms = end_ms,
		.max_response_bytes = TOKEN_REPLY_MAX_BYTES,
		.cancel_fd = cancel_fd,
	};
	struct http_handle *handle;
	int r;

	token_form(c, in_form ? secret : NULL, &form);
	r = buffer_error(&form);
	if (r >= 0)
		r = http_header_add(&headers, "Accept", "application/json");
	handle = r < 0 ? NULL : http_handle_get(client);
	if (!handle)
		return err_errno(err, -ENOMEM, "oauth2");
	t.headers = headers;
	t.body = form.data;
	t.body_len = form.len;
	r = http_transfer_run(handle, &t, ret_reply, err);
	http_handle_put(client, handle);
	return r < 0 ? err_prefix(err, r, "oauth2") : 0;
}

static int parse_token(
	const struct http_reply *reply, char **ret_token, int64_t *ret_life_s, struct err *err)
{
	json_t *root = json_loadb(buffer_text(&reply->body), reply->body.len, 0, NULL);
	const char *token = json_string_value(json_object_get(root, "access_token"));
	const json_t *life = json_object_get(root, "expires_in");
	int r = -EBADMSG;

	if (!token || !*token || strpbrk(token, "\r\n")) {
		r = err_set(err, r, "oauth2: the token server's answer has no access_token");
	} else {
		/* Some servers send the number as a string. */
		double seconds = json_is_string(life) ? atof(json_string_value(life))
						      : json_number_value(life);

		*ret_life_s = seconds > 0 ? (int64_t)MIN(seconds, (double)TOKEN_LIFE_MAX_S)
					  : TOKEN_DEFAULT_S;
		*ret_token = strdup(token);
		r = *ret_token ? 0 : err_errno(err, -ENOMEM, "oauth2");
	}
	json_decref(root);
	return r;
}

static int fetch_token_locked(struct http_client *client, const char *secret, int64_t end_ms,
	int cancel_fd, struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	int64_t life_s = 0;
	char *token = NULL;
	int r;

	r = ask_for_token(client, secret, false, end_ms, cancel_fd, &reply, err);
	/* RFC 6749 2.3.1 lets servers take the secret in the form only. */
	if (r >= 0 && (reply.status == 400 || reply.status == 401)) {
		http_reply_done(&reply);
		r = ask_for_token(client, secret, true, end_ms, cancel_fd, &reply, err);
	}
	if (r < 0)
		return r;
	if (reply.status != 200)
		return err_set(err, -EACCES, "oauth2: the token server answered %d", reply.status);
	r = parse_token(&reply, &token, &life_s, err);
	if (r < 0)
		return r;
	http_secret_free(client->token);
	client->token = token;
	http_secret_free(client->token_secret);
	client->token_secret = strdup(secret);
	client->token_had_ms = http_client_now_ms();
	client->token_end_ms = client->token_had_ms +
		MAX(life_s * MS_PER_S - TOKEN_MARGIN_MS, life_s * MS_PER_S / 2);
	return 0;
}

static int get_token(struct http_client *client, int64_t end_ms, int cancel_fd,
	struct http_auth *ret_auth, struct err *err)
{
	const struct http_client_config *c = client->config;
	CLEANUP(http_secret_freep) char *secret = NULL;
	int r = get_secret(
		c->directory, c->oauth2.client_secret, c->oauth2.client_secret_file, &secret, err);

	if (r < 0)
		return r;
	pthread_mutex_lock(&client->token_lock);
	if (!client->token || !client->token_secret || !str_eq(client->token_secret, secret) ||
		client->token_end_ms <= http_client_now_ms())
		r = fetch_token_locked(client, secret, end_ms, cancel_fd, err);
	if (r >= 0)
		r = set_authorization(ret_auth, "Bearer", client->token);
	pthread_mutex_unlock(&client->token_lock);
	return r;
}

void http_auth_forget_token(struct http_client *client, const char *used)
{
	/* Whoever holds it is getting another one, for as long as that takes. */
	if (pthread_mutex_trylock(&client->token_lock) != 0)
		return;
	if (client->token && strstr(used, client->token) &&
		http_client_now_ms() - client->token_had_ms >= TOKEN_TRIED_MS)
		http_secret_free(TAKE(client->token));
	pthread_mutex_unlock(&client->token_lock);
}

int http_auth_get(struct http_client *client, int64_t end_ms, int cancel_fd,
	struct http_auth *ret_auth, struct err *err)
{
	const struct http_client_config *c = client->config;
	CLEANUP(http_secret_freep) char *secret = NULL;
	const char *type = "Bearer";
	int r = 0;

	if (http_client_uses_oauth2(c))
		return get_token(client, end_ms, cancel_fd, ret_auth, err);
	if (http_client_uses_basic(c)) {
		r = get_secret(c->directory, c->basic_auth.username, c->basic_auth.username_file,
			&ret_auth->username, err);
		if (r >= 0)
			r = get_secret(c->directory, c->basic_auth.password,
				c->basic_auth.password_file, &ret_auth->password, err);
		return r;
	}
	if (http_client_uses_authorization(c)) {
		type = c->authorization.type && *c->authorization.type ? c->authorization.type
								       : type;
		r = get_secret(c->directory, c->authorization.credentials,
			c->authorization.credentials_file, &secret, err);
	} else if (http_client_uses_bearer(c)) {
		r = get_secret(c->directory, c->bearer_token, c->bearer_token_file, &secret, err);
	}
	if (r >= 0 && secret && set_authorization(ret_auth, type, secret) < 0)
		r = err_errno(err, -ENOMEM, "HTTP authentication");
	return r;
}

void http_auth_done(struct http_auth *auth)
{
	http_secret_free(auth->username);
	http_secret_free(auth->password);
	http_secret_free(auth->authorization);
	*auth = (struct http_auth){ 0 };
}
