// SPDX-License-Identifier: Apache-2.0
#include "format/protobuf.h"

#include <errno.h>

enum { VARINT_BYTES_MAX = 10, FIELD_NUMBER_MAX = (1 << 29) - 1 };

int protobuf_next_varint(struct slice *rest, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (!rest->n)
		return 0;
	for (size_t i = 0; i < rest->n && i < VARINT_BYTES_MAX; i++) {
		const uint8_t byte = (uint8_t)rest->p[i];

		/* Of the tenth byte one bit is left. */
		if (i == VARINT_BYTES_MAX - 1 && byte > 1)
			return -EBADMSG;
		value |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (byte & 0x80)
			continue;
		rest->p += i + 1;
		rest->n -= i + 1;
		*ret_value = value;
		return 1;
	}
	return -EBADMSG;
}

static int cut_bytes(struct slice *rest, uint64_t n, struct slice *ret_bytes)
{
	if (n > rest->n)
		return -EBADMSG;
	*ret_bytes = (struct slice){ rest->p, (size_t)n };
	rest->p += n;
	rest->n -= (size_t)n;
	return 1;
}

static int cut_fixed(struct slice *rest, size_t n, uint64_t *ret_value)
{
	struct slice bytes;
	int r = cut_bytes(rest, n, &bytes);

	*ret_value = 0;
	for (size_t i = 0; r > 0 && i < n; i++)
		*ret_value |= (uint64_t)(uint8_t)bytes.p[i] << (8 * i);
	return r;
}

int protobuf_next(struct slice *rest, struct protobuf_field *ret_field)
{
	struct protobuf_field field = { 0 };
	uint64_t tag, len;
	int r = protobuf_next_varint(rest, &tag);

	if (r <= 0)
		return r;
	if (tag >> 3 == 0 || tag >> 3 > FIELD_NUMBER_MAX)
		return -EBADMSG;
	field.number = (uint32_t)(tag >> 3);
	field.wire = (enum protobuf_wire)(tag & 7);
	switch (tag & 7) {
	case PROTOBUF_VARINT:
		r = protobuf_next_varint(rest, &field.value);
		break;
	case PROTOBUF_FIXED64:
		r = cut_fixed(rest, 8, &field.value);
		break;
	case PROTOBUF_FIXED32:
		r = cut_fixed(rest, 4, &field.value);
		break;
	case PROTOBUF_BYTES:
		r = protobuf_next_varint(rest, &len);
		if (r > 0)
			r = cut_bytes(rest, len, &field.bytes);
		break;
	default:
		r = -EBADMSG;
	}
	if (r <= 0)
		return -EBADMSG;
	*ret_field = field;
	return 1;
}

void protobuf_put_varint(struct buffer *out, uint64_t value)
{
	for (; value > 0x7f; value >>= 7)
		buffer_putc(out, (char)(0x80 | (value & 0x7f)));
	buffer_putc(out, (char)value);
}

void protobuf_put_number(struct buffer *out, uint32_t field, uint64_t value)
{
	protobuf_put_varint(out, (uint64_t)field << 3 | PROTOBUF_VARINT);
	protobuf_put_varint(out, value);
}

void protobuf_put_bytes(struct buffer *out, uint32_t field, const void *data, size_t len)
{
	protobuf_put_varint(out, (uint64_t)field << 3 | PROTOBUF_BYTES);
	protobuf_put_varint(out, len);
	buffer_append(out, data, len);
}

void protobuf_put_string(struct buffer *out, uint32_t field, const char *text)
{
	protobuf_put_bytes(out, field, text, strlen(text));
}
