// SPDX-License-Identifier: Apache-2.0
/* One request on a curl handle. */
#include <errno.h>
#include <stdio.h>
#include <strings.h>
#include <unistd.h>

#include "basic/str.h"
#include "net/http_client_curl.h"
#include "net/http_client_internal.h"

/* Of Debian's ca-certificates. */
#define SYSTEM_BUNDLE "/etc/ssl/certs/ca-certificates.crt"

enum { POLL_MAX_MS = 1000, STREAM_CONNECT_MS = 30000, KEEPALIVE_S = 30 };

/* What the callbacks fill. */
struct receiver {
	CURL *easy;
	const struct http_transfer *transfer;
	struct http_reply *reply;
	bool too_large;
	int refused; /* what on_body() returned */
};

static bool is_good(CURL *easy)
{
	long status = 0;

	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	return status / 100 == 2;
}

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
	struct receiver *rx = ctx;

	if (rx->transfer->on_body && is_good(rx->easy)) {
		rx->refused = rx->transfer->on_body(rx->transfer->ctx, data, size * n);
		return rx->refused < 0 ? CURL_WRITEFUNC_ERROR : size * n;
	}
	buffer_append(&rx->reply->body, data, size * n);
	rx->too_large |= buffer_error(&rx->reply->body) == -E2BIG;
	return buffer_error(&rx->reply->body) ? CURL_WRITEFUNC_ERROR : size * n;
}

static size_t on_header(char *data, size_t size, size_t n, void *ctx)
{
	struct receiver *rx = ctx;
	struct buffer *headers = &rx->reply->headers;
	struct slice line = slice_trim((struct slice){ data, size * n });

	/* A status line: what came before belongs to an interim answer (100, 103). */
	if (line.n > 5 && memcmp(line.p, "HTTP/", 5) == 0 && !memchr(line.p, ':', line.n)) {
		buffer_clear(headers);
	} else if (line.n) {
		buffer_append(headers, line.p, line.n);
		buffer_putc(headers, '\n');
	} else if (rx->transfer->on_open && is_good(rx->easy)) {
		rx->transfer->on_open(rx->transfer->ctx);
	}
	rx->too_large |= buffer_error(headers) == -E2BIG;
	return buffer_error(headers) ? CURL_WRITEFUNC_ERROR : size * n;
}

/* For answers that come over minutes: a peer that went away without a word is found out. */
static void set_streaming(CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)STREAM_CONNECT_MS);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_S);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_S);
}

static void set_request(CURL *easy, const struct http_transfer *t)
{
	curl_easy_setopt(easy, CURLOPT_URL, t->url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)MAX(t->end_ms - http_client_now_ms(), 1));
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, t->headers);
	curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
	curl_easy_setopt(easy, CURLOPT_USERAGENT, t->user_agent);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
		t->http2_only      ? (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE
			: t->http2 ? (long)CURL_HTTP_VERSION_2TLS
				   : (long)CURL_HTTP_VERSION_1_1);
	/* A second request on such a connection fails in curl 7.88 (its issue 10634). */
	if (t->http2_only)
		curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	if (t->unix_socket)
		curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, t->unix_socket);
	if (t->on_body)
		set_streaming(easy);
	if (t->body) {
		curl_easy_setopt(easy, CURLOPT_POST, 1L);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->body_len);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, t->body);
	}
	if (str_eq(t->method, "HEAD"))
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	else
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, t->method);
	if (t->auth && t->auth->username) {
		curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		curl_easy_setopt(easy, CURLOPT_USERNAME, t->auth->username);
		curl_easy_setopt(easy, CURLOPT_PASSWORD, t->auth->password);
	}
}

/*
 * Beside a file that is given, the library would trust the machine's folder of authorities; and it
 * would read all of that folder's files, each twice, for each connection. The bundle says the same.
 */
static void set_authorities(CURL *easy, const char *file)
{
	if (!file && access(SYSTEM_BUNDLE, R_OK) == 0)
		file = SYSTEM_BUNDLE;
	if (!file)
		return;
	curl_easy_setopt(easy, CURLOPT_CAINFO, file);
	curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
}

