// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "net/http_internal.h"

void http_response_init(struct http_response *res, struct arena *arena, size_t limit)
{
	*res = (struct http_response){ .status = MHD_HTTP_OK, .arena = arena };
	res->tail = &res->headers;
	buffer_init(&res->body, limit);
}

static void drop_stream(struct http_response *res)
{
	if (res->next && res->free_ctx)
		res->free_ctx(res->ctx);
	res->next = NULL;
}

void http_response_done(struct http_response *res)
{
	drop_stream(res);
	buffer_done(&res->body);
}

void http_response_status(struct http_response *res, int status)
{
	res->status = status;
}

void http_response_header(struct http_response *res, const char *name, const char *value)
{
	struct http_header *h = ARENA_NEW(res->arena, struct http_header);

	if (h) {
		h->name = arena_strdup(res->arena, name);
		h->value = arena_strdup(res->arena, value);
	}
	if (!h || !h->name || !h->value) {
		res->error = -ENOMEM;
		return;
	}
	*res->tail = h;
	res->tail = &h->next;
}

void http_response_timeout(struct http_response *res, int64_t timeout_ms)
{
	res->timeout_ms = timeout_ms;
}

struct buffer *http_response_body(struct http_response *res)
{
	return &res->body;
}

static void drop_header(struct http_response *res, const char *name)
{
	res->tail = &res->headers;
	while (*res->tail) {
		if (strcasecmp((*res->tail)->name, name) == 0)
			*res->tail = (*res->tail)->next;
		else
			res->tail = &(*res->tail)->next;
	}
}

void http_response_text(struct http_response *res, int status, const char *text)
{
	drop_stream(res);
	drop_header(res, "Content-Type");
	drop_header(res, "Content-Encoding");
	drop_header(res, "X-Content-Type-Options");
	buffer_clear(&res->body);
	res->status = status;
	http_response_header(res, "Content-Type", "text/plain; charset=utf-8");
	http_response_header(res, "X-Content-Type-Options", "nosniff");
	buffer_puts(&res->body, text);
}

void http_response_stream(
	struct http_response *res, http_stream_fn next, void (*free_ctx)(void *ctx), void *ctx)
{
	drop_stream(res);
	res->next = next;
	res->free_ctx = free_ctx;
	res->ctx = ctx;
}

static const char *find_header(const struct http_response *res, const char *name)
{
	for (const struct http_header *h = res->headers; h; h = h->next) {
		if (strcasecmp(h->name, name) == 0)
			return h->value;
	}
	return NULL;
}

/* Whether the answer is to be compressed; notes in it that this depends on the request. */
static enum gzip_format choose_format(struct http_request *req)
{
	struct http_response *res = &req->response;

	if (!req->server->config.gzip || !gzip_suits(find_header(res, "Content-Type")) ||
		find_header(res, "Content-Encoding"))
		return GZIP_NONE;
	http_response_header(res, "Vary", "Accept-Encoding");
	if (!res->next && res->body.len < HTTP_GZIP_MIN_BYTES)
		return GZIP_NONE;
	return gzip_wanted(
		http_request_header(req, "Accept-Encoding"), req->server->config.deflate);
}

/* False, with the body as it was, without memory. */
static bool compress_body(struct http_request *req, enum gzip_format format)
{
	struct buffer *body = &req->response.body, packed;
	struct gzip *gz = gzip_new(req->server->config.gzip_level, format);

	buffer_init(&packed, body->limit);
	if (gz)
		gzip_add(gz, body->data, body->len, true, &packed);
	gzip_free(gz);
	if (!gz || buffer_error(&packed)) {
		buffer_done(&packed);
		return false;
	}
	buffer_done(body);
	*body = packed;
	return true;
}

static struct MHD_Response *make(struct http_request *req)
{
	struct http_response *res = &req->response;
	enum gzip_format format = choose_format(req);
	struct MHD_Response *built;

	if (format && !res->next && !compress_body(req, format))
		format = GZIP_NONE;
	if (format)
		http_response_header(
			res, "Content-Encoding", format == GZIP_GZIP ? "gzip" : "deflate");
	if (res->next)
		return http_stream_new(req, format);
	buffer_shrink(&res->body);
	built = MHD_create_response_from_buffer(
		res->body.len, res->body.data, MHD_RESPMEM_MUST_FREE);
	if (built)
		res->body = (struct buffer){ .limit = res->body.limit };
	return built;
}

static bool add_headers(const struct http_request *req, struct MHD_Response *built)
{
	static const struct config_map none = { 0 };
	const struct config_map *common = req->web ? &req->web->config.http.headers : &none;

	for (size_t i = 0; i < common->n; i++) {
		/* A handler's own header goes first. */
		if (!find_header(&req->response, common->names[i]) &&
			MHD_add_response_header(built, common->names[i], common->values[i]) !=
				MHD_YES)
			return false;
	}
	for (const struct http_header *h = req->response.headers; h; h = h->next) {
		/* Refused: a line break, say, from a request that a handler echoes. */
		if (MHD_add_response_header(built, h->name, h->value) != MHD_YES)
			return false;
	}
	return !atomic_load(&req->server->stopping) ||
		MHD_add_response_header(built, "Connection", "close") == MHD_YES;
}

static struct MHD_Response *try_build(struct http_request *req)
{
	struct MHD_Response *built;

	if (buffer_error(&req->response.body))
		return NULL;
	built = make(req);
	if (built && (req->response.error || !add_headers(req, built))) {
		MHD_destroy_response(built);
		built = NULL;
	}
	return built;
}

static struct MHD_Response *internal_error(void)
{
	static char text[] = "Internal Server Error\n";
	struct MHD_Response *built = MHD_create_response_from_buffer(
		sizeof(text) - 1, text, MHD_RESPMEM_PERSISTENT);

	if (built)
		(void)MHD_add_response_header(built, "Content-Type", "text/plain; charset=utf-8");
	return built;
}

void http_response_build(struct http_request *req)
{
	req->built = try_build(req);
	if (!req->built) {
		req->response.status = MHD_HTTP_INTERNAL_SERVER_ERROR;
		req->built = internal_error();
	}
}
