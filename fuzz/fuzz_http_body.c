// SPDX-License-Identifier: Apache-2.0
/*
 * Chunked bodies: the first byte of the input is the size of the pieces in which it is read, which
 * must not matter; and what a proxy would pass on is read again as the same data, with nothing
 * skipped.
 */
#include <assert.h>
#include <string.h>

#include "basic/buffer.h"
#include "format/http_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct reading {
	struct buffer data, passed;
	int result;
	bool done;
	size_t used, skipped;
};

static void read_all(struct slice text, size_t step, struct reading *r)
{
	struct http_body body;
	size_t end = 0;

	memset(r, 0, sizeof(*r));
	http_body_init(&body, HTTP_BODY_CHUNKED, 0);
	while (!body.done && !r->result && end < text.n) {
		end = MIN(end + step, text.n);
		while (r->used < end && !body.done) {
			struct slice rest = { text.p + r->used, end - r->used };
			enum http_piece piece;
			size_t n;

			r->result = http_body_next(&body, rest, &piece, &n);
			if (r->result < 0)
				break;
			assert(n > 0 && n <= rest.n);
			if (piece == HTTP_PIECE_DATA)
				buffer_append(&r->data, rest.p, n);
			if (piece == HTTP_PIECE_SKIP)
				r->skipped += n;
			else
				buffer_append(&r->passed, rest.p, n);
			r->used += n;
		}
	}
	r->done = body.done;
}

static void reading_done(struct reading *r)
{
	buffer_done(&r->data);
	buffer_done(&r->passed);
}

static void check_equal(const struct buffer *a, const struct buffer *b)
{
	assert(a->len == b->len && memcmp(buffer_text(a), buffer_text(b), a->len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reading whole, pieces, again;
	struct slice text;

	if (size < 2)
		return 0;
	text = (struct slice){ (const char *)data + 1, size - 1 };
	read_all(text, text.n, &whole);
	read_all(text, (size_t)data[0] + 1, &pieces);
	assert(whole.done == pieces.done && whole.result == pieces.result);
	if (whole.done) {
		assert(whole.used == pieces.used);
		check_equal(&whole.data, &pieces.data);
		check_equal(&whole.passed, &pieces.passed);
		read_all((struct slice){ buffer_text(&whole.passed), whole.passed.len },
			whole.passed.len, &again);
		assert(again.done && !again.skipped && again.used == whole.passed.len);
		check_equal(&whole.data, &again.data);
		reading_done(&again);
	}
	reading_done(&whole);
	reading_done(&pieces);
	return 0;
}
