// SPDX-License-Identifier: Apache-2.0
/* The binary form (spec pyroscope-api.md 3.1). */
#include <errno.h>

#include "format/protobuf.h"
#include "lb/access/pyro_body.h"

static const struct pyro_field *find_field(const struct pyro_message *message, uint32_t number)
{
	for (size_t i = 0; i < message->n; i++)
		if (message->fields[i].number == number)
			return &message->fields[i];
	return NULL;
}

static enum protobuf_wire wire_of(const struct pyro_field *field)
{
	switch (field->kind) {
	case PYRO_STRING:
	case PYRO_SELECTOR:
	case PYRO_MESSAGE:
	case PYRO_FORBIDDEN:
		return PROTOBUF_BYTES;
	case PYRO_STEP:
		return PROTOBUF_FIXED64;
	default:
		return PROTOBUF_VARINT;
	}
}

static int read_value(const struct protobuf_field *in, struct pyro_value *value,
	struct arena *arena, const char **ret_reason)
{
	double step_s;

	switch (value->field->kind) {
	case PYRO_STRING:
	case PYRO_SELECTOR:
		value->text = in->bytes;
		if (str_is_utf8(in->bytes.p, in->bytes.n))
			return 0;
		*ret_reason = "a string that is not UTF-8";
		return -EBADMSG;
	case PYRO_MESSAGE:
		return pyro_read_proto(
			in->bytes, value->field->message, arena, &value->body, ret_reason);
	case PYRO_STEP:
		memcpy(&step_s, &in->value, sizeof(step_s));
		return pyro_step_set(value, step_s, ret_reason);
	default:
		/* As all readers do: 32 bits of what has 32 bits, true for all but 0. */
		value->number = value->field->kind == PYRO_BOOL ? in->value != 0
			: value->field->kind == PYRO_UINT       ? (int64_t)(uint32_t)in->value
			: value->field->kind == PYRO_ENUM       ? (int32_t)in->value
								: (int64_t)in->value;
		return 0;
	}
}

/* Depth is bounded by the tables. */
int pyro_read_proto(struct slice text, const struct pyro_message *message, struct arena *arena,
	struct pyro_body **ret_body, const char **ret_reason)
{
	struct pyro_body *body = pyro_body_new(message, arena);
	struct protobuf_field in;
	int r;

	if (!body)
		return -ENOMEM;
	while ((r = protobuf_next(&text, &in)) > 0) {
		const struct pyro_field *field = find_field(message, in.number);
		struct pyro_value *value;

		if (!field)
			continue;
		if (in.wire != wire_of(field)) {
			*ret_reason = "a field of a wrong type";
			return -EBADMSG;
		}
		r = pyro_body_add(body, field, arena, &value, ret_reason);
		if (r >= 0)
			r = read_value(&in, value, arena, ret_reason);
		if (r < 0)
			return r;
	}
	if (r < 0) {
		*ret_reason = "no message";
		return r;
	}
	*ret_body = body;
	return 0;
}

static void put_message(const struct pyro_value *value, struct buffer *out)
{
	CLEANUP(buffer_done) struct buffer inner = { 0 };

	pyro_write_proto(value->body, &inner);
	if (buffer_error(&inner))
		out->error = buffer_error(&inner);
	else
		protobuf_put_bytes(out, value->field->number, buffer_text(&inner), inner.len);
}

static void put_selector(const struct pyro_value *value, struct buffer *out)
{
	CLEANUP(buffer_done) struct buffer text = { 0 };

	promql_print(value->node, &text);
	if (buffer_error(&text))
		out->error = buffer_error(&text);
	else
		protobuf_put_bytes(out, value->field->number, buffer_text(&text), text.len);
}

static void put_double(uint32_t number, double real, struct buffer *out)
{
	uint64_t bits;

	memcpy(&bits, &real, sizeof(bits));
	protobuf_put_varint(out, number << 3 | PROTOBUF_FIXED64);
	for (int i = 0; i < 8; i++)
		buffer_putc(out, (char)(bits >> 8 * i));
}

void pyro_write_proto(const struct pyro_body *body, struct buffer *out)
{
	for (size_t i = 0; i < body->n; i++) {
		const struct pyro_value *value = &body->v[i];
		const uint32_t number = value->field->number;

		switch (value->field->kind) {
		case PYRO_SELECTOR:
			put_selector(value, out);
			break;
		case PYRO_STRING:
			protobuf_put_bytes(out, number, value->text.p, value->text.n);
			break;
		case PYRO_MESSAGE:
			put_message(value, out);
			break;
		case PYRO_STEP:
			put_double(number, value->step_s, out);
			break;
		case PYRO_FORBIDDEN:
			break;
		default:
			protobuf_put_number(out, number, (uint64_t)value->number);
		}
	}
}