static void set_tls(CURL *easy, const struct http_tls_files *tls)
{
	const long min = tls->min_version ? tls->min_version : CURL_SSLVERSION_TLSv1_2;

	/* Curl's values for the highest version are those for the lowest, shifted. */
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, min | (long)tls->max_version << 16);
	/* A resumed session would go on with files that have been replaced. */
	curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	set_authorities(easy, tls->paths[HTTP_TLS_CA]);
	if (tls->paths[HTTP_TLS_CERT]) {
		curl_easy_setopt(easy, CURLOPT_SSLCERT, tls->paths[HTTP_TLS_CERT]);
		curl_easy_setopt(easy, CURLOPT_SSLKEY, tls->paths[HTTP_TLS_KEY]);
	}
	if (tls->insecure) {
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
}

/* The lists are freed by the caller after the transfer. */
static int set_proxy(
	CURL *easy, const struct http_client_proxy *proxy, struct curl_slist **ret_headers)
{
	if (proxy->from_environment)
		return 0;
	/* "" also switches the environment's proxies off. */
	curl_easy_setopt(easy, CURLOPT_PROXY, proxy->url ? proxy->url : "");
	if (proxy->no_proxy)
		curl_easy_setopt(easy, CURLOPT_NOPROXY, proxy->no_proxy);
	for (size_t i = 0; i < proxy->connect_header.n; i++) {
		int r = http_header_add(ret_headers, proxy->connect_header.names[i],
			proxy->connect_header.values[i]);

		if (r < 0)
			return r;
	}
	curl_easy_setopt(easy, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);
	curl_easy_setopt(easy, CURLOPT_PROXYHEADER, *ret_headers);
	return 0;
}

/*
 * Curl verifies the name in the URL. For another one that name goes into the URL, the connection
 * to where the URL pointed before, and the Host header stays.
 */
static int set_server_name(
	CURL *easy, const char *old_url, const char *name, struct curl_slist **ret_connect_to)
{
	CLEANUP(curl_url_cleanupp) CURLU *u = curl_url();
	CLEANUP(curl_textp) char *host = NULL;
	CLEANUP(curl_textp) char *port = NULL;
	CLEANUP(curl_textp) char *url = NULL;
	CLEANUP(buffer_done) struct buffer rule = { 0 };
	struct curl_slist *list;

	if (!u)
		return -ENOMEM;
	if (curl_url_set(u, CURLUPART_URL, old_url, 0) != CURLUE_OK ||
		curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
		curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK ||
		curl_url_set(u, CURLUPART_HOST, name, 0) != CURLUE_OK ||
		curl_url_get(u, CURLUPART_URL, &url, 0) != CURLUE_OK)
		return -EINVAL;
	buffer_printf(&rule, "%s:%s:%s:%s", name, port, host, port);
	list = buffer_error(&rule) ? NULL : curl_slist_append(NULL, buffer_text(&rule));
	if (!list)
		return -ENOMEM;
	*ret_connect_to = list;
	curl_easy_setopt(easy, CURLOPT_CONNECT_TO, list);
	return curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK ? 0 : -ENOMEM;
}

int http_client_set_connection(struct http_client *client, CURL *easy, const char *url,
	struct http_client_lists *ret_lists)
{
	const struct http_client_config *config = client->config;
	int r;

	set_tls(easy, &client->tls);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
		config->enable_http2 ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
	r = set_proxy(easy, &config->proxy, &ret_lists->proxy_headers);
	if (r >= 0 && client->tls.server_name)
		r = set_server_name(easy, url, client->tls.server_name, &ret_lists->connect_to);
	return r;
}

void http_client_lists_done(struct http_client_lists *lists)
{
	curl_slist_free_all(lists->proxy_headers);
	curl_slist_free_all(lists->connect_to);
	*lists = (struct http_client_lists){ 0 };
}

/* Until the transfer is over, cancelled or out of time. */
static int perform(struct http_handle *handle, const struct http_transfer *t, CURLcode *ret_code)
{
	int running = 1, left;
	CURLMsg *message;

	if (curl_multi_add_handle(handle->multi, handle->easy) != CURLM_OK)
		return -ENOMEM;
	for (;;) {
		struct curl_waitfd cancel = { .fd = t->cancel_fd, .events = CURL_WAIT_POLLIN };

		if (curl_multi_perform(handle->multi, &running) != CURLM_OK)
			break;
		if (!running)
			break;
		curl_multi_poll(handle->multi, &cancel, t->cancel_fd > 0, POLL_MAX_MS, NULL);
		if (cancel.revents) {
			curl_multi_remove_handle(handle->multi, handle->easy);
			return -ECANCELED;
		}
	}
	message = curl_multi_info_read(handle->multi, &left);
	*ret_code = message && message->msg == CURLMSG_DONE ? message->data.result
							    : CURLE_FAILED_INIT;
	curl_multi_remove_handle(handle->multi, handle->easy);
	return 0;
}

