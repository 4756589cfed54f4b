// SPDX-License-Identifier: Apache-2.0
#include "format/http_body.h"

#include <errno.h>

#include "basic/macros.h"

enum state {
	SIZE, /* hexadecimal digits */
	EXTENSION,
	SIZE_LF,
	DATA,
	DATA_CR,
	DATA_LF,
	TRAILER_START, /* of a line: a name, or CR at the end of all */
	TRAILER,
	TRAILER_LF,
	END_LF,
};

void http_body_init(struct http_body *body, enum http_framing framing, uint64_t length)
{
	*body = (struct http_body){
		.framing = framing,
		.left = framing == HTTP_BODY_LENGTH ? length : 0,
		.done = framing == HTTP_BODY_NONE || (framing == HTTP_BODY_LENGTH && !length),
		.state = SIZE,
	};
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int take_size(struct http_body *body, char c)
{
	int digit = hex_value(c);

	if (digit >= 0) {
		if (++body->digits > HTTP_CHUNK_SIZE_MAX_DIGITS)
			return -E2BIG;
		body->left = body->left * 16 + (unsigned)digit;
		return 0;
	}
	if (!body->digits)
		return -EBADMSG;
	if (c == '\r')
		body->state = SIZE_LF;
	else if (c == ';' || c == ' ' || c == '\t')
		body->state = EXTENSION;
	else
		return -EBADMSG;
	return 0;
}

static int take_lf(struct http_body *body, char c, enum state next)
{
	if (c != '\n')
		return -EBADMSG;
	body->state = next;
	return 0;
}

/* Extensions and trailers: text up to a CR that an LF follows. */
static int take_text(struct http_body *body, char c, size_t limit, enum state next)
{
	if (c == '\r') {
		body->state = next;
		return 0;
	}
	if (!http_is_field_value((struct slice){ &c, 1 }))
		return -EBADMSG;
	return ++body->skipped > limit ? -E2BIG : 0;
}

/* One byte of a chunked body outside its data. */
static int step(struct http_body *body, char c)
{
	switch ((enum state)body->state) {
	case SIZE:
		return take_size(body, c);
	case EXTENSION:
		return take_text(body, c, HTTP_CHUNK_EXTENSION_MAX_BYTES, SIZE_LF);
	case SIZE_LF:
		body->skipped = 0;
		body->digits = 0;
		return take_lf(body, c, body->left ? DATA : TRAILER_START);
	case DATA_CR:
		body->state = DATA_LF;
		return c == '\r' ? 0 : -EBADMSG;
	case DATA_LF:
		return take_lf(body, c, SIZE);
	case TRAILER_START:
		if (c == '\r') {
			body->state = END_LF;
			return 0;
		}
		if (!http_is_token((struct slice){ &c, 1 }))
			return -EBADMSG;
		body->state = TRAILER;
		/* fallthrough */
	case TRAILER:
		return take_text(body, c, HTTP_TRAILER_MAX_BYTES, TRAILER_LF);
	case TRAILER_LF:
		return take_lf(body, c, TRAILER_START);
	case END_LF:
		body->done = c == '\n';
		return body->done ? 0 : -EBADMSG;
	case DATA:
		break;
	}
	return -EBADMSG;
}

/* What the byte is that takes the reader from one state to another. */
static enum http_piece kind(int from, int to)
{
	if (from == EXTENSION || to == EXTENSION)
		return from == EXTENSION && to == SIZE_LF ? HTTP_PIECE_FRAME : HTTP_PIECE_SKIP;
	if (from == TRAILER || from == TRAILER_LF || to == TRAILER || to == TRAILER_LF)
		return HTTP_PIECE_SKIP;
	return HTTP_PIECE_FRAME;
}

static int next_data(struct http_body *body, struct slice data, size_t *ret_n)
{
	*ret_n = (size_t)MIN((uint64_t)data.n, body->left);
	body->left -= *ret_n;
	return 0;
}

static int next_of_chunks(
	struct http_body *body, struct slice data, enum http_piece *ret_piece, size_t *ret_n)
{
	enum http_piece piece = HTTP_PIECE_FRAME;
	size_t n = 0;

	if (body->state == DATA) {
		*ret_piece = HTTP_PIECE_DATA;
		(void)next_data(body, data, ret_n);
		if (!body->left)
			body->state = DATA_CR;
		return 0;
	}
	while (n < data.n && !body->done && body->state != DATA) {
		struct http_body before = *body;
		enum http_piece now;
		int r = step(body, data.p[n]);

		if (r < 0)
			return r;
		now = kind(before.state, body->state);
		if (n && now != piece) {
			*body = before; /* it begins the next run */
			break;
		}
		piece = now;
		n++;
	}
	*ret_piece = piece;
	*ret_n = n;
	return 0;
}

int http_body_next(
	struct http_body *body, struct slice data, enum http_piece *ret_piece, size_t *ret_n)
{
	*ret_piece = HTTP_PIECE_DATA;
	*ret_n = 0;
	if (body->done)
		return 0;
	switch (body->framing) {
	case HTTP_BODY_LENGTH:
		(void)next_data(body, data, ret_n);
		body->done = !body->left;
		return 0;
	case HTTP_BODY_CLOSE:
		*ret_n = data.n;
		return 0;
	case HTTP_BODY_CHUNKED:
		return next_of_chunks(body, data, ret_piece, ret_n);
	case HTTP_BODY_NONE:
		break;
	}
	return 0;
}

bool http_body_may_end(const struct http_body *body)
{
	return body->done || body->framing == HTTP_BODY_CLOSE;
}
