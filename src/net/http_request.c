// SPDX-License-Identifier: Apache-2.0
/* A request from its first line to its answer, as libmicrohttpd's callbacks see it. */
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "basic/str.h"
#include "net/http_internal.h"
#include "net/socket_owner.h"

#define FORM_TYPE "application/x-www-form-urlencoded"

enum {
	/* So much of a body that is too large is read and dropped, so that the client sees the 413.
	 */
	DRAIN_MAX_BYTES = 1 << 20,
};

/* What one walk over the headers finds. */
struct head {
	size_t bytes;
	unsigned n_host, n_length, n_coding;
	const char *length, *coding, *expect;
};

/*
 * The library makes a list of the parameters, in the connection's memory and 56 bytes for each of
 * them, which nobody reads: ours come from raw_target. Without '&' it has one entry. The text lies
 * in the connection's own memory and is cut up by the library afterwards, so it may be changed,
 * though the callback's type doesn't say so.
 */
static void hide_parameters(char *target)
{
	for (char *p = strchr(target, '?'); p && *p; p++) {
		if (*p == '&')
			*p = '.';
	}
}

void *http_request_on_target(void *cls, const char *uri, struct MHD_Connection *connection)
{
	struct http_server *server = cls;
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct http_conn *conn = info ? info->socket_context : NULL;
	struct http_request *req;

	if (!conn)
		return NULL;
	/* A head that the library refused has no end callback. */
	http_request_free(conn->request);
	conn->request = req = calloc(1, sizeof(*req));
	if (!req)
		return NULL;
	req->server = server;
	req->conn = conn;
	req->connection = connection;
	arena_init(&req->arena, HTTP_ARENA_MAX_BYTES);
	buffer_init(&req->body, server->config.max_request_body_bytes);
	http_response_init(&req->response, &req->arena, server->config.max_response_bytes);
	req->response.timeout_ms = server->config.write_timeout_ms;
	req->raw_target = strdup(uri);
	req->library_target = uri;
	hide_parameters((char *)uri);
	http_conn_busy(&server->conns, conn, true, server->config.header_timeout_ms);
	return req;
}

void http_request_free(struct http_request *req)
{
	if (!req)
		return;
	if (req->built)
		MHD_destroy_response(req->built);
	http_response_done(&req->response);
	web_state_put(req->web);
	buffer_done(&req->body);
	arena_done(&req->arena);
	free(req->raw_target);
	free(req);
}

void http_request_on_end(void *cls, struct MHD_Connection *connection, void **con_cls,
	enum MHD_RequestTerminationCode code)
{
	struct http_request *req = *con_cls;
	struct http_conn *conn;

	if (!req)
		return;
	*con_cls = NULL;
	conn = req->conn;
	conn->request = NULL;
	http_request_free(req);
	http_conn_busy(&((struct http_server *)cls)->conns, conn, false,
		((struct http_server *)cls)->config.idle_timeout_ms);
}

static enum MHD_Result send_answer(struct http_request *req)
{
	struct http_server *server = req->server;
	enum MHD_Result result;

	req->state = HTTP_REQUEST_ANSWERED;
	if (!req->built)
		return MHD_NO;
	http_conn_answer(&server->conns, req->conn, req->response.timeout_ms,
		server->config.idle_timeout_ms);
	result = MHD_queue_response(req->connection, (unsigned)req->response.status, req->built);
	MHD_destroy_response(req->built);
	req->built = NULL;
	return result;
}

static enum MHD_Result refuse(struct http_request *req, int status, const char *text)
{
	http_response_text(&req->response, status, text);
	http_response_build(req);
	return send_answer(req);
}

static enum MHD_Result look_at_header(
	void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct head *head = cls;

	value = value ? value : "";
	head->bytes += strlen(name) + strlen(value) + strlen(": \r\n");
	if (strcasecmp(name, "Host") == 0) {
		head->n_host++;
	} else if (strcasecmp(name, "Content-Length") == 0) {
		head->n_length++;
		head->length = value;
	} else if (strcasecmp(name, "Transfer-Encoding") == 0) {
		head->n_coding++;
		head->coding = value;
	} else if (strcasecmp(name, "Expect") == 0) {
		head->expect = value;
	}
	return MHD_YES;
}