static int connect_error(CURL *easy)
{
	long number = 0;

	curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &number);
	switch (number) {
	case EHOSTUNREACH:
	case ENETUNREACH:
		return -EHOSTUNREACH;
	case ETIMEDOUT:
		return -ETIMEDOUT;
	case EACCES:
		return -EACCES;
	case ENOENT:
		return -ENOENT;
	default:
		return -ECONNREFUSED;
	}
}

int http_transfer_error(CURL *easy, CURLcode code)
{
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_COULDNT_CONNECT:
		return connect_error(easy);
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return -EHOSTUNREACH;
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return -EINVAL;
	case CURLE_OUT_OF_MEMORY:
		return -ENOMEM;
	case CURLE_FAILED_INIT:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
		return -EIO;
	default: /* the many ways in which TLS and HTTP can be broken */
		return -EPROTO;
	}
}

static int error_of(CURL *easy, CURLcode code, const struct receiver *rx)
{
	if (rx->refused < 0)
		return rx->refused;
	return rx->too_large ? -E2BIG : http_transfer_error(easy, code);
}

static int explain(
	const struct http_transfer *t, int r, bool refused, const char *why, struct err *err)
{
	CLEANUP(buffer_done) struct buffer url = { 0 };

	(void)url_redact(t->url, &url);
	if (refused)
		return err_errno(err, r, "%s %s", t->method, buffer_text(&url));
	if (r == -E2BIG)
		return err_set(err, r, "%s %s: the answer is larger than %zu bytes", t->method,
			buffer_text(&url), t->max_response_bytes);
	if (r == -ECANCELED)
		return err_set(err, r, "%s %s: cancelled", t->method, buffer_text(&url));
	if (!why || !*why)
		return err_errno(err, r, "%s %s", t->method, buffer_text(&url));
	return err_set(err, r, "%s %s: %s", t->method, buffer_text(&url), why);
}

static void fill_reply(CURL *easy, struct http_reply *reply)
{
	const char *type = NULL;
	long status = 0;

	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
	reply->status = (int)status;
	snprintf(reply->content_type, sizeof(reply->content_type), "%s", type ? type : "");
}

void http_transfer_lists_done(struct http_transfer_lists *lists)
{
	curl_slist_free_all(lists->proxy_headers);
	curl_slist_free_all(lists->connect_to);
}

int http_transfer_prepare(
	CURL *easy, const struct http_transfer *t, struct http_transfer_lists *ret_lists)
{
	int r;

	set_request(easy, t);
	set_tls(easy, t->tls);
	r = set_proxy(easy, t->proxy, &ret_lists->proxy_headers);
	if (r >= 0 && t->tls->server_name)
		r = set_server_name(easy, t->url, t->tls->server_name, &ret_lists->connect_to);
	return r;
}

int http_transfer_run(struct http_handle *handle, const struct http_transfer *t,
	struct http_reply *ret_reply, struct err *err)
{
	CLEANUP(http_transfer_lists_done) struct http_transfer_lists lists = { 0 };
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	char why[CURL_ERROR_SIZE] = "";
	CURL *easy = handle->easy;
	struct receiver rx = { .easy = easy, .transfer = t, .reply = &reply };
	CURLcode code = CURLE_OK;
	int r;

	buffer_init(&reply.body, t->max_response_bytes);
	buffer_init(&reply.headers, HTTP_REPLY_HEADERS_MAX_BYTES);
	curl_easy_reset(easy);
	r = http_transfer_prepare(easy, t, &lists);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, why);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, &rx);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, &rx);
	if (r >= 0)
		r = perform(handle, t, &code);
	if (r >= 0 && code != CURLE_OK)
		r = error_of(easy, code, &rx);
	if (r >= 0)
		fill_reply(easy, &reply);
	/* The handle outlives what it was given here. */
	curl_easy_reset(easy);
	if (r < 0)
		return explain(t, r, rx.refused < 0,
			*why || code == CURLE_OK ? why : curl_easy_strerror(code), err);
	*ret_reply = reply;
	reply = (struct http_reply){ 0 };
	return 0;
}
