// SPDX-License-Identifier: Apache-2.0
#include "format/protobuf.h"

#include <errno.h>

#include "basic/macros.h"
#include "unit_test.h"

static struct slice rest;
static struct protobuf_field field;

static int next(void)
{
	return protobuf_next(&rest, &field);
}

static void what_is_written_reads_the_same(void **state)
{
	static const uint64_t values[] = { 0, 1, 127, 128, 300, UINT32_MAX, UINT64_MAX };
	CLEANUP(buffer_done) struct buffer out;

	buffer_init(&out, 0);
	for (uint32_t i = 0; i < ARRAY_SIZE(values); i++)
		protobuf_put_number(&out, i + 1, values[i]);
	protobuf_put_string(&out, 536870911, "last");
	protobuf_put_bytes(&out, 16, "a\0b", 3);
	rest = (struct slice){ out.data, out.len };
	for (uint32_t i = 0; i < ARRAY_SIZE(values); i++) {
		assert_int_equal(next(), 1);
		assert_int_equal(field.number, i + 1);
		assert_int_equal(field.wire, PROTOBUF_VARINT);
		assert_true(field.value == values[i]);
	}
	assert_int_equal(next(), 1);
	assert_int_equal(field.number, 536870911);
	assert_true(slice_eq(field.bytes, "last"));
	assert_int_equal(next(), 1);
	assert_int_equal(field.bytes.n, 3);
	assert_memory_equal(field.bytes.p, "a\0b", 3);
	assert_int_equal(next(), 0);
}

/* The example of the specification: field 1 holds 150. */
static void bytes_are_those_of_the_specification(void **state)
{
	CLEANUP(buffer_done) struct buffer out;

	buffer_init(&out, 0);
	protobuf_put_number(&out, 1, 150);
	protobuf_put_string(&out, 2, "testing");
	assert_int_equal(out.len, 12);
	assert_memory_equal(out.data, "\x08\x96\x01\x12\x07testing", 12);
}

static void fixed_numbers_are_little_endian(void **state)
{
	rest = SLICE("\x09\x01\x02\x03\x04\x05\x06\x07\x88\x15\x01\x02\x03\x84");
	assert_int_equal(next(), 1);
	assert_int_equal(field.wire, PROTOBUF_FIXED64);
	assert_true(field.value == UINT64_C(0x8807060504030201));
	assert_int_equal(next(), 1);
	assert_int_equal(field.wire, PROTOBUF_FIXED32);
	assert_true(field.value == 0x84030201);
	assert_int_equal(next(), 0);
}

static void packed_numbers_come_one_by_one(void **state)
{
	uint64_t value;

	rest = SLICE("\x03\x8e\x02\x9e\xa7\x05");
	assert_int_equal(protobuf_next_varint(&rest, &value), 1);
	assert_int_equal(value, 3);
	assert_int_equal(protobuf_next_varint(&rest, &value), 1);
	assert_int_equal(value, 270);
	assert_int_equal(protobuf_next_varint(&rest, &value), 1);
	assert_int_equal(value, 86942);
	assert_int_equal(protobuf_next_varint(&rest, &value), 0);
}

static void what_is_no_message_is_told(void **state)
{
	static const struct slice bad[] = {
		SLICE("\x08"), /* no value */
		SLICE("\x88"), /* a cut tag */
		SLICE("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), /* 65 bits */
		SLICE("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), /* eleven bytes */
		SLICE("\x00\x01"), /* field 0 */
		SLICE("\x80\x80\x80\x80\x10\x01"), /* field 2^29 */
		SLICE("\x0b\x0c"), /* a group */
		SLICE("\x0e\x01"), /* a wire type that there isn't */
		SLICE("\x0a\x02x"), /* fewer bytes than said */
		SLICE("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x"), /* 2^64-1 of them */
		SLICE("\x09\x01\x02\x03\x04\x05\x06\x07"),
		SLICE("\x15\x01\x02\x03"),
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		rest = bad[i];
		assert_int_equal(next(), -EBADMSG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_written_reads_the_same),
		TEST(bytes_are_those_of_the_specification),
		TEST(fixed_numbers_are_little_endian),
		TEST(packed_numbers_come_one_by_one),
		TEST(what_is_no_message_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
