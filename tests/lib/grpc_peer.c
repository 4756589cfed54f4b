// SPDX-License-Identifier: Apache-2.0
#include "grpc_peer.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "basic/file.h"
#include "format/protobuf.h"

enum { PREFIX_BYTES = 5, PATH_MAX_BYTES = 256, STATES_MAX = 64 };

struct grpc_peer {
	char socket[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	int listen_fd, stop_fd;
	pthread_t thread;
	grpc_peer_fn handler;
	void *ctx;
};

struct stream {
	struct stream *next;
	struct grpc_peer_reply reply;
	struct buffer request, body;
	size_t sent;
	char path[PATH_MAX_BYTES];
};

struct connection {
	struct grpc_peer *peer;
	nghttp2_session *session;
	struct stream *streams; /* of the whole connection: they end with it, not all before */
	int fd;
	bool close;
};

static void must(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	abort();
}

static ssize_t send_cb(
	nghttp2_session *session, const uint8_t *data, size_t len, int flags, void *ctx)
{
	struct connection *c = ctx;
	ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN ? NGHTTP2_ERR_WOULDBLOCK : NGHTTP2_ERR_CALLBACK_FAILURE;
	return n;
}

static nghttp2_nv header(const char *name, const char *value)
{
	return (nghttp2_nv){ (uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value),
		NGHTTP2_NV_FLAG_NONE };
}

static void submit_trailers(nghttp2_session *session, int32_t id, const struct stream *s)
{
	char state[16];
	nghttp2_nv nv[2];

	snprintf(state, sizeof(state), "%d", s->reply.state);
	nv[0] = header("grpc-status", state);
	nv[1] = header("grpc-message", s->reply.text ? s->reply.text : "");
	nghttp2_submit_trailer(session, id, nv, s->reply.text ? 2 : 1);
}

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *buf, size_t len,
	uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
	struct connection *c = ctx;
	struct stream *s = source->ptr;
	size_t n = MIN(len, s->body.len - s->sent);

	if (s->reply.fault == GRPC_PEER_ENDLESS) {
		memset(buf, 'x', len);
		return (ssize_t)len;
	}
	memcpy(buf, buffer_text(&s->body) + s->sent, n);
	s->sent += n;
	if (s->sent < s->body.len)
		return (ssize_t)n;
	switch (s->reply.fault) {
	case GRPC_PEER_RESETS:
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_INTERNAL_ERROR);
		return n ? (ssize_t)n : NGHTTP2_ERR_DEFERRED;
	case GRPC_PEER_CLOSES:
		c->close = true;
		return n ? (ssize_t)n : NGHTTP2_ERR_DEFERRED;
	case GRPC_PEER_NO_TRAILERS:
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		break;
	default:
		*flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
		submit_trailers(session, id, s);
	}
	return (ssize_t)n;
}

static void frame_reply(struct stream *s)
{
	const struct buffer *message = &s->reply.message;
	uint32_t len = (uint32_t)message->len + (s->reply.fault == GRPC_PEER_WRONG_LENGTH);

	len = htobe32(len);
	buffer_putc(&s->body, s->reply.fault == GRPC_PEER_COMPRESSED);
	buffer_append(&s->body, &len, sizeof(len));
	buffer_append(&s->body, buffer_text(message), message->len);
}

static void respond(struct connection *c, int32_t id, struct stream *s)
{
	const nghttp2_data_provider body = { .source.ptr = s, .read_callback = read_body };
	struct slice message = { buffer_text(&s->request), s->request.len };
	char status[16], state[16];
	nghttp2_nv nv[4];
	size_t n = 2;

	if (message.n >= PREFIX_BYTES)
		message = (struct slice){ message.p + PREFIX_BYTES, message.n - PREFIX_BYTES };
	c->peer->handler(c->peer->ctx, s->path, message, &s->reply);
	if (s->reply.fault == GRPC_PEER_HANGS)
		return;
	snprintf(status, sizeof(status), "%d", s->reply.http_status ? s->reply.http_status : 200);
	snprintf(state, sizeof(state), "%d", s->reply.state);
	nv[0] = header(":status", status);
	nv[1] = header(
		"content-type", s->reply.content_type ? s->reply.content_type : "application/grpc");
	/* A failure without a message has its state among the headers. */
	if (s->reply.state && s->reply.fault == GRPC_PEER_NO_FAULT) {
		nv[n++] = header("grpc-status", state);
		if (s->reply.text)
			nv[n++] = header("grpc-message", s->reply.text);
		nghttp2_submit_response(c->session, id, nv, n, NULL);
		return;
	}
	frame_reply(s);
	nghttp2_submit_response(c->session, id, nv, n, &body);
}

