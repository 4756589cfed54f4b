// SPDX-License-Identifier: Apache-2.0
/*
 * The wire format of Protocol Buffers (https://protobuf.dev/programming-guides/encoding/), without
 * schemas: a message is a run of numbered fields, and who reads it knows what each number means.
 * Groups, which proto3 doesn't have, are refused. No allocation, no I/O.
 */
#ifndef CEEMS_FORMAT_PROTOBUF_H
#define CEEMS_FORMAT_PROTOBUF_H

#include <stdint.h>

#include "basic/buffer.h"
#include "basic/str.h"

enum protobuf_wire {
	PROTOBUF_VARINT = 0,
	PROTOBUF_FIXED64 = 1,
	PROTOBUF_BYTES = 2, /* bytes, strings, messages inside, packed numbers */
	PROTOBUF_FIXED32 = 5,
};

struct protobuf_field {
	uint32_t number;
	enum protobuf_wire wire;
	uint64_t value; /* of a number */
	struct slice bytes; /* borrowed from the message */
};

/* Cuts the next field off *rest. 1: a field, 0: the end, -EBADMSG: no message. */
int protobuf_next(struct slice *rest, struct protobuf_field *ret_field);

/* Cuts the next number off packed ones. 1, 0: the end, -EBADMSG. */
int protobuf_next_varint(struct slice *rest, uint64_t *ret_value);

/* Failures stick in the buffer. */
void protobuf_put_varint(struct buffer *out, uint64_t value); /* bare, for packed numbers */
void protobuf_put_number(struct buffer *out, uint32_t field, uint64_t value);
void protobuf_put_bytes(struct buffer *out, uint32_t field, const void *data, size_t len);
void protobuf_put_string(struct buffer *out, uint32_t field, const char *text);

#endif