/*
 * Before 1.0 the library cuts a target off at a NUL. There the version follows the target in one
 * buffer, so a gap between them tells.
 */
static bool is_cut_off(const struct http_request *req, const char *version)
{
#if MHD_VERSION < 0x01000000
	uintptr_t target = (uintptr_t)req->library_target, end = (uintptr_t)version;

	return end > target && end - target != strlen(req->raw_target) + 1;
#else
	return false;
#endif
}

/* The status to refuse the head with, and a line for the client; 0 if it is fine. */
static int check_head(struct http_request *req, const struct head *head, const char *version,
	const char **ret_text)
{
	const struct http_server_config *config = &req->server->config;
	uint64_t length = 0;

	*ret_text = "Bad Request\n";
	if (!str_eq(version, MHD_HTTP_VERSION_1_1) && !str_eq(version, MHD_HTTP_VERSION_1_0)) {
		*ret_text = "HTTP Version Not Supported\n";
		return MHD_HTTP_HTTP_VERSION_NOT_SUPPORTED;
	}
	if (head->bytes + strlen(req->raw_target) > config->max_header_bytes) {
		*ret_text = "Request Header Fields Too Large\n";
		return MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE;
	}
	/* Ambiguous framing is how requests get smuggled past a proxy (RFC 9112 6.1). */
	if (head->n_host > 1 || head->n_length > 1 || head->n_coding > 1 ||
		(head->n_length && head->n_coding))
		return MHD_HTTP_BAD_REQUEST;
	if (head->n_coding && strcasecmp(head->coding, "chunked") != 0) {
		*ret_text = "Not Implemented\n";
		return MHD_HTTP_NOT_IMPLEMENTED;
	}
	if (head->n_length && slice_to_u64(slice_from(head->length), &length) < 0)
		return MHD_HTTP_BAD_REQUEST;
	if (head->expect && strcasecmp(head->expect, "100-continue") != 0) {
		*ret_text = "Expectation Failed\n";
		return MHD_HTTP_EXPECTATION_FAILED;
	}
	if (length > config->max_request_body_bytes ||
		(head->n_coding && !config->max_request_body_bytes)) {
		*ret_text = "Request Entity Too Large\n";
		return MHD_HTTP_CONTENT_TOO_LARGE;
	}
	return 0;
}

static enum MHD_Result redirect_to_clean_path(struct http_request *req)
{
	CLEANUP(buffer_done) struct buffer location = { 0 };

	buffer_init(&location, 0);
	http_path_clean(req->target.path, req->target.query, &location);
	if (buffer_error(&location))
		return MHD_NO;
	http_response_header(&req->response, "Location", buffer_text(&location));
	return refuse(req, MHD_HTTP_MOVED_PERMANENTLY, "Moved Permanently\n");
}

/* The client may ask: read the target, then the body. */
static enum MHD_Result accept_head(struct http_request *req)
{
	int r = http_target_parse(req->raw_target, &req->arena, &req->target);

	if (r == -EBADMSG)
		return refuse(req, MHD_HTTP_BAD_REQUEST, "Bad Request\n");
	if (r >= 0 && req->target.query)
		r = http_params_parse(
			req->target.query, strlen(req->target.query), &req->arena, &req->params);
	if (r < 0)
		return MHD_NO;
	if (!http_path_is_clean(req->target.path))
		return redirect_to_clean_path(req);
	req->state = HTTP_REQUEST_BODY;
	http_conn_deadline(&req->server->conns, req->conn, req->server->config.body_timeout_ms);
	return MHD_YES;
}

static enum MHD_Result after_auth(struct http_request *req)
{
	switch (req->auth_result) {
	case BASIC_AUTH_GRANTED:
		return accept_head(req);
	case BASIC_AUTH_DENIED:
		req->user = NULL;
		http_response_header(&req->response, "WWW-Authenticate", "Basic");
		return refuse(req, MHD_HTTP_UNAUTHORIZED, "Unauthorized\n");
	default:
		req->user = NULL;
		http_response_header(&req->response, "Retry-After", "1");
		return refuse(req, MHD_HTTP_SERVICE_UNAVAILABLE,
			"Too many logins are being checked, try again later.\n");
	}
}

