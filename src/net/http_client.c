// SPDX-License-Identifier: Apache-2.0
/* Calls: authentication, headers and redirects around single transfers. */
#include "net/http_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "basic/clock.h"
#include "basic/str.h"
#include "net/http_client_internal.h"

enum { NS_PER_MS = 1000000 };

static const struct http_client_config defaults = {
	.follow_redirects = true,
	.enable_http2 = true,
};

int64_t http_client_now_ms(void)
{
	return clock_monotonic_ns(clock_system()) / NS_PER_MS;
}

void http_headers_wipe(struct curl_slist **list)
{
	for (struct curl_slist *line = *list; line; line = line->next)
		explicit_bzero(line->data, strlen(line->data));
	curl_slist_free_all(*list);
}

static void free_textp(char **text)
{
	free(*text);
}

static CURLcode library_state = CURLE_FAILED_INIT;

static void init_library(void)
{
	library_state = curl_global_init(CURL_GLOBAL_DEFAULT);
}

int http_client_new(const struct http_client_config *config, const char *user_agent,
	struct http_client **ret_client, struct err *err)
{
	/* The library wants to be set up before threads use it. */
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	CLEANUP(http_client_freep) struct http_client *client = calloc(1, sizeof(*client));
	int r;

	config = config ? config : &defaults;
	pthread_once(&once, init_library);
	if (!client)
		return err_errno(err, -ENOMEM, "HTTP client");
	pthread_mutex_init(&client->lock, NULL);
	pthread_mutex_init(&client->token_lock, NULL);
	client->config = config;
	client->user_agent = strdup(user_agent);
	if (!client->user_agent || library_state != CURLE_OK)
		return err_errno(err, -ENOMEM, "HTTP client");
	r = http_client_config_check(config, err);
	if (r >= 0)
		r = http_tls_files_init(&client->tls, &config->tls, config->directory, err);
	if (r >= 0)
		r = http_tls_files_init(
			&client->token_tls, &config->oauth2.tls, config->directory, err);
	if (r < 0)
		return r;
	*ret_client = TAKE(client);
	return 0;
}

void http_client_observe(struct http_client *client, const struct http_observer *observer)
{
	client->observer = observer;
}

static void free_handle(struct http_handle *handle)
{
	curl_easy_cleanup(handle->easy);
	if (handle->multi)
		curl_multi_cleanup(handle->multi);
	free(handle);
}

void http_client_free(struct http_client *client)
{
	struct http_handle *handle;

	if (!client)
		return;
	while ((handle = client->idle)) {
		client->idle = handle->next;
		free_handle(handle);
	}
	http_tls_files_done(&client->tls);
	http_tls_files_done(&client->token_tls);
	http_secret_free(client->token);
	http_secret_free(client->token_secret);
	free(client->user_agent);
	pthread_mutex_destroy(&client->lock);
	pthread_mutex_destroy(&client->token_lock);
	free(client);
}

struct http_handle *http_handle_get(struct http_client *client)
{
	struct http_handle *handle;

	pthread_mutex_lock(&client->lock);
	handle = client->idle;
	if (handle) {
		client->idle = handle->next;
		client->n_idle--;
	}
	pthread_mutex_unlock(&client->lock);
	if (handle)
		return handle;
	handle = calloc(1, sizeof(*handle));
	if (!handle)
		return NULL;
	handle->easy = curl_easy_init();
	handle->multi = curl_multi_init();
	if (!handle->easy || !handle->multi) {
		free_handle(handle);
		return NULL;
	}
	return handle;
}

void http_handle_put(struct http_client *client, struct http_handle *handle)
{
	pthread_mutex_lock(&client->lock);
	if (client->n_idle < HTTP_IDLE_HANDLES_MAX) {
		handle->next = client->idle;
		client->idle = handle;
		client->n_idle++;
		handle = NULL;
	}
	pthread_mutex_unlock(&client->lock);
	if (handle)
		free_handle(handle);
}

