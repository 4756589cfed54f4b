// SPDX-License-Identifier: Apache-2.0
/* Answers from a generator: a worker fills a block, the I/O thread sends it, and so on. */
#include <errno.h>
#include <stdlib.h>

#include "net/http_internal.h"

enum {
	BLOCK_BYTES = (32 << 10) - 1, /* and the end of the text */
	UNCHUNKED_BYTES = 4 << 10, /* at once to clients of HTTP/1.0; kept by the library for all */
};

struct http_stream {
	struct http_job job;
	struct http_server *server;
	struct http_conn *conn;
	struct MHD_Connection *connection;
	http_stream_fn next;
	void (*free_ctx)(void *ctx);
	void *ctx;
	struct gzip *gzip; /* or NULL */
	int end; /* 1 after the last block, negative when the generator failed */
	struct buffer block;
	size_t sent; /* of block */
};

static ssize_t ask(struct http_stream *s, char *data)
{
	ssize_t n = s->next(s->ctx, data, BLOCK_BYTES);

	if (n <= 0)
		s->end = n < 0 ? (int)n : 1;
	return MIN(MAX(n, 0), (ssize_t)BLOCK_BYTES);
}

static void fill_plain(struct http_stream *s)
{
	char *room = buffer_reserve(&s->block, BLOCK_BYTES);

	if (room)
		s->block.len = (size_t)ask(s, room);
}

/* The compressor swallows blocks before anything comes out. */
static void fill_compressed(struct http_stream *s)
{
	char raw[BLOCK_BYTES];

	while (!s->end && !s->block.len && !buffer_error(&s->block)) {
		size_t n = (size_t)ask(s, raw);

		gzip_add(s->gzip, raw, n, s->end > 0, &s->block);
	}
}

static void fill(struct http_job *job)
{
	struct http_stream *s = (struct http_stream *)job;

	buffer_clear(&s->block);
	s->sent = 0;
	if (s->gzip)
		fill_compressed(s);
	else
		fill_plain(s);
	if (buffer_error(&s->block))
		s->end = buffer_error(&s->block);
	MHD_resume_connection(s->connection);
}

static ssize_t send_some(void *cls, uint64_t position, char *data, size_t max)
{
	struct http_stream *s = cls;
	size_t n = MIN(max, s->block.len - s->sent);

	if (n) {
		memcpy(data, s->block.data + s->sent, n);
		s->sent += n;
		/* Clients may be many, and slow. */
		if (s->sent == s->block.len) {
			buffer_done(&s->block);
			s->sent = 0;
		}
		http_conn_sending(&s->server->conns, s->conn, s->server->config.idle_timeout_ms);
		return (ssize_t)n;
	}
	if (s->end)
		return s->end > 0 ? MHD_CONTENT_READER_END_OF_STREAM
				  : MHD_CONTENT_READER_END_WITH_ERROR;
	http_conn_deadline(&s->server->conns, s->conn, HTTP_CONN_NO_DEADLINE);
	MHD_suspend_connection(s->connection);
	if (!http_pool_add(s->server->pool, &s->job)) {
		s->end = -ECANCELED;
		MHD_resume_connection(s->connection);
	}
	return 0;
}

static void stream_free(void *cls)
{
	struct http_stream *s = cls;

	if (s->free_ctx)
		s->free_ctx(s->ctx);
	gzip_free(s->gzip);
	buffer_done(&s->block);
	free(s);
}

struct MHD_Response *http_stream_new(struct http_request *req, enum gzip_format format)
{
	struct http_stream *s = calloc(1, sizeof(*s));
	struct MHD_Response *built;

	if (!s)
		return NULL;
	s->job.run = fill;
	s->server = req->server;
	s->conn = req->conn;
	s->connection = req->connection;
	s->next = req->response.next;
	s->ctx = req->response.ctx;
	buffer_init(&s->block, 0);
	if (format)
		s->gzip = gzip_new(req->server->config.gzip_level, format);
	built = format && !s->gzip ? NULL
				   : MHD_create_response_from_callback(MHD_SIZE_UNKNOWN,
					     UNCHUNKED_BYTES, send_some, s, stream_free);
	if (!built) {
		stream_free(s);
		return NULL;
	}
	s->free_ctx = req->response.free_ctx;
	req->response.next = NULL;
	return built;
}