static int begin_headers_cb(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct connection *c = ctx;
	struct stream *s = calloc(1, sizeof(*s));

	must(s, "calloc");
	s->next = c->streams;
	c->streams = s;
	nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, s);
	return 0;
}

static int header_cb(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *ctx)
{
	struct stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	if (s && name_len == 5 && memcmp(name, ":path", 5) == 0)
		snprintf(s->path, sizeof(s->path), "%.*s", (int)value_len, (const char *)value);
	return 0;
}

static int data_cb(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
	size_t len, void *ctx)
{
	struct stream *s = nghttp2_session_get_stream_user_data(session, id);

	if (s)
		buffer_append(&s->request, data, len);
	return 0;
}

static int frame_cb(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	if (s && frame->hd.flags & NGHTTP2_FLAG_END_STREAM &&
		(frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA))
		respond(ctx, frame->hd.stream_id, s);
	return 0;
}

static void close_session(struct connection *c)
{
	nghttp2_session_del(c->session);
	while (c->streams) {
		struct stream *s = c->streams;

		c->streams = s->next;
		buffer_done(&s->reply.message);
		buffer_done(&s->request);
		buffer_done(&s->body);
		free(s);
	}
}

static void open_session(struct connection *c)
{
	nghttp2_session_callbacks *callbacks;

	must(nghttp2_session_callbacks_new(&callbacks) == 0, "nghttp2");
	nghttp2_session_callbacks_set_send_callback(callbacks, send_cb);
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, begin_headers_cb);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, header_cb);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, data_cb);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frame_cb);
	must(nghttp2_session_server_new(&c->session, callbacks, c) == 0, "nghttp2");
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, NULL, 0);
}

static bool speaks_http1(struct grpc_peer *peer)
{
	struct grpc_peer_reply reply = { 0 };

	peer->handler(peer->ctx, "", (struct slice){ "", 0 }, &reply);
	buffer_done(&reply.message);
	return reply.fault == GRPC_PEER_SPEAKS_HTTP1;
}

