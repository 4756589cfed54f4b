// SPDX-License-Identifier: Apache-2.0
/* Any message, read as nested ones as deep as it goes; what is written again reads the same. */
#include <stdint.h>
#include <stdlib.h>

#include "format/protobuf.h"

enum { DEPTH_MAX = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same_again(const struct protobuf_field *field)
{
	struct buffer copy;
	struct protobuf_field again;
	struct slice rest;

	buffer_init(&copy, 0);
	if (field->wire == PROTOBUF_BYTES)
		protobuf_put_bytes(&copy, field->number, field->bytes.p, field->bytes.n);
	else
		protobuf_put_number(&copy, field->number, field->value);
	rest = (struct slice){ buffer_text(&copy), copy.len };
	if (protobuf_next(&rest, &again) != 1 || rest.n || again.number != field->number ||
		again.value != field->value || again.bytes.n != field->bytes.n)
		abort();
	buffer_done(&copy);
}

static void read_message(struct slice message, int depth)
{
	struct protobuf_field field;

	while (protobuf_next(&message, &field) > 0) {
		uint64_t value;

		if (depth == 0)
			same_again(&field);
		if (field.wire != PROTOBUF_BYTES || depth == DEPTH_MAX)
			continue;
		read_message(field.bytes, depth + 1);
		while (protobuf_next_varint(&field.bytes, &value) > 0)
			;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_message((struct slice){ (const char *)data, size }, 0);
	return 0;
}
