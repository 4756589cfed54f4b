// SPDX-License-Identifier: Apache-2.0
#include "tool/capture/replay_grpc.h"

#include <endian.h>
#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "basic/file.h"
#include "basic/macros.h"

enum {
	PREFIX_BYTES = 5, /* of a message: a flag for compression and the length, big endian */
	BACKLOG = 8,
	POLL_FIRST = 2, /* the first two descriptors are no connections */
};

struct stream {
	struct stream *next, **link;
	struct buffer body;
	size_t request_bytes, sent;
	int state;
	char path[REPLAY_GRPC_PATH_MAX];
};

struct connection {
	struct replay_grpc *server;
	nghttp2_session *session; /* NULL: free */
	struct stream *streams;
	int fd;
};

struct replay_grpc {
	char socket[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	replay_grpc_fn handler;
	void *ctx;
	int listen_fd, stop_fd;
	bool bound, running;
	pthread_t thread;
	struct connection connections[REPLAY_GRPC_CONNECTIONS_MAX];
};

static void free_stream(struct stream *s)
{
	*s->link = s->next;
	if (s->next)
		s->next->link = s->link;
	buffer_done(&s->body);
	free(s);
}

static ssize_t on_send(
	nghttp2_session *session, const uint8_t *data, size_t len, int flags, void *ctx)
{
	const struct connection *c = ctx;
	ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? NGHTTP2_ERR_WOULDBLOCK
							 : NGHTTP2_ERR_CALLBACK_FAILURE;
	return n;
}

static nghttp2_nv header(const char *name, const char *value)
{
	return (nghttp2_nv){ (uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value),
		NGHTTP2_NV_FLAG_NONE };
}

/* The state stands behind the message. */
static ssize_t on_read(nghttp2_session *session, int32_t id, uint8_t *data, size_t len,
	uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
	struct stream *s = source->ptr;
	const size_t n = MIN(len, s->body.len - s->sent);
	char state[16];
	nghttp2_nv trailer;

	if (n)
		memcpy(data, s->body.data + s->sent, n);
	s->sent += n;
	if (s->sent < s->body.len)
		return (ssize_t)n;
	snprintf(state, sizeof(state), "%d", s->state);
	trailer = header("grpc-status", state);
	*flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
	if (nghttp2_submit_trailer(session, id, &trailer, 1) != 0)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	return (ssize_t)n;
}

static void frame_message(const struct buffer *message, struct buffer *out)
{
	const uint32_t len = htobe32((uint32_t)message->len);

	buffer_putc(out, 0);
	buffer_append(out, &len, sizeof(len));
	buffer_append(out, buffer_text(message), message->len);
}

static int respond(struct connection *c, int32_t id, struct stream *s)
{
	const nghttp2_nv headers[] = { header(":status", "200"),
		header("content-type", "application/grpc") };
	const nghttp2_data_provider body = { .source.ptr = s, .read_callback = on_read };
	CLEANUP(buffer_done) struct buffer message = { 0 };

	s->state = c->server->handler(c->server->ctx, s->path, &message);
	if (s->state == REPLAY_GRPC_OK)
		frame_message(&message, &s->body);
	if (buffer_error(&message) || buffer_error(&s->body))
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	return nghttp2_submit_response(c->session, id, headers, ARRAY_SIZE(headers), &body);
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct connection *c = ctx;
	struct stream *s;

	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	s->next = c->streams;
	s->link = &c->streams;
	if (s->next)
		s->next->link = &s->next;
	c->streams = s;
	return nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, s);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *ctx)
{
	static const char path[] = ":path";
	struct stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	if (s && name_len == sizeof(path) - 1 && memcmp(name, path, name_len) == 0)
		snprintf(s->path, sizeof(s->path), "%.*s", (int)MIN(value_len, sizeof(s->path)),
			(const char *)value);
	return 0;
}

/* What the request says makes no difference. */
static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
	size_t len, void *ctx)
{
	struct stream *s = nghttp2_session_get_stream_user_data(session, id);

	if (!s)
		return 0;
	s->request_bytes += len;
	return s->request_bytes > REPLAY_GRPC_REQUEST_MAX_BYTES ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	if (s && frame->hd.flags & NGHTTP2_FLAG_END_STREAM &&
		(frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA))
		return respond(ctx, frame->hd.stream_id, s) == 0 ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
	return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *ctx)
{
	struct stream *s = nghttp2_session_get_stream_user_data(session, id);

	if (s)
		free_stream(s);
	return 0;
}