/* Whether the peer goes on. */
static bool serve(struct grpc_peer *peer, int fd)
{
	static const char http1[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
	struct connection c = { .peer = peer, .fd = fd };
	struct pollfd fds[] = { { .fd = fd }, { .fd = peer->stop_fd, .events = POLLIN } };
	uint8_t data[16384];

	if (speaks_http1(peer)) {
		must(send(fd, http1, sizeof(http1) - 1, MSG_NOSIGNAL) >= 0 || errno == EPIPE,
			"send");
		return true;
	}
	open_session(&c);
	while (!c.close) {
		ssize_t n;

		if (nghttp2_session_send(c.session) != 0)
			break;
		fds[0].events = (short)(POLLIN |
			(nghttp2_session_want_write(c.session) ? POLLOUT : 0));
		if (c.close || poll(fds, 2, -1) < 0 || fds[1].revents)
			break;
		if (!(fds[0].revents & (POLLIN | POLLHUP)))
			continue;
		n = recv(fd, data, sizeof(data), 0);
		if (n == 0 || (n < 0 && errno != EAGAIN) ||
			(n > 0 && nghttp2_session_mem_recv(c.session, data, (size_t)n) < 0))
			break;
	}
	close_session(&c);
	return !fds[1].revents;
}

static void *run(void *arg)
{
	struct grpc_peer *peer = arg;
	struct pollfd fds[] = { { .fd = peer->listen_fd, .events = POLLIN },
		{ .fd = peer->stop_fd, .events = POLLIN } };
	bool goes_on = true;

	while (goes_on && poll(fds, 2, -1) > 0 && !fds[1].revents) {
		int fd = accept4(peer->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			continue;
		goes_on = serve(peer, fd);
		close(fd);
	}
	return NULL;
}

struct grpc_peer *grpc_peer_start(const char *path, grpc_peer_fn handler, void *ctx)
{
	struct grpc_peer *peer = calloc(1, sizeof(*peer));
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	must(peer && strlen(path) < sizeof(address.sun_path), path);
	strcpy(address.sun_path, path);
	strcpy(peer->socket, path);
	peer->handler = handler;
	peer->ctx = ctx;
	unlink(path);
	peer->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(bind(peer->listen_fd, (struct sockaddr *)&address, sizeof(address)) == 0, path);
	must(listen(peer->listen_fd, 8) == 0, path);
	peer->stop_fd = eventfd(0, EFD_CLOEXEC);
	must(pthread_create(&peer->thread, NULL, run, peer) == 0, "thread");
	return peer;
}

void grpc_peer_stop(struct grpc_peer *peer)
{
	const uint64_t one = 1;

	must(write(peer->stop_fd, &one, sizeof(one)) == sizeof(one), "eventfd");
	pthread_join(peer->thread, NULL);
	close(peer->listen_fd);
	close(peer->stop_fd);
	unlink(peer->socket);
	free(peer);
}

static int number_in(const char *folder, const char *file)
{
	CLEANUP(buffer_done) struct buffer path = { 0 };
	char text[16];

	buffer_printf(&path, "%s/%s", folder, file);
	return file_read_small(AT_FDCWD, buffer_text(&path), text, sizeof(text)) > 0 ? atoi(text)
										     : 0;
}

static void put_pod(struct slice line, struct buffer *out)
{
	CLEANUP(buffer_done) struct buffer pod = { 0 };
	CLEANUP(buffer_done) struct buffer container = { 0 };
	CLEANUP(buffer_done) struct buffer devices = { 0 };
	struct slice word;

	if (!slice_next_word(&line, &word))
		return;
	protobuf_put_bytes(&pod, 2, word.p, word.n);
	if (slice_next_word(&line, &word))
		protobuf_put_bytes(&pod, 1, word.p, word.n);
	protobuf_put_string(&container, 1, "main");
	while (slice_next_word(&line, &word)) {
		buffer_clear(&devices);
		protobuf_put_string(&devices, 1, "vendor.example/gpu");
		protobuf_put_bytes(&devices, 2, word.p, word.n);
		protobuf_put_bytes(&container, 2, devices.data, devices.len);
	}
	protobuf_put_bytes(&pod, 3, container.data, container.len);
	protobuf_put_bytes(out, 1, pod.data, pod.len);
}

void grpc_peer_pod_resources(
	void *ctx, const char *path, struct slice message, struct grpc_peer_reply *reply)
{
	const char *folder = ctx;
	CLEANUP(buffer_done) struct buffer text = { 0 };
	CLEANUP(buffer_done) struct buffer name = { 0 };
	struct slice rest, line;
	FILE *calls;

	reply->fault = (enum grpc_peer_fault)number_in(folder, "fault");
	reply->state = number_in(folder, "state");
	if (!*path)
		return;
	if (!str_eq(path, "/v1.PodResourcesLister/List"))
		reply->state = 12;
	buffer_printf(&name, "%s/calls", folder);
	calls = fopen(buffer_text(&name), "ae");
	must(calls, "calls");
	fprintf(calls, "%s\n", path);
	fclose(calls);
	buffer_clear(&name);
	buffer_printf(&name, "%s/pods", folder);
	(void)file_read(AT_FDCWD, buffer_text(&name), 16 << 20, &text);
	rest = (struct slice){ buffer_text(&text), text.len };
	while (slice_next_line(&rest, &line))
		put_pod(line, &reply->message);
}
