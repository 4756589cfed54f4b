// SPDX-License-Identifier: Apache-2.0
#include "unit_test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "net/gzip.h"

static void accept_encoding_is_read_with_its_weights(void **state)
{
	static const struct {
		const char *header;
		bool wanted;
	} cases[] = {
		{ NULL, false },
		{ "", false },
		{ "gzip", true },
		{ "GZip", true },
		{ "x-gzip", true },
		{ "gzip, deflate, br", true },
		{ "deflate,gzip;q=0.5", true },
		{ " deflate , gzip ; q=0.5 ", true },
		{ "gzip;q=1.0, identity; q=0.5, *;q=0", true },
		{ "gzip;q=0.001", true },
		{ "identity;q=0, gzip", true },
		{ "gzip;Q=0.1", true },
		{ "gzip;q=0", false },
		{ "gzip;q=0.000", false },
		{ "gzip, identity", false },
		{ "gzip;q=0.5, identity;q=0.5", false },
		{ "gzip;q=0.5, identity", false },
		{ "*", false },
		{ "*;q=1", false },
		{ "gzip, *", false },
		{ "gzip;q=0.3, *;q=1", false },
		{ "*;q=0.3, gzip", true },
		{ "identity", false },
		{ "deflate", false },
		{ "gzipp", false },
		{ "gzi", false },
		{ "gzip;q=2", false },
		{ "gzip;q=1.001", false },
		{ "gzip;q=0.0001", false },
		{ "gzip;q=-1", false },
		{ "gzip;q=", false },
		{ "gzip;q", false },
		{ "gzip;q=.5", false },
		{ "gzip;level=9", false },
		{ "gzip;q=x", false },
		{ ",,;,;q=1,", false },
		{ "gzip;q=x, gzip", true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (gzip_wanted(cases[i].header, false) !=
			(cases[i].wanted ? GZIP_GZIP : GZIP_NONE))
			fail_msg("%s", cases[i].header);
	}
}

static void deflate_is_for_those_who_take_no_gzip(void **state)
{
	static const struct {
		const char *header;
		enum gzip_format wanted;
	} cases[] = {
		{ "deflate", GZIP_DEFLATE },
		{ "Deflate;q=0.1", GZIP_DEFLATE },
		{ "deflate, gzip;q=0.1", GZIP_GZIP },
		{ "deflate, gzip;q=0", GZIP_DEFLATE },
		{ "gzip;q=0, deflate;q=0", GZIP_NONE },
		{ "deflate;q=0.5, identity", GZIP_NONE },
		{ "br", GZIP_NONE },
		{ NULL, GZIP_NONE },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (gzip_wanted(cases[i].header, true) != cases[i].wanted)
			fail_msg("%s", cases[i].header);
	}
}

static void text_is_worth_compressing(void **state)
{
	static const char *const good[] = { "text/plain", "text/html; charset=utf-8",
		"application/json", "Application/JSON ;x", "image/svg+xml",
		"text/plain; version=0.0.4; charset=utf-8; escaping=underscores" };
	static const char *const bad[] = { "", "image/png", "application/jsonx", "text", "text/",
		"application/octet-stream" };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(gzip_suits(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(gzip_suits(bad[i]));
	assert_false(gzip_suits(NULL));
}

static void unpack(const struct buffer *packed, int window, char *out, size_t cap, size_t *ret_len)
{
	z_stream z = {
		.next_in = (unsigned char *)packed->data,
		.avail_in = (unsigned)packed->len,
		.next_out = (unsigned char *)out,
		.avail_out = (unsigned)cap,
	};

	assert_int_equal(inflateInit2(&z, window), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	*ret_len = z.total_out;
	inflateEnd(&z);
}

static void check_round_trip(int level, enum gzip_format format, int window)
{
	enum { SIZE = 300000 };
	char *text = malloc(SIZE), *back = malloc(SIZE + 1);
	struct gzip *gz = gzip_new(level, format);
	struct buffer packed;
	size_t len;

	assert_true(text && back && gz);
	srand(1);
	for (size_t i = 0; i < SIZE; i++)
		text[i] = (char)(rand() % 200);
	buffer_init(&packed, 0);
	for (size_t done = 0; done < SIZE; done += 30000)
		gzip_add(gz, text + done, 30000, done + 30000 == SIZE, &packed);
	assert_int_equal(buffer_error(&packed), 0);
	unpack(&packed, window, back, SIZE + 1, &len);
	assert_int_equal(len, SIZE);
	assert_memory_equal(text, back, SIZE);
	gzip_free(gz);
	gzip_free(NULL);
	buffer_done(&packed);
	free(text);
	free(back);
}

static void what_was_packed_unpacks(void **state)
{
	struct buffer packed;
	struct gzip *gz;
	char back[1];
	size_t len;

	for (int level = GZIP_LEVEL_MIN; level <= GZIP_LEVEL_MAX; level++)
		check_round_trip(level, GZIP_GZIP, 15 + 16);
	check_round_trip(6, GZIP_DEFLATE, -15);
	check_round_trip(-99, GZIP_DEFLATE, -15);
	gz = gzip_new(99, GZIP_GZIP); /* clamped */
	buffer_init(&packed, 0);
	gzip_add(gz, NULL, 0, true, &packed);
	unpack(&packed, 15 + 16, back, sizeof(back), &len);
	assert_int_equal(len, 0);
	gzip_free(gz);
	buffer_done(&packed);
}

static void a_full_buffer_ends_packing(void **state)
{
	struct gzip *gz = gzip_new(1, GZIP_GZIP);
	struct buffer packed;

	buffer_init(&packed, 100);
	gzip_add(gz, "x", 1, true, &packed);
	assert_int_equal(buffer_error(&packed), -E2BIG);
	gzip_free(gz);
	buffer_done(&packed);
}

static void pack(const char *text, size_t len, struct buffer *out)
{
	struct gzip *gz = gzip_new(6, GZIP_GZIP);

	gzip_add(gz, text, len, true, out);
	gzip_free(gz);
}

/* Hands the bytes over in pieces of that size. */
static int stream_in(
	const struct buffer *packed, size_t len, size_t piece, struct buffer *out, bool *ret_whole)
{
	struct gunzip *gz = gunzip_new();
	int r = 0;

	for (size_t at = 0; r >= 0 && at < len; at += piece)
		r = gunzip_add(gz, packed->data + at, MIN(piece, len - at), out);
	*ret_whole = gunzip_is_whole(gz);
	gunzip_free(gz);
	gunzip_free(NULL);
	return r;
}

static void a_stream_unpacks_in_pieces_of_any_size(void **state)
{
	static const size_t pieces[] = { 1, 2, 7, 512, 1 << 20 };
	struct buffer packed = { 0 }, out = { 0 };
	bool whole;

	pack("one-", 4, &packed);
	pack("", 0, &packed);
	pack("two", 3, &packed);
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		buffer_clear(&out);
		assert_int_equal(stream_in(&packed, packed.len, pieces[i], &out, &whole), 0);
		assert_true(whole);
		assert_string_equal(buffer_text(&out), "one-two");
		buffer_clear(&out);
		assert_int_equal(stream_in(&packed, packed.len - 1, pieces[i], &out, &whole), 0);
		assert_false(whole);
	}
	assert_int_equal(stream_in(&packed, 0, 1, &out, &whole), 0);
	assert_true(whole);
	buffer_putc(&packed, 'x');
	buffer_puts(&packed, "yz");
	assert_int_equal(stream_in(&packed, packed.len, 7, &out, &whole), -EBADMSG);
	packed.data[12] ^= 0x55;
	assert_int_equal(stream_in(&packed, packed.len, 7, &out, &whole), -EBADMSG);
	buffer_done(&packed);
	buffer_done(&out);
}

static void a_stream_of_zlib_unpacks_too(void **state)
{
	unsigned char packed[100];
	uLongf len = sizeof(packed);
	struct buffer in, out = { 0 };
	bool whole;

	assert_int_equal(compress(packed, &len, (const unsigned char *)"text", 4), Z_OK);
	buffer_init(&in, 0);
	buffer_append(&in, packed, len);
	assert_int_equal(stream_in(&in, in.len, 3, &out, &whole), 0);
	assert_true(whole);
	assert_string_equal(buffer_text(&out), "text");
	buffer_done(&in);
	buffer_done(&out);
}

static void what_unpacks_to_much_more_is_bounded_by_the_piece(void **state)
{
	enum { SIZE = 20 << 20, PIECE = 512, RATIO_MAX = 1032 };
	struct gzip *gz = gzip_new(9, GZIP_GZIP);
	struct gunzip *un = gunzip_new();
	struct buffer packed = { 0 }, out = { 0 };
	char *zeros = calloc(1, SIZE);
	size_t total = 0;

	gzip_add(gz, zeros, SIZE, true, &packed);
	for (size_t at = 0; at < packed.len; at += PIECE) {
		buffer_clear(&out);
		assert_int_equal(
			gunzip_add(un, packed.data + at, MIN(PIECE, packed.len - at), &out), 0);
		assert_true(out.len <= (PIECE + 1) * RATIO_MAX);
		total += out.len;
	}
	assert_int_equal(total, SIZE);
	assert_true(gunzip_is_whole(un));
	gzip_free(gz);
	gunzip_free(un);
	free(zeros);
	buffer_done(&packed);
	buffer_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(accept_encoding_is_read_with_its_weights),
		TEST(deflate_is_for_those_who_take_no_gzip),
		TEST(text_is_worth_compressing),
		TEST(what_was_packed_unpacks),
		TEST(a_full_buffer_ends_packing),
		TEST(a_stream_unpacks_in_pieces_of_any_size),
		TEST(a_stream_of_zlib_unpacks_too),
		TEST(what_unpacks_to_much_more_is_bounded_by_the_piece),
	};

	return cmocka_run_group_tests_name("gzip", tests, NULL, NULL);
}
