// SPDX-License-Identifier: Apache-2.0
/* Heads and bodies of HTTP/1.1: what is taken, what is refused, and that pieces don't matter. */
#include "unit_test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/buffer.h"
#include "basic/macros.h"
#include "format/http_body.h"
#include "format/http_head.h"

#define HOST "Host: h\r\n"

struct refusal {
	const char *head;
	int status;
};

/* Each of these is read differently by some two programs, or is over a limit. */
static const struct refusal refusals[] = {
	{ "GET / HTTP/1.1\r\n\r\n", 400 }, /* no Host */
	{ "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400 },
	{ "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400 },
	{ "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", 400 },
	{ "GET http:///x HTTP/1.1\r\nHost: \r\n\r\n", 400 },
	{ "GET http://a?x HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 400 },
	{ "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "GET  / HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "GET /  HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "GET\t/ HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ " GET / HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "GET / HTTP/1.1 \r\n" HOST "\r\n", 400 },
	{ "GET / x HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "GET /\r\n" HOST "\r\n", 400 },
	{ "GET / HTTP/1.1x\r\n" HOST "\r\n", 400 },
	{ "GET / http/1.1\r\n" HOST "\r\n", 400 },
	{ "GET / HTTP/1.2\r\n" HOST "\r\n", 505 },
	{ "GET / HTTP/2.0\r\n" HOST "\r\n", 505 },
	{ "GET / HTTP/0.9\r\n" HOST "\r\n", 505 },
	{ "G(T / HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "GET /a#b HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "GET /\x80 HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "GET /\x7f HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "GET /\x01 HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJ / HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOST "A : b\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOST "A\t: b\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOST " A: b\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOST "A: b\r\n\tc: d\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOST "A b\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOST ": b\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOST "A: b\rc\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOST "A: b\x01\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOST "A: b\x7f\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOST "A\xc3: b\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\ncontent-length: 2\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 1, 1\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 0x1\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 1 1\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 1844674407370955161\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551617\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		400 },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n",
		400 },
	{ "POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501 },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, chunked\r\n\r\n", 501 },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n", 501 },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n", 501 },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\x0b"
	  "chunked\r\n\r\n",
		400 },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n\r\n", 501 },
	{ "POST / HTTP/1.1\r\n" HOST "Expect: 200-ok\r\n\r\n", 417 },
	{ "POST / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n", 417 },
};

static void what_two_readers_could_read_differently_is_refused(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		static struct http_request_head head;
		int status = http_request_head_parse(slice_from(refusals[i].head), &head);

		if (status != refusals[i].status)
			fail_msg("%d for:\n%s", status, refusals[i].head);
	}
}

static void nul_bytes_are_refused_everywhere(void **state)
{
	static const char text[] = "GET /a HTTP/1.1\r\nHost: h\r\nName: value\r\n\r\n";

	for (size_t i = 0; i + 4 < sizeof(text) - 1; i++) {
		static struct http_request_head head;
		char copy[sizeof(text)];

		memcpy(copy, text, sizeof(text));
		copy[i] = '\0';
		assert_int_not_equal(
			http_request_head_parse((struct slice){ copy, sizeof(text) - 1 }, &head),
			0);
	}
}

static struct http_request_head *parse(const char *text)
{
	static struct http_request_head head;

	assert_int_equal(http_request_head_parse(slice_from(text), &head), 0);
	return &head;
}

#define assert_slice(slice, text)                                   \
	do {                                                        \
		assert_int_equal((slice).n, strlen(text));          \
		assert_memory_equal((slice).p, text, strlen(text)); \
	} while (0)

static void a_request_is_taken_apart(void **state)
{
	struct http_request_head *h = parse("POST /a/%2f?q=1?2 HTTP/1.1\r\n"
					    "Host: [::1]:80\r\n"
					    "Content-Length:  12\t\r\n"
					    "expect: 100-Continue\r\n"
					    "X-Name:  a b  \r\n"
					    "x-name:\r\n\r\n");
	struct slice value;

	assert_slice(h->method, "POST");
	assert_slice(h->path, "/a/%2f");
	assert_slice(h->query, "q=1?2");
	assert_slice(h->host, "[::1]:80");
	assert_int_equal(h->framing, HTTP_BODY_LENGTH);
	assert_int_equal(h->content_length, 12);
	assert_true(h->expect_continue && h->keep_alive);
	assert_int_equal(h->fields.n, 5);
	assert_int_equal(http_fields_find(&h->fields, "X-NAME", &value), 2);
	assert_slice(value, "a b");
	assert_int_equal(h->fields.v[1].id, HTTP_FIELD_CONTENT_LENGTH);
}

static void forms_of_targets_and_versions(void **state)
{
	struct http_request_head *h = parse(
		"GET HTTP://Host:1/x?y HTTP/1.1\r\nHost: host:1\r\n\r\n");

	assert_slice(h->host, "Host:1");
	assert_slice(h->path, "/x");
	assert_slice(h->query, "y");
	h = parse("GET http://h HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_slice(h->path, "/");
	assert_null(h->query.p);
	h = parse("GET /? HTTP/1.0\r\n\r\n");
	assert_int_equal(h->query.n, 0);
	assert_non_null(h->query.p);
	assert_false(h->keep_alive);
	assert_true(parse("GET / HTTP/1.0\r\nConnection: a, Keep-Alive\r\n\r\n")->keep_alive);
	assert_false(parse("GET / HTTP/1.1\r\nHost:\r\nConnection: x,close\r\n\r\n")->keep_alive);
	/* What "curl -g" sends. */
	h = parse("GET /q?query=m{a=\"b\"} HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_slice(h->query, "query=m{a=\"b\"}");
	assert_int_equal(parse("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")->framing,
		HTTP_BODY_NONE);
	assert_int_equal(
		parse("GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n")->framing,
		HTTP_BODY_CHUNKED);
}

static void more_fields_than_the_limit_are_refused(void **state)
{
	static struct http_request_head head;
	struct buffer text;

	buffer_init(&text, 0);
	buffer_puts(&text, "GET / HTTP/1.1\r\nHost: h\r\n");
	for (int i = 0; i < HTTP_FIELDS_MAX; i++)
		buffer_puts(&text, "a: b\r\n");
	buffer_puts(&text, "\r\n");
	assert_int_equal(
		http_request_head_parse((struct slice){ text.data, text.len }, &head), 431);
	buffer_done(&text);
}

static void the_end_of_a_head_is_found_in_any_pieces(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\nGET";
	size_t want = sizeof(text) - 4;

	for (size_t step = 1; step < sizeof(text); step++) {
		size_t scanned = 0, n = 0;
		ssize_t r = 0;

		while (!r && n < sizeof(text) - 1) {
			n = MIN(n + step, sizeof(text) - 1);
			r = http_head_length((struct slice){ text, n }, &scanned);
		}
		assert_int_equal(r, want);
	}
}

static void lines_without_their_cr_are_refused(void **state)
{
	static const char *const bad[] = { "\n", "GET / HTTP/1.1\n", "GET / HTTP/1.1\r\nHost: h\n",
		"GET / HTTP/1.1\r\nHost: h\r\n\n" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		size_t scanned = 0;

		assert_int_equal(http_head_length(slice_from(bad[i]), &scanned), -EBADMSG);
	}
}

struct answer {
	const char *head;
	bool to_head;
	int result;
	enum http_framing framing;
};

static const struct answer answers[] = {
	{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false, 0, HTTP_BODY_LENGTH },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true, 0, HTTP_BODY_NONE },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, 0, HTTP_BODY_NONE },
	{ "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n", false, 0, HTTP_BODY_CHUNKED },
	{ "HTTP/1.1 200 \r\n\r\n", false, 0, HTTP_BODY_CLOSE },
	{ "HTTP/1.0 200 OK\r\n\r\n", false, 0, HTTP_BODY_CLOSE },
	{ "HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", false, 0, HTTP_BODY_NONE },
	{ "HTTP/1.1 304 Same\r\nTransfer-Encoding: chunked\r\n\r\n", false, 0, HTTP_BODY_NONE },
	{ "HTTP/1.1 103 Hints\r\n\r\n", false, 0, HTTP_BODY_NONE },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", false, -EBADMSG, 0 },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", false,
		-EBADMSG, 0 },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", false, -EBADMSG, 0 },
	{ "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, -EBADMSG, 0 },
	{ "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", false, -EBADMSG, 0 },
	{ "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", false, -EBADMSG, 0 },
	{ "HTTP/1.1 2000 OK\r\n\r\n", false, -EBADMSG, 0 },
	{ "HTTP/1.1 099 OK\r\n\r\n", false, -EBADMSG, 0 },
	{ "HTTP/1.1 20 OK\r\n\r\n", false, -EBADMSG, 0 },
	{ "HTTP/1.1  200 OK\r\n\r\n", false, -EBADMSG, 0 },
	{ "HTTP/2.0 200 OK\r\n\r\n", false, -EBADMSG, 0 },
	{ "ICY 200 OK\r\n\r\n", false, -EBADMSG, 0 },
	{ "\r\n\r\n", false, -EBADMSG, 0 },
};

static void answers_and_where_their_bodies_end(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		static struct http_response_head head;
		int r = http_response_head_parse(
			slice_from(answers[i].head), answers[i].to_head, &head);

		if (r != answers[i].result || (!r && head.framing != answers[i].framing))
			fail_msg("%d, framing %d for:\n%s", r, head.framing, answers[i].head);
	}
}

/* Reads a chunked body in pieces of a size; passed: what a proxy would send on. */
static int read_chunked(struct slice text, size_t step, struct buffer *data, struct buffer *passed,
	size_t *ret_used)
{
	struct http_body body;
	size_t at = 0, end = 0;

	buffer_init(data, 0);
	buffer_init(passed, 0);
	http_body_init(&body, HTTP_BODY_CHUNKED, 0);
	while (!body.done && end < text.n) {
		end = MIN(end + step, text.n);
		while (at < end && !body.done) {
			enum http_piece piece;
			size_t n;
			int r = http_body_next(
				&body, (struct slice){ text.p + at, end - at }, &piece, &n);

			if (r < 0)
				return r;
			assert_true(n > 0);
			if (piece == HTTP_PIECE_DATA)
				buffer_append(data, text.p + at, n);
			if (piece != HTTP_PIECE_SKIP)
				buffer_append(passed, text.p + at, n);
			at += n;
		}
	}
	*ret_used = at;
	return body.done ? 0 : -EAGAIN;
}

static int try_chunked(const char *text, const char *want_data, const char *want_passed)
{
	int r = 0;

	for (size_t step = 1; step <= strlen(text); step++) {
		struct buffer data, passed;
		size_t used = 0;

		r = read_chunked(slice_from(text), step, &data, &passed, &used);
		if (want_data) {
			assert_string_equal(buffer_text(&data), want_data);
			assert_string_equal(buffer_text(&passed), want_passed);
		}
		buffer_done(&data);
		buffer_done(&passed);
	}
	return r;
}

static void chunked_bodies_lose_extensions_and_trailers(void **state)
{
	assert_int_equal(
		try_chunked("5\r\nhello\r\n0\r\n\r\nGET", "hello", "5\r\nhello\r\n0\r\n\r\n"), 0);
	assert_int_equal(try_chunked("0A;x=\"y\"\r\n0123456789\r\n00 ;a\r\nT: 1\r\nU: 2\r\n\r\n",
				 "0123456789", "0A\r\n0123456789\r\n00\r\n\r\n"),
		0);
	assert_int_equal(
		try_chunked("1\r\na\r\n1\r\nb\r\n0\r\n\r\n", "ab", "1\r\na\r\n1\r\nb\r\n0\r\n\r\n"),
		0);
}

static void malformed_chunks_are_refused(void **state)
{
	static const char *const bad[] = { "\r\n", "g\r\n", "0x5\r\n", " 5\r\n", "5\n", "5\r5",
		"5;a\n", "5;\x01\r\n", "-1\r\n", "+1\r\n", "1\r\nab\r\n", "1\r\na\n", "1\r\na\r\r",
		"1\r\na0\r\n\r\n", "0\r\n x: y\r\n\r\n", "0\r\n\n", "0\r\nA: b\n\r\n", "5;a\rb\r\n",
		"0\r\n\r\r" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (try_chunked(bad[i], NULL, NULL) != -EBADMSG)
			fail_msg("taken: %s", bad[i]);
	}
	assert_int_equal(try_chunked("0000000000000005\r\n", NULL, NULL), -E2BIG);
	assert_int_equal(try_chunked("ffffffffffffffff\r\n", NULL, NULL), -E2BIG);
}

static void extensions_and_trailers_have_limits(void **state)
{
	struct buffer text, data, passed;
	size_t used;

	buffer_init(&text, 0);
	buffer_puts(&text, "5;");
	for (int i = 0; i <= HTTP_CHUNK_EXTENSION_MAX_BYTES; i++)
		buffer_putc(&text, 'x');
	assert_int_equal(read_chunked((struct slice){ text.data, text.len }, text.len, &data,
				 &passed, &used),
		-E2BIG);
	buffer_done(&data);
	buffer_done(&passed);
	buffer_clear(&text);
	buffer_puts(&text, "0\r\n");
	for (int i = 0; i <= HTTP_TRAILER_MAX_BYTES / 4; i++)
		buffer_puts(&text, "a:bcd\r\n");
	assert_int_equal(read_chunked((struct slice){ text.data, text.len }, text.len, &data,
				 &passed, &used),
		-E2BIG);
	buffer_done(&data);
	buffer_done(&passed);
	buffer_done(&text);
}

static void other_framings_end_where_they_say(void **state)
{
	struct http_body body;
	enum http_piece piece;
	size_t n;

	http_body_init(&body, HTTP_BODY_LENGTH, 3);
	assert_int_equal(http_body_next(&body, SLICE("ab"), &piece, &n), 0);
	assert_true(n == 2 && !body.done && !http_body_may_end(&body));
	assert_int_equal(http_body_next(&body, SLICE("cd"), &piece, &n), 0);
	assert_true(n == 1 && body.done && http_body_may_end(&body));
	http_body_init(&body, HTTP_BODY_CLOSE, 0);
	assert_int_equal(http_body_next(&body, SLICE("ab"), &piece, &n), 0);
	assert_true(n == 2 && !body.done && http_body_may_end(&body));
	http_body_init(&body, HTTP_BODY_NONE, 0);
	assert_true(body.done);
}

static void names_that_cgi_takes_for_others_are_folded(void **state)
{
	enum http_field_id id;
	char text[24];
	struct slice folded = http_name_fold(SLICE("Proxy_Authorization"), text, sizeof(text), &id);

	assert_true(slice_eq(folded, "Proxy-Authorization"));
	assert_int_equal(id, HTTP_FIELD_PROXY_AUTHORIZATION);
	folded = http_name_fold(SLICE("x.scope_OrgID"), text, sizeof(text), &id);
	assert_true(slice_eq(folded, "x-scope-OrgID"));
	assert_int_equal(id, HTTP_FIELD_OTHER);
	assert_int_equal(
		http_name_fold(SLICE("a_name_of_twenty_five_byt"), text, sizeof(text), &id).n, 0);
	assert_int_equal(id, HTTP_FIELD_OTHER);
	assert_true(http_name_is_plain(SLICE("X-Scope-OrgID7")));
	assert_false(http_name_is_plain(SLICE("X-Scope_OrgID")));
	assert_false(http_name_is_plain(SLICE("X.Scope-OrgID")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_two_readers_could_read_differently_is_refused),
		TEST(nul_bytes_are_refused_everywhere),
		TEST(a_request_is_taken_apart),
		TEST(names_that_cgi_takes_for_others_are_folded),
		TEST(forms_of_targets_and_versions),
		TEST(more_fields_than_the_limit_are_refused),
		TEST(the_end_of_a_head_is_found_in_any_pieces),
		TEST(lines_without_their_cr_are_refused),
		TEST(answers_and_where_their_bodies_end),
		TEST(chunked_bodies_lose_extensions_and_trailers),
		TEST(malformed_chunks_are_refused),
		TEST(extensions_and_trailers_have_limits),
		TEST(other_framings_end_where_they_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
