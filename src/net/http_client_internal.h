// SPDX-License-Identifier: Apache-2.0
/*
 * What the files of the HTTP client share: configuration rules, secrets and tokens
 * (http_client_auth.c), one request without redirects (http_transfer.c), and the client.
 */
#ifndef CEEMS_NET_HTTP_CLIENT_INTERNAL_H
#define CEEMS_NET_HTTP_CLIENT_INTERNAL_H

#include <curl/curl.h>
#include <pthread.h>
#include <stdbool.h>

#include "net/http_client.h"

enum {
	HTTP_SECRET_MAX_BYTES = 64 << 10,
	HTTP_REPLY_HEADERS_MAX_BYTES = 64 << 10,
	HTTP_REDIRECTS_MAX = 10,
	HTTP_IDLE_HANDLES_MAX = 16,
};

bool http_client_uses_basic(const struct http_client_config *config);
bool http_client_uses_authorization(const struct http_client_config *config);
bool http_client_uses_oauth2(const struct http_client_config *config);
bool http_client_uses_bearer(const struct http_client_config *config);

/* "TLS12" -> CURL_SSLVERSION_TLSv1_2; 0 for NULL or ""; -EINVAL. */
int http_client_tls_version(const char *name);

DEFINE_CLEANUP(CURLU *, curl_url_cleanup);
DEFINE_CLEANUP(struct curl_slist *, curl_slist_free_all);
DEFINE_CLEANUP(struct http_client *, http_client_free);

static inline void curl_textp(char **text)
{
	curl_free(*text);
}

enum { HTTP_TLS_CA, HTTP_TLS_CERT, HTTP_TLS_KEY, HTTP_TLS_N };

struct http_tls_files {
	char *paths[HTTP_TLS_N]; /* NULL: none given */
	int fds[HTTP_TLS_N]; /* behind the paths of inline material, else -1 */
	int min_version, max_version; /* CURL_SSLVERSION_... or 0 */
	const char *server_name; /* or NULL */
	bool insecure;
};
int http_tls_files_init(struct http_tls_files *files, const struct http_client_tls *tls,
	const char *directory, struct err *err);
void http_tls_files_done(struct http_tls_files *files); /* of a zeroed one, too */

/* path below directory unless it is absolute; on the heap, NULL without memory. */
char *http_client_path(const char *directory, const char *path);

/*
 * The lines that go with a request: the caller's, who asks, and the configured ones; only what is
 * harmless to a host that isn't trusted with secrets. To be wiped in any case.
 */
struct http_auth;
int http_headers_make(const struct http_client *client, const char *const *headers,
	const struct http_auth *auth, bool trusted, struct curl_slist **ret_list, struct err *err);
void http_headers_wipe(struct curl_slist **list);

/* Appends "name: value". -ENOMEM leaves the list as it was. */
int http_header_add(struct curl_slist **list, const char *name, const char *value);

/* A curl handle and the multi handle that keeps its connections. */
struct http_handle {
	struct http_handle *next;
	CURL *easy;
	CURLM *multi;
};

struct http_client {
	const struct http_client_config *config;
	char *user_agent;
	const struct http_observer *observer; /* or NULL */
	pthread_mutex_t lock; /* of idle */
	struct http_handle *idle;
	size_t n_idle;
	struct http_tls_files tls, token_tls;
	pthread_mutex_t token_lock; /* of the next four; held while a token is fetched */
	char *token;
	char *token_secret; /* with which it was had */
	int64_t token_had_ms, token_end_ms; /* monotonic */
};

struct http_handle *http_handle_get(struct http_client *client);
void http_handle_put(struct http_client *client, struct http_handle *handle);

/* What identifies the caller; wiped by http_auth_done(). */
struct http_auth {
	char *username, *password; /* basic, or NULL */
	char *authorization; /* content of the header, or NULL */
};
/*
 * Reads secrets and gets a token if need be, by end_ms. -EACCES: a token was refused. The error
 * names the file or the key, never its content.
 */
int http_auth_get(struct http_client *client, int64_t end_ms, int cancel_fd,
	struct http_auth *ret_auth, struct err *err);
void http_auth_done(struct http_auth *auth);
/*
 * The server didn't take the token in used, a header's text: get another one next time, unless
 * there is one already or this one was had just now.
 */
void http_auth_forget_token(struct http_client *client, const char *used);

/* A trimmed file, relative to directory (NULL: the working directory). Free with secret_free(). */
int http_secret_read(const char *directory, const char *path, char **ret_text, struct err *err);
void http_secret_free(char *text); /* wipes; NULL is fine */
DEFINE_CLEANUP(char *, http_secret_free);

/* One request and its answer, without redirects. */
struct http_transfer {
	const char *url; /* absolute */
	const char *method;
	struct curl_slist *headers;
	const void *body;
	size_t body_len;
	const struct http_auth *auth; /* may be NULL */
	const char *user_agent;
	const struct http_tls_files *tls;
	const struct http_client_proxy *proxy;
	bool http2;
	int64_t end_ms; /* monotonic */
	size_t max_response_bytes;
	int cancel_fd;
	const char *unix_socket; /* or NULL */
	bool http2_only;
	int (*on_body)(void *ctx, const void *data, size_t len); /* or NULL */
	void (*on_open)(void *ctx); /* or NULL */
	void *ctx;
};

/* What a prepared handle points to; freed after its use. */
struct http_transfer_lists {
	struct curl_slist *proxy_headers, *connect_to;
};
void http_transfer_lists_done(struct http_transfer_lists *lists);
/* Sets a fresh handle up, for all but the answer. -ENOMEM, -EINVAL. */
int http_transfer_prepare(
	CURL *easy, const struct http_transfer *transfer, struct http_transfer_lists *ret_lists);
int http_transfer_error(CURL *easy, CURLcode code);

int http_transfer_run(struct http_handle *handle, const struct http_transfer *transfer,
	struct http_reply *ret_reply, struct err *err);

int64_t http_client_now_ms(void);

#endif
