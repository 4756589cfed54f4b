// SPDX-License-Identifier: Apache-2.0
#include "lb/proxy/io.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "basic/macros.h"

void io_note(struct io *io, uint32_t events)
{
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		io->readable = true;
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		io->writable = true;
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		io->hangup = true;
}

static ssize_t tls_error(struct io *io, ssize_t r, bool writing)
{
	switch (r) {
	case GNUTLS_E_AGAIN:
		if (writing)
			io->writable = false;
		else
			io->readable = false;
		return -EAGAIN;
	case GNUTLS_E_INTERRUPTED:
		return -EINTR;
	default:
		return gnutls_error_is_fatal((int)r) ? -EPROTO : -EINTR;
	}
}

static ssize_t tls_read(struct io *io, void *data, size_t n)
{
	ssize_t r;

	do
		r = gnutls_record_recv(io->tls, data, n);
	while (r == GNUTLS_E_INTERRUPTED ||
		(r < 0 && r != GNUTLS_E_AGAIN && !gnutls_error_is_fatal((int)r)));
	return r < 0 ? tls_error(io, r, false) : r;
}

/* A record that the socket didn't take is offered again, whatever is to be written now. */
static ssize_t tls_write(struct io *io, const void *data, size_t n)
{
	ssize_t r;

	do
		r = io->tls_unsent ? gnutls_record_send(io->tls, NULL, 0)
				   : gnutls_record_send(io->tls, data, n);
	while (r == GNUTLS_E_INTERRUPTED);
	if (r == GNUTLS_E_AGAIN)
		io->tls_unsent = n;
	else
		io->tls_unsent = 0;
	return r < 0 ? tls_error(io, r, true) : r;
}

ssize_t io_read(struct io *io, void *data, size_t n)
{
	ssize_t r;

	if (io->tls)
		return tls_read(io, data, n);
	do
		r = recv(io->fd, data, n, 0);
	while (r < 0 && errno == EINTR);
	/* A short read has emptied the socket; what comes later is another edge. But an end that
	 * was announced has to be read yet. */
	if ((r < 0 && errno == EAGAIN) || (r > 0 && (size_t)r < n && !io->hangup))
		io->readable = false;
	return r < 0 ? -errno : r;
}

static ssize_t tls_writev(struct io *io, const struct iovec *v, int n)
{
	ssize_t total = 0, r;

	for (int i = 0; i < n; i++) {
		for (size_t at = 0; at < v[i].iov_len; at += (size_t)r) {
			r = tls_write(io, (char *)v[i].iov_base + at, v[i].iov_len - at);
			if (r < 0)
				return total ? total : r;
			total += r;
		}
	}
	return total;
}

ssize_t io_writev(struct io *io, const struct iovec *v, int n)
{
	struct msghdr message = { .msg_iov = (struct iovec *)v, .msg_iovlen = (size_t)n };
	ssize_t r;

	if (io->tls)
		return tls_writev(io, v, n);
	do
		r = n == 1 ? send(io->fd, v->iov_base, v->iov_len, MSG_NOSIGNAL)
			   : sendmsg(io->fd, &message, MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	if (r < 0 && errno == EAGAIN)
		io->writable = false;
	return r < 0 ? -errno : r;
}

void io_close(struct io *io, bool reset)
{
	const struct linger at_once = { .l_onoff = 1 };

	if (io->fd < 0)
		return;
	if (io->tls) {
		if (!reset)
			(void)gnutls_bye(io->tls, GNUTLS_SHUT_WR);
		gnutls_deinit(io->tls);
	}
	if (reset)
		(void)setsockopt(io->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(io->fd);
	*io = (struct io){ .fd = -1 };
}

ssize_t stream_fill(struct stream *stream, struct io *io, struct loop *loop)
{
	ssize_t n;

	if (!stream->data) {
		stream->data = loop_block_get(loop);
		stream->start = stream->ready = stream->end = 0;
	}
	if (!stream->data)
		return -ENOMEM;
	if (stream->start == stream->end)
		stream->start = stream->ready = stream->end = 0;
	if (stream->end == LOOP_BLOCK_BYTES) {
		if (!stream->start)
			return -ENOBUFS;
		memmove(stream->data, stream->data + stream->start, stream->end - stream->start);
		stream->ready -= stream->start;
		stream->end -= stream->start;
		stream->start = 0;
	}
	n = io_read(io, stream->data + stream->end, LOOP_BLOCK_BYTES - stream->end);
	if (n > 0)
		stream->end += (size_t)n;
	return n;
}

void stream_drop(struct stream *stream, struct loop *loop)
{
	loop_block_put(loop, stream->data);
	*stream = (struct stream){ 0 };
}

void stream_trim(struct stream *stream, struct loop *loop)
{
	if (stream->start == stream->end)
		stream_drop(stream, loop);
}