/* On the checking thread. */
static void on_checked(struct basic_auth_waiter *waiter, enum basic_auth_result result)
{
	struct http_request *req = (struct http_request *)((char *)waiter -
		offsetof(struct http_request, waiter));

	req->auth_result = result;
	MHD_resume_connection(req->connection);
}

static enum MHD_Result authenticate(struct http_request *req)
{
	struct basic_auth *auth = req->server->auth;
	CLEANUP(basic_auth_login_done) struct basic_auth_login login;
	enum basic_auth_result result = BASIC_AUTH_DENIED;
	int r = basic_auth_parse(
		auth, http_request_header(req, "Authorization"), &req->web->config.users, &login);

	if (r >= 0) {
		req->user = arena_strdup(&req->arena, login.name);
		result = req->user ? basic_auth_lookup(auth, &login) : BASIC_AUTH_BUSY;
	}
	if (result != BASIC_AUTH_UNKNOWN) {
		req->auth_result = result;
		return after_auth(req);
	}
	req->state = HTTP_REQUEST_AUTH;
	req->waiter.done = on_checked;
	http_conn_deadline(&req->server->conns, req->conn, HTTP_CONN_NO_DEADLINE);
	MHD_suspend_connection(req->connection);
	result = basic_auth_submit(auth, &login, http_request_peer(req), &req->waiter);
	if (result != BASIC_AUTH_PENDING)
		on_checked(&req->waiter, result);
	return MHD_YES;
}

/* The head is complete. */
static enum MHD_Result begin(struct http_request *req, const char *method, const char *version)
{
	struct head head = { 0 };
	const char *text;
	int status;

	req->method = method;
	req->web = web_watch_get(req->server->web);
	if (!req->raw_target || !req->web)
		return MHD_NO;
	if (is_cut_off(req, version))
		return refuse(req, MHD_HTTP_BAD_REQUEST, "Bad Request\n");
	(void)MHD_get_connection_values(req->connection, MHD_HEADER_KIND, look_at_header, &head);
	status = check_head(req, &head, version, &text);
	if (status)
		return refuse(req, status, text);
	if (req->web->broken)
		return refuse(req, MHD_HTTP_INTERNAL_SERVER_ERROR, "Internal Server Error\n");
	return req->web->config.users.n ? authenticate(req) : accept_head(req);
}

static enum MHD_Result take_body(struct http_request *req, const char *data, size_t *len)
{
	size_t limit = req->server->config.max_request_body_bytes;

	if (req->body.len + *len > limit)
		req->body_too_large = true;
	if (req->body_too_large)
		req->dropped_bytes += *len;
	else
		buffer_append(&req->body, data, *len);
	*len = 0;
	if (buffer_error(&req->body) || req->dropped_bytes > DRAIN_MAX_BYTES)
		return MHD_NO;
	return MHD_YES;
}

static bool has_form(const struct http_request *req)
{
	const char *type = http_request_header(req, "Content-Type");

	return req->body.len && str_eq(req->method, "POST") && type &&
		strncasecmp(type, FORM_TYPE, strlen(FORM_TYPE)) == 0 &&
		strchr("; \t", type[strlen(FORM_TYPE)]);
}

/* On a worker. */
static void run_handler(struct http_job *job)
{
	struct http_request *req = (struct http_request *)job;
	const struct http_server_config *config = &req->server->config;
	int r = 0;

	if (has_form(req))
		r = http_params_parse(req->body.data, req->body.len, &req->arena, &req->params);
	if (r < 0)
		http_response_text(
			&req->response, MHD_HTTP_INTERNAL_SERVER_ERROR, "Internal Server Error\n");
	else if (atomic_load(&req->server->cutting))
		http_response_text(
			&req->response, MHD_HTTP_SERVICE_UNAVAILABLE, "Service Unavailable\n");
	else
		config->handler(config->ctx, req, &req->response);
	http_response_build(req);
	req->state = HTTP_REQUEST_READY;
	MHD_resume_connection(req->connection);
}

