// SPDX-License-Identifier: Apache-2.0
#include "format/websocket.h"

#include <errno.h>

enum {
	LAST = 0x80,
	RESERVED = 0x70,
	OPCODE = 0x0f,
	MASKED = 0x80,
	LENGTH = 0x7f,
	LENGTH_16 = 126, /* 2 bytes follow */
	LENGTH_64 = 127, /* 8 bytes follow */
	CONTROL = 8, /* bit of the opcodes of control frames */
};

static bool is_known(unsigned opcode)
{
	return opcode <= WEBSOCKET_BINARY ||
		(opcode >= WEBSOCKET_CLOSE && opcode <= WEBSOCKET_PONG);
}

static bool is_allowed(unsigned first, unsigned second)
{
	if (first & RESERVED || second & MASKED || !is_known(first & OPCODE))
		return false;
	return !(first & CONTROL) ||
		(first & LAST && (second & LENGTH) <= WEBSOCKET_CONTROL_MAX_BYTES);
}

int websocket_next(struct slice *rest, size_t max_bytes, struct websocket_frame *ret_frame)
{
	const unsigned char *in = (const unsigned char *)rest->p;
	size_t more, header;
	uint64_t length;

	if (rest->n < 2)
		return 0;
	if (!is_allowed(in[0], in[1]))
		return -EBADMSG;
	length = in[1] & LENGTH;
	more = length == LENGTH_16 ? 2 : length == LENGTH_64 ? 8 : 0;
	header = 2 + more;
	if (rest->n < header)
		return 0;
	if (more)
		length = 0;
	for (size_t i = 0; i < more; i++)
		length = length << 8 | in[2 + i];
	/* The shortest form is the only one. */
	if ((more == 2 && length < LENGTH_16) || (more == 8 && length <= UINT16_MAX))
		return -EBADMSG;
	if (length > max_bytes)
		return -E2BIG;
	if (rest->n - header < length)
		return 0;
	*ret_frame = (struct websocket_frame){
		.opcode = in[0] & OPCODE,
		.last = in[0] & LAST,
		.payload = { rest->p + header, (size_t)length },
	};
	rest->p += header + length;
	rest->n -= header + (size_t)length;
	return 1;
}

static void put_length(struct buffer *out, uint64_t length)
{
	const int bytes = length < LENGTH_16 ? 0 : length <= UINT16_MAX ? 2 : 8;

	buffer_putc(out,
		(char)(MASKED |
			(bytes == 0                  ? (int)length
					: bytes == 2 ? (int)LENGTH_16
						     : (int)LENGTH_64)));
	for (int i = bytes - 1; i >= 0; i--)
		buffer_putc(out, (char)(length >> 8 * i));
}

void websocket_put(struct buffer *out, enum websocket_opcode opcode, struct slice payload,
	const unsigned char mask[static WEBSOCKET_MASK_BYTES])
{
	buffer_putc(out, (char)(LAST | (int)opcode));
	put_length(out, payload.n);
	buffer_append(out, mask, WEBSOCKET_MASK_BYTES);
	for (size_t i = 0; i < payload.n; i++)
		buffer_putc(
			out, (char)((unsigned char)payload.p[i] ^ mask[i % WEBSOCKET_MASK_BYTES]));
}