int http_header_add(struct curl_slist **list, const char *name, const char *value)
{
	CLEANUP(buffer_done) struct buffer line = { 0 };
	struct curl_slist *longer;

	/* Curl's form of a header without a value ends in ';'. */
	buffer_printf(&line, *value ? "%s: %s" : "%s;%s", name, value);
	longer = buffer_error(&line) ? NULL : curl_slist_append(*list, buffer_text(&line));
	if (line.data)
		explicit_bzero(line.data, line.cap);
	if (!longer)
		return -ENOMEM;
	*list = longer;
	return 0;
}

static int add_configured_headers(
	struct curl_slist **list, const struct http_client_config *c, struct err *err)
{
	const struct http_client_header *headers = c->http_headers.v;

	for (size_t i = 0; i < c->http_headers.n; i++) {
		const struct strings *sets[] = { &headers[i].values, &headers[i].secrets };
		const char *name = c->http_headers.names[i];
		int r = 0;

		for (size_t k = 0; k < ARRAY_SIZE(sets); k++) {
			for (size_t v = 0; v < sets[k]->n && r >= 0; v++)
				r = http_header_add(list, name, sets[k]->v[v]);
		}
		for (size_t v = 0; v < headers[i].files.n && r >= 0; v++) {
			CLEANUP(http_secret_freep) char *text = NULL;

			r = http_secret_read(c->directory, headers[i].files.v[v], &text, err);
			if (r < 0)
				return r;
			r = http_header_add(list, name, text);
		}
		if (r < 0)
			return err_errno(err, r, "http_headers");
	}
	return 0;
}

/* Names no caller and no secret, so another host may see it. */
static bool is_harmless(const char *header)
{
	return strncasecmp(header, "Accept:", 7) == 0 ||
		strncasecmp(header, "Content-Type:", 13) == 0;
}

static int add_line(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (!longer)
		return -ENOMEM;
	*list = longer;
	return 0;
}

int http_headers_make(const struct http_client *client, const char *const *headers,
	const struct http_auth *auth, bool trusted, struct curl_slist **ret_list, struct err *err)
{
	int r = 0;

	for (const char *const *h = headers; h && *h && r >= 0; h++) {
		if (strpbrk(*h, "\r\n"))
			return err_set(err, -EINVAL, "a request header has a line break");
		if (trusted || is_harmless(*h))
			r = add_line(ret_list, *h);
	}
	if (r >= 0 && trusted && auth->authorization)
		r = http_header_add(ret_list, "Authorization", auth->authorization);
	if (r < 0)
		return err_errno(err, r, "HTTP request");
	return trusted ? add_configured_headers(ret_list, client->config, err) : 0;
}

static int run_once(struct http_client *client, const struct http_call *call,
	struct http_transfer *t, const struct http_auth *auth, bool trusted,
	struct http_reply *ret_reply, struct err *err)
{
	CLEANUP(http_headers_wipe) struct curl_slist *headers = NULL;
	struct http_handle *handle;
	int r = http_headers_make(client, call->headers, auth, trusted, &headers, err);

	if (r >= 0)
		r = add_line(&headers, "Expect:"); /* not to be sent: it costs a round trip */
	if (r < 0)
		return r;
	handle = http_handle_get(client);
	if (!handle)
		return err_errno(err, -ENOMEM, "HTTP request");
	t->headers = headers;
	t->auth = trusted ? auth : NULL;
	r = http_transfer_run(handle, t, ret_reply, err);
	http_handle_put(client, handle);
	return r;
}

/* Where the answer sends us: an absolute URL on the heap, NULL if nowhere. */
static char *redirect_target(const char *url, const struct http_reply *reply)
{
	CLEANUP(curl_url_cleanupp) CURLU *u = curl_url();
	CLEANUP(curl_textp) char *target = NULL;
	struct slice rest = { buffer_text(&reply->headers), reply->headers.len }, line;
	char *location = NULL;

	if (reply->status != 301 && reply->status != 302 && reply->status != 303 &&
		reply->status != 307 && reply->status != 308)
		return NULL;
	while (!location && slice_next_line(&rest, &line)) {
		if (line.n > 9 && strncasecmp(line.p, "Location:", 9) == 0) {
			line = slice_trim((struct slice){ line.p + 9, line.n - 9 });
			location = strndup(line.p, line.n);
		}
	}
	if (location && u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
		curl_url_set(u, CURLUPART_URL, location, 0) == CURLUE_OK)
		(void)curl_url_get(u, CURLUPART_URL, &target, 0);
	free(location);
	return target ? strdup(target) : NULL;
}