static enum MHD_Result start_handler(struct http_request *req)
{
	if (req->body_too_large)
		return refuse(req, MHD_HTTP_CONTENT_TOO_LARGE, "Request Entity Too Large\n");
	http_conn_deadline(&req->server->conns, req->conn, HTTP_CONN_NO_DEADLINE);
	req->state = HTTP_REQUEST_RUNNING;
	req->job.run = run_handler;
	MHD_suspend_connection(req->connection);
	if (http_pool_add(req->server->pool, &req->job))
		return MHD_YES;
	http_response_text(&req->response, MHD_HTTP_SERVICE_UNAVAILABLE, "Service Unavailable\n");
	http_response_build(req);
	req->state = HTTP_REQUEST_READY;
	MHD_resume_connection(req->connection);
	return MHD_YES;
}

enum MHD_Result http_request_on_data(void *cls, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *upload, size_t *upload_len,
	void **con_cls)
{
	struct http_request *req = *con_cls;

	if (!req)
		return MHD_NO;
	switch (req->state) {
	case HTTP_REQUEST_NEW:
		return begin(req, method, version);
	case HTTP_REQUEST_AUTH:
		return after_auth(req);
	case HTTP_REQUEST_BODY:
		return *upload_len ? take_body(req, upload, upload_len) : start_handler(req);
	case HTTP_REQUEST_READY:
		return send_answer(req);
	case HTTP_REQUEST_RUNNING:
	case HTTP_REQUEST_ANSWERED:
		break;
	}
	/* The library doesn't call for a suspended or an answered request. */
	*upload_len = 0;
	return MHD_YES;
}

const char *http_request_method(const struct http_request *req)
{
	return req->method;
}

const char *http_request_path(const struct http_request *req)
{
	return req->target.path;
}

const char *http_request_raw_target(const struct http_request *req)
{
	return req->raw_target;
}

const char *http_request_header(const struct http_request *req, const char *name)
{
	return MHD_lookup_connection_value(req->connection, MHD_HEADER_KIND, name);
}

struct header_lines {
	const char *name, *last;
	struct buffer joined;
	size_t n;
};

static void done_with_lines(struct header_lines *lines)
{
	buffer_done(&lines->joined);
}

static enum MHD_Result gather_line(
	void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct header_lines *lines = cls;

	if (strcasecmp(name, lines->name) != 0)
		return MHD_YES;
	lines->last = value ? value : "";
	buffer_puts(&lines->joined, lines->n++ ? ", " : "");
	buffer_puts(&lines->joined, lines->last);
	return MHD_YES;
}

const char *http_request_single_header(const struct http_request *req, const char *name)
{
	CLEANUP(done_with_lines) struct header_lines lines = { .name = name };

	(void)MHD_get_connection_values(req->connection, MHD_HEADER_KIND, gather_line, &lines);
	return lines.n == 1 ? lines.last : NULL;
}

const char *http_request_header_list(struct http_request *req, const char *name)
{
	CLEANUP(done_with_lines) struct header_lines lines = { .name = name };

	(void)MHD_get_connection_values(req->connection, MHD_HEADER_KIND, gather_line, &lines);
	if (!lines.n || buffer_error(&lines.joined))
		return NULL;
	return arena_strdup(&req->arena, buffer_text(&lines.joined));
}

const char *http_request_user(const struct http_request *req)
{
	return req->user;
}

const struct sockaddr *http_request_peer(const struct http_request *req)
{
	return (const struct sockaddr *)&req->conn->peer;
}

int http_request_peer_uid(const struct http_request *req, uid_t *ret_uid)
{
	return socket_owner(req->conn->fd, ret_uid);
}

bool http_request_has_cert(const struct http_request *req, char name[static HTTP_CERT_NAME_MAX])
{
	const union MHD_ConnectionInfo *info;

	if (!req->conn->tls)
		return false;
	info = MHD_get_connection_info(req->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	return info && info->tls_session &&
		http_tls_client_name(req->conn->tls, info->tls_session, name, HTTP_CERT_NAME_MAX);
}

const void *http_request_body(const struct http_request *req, size_t *ret_len)
{
	*ret_len = req->body.len;
	return buffer_text(&req->body);
}

struct arena *http_request_arena(struct http_request *req)
{
	return &req->arena;
}

const struct http_param *http_request_params(const struct http_request *req, size_t *ret_n)
{
	*ret_n = req->params.n;
	return req->params.v;
}

const char *http_request_param(const struct http_request *req, const char *name)
{
	for (size_t i = 0; i < req->params.n; i++) {
		if (str_eq(req->params.v[i].name, name))
			return req->params.v[i].value;
	}
	return NULL;
}
