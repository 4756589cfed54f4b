// SPDX-License-Identifier: Apache-2.0
/* Frames of the WebSocket protocol (RFC 6455, section 5), without extensions, as a client sees it.
 */
#ifndef CEEMS_FORMAT_WEBSOCKET_H
#define CEEMS_FORMAT_WEBSOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "basic/buffer.h"
#include "basic/str.h"

enum websocket_opcode {
	WEBSOCKET_CONTINUATION = 0,
	WEBSOCKET_TEXT = 1,
	WEBSOCKET_BINARY = 2,
	WEBSOCKET_CLOSE = 8,
	WEBSOCKET_PING = 9,
	WEBSOCKET_PONG = 10,
};

enum { WEBSOCKET_MASK_BYTES = 4, WEBSOCKET_CONTROL_MAX_BYTES = 125 };

struct websocket_frame {
	enum websocket_opcode opcode;
	bool last; /* of its message */
	struct slice payload; /* borrowed from the input */
};

/*
 * Takes the next frame of a server off the input. 1; 0: more input is needed; -EBADMSG: no frame of
 * a server (masked, reserved bits, a control frame in pieces); -E2BIG: payload over max_bytes.
 */
int websocket_next(struct slice *rest, size_t max_bytes, struct websocket_frame *ret_frame);

/* Appends a whole message, masked as a client must; the mask is to be unpredictable. */
void websocket_put(struct buffer *out, enum websocket_opcode opcode, struct slice payload,
	const unsigned char mask[static WEBSOCKET_MASK_BYTES]);

#endif