static bool same_part(CURLU *a, CURLU *b, CURLUPart part)
{
	CLEANUP(curl_textp) char *x = NULL;
	CLEANUP(curl_textp) char *y = NULL;

	return curl_url_get(a, part, &x, CURLU_DEFAULT_PORT) == CURLUE_OK &&
		curl_url_get(b, part, &y, CURLU_DEFAULT_PORT) == CURLUE_OK && strcasecmp(x, y) == 0;
}

static bool same_origin(const char *a, const char *b)
{
	CLEANUP(curl_url_cleanupp) CURLU *u = curl_url();
	CLEANUP(curl_url_cleanupp) CURLU *v = curl_url();

	return u && v && curl_url_set(u, CURLUPART_URL, a, 0) == CURLUE_OK &&
		curl_url_set(v, CURLUPART_URL, b, 0) == CURLUE_OK &&
		same_part(u, v, CURLUPART_SCHEME) && same_part(u, v, CURLUPART_HOST) &&
		same_part(u, v, CURLUPART_PORT);
}

/* As browsers and Go do: only 307 and 308 repeat a POST. */
static void adjust_method(struct http_transfer *t, int status)
{
	if (status == 307 || status == 308 || str_eq(t->method, "HEAD"))
		return;
	if (status == 303 || str_eq(t->method, "POST")) {
		t->method = "GET";
		t->body = NULL;
	}
}

static int follow(struct http_client *client, const struct http_call *call, struct http_transfer *t,
	const struct http_auth *auth, struct http_reply *ret_reply, struct err *err)
{
	CLEANUP(free_textp) char *url = NULL;
	int r = 0;

	for (int hops = 0; hops <= HTTP_REDIRECTS_MAX; hops++) {
		bool trusted = !url || same_origin(call->url, url);
		char *next;

		http_reply_done(ret_reply);
		t->url = url ? url : call->url;
		r = run_once(client, call, t, auth, trusted, ret_reply, err);
		if (r >= 0 && client->observer)
			client->observer->answered(
				client->observer->ctx, t->method, t->url, ret_reply);
		if (r < 0 || !client->config->follow_redirects)
			return r;
		next = redirect_target(t->url, ret_reply);
		if (!next)
			return 0;
		free(url);
		url = next;
		adjust_method(t, ret_reply->status);
		if (t->body && call->body_is_secret && !same_origin(call->url, url))
			return err_set(err, -EACCES,
				"%s: the server sends what is secret to another host", t->method);
	}
	return err_set(
		err, -EPROTO, "%s: more than %d redirects", call->method, HTTP_REDIRECTS_MAX);
}

int http_client_call(struct http_client *client, const struct http_call *call,
	struct http_reply *ret_reply, struct err *err)
{
	CLEANUP(http_auth_done) struct http_auth auth = { 0 };
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	struct http_transfer t = {
		.method = call->method,
		.body = call->body,
		.body_len = call->body_len,
		.user_agent = client->user_agent,
		.tls = &client->tls,
		.proxy = &client->config->proxy,
		.http2 = client->config->enable_http2,
		.end_ms = http_client_now_ms() + call->timeout_ms,
		.max_response_bytes = call->max_response_bytes,
		.cancel_fd = call->cancel_fd,
		.unix_socket = call->unix_socket,
		.http2_only = call->http2_only,
		.on_body = call->on_body,
		.on_open = call->on_open,
		.ctx = call->ctx,
	};
	int r = http_auth_get(client, t.end_ms, t.cancel_fd, &auth, err);

	if (r >= 0)
		r = follow(client, call, &t, &auth, &reply, err);
	if (r < 0)
		return r;
	if (reply.status == 401 && http_client_uses_oauth2(client->config))
		http_auth_forget_token(client, auth.authorization);
	*ret_reply = reply;
	reply = (struct http_reply){ 0 };
	return 0;
}

void http_reply_done(struct http_reply *reply)
{
	buffer_done(&reply->body);
	buffer_done(&reply->headers);
}
