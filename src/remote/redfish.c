// SPDX-License-Identifier: Apache-2.0
#include "remote/redfish.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "format/json_writer.h"

static const int64_t S_NS = 1000000000;

enum {
	SESSION_ARENA_BYTES = 64 << 10,
	ROOT_ARENA_BYTES = 64 << 10,
	/* A session that is younger isn't what makes the service fail. */
	SESSION_YOUNG_S = 60,
	/* Between logins after a refused one: doubled each time. */
	REFUSED_PAUSE_S = 10,
	REFUSED_PAUSE_MAX_S = 300,
};

static const char ROOT_PATH[] = "/redfish/v1/";
/* Where these are if the root doesn't tell. */
static const char SESSIONS_PATH[] = "/redfish/v1/SessionService/Sessions";
static const char CHASSIS_PATH[] = "/redfish/v1/Chassis";

struct redfish {
	struct redfish_config config;
	struct http_client_config http; /* with our own basic auth, if that is used */
	struct http_client *client;
	char *service_header;
	char *token_header; /* "X-Auth-Token: ...", NULL without a session */
	char *session_path; /* may be NULL even so */
	char *sessions_path, *chassis_path; /* from the service root; NULL before it was read */
	int64_t session_ns; /* when it began */
	int64_t next_login_ns, refused_pause_ns;
	int cancel_fd;
	bool logged_in_this_round, had_http_error;
};

