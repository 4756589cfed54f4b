// SPDX-License-Identifier: Apache-2.0
/*
 * HTTP client on libcurl with the configuration keys of Prometheus's clients (spec api-server.md
 * 2.7). Secrets and TLS files are read anew on use. A client may be used by several threads; each
 * request has an own handle from a pool (keep-alive).
 */
#ifndef CEEMS_NET_HTTP_CLIENT_H
#define CEEMS_NET_HTTP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "basic/buffer.h"
#include "basic/err.h"
#include "format/config.h"
#include "net/url.h"

struct http_client_tls {
	const char *ca, *ca_file, *cert, *cert_file, *key, *key_file, *server_name;
	const char *min_version, *max_version; /* TLS10 .. TLS13 */
	bool insecure_skip_verify;
};

struct http_client_proxy {
	const char *url, *no_proxy;
	bool from_environment;
	struct config_map connect_header; /* name -> value */
};

/* Decoded by http_client_config_table; place it inline beside 'url'. */
struct http_client_config {
	struct {
		bool present;
		const char *username, *username_file, *password, *password_file;
	} basic_auth;
	struct {
		bool present;
		const char *type, *credentials, *credentials_file;
	} authorization;
	struct {
		bool present;
		const char *client_id, *client_secret, *client_secret_file, *token_url;
		struct strings scopes;
		struct config_map endpoint_params;
		struct http_client_tls tls;
		struct http_client_proxy proxy;
	} oauth2;
	const char *bearer_token, *bearer_token_file;
	struct http_client_tls tls;
	struct http_client_proxy proxy;
	bool follow_redirects, enable_http2;
	struct config_list http_headers; /* of struct http_client_header, named */
	const char *directory; /* relative *_file paths start here; set by the caller */
};
struct http_client_header {
	struct strings values, secrets, files;
};
extern const struct config_table http_client_config_table; /* closed: unknown keys are errors */
/* The same keys without 'closed', for use with CONFIG_INLINE. */
extern const struct config_table http_client_config_inline;

struct http_client;
struct http_reply;

/*
 * The rules of 2.7: one kind of authentication, at most one of each value and its file, no reserved
 * header, TLS versions by name. The tables check them as well, with the file's line. -EINVAL.
 */
int http_client_config_check(const struct http_client_config *config, struct err *err);

/* Checks the rules. config is borrowed; NULL = defaults. */
int http_client_new(const struct http_client_config *config, const char *user_agent,
	struct http_client **ret_client, struct err *err);
void http_client_free(struct http_client *client);

/* Whether the files of tls_config can be read now. -errno, with the file's name. */
int http_client_check_files(const struct http_client *client, struct err *err);

/* Told of each answer that came, redirects included, in the thread of the call; to record them. */
struct http_observer {
	void (*answered)(
		void *ctx, const char *method, const char *url, const struct http_reply *reply);
	void *ctx;
};
/* Borrowed; NULL: nobody. Before the first call. */
void http_client_observe(struct http_client *client, const struct http_observer *observer);

struct http_call {
	const char *method; /* "GET" */
	const char *url; /* http or https only; user info in it is sent as basic auth */
	const char *const *headers; /* "Name: value", NULL-terminated; may be NULL */
	const void *body;
	size_t body_len;
	bool body_is_secret; /* goes to the URL's own host only: a redirect elsewhere is -EACCES */
	int64_t timeout_ms; /* whole call; > 0 */
	size_t max_response_bytes;
	int cancel_fd; /* readable = give up (-ECANCELED); <= 0 for none */
	/* Connect to this socket, whatever host the URL names; NULL: to the host. */
	const char *unix_socket;
	bool http2_only; /* without asking whether the server has it (RFC 9113 3.3) */
	/*
	 * Takes the body of a good (2xx) answer as it comes, in place of ret_reply->body: no limit
	 * on its size then. An -errno ends the call and is what it returns. NULL: none.
	 */
	int (*on_body)(void *ctx, const void *data, size_t len);
	void (*on_open)(void *ctx); /* the headers of such an answer are in; NULL: not wanted */
	void *ctx; /* of both */
};

struct http_reply {
	int status;
	struct buffer body; /* decompressed */
	char content_type[128];
	/* Header lines as "Name: value\n" of the last response; for callers that need more. */
	struct buffer headers;
};

/*
 * 0 whatever the HTTP status is. -ETIMEDOUT, -ECONNREFUSED, -EHOSTUNREACH, -ENOENT and -EACCES (of
 * a unix socket), -EACCES (a token was refused, or a secret body would go to another host), -E2BIG,
 * -ECANCELED, -EPROTO (TLS or HTTP broken), -EIO. Passwords never appear in err.
 */
int http_client_call(struct http_client *client, const struct http_call *call,
	struct http_reply *ret_reply, struct err *err);
void http_reply_done(struct http_reply *reply);

/*
 * For those who send requests themselves: appends what identifies the caller, and the configured
 * headers, as "Name: value\r\n" lines. Blocks for files and, for at most timeout_ms, for a token.
 * Errors as http_client_call().
 */
int http_client_fields(
	struct http_client *client, int64_t timeout_ms, struct buffer *ret_lines, struct err *err);
/*
 * The server answered 401 to these lines: a token is had anew next time, but once in some seconds
 * at most. Doesn't block.
 */
void http_client_fields_refused(struct http_client *client, const char *lines);
/* Whether those lines never change: no file and no token is behind them. */
bool http_client_config_is_fixed(const struct http_client_config *config);
/* Whether one of the kinds of authentication is configured. */
bool http_client_config_has_auth(const struct http_client_config *config);

#endif
