// SPDX-License-Identifier: Apache-2.0
#include "format/websocket.h"

#include <errno.h>
#include <stdlib.h>

#include "basic/macros.h"
#include "unit_test.h"

enum { MAX = 1 << 20 };

static struct websocket_frame frame;

/* RFC 6455, section 5.7. */
static void the_examples_of_the_rfc_are_read(void **state)
{
	struct slice text = SLICE("\x81\x05Hello\x01\x03Hel\x80\x02lo\x89\x05Hello");
	const struct {
		enum websocket_opcode opcode;
		bool last;
		const char *payload;
	} wanted[] = {
		{ WEBSOCKET_TEXT, true, "Hello" },
		{ WEBSOCKET_TEXT, false, "Hel" },
		{ WEBSOCKET_CONTINUATION, true, "lo" },
		{ WEBSOCKET_PING, true, "Hello" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		assert_int_equal(websocket_next(&text, MAX, &frame), 1);
		assert_int_equal(frame.opcode, wanted[i].opcode);
		assert_int_equal(frame.last, wanted[i].last);
		assert_true(slice_eq(frame.payload, wanted[i].payload));
	}
	assert_int_equal(text.n, 0);
	assert_int_equal(websocket_next(&text, MAX, &frame), 0);
}

static void a_frame_that_is_not_whole_waits(void **state)
{
	static const char whole[] = "\x82\x7e\x00\x80";
	char text[sizeof(whole) - 1 + 128] = { 0 };

	memcpy(text, whole, sizeof(whole) - 1);
	for (size_t n = 0; n < sizeof(text); n++) {
		struct slice rest = { text, n };

		assert_int_equal(websocket_next(&rest, MAX, &frame), 0);
		assert_int_equal(rest.n, n);
	}
	struct slice rest = { text, sizeof(text) };

	assert_int_equal(websocket_next(&rest, MAX, &frame), 1);
	assert_int_equal(frame.payload.n, 128);
}

static void what_no_server_may_send_is_refused(void **state)
{
	static const struct {
		struct slice text;
		int r;
	} bad[] = {
		{ SLICE("\x81\x85\x37\xfa\x21\x3dHello"), -EBADMSG }, /* masked */
		{ SLICE("\xc1\x00"), -EBADMSG }, /* a reserved bit */
		{ SLICE("\x83\x00"), -EBADMSG }, /* a reserved opcode */
		{ SLICE("\x8b\x00"), -EBADMSG },
		{ SLICE("\x09\x00"), -EBADMSG }, /* a control frame in pieces */
		{ SLICE("\x89\x7e\x00\x7e"), -EBADMSG }, /* one that is too long */
		{ SLICE("\x82\x7e\x00\x7d"), -EBADMSG }, /* a length that has a shorter form */
		{ SLICE("\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff"), -EBADMSG },
		{ SLICE("\x82\x7f\x00\x00\x00\x00\x00\x10\x00\x01"), -E2BIG },
		{ SLICE("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff"), -E2BIG },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct slice rest = bad[i].text;

		assert_int_equal(websocket_next(&rest, MAX, &frame), bad[i].r);
	}
}

/* RFC 6455, section 5.7: a single-frame masked text message. */
static void what_is_sent_is_masked(void **state)
{
	static const unsigned char mask[] = { 0x37, 0xfa, 0x21, 0x3d };
	CLEANUP(buffer_done) struct buffer out = { 0 };

	websocket_put(&out, WEBSOCKET_TEXT, SLICE("Hello"), mask);
	assert_int_equal(out.len, 11);
	assert_memory_equal(out.data, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11);
}

static void lengths_are_written_in_their_shortest_form(void **state)
{
	static const unsigned char mask[WEBSOCKET_MASK_BYTES];
	static const struct {
		size_t n;
		struct slice head;
	} cases[] = {
		{ 125, SLICE("\x82\xfd") },
		{ 126, SLICE("\x82\xfe\x00\x7e") },
		{ 65535, SLICE("\x82\xfe\xff\xff") },
		{ 65536, SLICE("\x82\xff\x00\x00\x00\x00\x00\x01\x00\x00") },
	};
	char *zeros = calloc(1, 65536);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(buffer_done) struct buffer out = { 0 };

		websocket_put(&out, WEBSOCKET_BINARY, (struct slice){ zeros, cases[i].n }, mask);
		assert_int_equal(out.len, cases[i].head.n + WEBSOCKET_MASK_BYTES + cases[i].n);
		assert_memory_equal(out.data, cases[i].head.p, cases[i].head.n);
	}
	free(zeros);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_examples_of_the_rfc_are_read),
		TEST(a_frame_that_is_not_whole_waits),
		TEST(what_no_server_may_send_is_refused),
		TEST(what_is_sent_is_masked),
		TEST(lengths_are_written_in_their_shortest_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
