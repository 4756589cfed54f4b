// SPDX-License-Identifier: Apache-2.0
#include "remote/kube/kube_client.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>

#include "basic/file.h"
#include "host/privilege.h"
#include "net/websocket.h"
#include "remote/kube/kube_object.h"

enum secret { SECRET_CA, SECRET_CERT, SECRET_KEY, SECRET_TOKEN, N_SECRETS };

struct kube_client {
	const struct kube_config *config;
	char *user_agent;
	struct buffer secrets[N_SECRETS]; /* empty: none */
	struct http_client_config http_config; /* points into the secrets */
	struct http_client *http; /* NULL: to be made with the secrets as they are */
};

static void wipe(struct buffer *secret)
{
	if (secret->data)
		explicit_bzero(secret->data, secret->cap);
	buffer_done(secret);
}

/* A token ends in a line break as often as not. */
static void trim_token(struct buffer *token)
{
	struct slice text = slice_trim((struct slice){ buffer_text(token), token->len });

	if (!token->len)
		return;
	memmove(token->data, text.p, text.n);
	token->len = text.n;
	token->data[text.n] = '\0';
}

static int read_secret(const char *file, struct buffer *ret_text)
{
	const capability_set raised = privilege_raise(CAPABILITY(CAP_DAC_READ_SEARCH));
	int r = file_read(AT_FDCWD, file, KUBE_SECRET_MAX_BYTES, ret_text);

	privilege_lower(raised);
	if (r >= 0 && ret_text->len && memchr(ret_text->data, '\0', ret_text->len))
		r = -EBADMSG;
	return r;
}

/* 1: it is another one now. */
static int refresh(struct kube_client *client, enum secret which, const char *text,
	const char *file, struct err *err)
{
	CLEANUP(wipe) struct buffer now;
	struct buffer *known = &client->secrets[which];
	int r = 0;

	buffer_init(&now, 0);
	if (file)
		r = read_secret(file, &now);
	if (r < 0 && !text)
		return err_errno(err, r, "reading '%s'", file);
	if (r < 0 || !file) {
		buffer_clear(&now);
		buffer_puts(&now, text ? text : "");
	}
	if (which == SECRET_TOKEN)
		trim_token(&now);
	if (buffer_error(&now))
		return err_errno(err, buffer_error(&now), "credentials");
	if (now.len == known->len && memcmp(buffer_text(&now), buffer_text(known), now.len) == 0)
		return 0;
	wipe(known);
	*known = now;
	buffer_init(&now, 0);
	return 1;
}

static const char *text_or_null(const struct buffer *secret)
{
	return secret->len ? secret->data : NULL;
}

static int make_http(struct kube_client *client, struct err *err)
{
	const struct kube_config *c = client->config;

	client->http_config = (struct http_client_config){
		.tls = {
			.ca = text_or_null(&client->secrets[SECRET_CA]),
			.cert = text_or_null(&client->secrets[SECRET_CERT]),
			.key = text_or_null(&client->secrets[SECRET_KEY]),
			.server_name = c->tls_server_name,
			.insecure_skip_verify = c->insecure,
		},
		.proxy = {
			.url = c->proxy_url,
			.from_environment = !c->proxy_url,
		},
		.basic_auth = {
			.present = c->username != NULL,
			.username = c->username,
			.password = c->password,
		},
	};
	return http_client_new(&client->http_config, client->user_agent, &client->http, err);
}

static int load(struct kube_client *client, struct err *err)
{
	const struct kube_config *c = client->config;
	const char *const sources[N_SECRETS][2] = {
		[SECRET_CA] = { c->ca, c->ca_file },
		[SECRET_CERT] = { c->cert, c->cert_file },
		[SECRET_KEY] = { c->key, c->key_file },
		[SECRET_TOKEN] = { c->token, c->token_file },
	};
	bool changed = false;

	for (int i = 0; i < N_SECRETS; i++) {
		int r = refresh(client, (enum secret)i, sources[i][0], sources[i][1], err);

		if (r < 0)
			return r;
		changed |= r > 0 && i != SECRET_TOKEN;
	}
	if (changed) {
		http_client_free(client->http);
		client->http = NULL;
	}
	return client->http ? 0 : make_http(client, err);
}

int kube_client_new(const struct kube_config *config, const char *user_agent,
	struct kube_client **ret_client, struct err *err)
{
	CLEANUP(kube_client_freep) struct kube_client *client = calloc(1, sizeof(*client));
	int r;