static void free_secret(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

static void forget_session(struct redfish *redfish)
{
	free_secret(TAKE(redfish->token_header));
	free(TAKE(redfish->session_path));
}

static void forget_root(struct redfish *redfish)
{
	free(TAKE(redfish->sessions_path));
	free(TAKE(redfish->chassis_path));
}

static bool wants_session(const struct redfish *redfish)
{
	return redfish->config.use_session && redfish->config.username[0];
}

/* A request carries one Authorization header: ours for the service, or else the proxy's. */
static void choose_credentials(struct redfish *redfish)
{
	const struct redfish_config *c = &redfish->config;

	redfish->http = *c->http;
	if (c->use_session || !c->username[0] || !c->password[0])
		return;
	memset(&redfish->http.authorization, 0, sizeof(redfish->http.authorization));
	memset(&redfish->http.oauth2, 0, sizeof(redfish->http.oauth2));
	memset(&redfish->http.basic_auth, 0, sizeof(redfish->http.basic_auth));
	redfish->http.bearer_token = redfish->http.bearer_token_file = NULL;
	redfish->http.basic_auth.present = true;
	redfish->http.basic_auth.username = c->username;
	redfish->http.basic_auth.password = c->password;
}

int redfish_new(const struct redfish_config *config, struct redfish **ret_redfish, struct err *err)
{
	CLEANUP(redfish_freep) struct redfish *redfish = calloc(1, sizeof(*redfish));
	int r;

	if (!redfish)
		return err_errno(err, -ENOMEM, "Redfish client");
	redfish->config = *config;
	choose_credentials(redfish);
	if (asprintf(&redfish->service_header, "X-Redfish-Url: %s", config->service_url) < 0) {
		redfish->service_header = NULL;
		return err_errno(err, -ENOMEM, "Redfish client");
	}
	r = http_client_new(&redfish->http, config->user_agent, &redfish->client, err);
	if (r < 0)
		return r;
	http_client_observe(redfish->client, config->observer);
	*ret_redfish = TAKE(redfish);
	return 0;
}

void redfish_free(struct redfish *redfish)
{
	if (!redfish)
		return;
	http_client_free(redfish->client);
	forget_session(redfish);
	forget_root(redfish);
	free(redfish->service_header);
	free(redfish);
}

/* One exchange, whatever its status is. */
static int send_call(struct redfish *redfish, struct http_call *call, const char *path,
	struct http_reply *ret_reply, struct err *err)
{
	CLEANUP(buffer_done) struct buffer url = { 0 };
	const char *headers[5] = { redfish->service_header, "Accept: application/json" };
	size_t n = 2;
	int r = url_join(redfish->config.url, path, &url);

	if (r < 0)
		return err_errno(err, r, "address of the Redfish service");
	if (call->body)
		headers[n++] = "Content-Type: application/json";
	else if (redfish->token_header)
		headers[n++] = redfish->token_header;
	call->url = buffer_text(&url);
	call->headers = headers;
	call->max_response_bytes = REDFISH_REPLY_MAX_BYTES;
	return http_client_call(redfish->client, call, ret_reply, err);
}

/* DSP0266 answers with these; others aren't what was asked for. */
static bool is_success(int status)
{
	return status == 200 || status == 201 || status == 202 || status == 204;
}

static int status_error(int status)
{
	switch (status) {
	case 401:
	case 403:
		return -EACCES;
	case 404:
	case 405:
	case 410:
		return -ENOENT;
	default:
		return -EREMOTEIO;
	}
}

static struct slice body_of(const struct http_reply *reply)
{
	return (struct slice){ buffer_text(&reply->body), reply->body.len };
}

static int get_once(
	struct redfish *redfish, const char *path, struct http_reply *ret_reply, struct err *err)
{
	struct http_call call = { .method = "GET",
		.timeout_ms = redfish->config.timeout_ms,
		.cancel_fd = redfish->cancel_fd };
	struct http_reply reply = { 0 };
	int r = send_call(redfish, &call, path, &reply, err);

	if (r < 0)
		return r;
	if (!is_success(reply.status)) {
		r = err_set(
			err, status_error(reply.status), "GET %s: status %d", path, reply.status);
		redfish->had_http_error |= r == -EREMOTEIO;
		http_reply_done(&reply);
		return r;
	}
	*ret_reply = reply;
	return 0;
}

/* It needs no login, and where it does all the same we know the usual paths. */
static int read_root(struct redfish *redfish, struct arena *arena, struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	struct redfish_root root = { 0 };
	int r = get_once(redfish, ROOT_PATH, &reply, err);

	if (r >= 0)
		r = redfish_parse_root(body_of(&reply), arena, &root, err);
	if (r < 0 && r != -EACCES)
		return r;
	redfish->sessions_path = strdup(root.sessions ? root.sessions : SESSIONS_PATH);
	redfish->chassis_path = strdup(root.chassis ? root.chassis : CHASSIS_PATH);
	if (redfish->sessions_path && redfish->chassis_path)
		return 0;
	forget_root(redfish);
	return err_errno(err, -ENOMEM, "the service root");
}

static int need_root(struct redfish *redfish, struct err *err)
{
	struct arena arena;
	int r;

	if (redfish->chassis_path)
		return 0;
	arena_init(&arena, ROOT_ARENA_BYTES);
	r = read_root(redfish, &arena, err);
	arena_done(&arena);
	return r;
}

int redfish_chassis_path(struct redfish *redfish, const char **ret_path, struct err *err)
{
	int r = need_root(redfish, err);

	if (r >= 0)
		*ret_path = redfish->chassis_path;
	return r;
}

static void write_login(const struct redfish_config *c, struct buffer *body)
{
	struct json_writer w = json_writer(body);

	json_writer_open_object(&w);
	json_writer_key(&w, "UserName");
	json_writer_string(&w, c->username);
	json_writer_key(&w, "Password");
	json_writer_string(&w, c->password);
	json_writer_close_object(&w);
}

static void wipe_buffer(struct buffer *buf)
{
	if (buf->data)
		explicit_bzero(buf->data, buf->cap);
	buffer_done(buf);
}

static int take_session(struct redfish *redfish, const struct http_reply *reply,
	struct arena *arena, struct err *err)
{
	const struct slice headers = { buffer_text(&reply->headers), reply->headers.len };
	const char *token, *path;
	int r = redfish_parse_session(headers, body_of(reply), arena, &token, &path, err);

	if (r < 0)
		return r;
	if (asprintf(&redfish->token_header, "X-Auth-Token: %s", token) < 0) {
		redfish->token_header = NULL;
		return err_errno(err, -ENOMEM, "the session");
	}
	redfish->session_path = path ? strdup(path) : NULL;
	redfish->session_ns = clock_monotonic_ns(redfish->config.clock);
	redfish->refused_pause_ns = 0;
	return 0;
}

static int refused(struct redfish *redfish, int status, struct err *err)
{
	const int64_t pause = redfish->refused_pause_ns;

	redfish->refused_pause_ns = pause ? MIN(pause * 2, REFUSED_PAUSE_MAX_S * S_NS)
					  : REFUSED_PAUSE_S * S_NS;
	redfish->next_login_ns = clock_monotonic_ns(redfish->config.clock) +
		redfish->refused_pause_ns;
	return err_set(err, -EACCES, "the login of user '%s' was refused with status %d",
		redfish->config.username, status);
}

static int post_login(
	struct redfish *redfish, const char *path, struct arena *arena, struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	CLEANUP(wipe_buffer) struct buffer body = { 0 };
	struct http_call call = {
		.method = "POST",
		.body_is_secret = true,
		.timeout_ms = redfish->config.timeout_ms,
		.cancel_fd = redfish->cancel_fd,
	};
	int r;

	write_login(&redfish->config, &body);
	if (buffer_error(&body))
		return err_errno(err, -ENOMEM, "the login");
	call.body = body.data;
	call.body_len = body.len;
	r = send_call(redfish, &call, path, &reply, err);
	if (r < 0)
		return r;
	if (reply.status >= 400 && reply.status < 500 && reply.status != 404 && reply.status != 429)
		return refused(redfish, reply.status, err);
	if (!is_success(reply.status))
		return err_set(err, -EREMOTEIO, "POST %s: status %d", path, reply.status);
	r = take_session(redfish, &reply, arena, err);
	/* The token is among these. */
	if (reply.headers.data)
		explicit_bzero(reply.headers.data, reply.headers.cap);
	return r;
}

bool redfish_is_shut_out(const struct redfish *redfish)
{
	return redfish->refused_pause_ns > 0 &&
		clock_monotonic_ns(redfish->config.clock) < redfish->next_login_ns;
}

static int login(struct redfish *redfish, struct err *err)
{
	struct arena arena;
	int r;

	if (redfish_is_shut_out(redfish))
		return err_set(err, -EACCES,
			"the login of user '%s' was refused; the next attempt comes later",
			redfish->config.username);
	redfish->logged_in_this_round = true;
	r = need_root(redfish, err);
	if (r < 0)
		return r;
	arena_init(&arena, SESSION_ARENA_BYTES);
	r = post_login(redfish, redfish->sessions_path, &arena, err);
	arena_done(&arena);
	if (r == -EREMOTEIO)
		forget_root(redfish);
	return r;
}

int redfish_logout(struct redfish *redfish, int64_t limit_ms, struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	struct http_call call = { .method = "DELETE",
		.timeout_ms = MIN(limit_ms, redfish->config.timeout_ms) };
	int r = 0;

	if (redfish->token_header && redfish->session_path)
		r = send_call(redfish, &call, redfish->session_path, &reply, err);
	/* 401 and 404: it ended by itself. */
	if (r >= 0 && reply.status && !is_success(reply.status) && reply.status != 401 &&
		reply.status != 404)
		r = err_set(err, -EREMOTEIO, "DELETE %s: status %d", redfish->session_path,
			reply.status);
	forget_session(redfish);
	return r;
}

void redfish_begin(struct redfish *redfish, int cancel_fd)
{
	const int64_t age_ns = clock_monotonic_ns(redfish->config.clock) - redfish->session_ns;

	redfish->cancel_fd = cancel_fd;
	redfish->logged_in_this_round = false;
	if (redfish->had_http_error && redfish->token_header && age_ns > SESSION_YOUNG_S * S_NS)
		(void)redfish_logout(redfish, redfish->config.timeout_ms, NULL);
	redfish->had_http_error = false;
}

int redfish_get(
	struct redfish *redfish, const char *path, struct http_reply *ret_reply, struct err *err)
{
	int r = 0;

	if (wants_session(redfish) && !redfish->token_header)
		r = login(redfish, err);
	if (r >= 0)
		r = get_once(redfish, path, ret_reply, err);
	if (r != -EACCES || !redfish->token_header || redfish->logged_in_this_round)
		return r;
	/* The session ran out, or the machine's controller started anew. */
	(void)redfish_logout(redfish, redfish->config.timeout_ms, NULL);
	r = login(redfish, err);
	return r < 0 ? r : get_once(redfish, path, ret_reply, err);
}
