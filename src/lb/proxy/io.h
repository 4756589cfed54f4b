// SPDX-License-Identifier: Apache-2.0
/*
 * A non-blocking stream socket, plain or under TLS, as edge-triggered readiness wants it used: read
 * and write while the flags say so. And the bytes on their way between two of them.
 */
#ifndef CEEMS_LB_PROXY_IO_H
#define CEEMS_LB_PROXY_IO_H

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "lb/proxy/loop.h"

struct io {
	int fd; /* -1: none */
	gnutls_session_t tls; /* NULL: plain */
	bool readable, writable; /* there may be something; there may be room */
	bool hangup; /* the peer has closed its side, or the connection broke */
	size_t tls_unsent; /* of a record that the socket didn't take */
};

/* What epoll said. */
void io_note(struct io *io, uint32_t events);

/* Bytes read; 0: the end; -EAGAIN (readable is false then); -errno. */
ssize_t io_read(struct io *io, void *data, size_t n);
/* Bytes written; -EAGAIN (writable is false then); -errno. */
ssize_t io_writev(struct io *io, const struct iovec *v, int n);

/* reset: the peer gets an RST, so that it can't take what came for the whole. */
void io_close(struct io *io, bool reset);

/*
 * A block being filled at its end and sent from its start. What lies between ready and end has
 * not been looked at.
 */
struct stream {
	char *data; /* LOOP_BLOCK_BYTES, or NULL */
	size_t start, ready, end;
};

/* Reads once, as much as there is room for; as io_read(), or -ENOMEM, -ENOBUFS: no room. */
ssize_t stream_fill(struct stream *stream, struct io *io, struct loop *loop);
/* Gives an empty block back. */
void stream_trim(struct stream *stream, struct loop *loop);
void stream_drop(struct stream *stream, struct loop *loop);

#endif
