// SPDX-License-Identifier: Apache-2.0
#include "remote/openstack/openstack_session.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <strings.h>

#include "basic/buffer.h"
#include "remote/openstack/openstack_json.h"

enum {
	TOKEN_REPLY_MAX_BYTES = 16 << 20, /* with the catalogue of all services */
	TOKEN_MAX_BYTES = 32 << 10,
};

struct openstack_session {
	struct openstack_session_config config;
	struct http_client *http;
	char *identity_url;
	struct buffer token_request; /* holds secrets */
	pthread_mutex_t lock; /* of the next three; held while a token is fetched */
	char *token;
	int64_t token_end_ns; /* monotonic */
	uint64_t token_number; /* of the token, so that two threads don't renew it twice */
};

static void wipe(struct buffer *secret)
{
	if (secret->data)
		explicit_bzero(secret->data, secret->cap);
	buffer_done(secret);
}

static void wipe_text(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

void openstack_session_close(struct openstack_session *session)
{
	if (!session)
		return;
	http_client_free(session->http);
	free(session->identity_url);
	wipe(&session->token_request);
	wipe_text(session->token);
	pthread_mutex_destroy(&session->lock);
	free(session);
}

const char *openstack_identity_url(const struct openstack_session *session)
{
	return session->identity_url;
}

struct slice openstack_header(const struct http_reply *reply, const char *name)
{
	struct slice rest = { buffer_text(&reply->headers), reply->headers.len }, line;
	size_t n = strlen(name);

	while (slice_next_line(&rest, &line))
		if (line.n > n && strncasecmp(line.p, name, n) == 0 && line.p[n] == ':')
			return slice_trim((struct slice){ line.p + n + 1, line.n - n - 1 });
	return (struct slice){ "", 0 };
}

/* Sites give the address with the version often enough, though it is not asked for. */
static char *identity_base(const char *url)
{
	CLEANUP(buffer_done) struct buffer text = { 0 };
	size_t n = strlen(url);

	while (n && url[n - 1] == '/')
		n--;
	buffer_append(&text, url, n);
	if (n < 3 || memcmp(url + n - 3, "/v3", 3) != 0)
		buffer_puts(&text, "/v3");
	return buffer_error(&text) < 0 ? NULL : strdup(text.data);
}

static bool is_unreachable(int r)
{
	return r == -ECONNREFUSED || r == -EHOSTUNREACH || r == -ETIMEDOUT || r == -EIO;
}

static int explain(int r, const char *service, struct err *err)
{
	if (is_unreachable(r))
		return err_prefix(err, r, "openstack service %s is unreachable", service);
	return err_prefix(err, r, "openstack service %s", service);
}

static int code_of(int status)
{
	switch (status) {
	case 401:
	case 403:
		return -EACCES;
	case 404:
		return -ENOENT;
	case 406:
		return -ENOTSUP;
	case 429:
	case 503:
	case 504:
		return -EAGAIN;
	default:
		return -EREMOTEIO;
	}
}

/*
 * The words of a refused token request are not repeated: Keystone quotes what it doesn't like, and
 * that may be the password.
 */
static int token_refused(int status, struct err *err)
{
	const char *hint = "";

	if (status == 401)
		hint = ": extra_config.auth has wrong credentials";
	else if (status == 400)
		hint = ": extra_config.auth is not as Keystone wants it";
	return err_set(
		err, code_of(status), "POST /v3/auth/tokens: HTTP status %d%s", status, hint);
}

static int take_token_locked(
	struct openstack_session *s, const struct http_reply *reply, struct err *err)
{
	struct slice token = openstack_header(reply, "X-Subject-Token");
	char *copy;

	if (reply->status != 201)
		return token_refused(reply->status, err);
	if (!token.n || token.n > TOKEN_MAX_BYTES)
		return err_set(err, -EBADMSG,
			"POST /v3/auth/tokens: the answer has no token in X-Subject-Token");
	for (size_t i = 0; i < token.n; i++)
		if (token.p[i] <= ' ' || token.p[i] > '~')
			return err_set(err, -EBADMSG,
				"POST /v3/auth/tokens: the token has bytes that no header may have");
	copy = strndup(token.p, token.n);
	if (!copy)
		return err_errno(err, -ENOMEM, "token");
	wipe_text(s->token);
	s->token = copy;
	s->token_number++;
	s->token_end_ns = clock_monotonic_ns(s->config.clock) +
		(int64_t)OPENSTACK_TOKEN_LIFE_S * 1000000000;
	return 0;
}

static int fetch_token_locked(struct openstack_session *s, struct err *err)
{
	static const char *const headers[] = { "Content-Type: application/json",
		"Accept: application/json", NULL };
	CLEANUP(buffer_done) struct buffer url = { 0 };
	struct http_reply reply = { 0 };
	struct http_call call = {
		.method = "POST",
		.headers = headers,
		.body = s->token_request.data,
		.body_len = s->token_request.len,
		.body_is_secret = true,
		.timeout_ms = s->config.timeout_ms,
		.max_response_bytes = TOKEN_REPLY_MAX_BYTES,
		.cancel_fd = s->config.cancel_fd,
	};
	int r = url_join(s->identity_url, "auth/tokens", &url);

	if (r < 0)
		return err_set(
			err, r, "the address of the identity service is no http or https URL");
	call.url = buffer_text(&url);
	r = http_client_call(s->http, &call, &reply, err);
	if (r >= 0)
		r = take_token_locked(s, &reply, err);
	/* It has the token in its headers. */
	wipe(&reply.headers);
	http_reply_done(&reply);
	return r < 0 ? explain(r, "identity", err) : 0;
}

/* The header with a valid token; refused: the number of one that a service didn't take. */
static int get_token(struct openstack_session *s, uint64_t refused, struct buffer *ret_header,
	uint64_t *ret_number, struct err *err)
{
	int r = 0;

	pthread_mutex_lock(&s->lock);
	if (!s->token || s->token_number == refused ||
		clock_monotonic_ns(s->config.clock) >= s->token_end_ns)
		r = fetch_token_locked(s, err);
	if (r >= 0) {
		buffer_clear(ret_header);
		buffer_printf(ret_header, "X-Auth-Token: %s", s->token);
		*ret_number = s->token_number;
		r = buffer_error(ret_header) < 0 ? err_errno(err, -ENOMEM, "token") : 0;
	}
	pthread_mutex_unlock(&s->lock);
	return r;
}

static int refused(
	const struct openstack_request *request, const struct http_reply *reply, struct err *err)
{
	char message[OPENSTACK_MESSAGE_MAX];
	const struct slice body = { buffer_text(&reply->body), reply->body.len };
	bool told = openstack_json_message(body, message) >= 0;
	int r = code_of(reply->status);

	err_set(err, r, "GET %s: HTTP status %d%s%s", request->path, reply->status,
		told ? ": " : "", told ? message : "");
	return explain(r, request->service, err);
}

int openstack_get(struct openstack_session *s, const struct openstack_request *request,
	struct http_reply *ret_reply, struct err *err)
{
	CLEANUP(buffer_done) struct buffer url = { 0 };
	CLEANUP(wipe) struct buffer token = { 0 };
	const char *headers[] = { "Accept: application/json", NULL, NULL };
	struct http_call call = {
		.method = "GET",
		.headers = headers,
		.timeout_ms = s->config.timeout_ms,
		.max_response_bytes = request->max_reply_bytes,
		.cancel_fd = s->config.cancel_fd,
	};
	struct http_reply reply = { 0 };
	uint64_t number = 0; /* of no token */
	int r = url_join(request->base_url, request->path, &url);

	if (r < 0)
		return err_set(err, r, "the address of the %s service is no http or https URL",
			request->service);
	if (request->query)
		buffer_printf(&url, "?%s", request->query);
	if (buffer_error(&url) < 0)
		return err_errno(err, -ENOMEM, "openstack service %s", request->service);
	call.url = buffer_text(&url);
	for (int tries = 0; tries < 2; tries++) {
		r = get_token(s, number, &token, &number, err);
		if (r < 0)
			return r;
		headers[1] = buffer_text(&token);
		r = http_client_call(s->http, &call, &reply, err);
		if (r < 0)
			return explain(r, request->service, err);
		if (reply.status != 401 || tries > 0)
			break;
		http_reply_done(&reply);
		reply = (struct http_reply){ 0 };
	}
	if (reply.status == 200) {
		*ret_reply = reply;
		return 0;
	}
	r = refused(request, &reply, err);
	http_reply_done(&reply);
	return r;
}

int openstack_session_open(const struct openstack_session_config *config,
	struct openstack_session **ret_session, struct err *err)
{
	CLEANUP(openstack_session_closep)
	struct openstack_session *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_errno(err, -ENOMEM, "OpenStack session");
	s->config = *config;
	pthread_mutex_init(&s->lock, NULL);
	s->identity_url = identity_base(config->identity_url);
	buffer_printf(&s->token_request, "{\"auth\":%s}", config->auth);
	if (!s->identity_url || buffer_error(&s->token_request) < 0)
		return err_errno(err, -ENOMEM, "OpenStack session");
	r = http_client_new(config->client, config->user_agent, &s->http, err);
	if (r < 0)
		return r;
	pthread_mutex_lock(&s->lock);
	r = fetch_token_locked(s, err);
	pthread_mutex_unlock(&s->lock);
	if (r < 0)
		return r;
	*ret_session = TAKE(s);
	return 0;
}
