// SPDX-License-Identifier: Apache-2.0
/*
 * Requests to a Kubernetes API server. Tokens, certificates and keys that are files are read anew
 * before each request (they rotate), with CAP_DAC_READ_SEARCH if the process may have it. A client
 * belongs to one thread at a time.
 */
#ifndef CEEMS_REMOTE_KUBE_KUBE_CLIENT_H
#define CEEMS_REMOTE_KUBE_KUBE_CLIENT_H

#include "net/http_client.h"
#include "remote/kube/kube_config.h"

struct kube_client;

/* config, with what it points to, outlives the client. Reads the credentials once. */
int kube_client_new(const struct kube_config *config, const char *user_agent,
	struct kube_client **ret_client, struct err *err);
void kube_client_free(struct kube_client *client); /* NULL is fine */
DEFINE_CLEANUP(struct kube_client *, kube_client_free);

struct kube_request {
	const char *path; /* "/api/v1/pods", with its query */
	const char *accept; /* NULL: "application/json" */
	int64_t timeout_ms;
	size_t max_reply_bytes;
	int cancel_fd;
	/* See struct http_call: takes the body as it comes; it will come. */
	int (*on_body)(void *ctx, const void *data, size_t len);
	void (*on_open)(void *ctx);
	void *ctx;
};

/*
 * GET. 0: a good answer; else the errors of http_client_call(), and what the server answered:
 * -EACCES (401, 403), -ENOENT (404), -ESTALE (410: the version asked for is gone), -EAGAIN (429,
 * 503, 504), -EREMOTEIO. The sentence has the server's own.
 */
int kube_client_get(struct kube_client *client, const struct kube_request *request,
	struct buffer *ret_body, struct err *err);

/*
 * Listens to a WebSocket of the API until the server closes it. Errors of websocket_call(), and
 * refusals as above. max_reply_bytes is of a message; accept and on_body have no use.
 */
int kube_client_listen(struct kube_client *client, const struct kube_request *request,
	const char *protocol, int (*on_message)(void *ctx, struct slice message), struct err *err);

/* Appends the text, percent-encoded, for a query. Failures stick. */
void kube_query_escape(struct buffer *out, const char *text);
/* Appends "&NAME=VALUE" with the value percent-encoded; nothing for NULL and "". Failures stick. */
void kube_query_add(struct buffer *path, const char *name, const char *value);

#endif