static int make_session(struct connection *c)
{
	const nghttp2_settings_entry settings = { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
		REPLAY_GRPC_STREAMS_MAX };
	nghttp2_session_callbacks *callbacks;
	int r = nghttp2_session_callbacks_new(&callbacks);

	if (r != 0)
		return r;
	nghttp2_session_callbacks_set_send_callback(callbacks, on_send);
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	r = nghttp2_session_server_new(&c->session, callbacks, c);
	nghttp2_session_callbacks_del(callbacks);
	return r == 0 ? nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, &settings, 1) : r;
}

static void close_connection(struct connection *c)
{
	if (c->session)
		nghttp2_session_del(c->session);
	while (c->streams)
		free_stream(c->streams);
	file_closep(&c->fd);
	c->session = NULL;
}

static void accept_connection(struct replay_grpc *server)
{
	int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(server->connections); i++) {
		struct connection *c = &server->connections[i];

		if (c->session)
			continue;
		*c = (struct connection){ .server = server, .fd = fd };
		if (make_session(c) != 0)
			close_connection(c);
		return;
	}
	close(fd);
}

/* False: it has ended, or is broken. */
static bool serve(struct connection *c, short events)
{
	uint8_t data[16384];
	ssize_t n;

	if (events & (POLLIN | POLLHUP | POLLERR)) {
		n = recv(c->fd, data, sizeof(data), 0);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) ||
			(n > 0 && nghttp2_session_mem_recv(c->session, data, (size_t)n) < 0))
			return false;
	}
	return nghttp2_session_send(c->session) == 0 &&
		(nghttp2_session_want_read(c->session) || nghttp2_session_want_write(c->session));
}

static void *run(void *arg)
{
	struct replay_grpc *server = arg;
	struct pollfd fds[POLL_FIRST + REPLAY_GRPC_CONNECTIONS_MAX];

	for (;;) {
		fds[0] = (struct pollfd){ .fd = server->stop_fd, .events = POLLIN };
		fds[1] = (struct pollfd){ .fd = server->listen_fd, .events = POLLIN };
		for (size_t i = 0; i < ARRAY_SIZE(server->connections); i++) {
			const struct connection *c = &server->connections[i];
			const bool writes = c->session && nghttp2_session_want_write(c->session);

			fds[POLL_FIRST + i] = (struct pollfd){ .fd = c->session ? c->fd : -1,
				.events = (short)(POLLIN | (writes ? POLLOUT : 0)) };
		}
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
			return NULL;
		if (fds[0].revents)
			return NULL;
		for (size_t i = 0; i < ARRAY_SIZE(server->connections); i++) {
			struct connection *c = &server->connections[i];
			const short events = fds[POLL_FIRST + i].revents;

			if (c->session && events && !serve(c, events))
				close_connection(c);
		}
		if (fds[1].revents)
			accept_connection(server);
	}
}

/* The exporter may run as another user. */
static int listen_on(struct replay_grpc *server)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	strcpy(address.sun_path, server->socket);
	server->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (server->listen_fd < 0 ||
		bind(server->listen_fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	server->bound = true;
	if (chmod(server->socket, 0666) < 0 || listen(server->listen_fd, BACKLOG) < 0)
		return -errno;
	server->stop_fd = eventfd(0, EFD_CLOEXEC);
	return server->stop_fd < 0 ? -errno : 0;
}

/* Signals are for the thread that waits for them. */
static int start_thread(struct replay_grpc *server)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&server->thread, NULL, run, server);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	server->running = r == 0;
	return -r;
}

int replay_grpc_start(const char *socket, replay_grpc_fn handler, void *ctx,
	struct replay_grpc **ret_server, struct err *err)
{
	struct replay_grpc *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return err_errno(err, -ENOMEM, "%s", socket);
	server->listen_fd = server->stop_fd = -1;
	server->handler = handler;
	server->ctx = ctx;
	if (strlen(socket) >= sizeof(server->socket)) {
		free(server);
		return err_set(err, -ENAMETOOLONG,
			"'%s' is too long for the name of a socket: take a folder with a shorter one",
			socket);
	}
	strcpy(server->socket, socket);
	r = listen_on(server);
	if (r >= 0)
		r = start_thread(server);
	if (r < 0) {
		replay_grpc_stop(server);
		return err_errno(err, r, "making the socket '%s'", socket);
	}
	*ret_server = server;
	return 0;
}

void replay_grpc_stop(struct replay_grpc *server)
{
	const uint64_t one = 1;

	if (!server)
		return;
	if (server->running && write(server->stop_fd, &one, sizeof(one)) == sizeof(one))
		pthread_join(server->thread, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(server->connections); i++)
		if (server->connections[i].session)
			close_connection(&server->connections[i]);
	file_closep(&server->listen_fd);
	file_closep(&server->stop_fd);
	if (server->bound)
		unlink(server->socket);
	free(server);
}
