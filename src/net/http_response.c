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

static struct MHD_Response *try_build(struct http_request *req)
{
	struct http_response *res = &req->response;
	struct MHD_Response *built;

	if (res->error || buffer_error(&res->body))
		return NULL;
	req->answer_bytes = res->body.len;
	if (res->next) {
		built = http_stream_new(req);
	} else {
		built = MHD_create_response_from_buffer(
			res->body.len, res->body.data, MHD_RESPMEM_MUST_FREE);
		if (built)
			res->body = (struct buffer){ .limit = res->body.limit };
	}
	if (!built)
		return NULL;
	for (const struct http_header *h = res->headers; h; h = h->next) {
		/* Refused: a line break, say, from a request that a handler echoes. */
		if (MHD_add_response_header(built, h->name, h->value) != MHD_YES) {
			MHD_destroy_response(built);
			return NULL;
		}
	}
	if (atomic_load(&req->server->stopping) &&
		MHD_add_response_header(built, "Connection", "close") != MHD_YES) {
		MHD_destroy_response(built);
		return NULL;
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