	if (!client)
		return err_errno(err, -ENOMEM, "client of the Kubernetes API");
	client->config = config;
	client->user_agent = strdup(user_agent);
	if (!client->user_agent)
		return err_errno(err, -ENOMEM, "client of the Kubernetes API");
	r = load(client, err);
	if (r < 0)
		return err_prefix(err, r, "client of the Kubernetes API");
	*ret_client = TAKE(client);
	return 0;
}

void kube_client_free(struct kube_client *client)
{
	if (!client)
		return;
	http_client_free(client->http);
	for (int i = 0; i < N_SECRETS; i++)
		wipe(&client->secrets[i]);
	free(client->user_agent);
	free(client);
}

static int code_of(int status)
{
	switch (status) {
	case 401:
	case 403:
		return -EACCES;
	case 404:
		return -ENOENT;
	case 410:
		return -ESTALE;
	case 429:
	case 503:
	case 504:
		return -EAGAIN;
	default:
		return -EREMOTEIO;
	}
}

static int refused(const char *path, const struct http_reply *reply, struct err *err)
{
	const struct slice body = { buffer_text(&reply->body), reply->body.len };
	char message[KUBE_MESSAGE_MAX];

	if (kube_status_message(body, message) < 0)
		return err_set(
			err, code_of(reply->status), "GET %s: HTTP status %d", path, reply->status);
	return err_set(err, code_of(reply->status), "GET %s: HTTP status %d: %s", path,
		reply->status, message);
}

/* What goes out, with the credentials as they are now. */
struct outgoing {
	struct buffer url, accept, authorization;
	const char *headers[3];
};

static void outgoing_done(struct outgoing *out)
{
	wipe(&out->url);
	wipe(&out->accept);
	wipe(&out->authorization);
}

static int outgoing_make(struct kube_client *client, const struct kube_request *request,
	struct outgoing *out, struct err *err)
{
	int r = load(client, err);

	if (r < 0)
		return r;
	buffer_printf(&out->url, "%s%s", client->config->server, request->path);
	buffer_printf(
		&out->accept, "Accept: %s", request->accept ? request->accept : "application/json");
	out->headers[0] = buffer_text(&out->accept);
	if (client->secrets[SECRET_TOKEN].len && !client->config->username) {
		buffer_printf(&out->authorization, "Authorization: Bearer %s",
			client->secrets[SECRET_TOKEN].data);
		out->headers[1] = buffer_text(&out->authorization);
	}
	if (buffer_error(&out->url) || buffer_error(&out->accept) ||
		buffer_error(&out->authorization))
		return err_errno(err, -ENOMEM, "GET %s", request->path);
	return 0;
}

int kube_client_get(struct kube_client *client, const struct kube_request *request,
	struct buffer *ret_body, struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	CLEANUP(outgoing_done) struct outgoing out = { 0 };
	int r = outgoing_make(client, request, &out, err);

	if (r < 0)
		return r;
	const struct http_call call = {
		.method = "GET",
		.url = buffer_text(&out.url),
		.headers = out.headers,
		.timeout_ms = request->timeout_ms,
		.max_response_bytes = request->max_reply_bytes,
		.cancel_fd = request->cancel_fd,
		.on_body = request->on_body,
		.on_open = request->on_open,
		.ctx = request->ctx,
	};

	r = http_client_call(client->http, &call, &reply, err);
	if (r < 0)
		return r;
	if (reply.status / 100 != 2)
		return refused(request->path, &reply, err);
	if (ret_body) {
		*ret_body = reply.body;
		buffer_init(&reply.body, 0);
	}
	return 0;
}

int kube_client_listen(struct kube_client *client, const struct kube_request *request,
	const char *protocol, int (*on_message)(void *ctx, struct slice message), struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply refusal = { 0 };
	CLEANUP(outgoing_done) struct outgoing out = { 0 };
	int r = outgoing_make(client, request, &out, err);

	if (r < 0)
		return r;
	const struct websocket_call call = {
		.url = buffer_text(&out.url),
		.headers = out.headers,
		.protocol = protocol,
		.timeout_ms = request->timeout_ms,
		.max_message_bytes = request->max_reply_bytes,
		.cancel_fd = request->cancel_fd,
		.on_message = on_message,
		.ctx = request->ctx,
	};

	r = websocket_call(client->http, &call, &refusal, err);
	return r == -ECONNABORTED ? refused(request->path, &refusal, err) : r;
}

void kube_query_escape(struct buffer *out, const char *text)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	for (; *text; text++) {
		if (strchr(plain, *text))
			buffer_putc(out, *text);
		else
			buffer_printf(out, "%%%02X", (unsigned char)*text);
	}
}

void kube_query_add(struct buffer *path, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	buffer_printf(path, "&%s=", name);
	kube_query_escape(path, value);
}
