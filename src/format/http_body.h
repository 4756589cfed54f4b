// SPDX-License-Identifier: Apache-2.0
/*
 * Bodies of HTTP/1.1 messages, piece by piece (RFC 9112 6 and 7.1). The reader says of each run of
 * bytes what it is, so that a proxy may pass a chunked body on as it came: what is DATA or FRAME
 * makes up a body that is chunked in the plainest way, without extensions and trailers, which are
 * SKIPped. Strict: hexadecimal sizes of at most 15 digits, CRLF after each line and chunk. Pure.
 */
#ifndef CEEMS_FORMAT_HTTP_BODY_H
#define CEEMS_FORMAT_HTTP_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/str.h"
#include "format/http_head.h"

enum {
	HTTP_CHUNK_SIZE_MAX_DIGITS = 15,
	HTTP_CHUNK_EXTENSION_MAX_BYTES = 4 << 10, /* of one chunk */
	HTTP_TRAILER_MAX_BYTES = 16 << 10, /* of one body */
};

struct http_body {
	enum http_framing framing;
	uint64_t left; /* of the body, or of this chunk */
	bool done;
	/* Private. */
	int state;
	unsigned digits;
	size_t skipped;
};

enum http_piece {
	HTTP_PIECE_DATA,
	HTTP_PIECE_FRAME, /* sizes and line ends of chunks */
	HTTP_PIECE_SKIP, /* extensions and trailers */
};

void http_body_init(struct http_body *body, enum http_framing framing, uint64_t length);

/*
 * The next run at the start of data, of which there is some: its kind and length, which is 0 only
 * once body->done. -EBADMSG: no chunked body; -E2BIG: over one of the limits.
 */
int http_body_next(
	struct http_body *body, struct slice data, enum http_piece *ret_piece, size_t *ret_n);

/* Whether a body may end here because the connection did. */
bool http_body_may_end(const struct http_body *body);

#endif
