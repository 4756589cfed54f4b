// SPDX-License-Identifier: Apache-2.0
#include "net/gzip.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <strings.h>
#include <zlib.h>

#include "basic/str.h"

enum {
	OUT_BYTES = 16 << 10,
	WINDOW_BITS = 15, /* the largest window */
	WITH_GZIP_HEADER = 16, /* added to it; negated, there is none at all */
	WITH_ANY_HEADER = 32, /* of gzip or of zlib */
	MEMORY_LEVEL = 8,
	Q_ONE = 1000,
};

struct gzip {
	z_stream z;
};

struct gzip *gzip_new(int level, enum gzip_format format)
{
	int window = format == GZIP_DEFLATE ? -WINDOW_BITS : WINDOW_BITS + WITH_GZIP_HEADER;
	bool huffman_only = level <= GZIP_LEVEL_MIN;
	struct gzip *gz = calloc(1, sizeof(*gz));

	level = huffman_only ? Z_DEFAULT_COMPRESSION : MIN(level, GZIP_LEVEL_MAX);
	if (gz &&
		deflateInit2(&gz->z, level, Z_DEFLATED, window, MEMORY_LEVEL,
			huffman_only ? Z_HUFFMAN_ONLY : Z_DEFAULT_STRATEGY) != Z_OK) {
		free(gz);
		return NULL;
	}
	return gz;
}

void gzip_free(struct gzip *gz)
{
	if (!gz)
		return;
	deflateEnd(&gz->z);
	free(gz);
}

void gzip_add(struct gzip *gz, const void *data, size_t len, bool finish, struct buffer *out)
{
	const unsigned char *p = data;
	bool last;

	do {
		uInt piece = (uInt)MIN(len, (size_t)UINT_MAX);

		last = piece == len;
		gz->z.next_in = (unsigned char *)p;
		gz->z.avail_in = piece;
		do {
			char *room = buffer_reserve(out, OUT_BYTES);

			if (!room)
				return;
			gz->z.next_out = (unsigned char *)room;
			gz->z.avail_out = OUT_BYTES;
			/* Can't fail: the state is sound, and no room left isn't an error. */
			(void)deflate(&gz->z, finish && last ? Z_FINISH : Z_NO_FLUSH);
			out->len += OUT_BYTES - gz->z.avail_out;
			out->data[out->len] = '\0';
		} while (gz->z.avail_out == 0);
		p += piece;
		len -= piece;
	} while (!last);
}

/* "0", "1", "0.5", "1.000": thousandths, or -1. */
static int parse_q(struct slice s)
{
	int q = 0, unit = Q_ONE;

	if (!s.n || s.n > 5 || (s.p[0] != '0' && s.p[0] != '1') || (s.n > 1 && s.p[1] != '.'))
		return -1;
	for (size_t i = 0; i < s.n; i++) {
		if (i == 1)
			continue;
		if (s.p[i] < '0' || s.p[i] > '9')
			return -1;
		q += (s.p[i] - '0') * unit;
		unit /= 10;
	}
	return q <= Q_ONE ? q : -1;
}

/* The q of one element; -1 if it is malformed, and its name. */
static int parse_coding(struct slice element, struct slice *ret_name)
{
	struct slice parameter;
	int q = Q_ONE;

	if (!slice_next(&element, ';', ret_name))
		return -1;
	*ret_name = slice_trim(*ret_name);
	while (slice_next(&element, ';', &parameter)) {
		parameter = slice_trim(parameter);
		if (parameter.n < 2 || strncasecmp(parameter.p, "q=", 2) != 0)
			return -1;
		q = parse_q((struct slice){ parameter.p + 2, parameter.n - 2 });
	}
	return q;
}

static bool is_name(struct slice name, const char *text)
{
	return name.n == strlen(text) && strncasecmp(name.p, text, name.n) == 0;
}

enum gzip_format gzip_wanted(const char *accept_encoding, bool offer_deflate)
{
	struct slice rest = slice_from(accept_encoding ? accept_encoding : ""), element, name;
	int gzip = -1, deflate = -1, identity = -1;

	while (slice_next(&rest, ',', &element)) {
		int q = parse_coding(element, &name);

		if (is_name(name, "gzip") || is_name(name, "x-gzip"))
			gzip = MAX(gzip, q);
		else if (is_name(name, "deflate"))
			deflate = MAX(deflate, q);
		else if (is_name(name, "identity") || is_name(name, "*"))
			identity = MAX(identity, q);
	}
	if (gzip > 0 && gzip > identity)
		return GZIP_GZIP;
	return offer_deflate && deflate > 0 && deflate > identity ? GZIP_DEFLATE : GZIP_NONE;
}

bool gzip_suits(const char *content_type)
{
	static const char *const types[] = { "application/json", "application/javascript",
		"application/x-javascript", "application/xml", "application/atom+xml",
		"application/rss+xml", "application/openmetrics-text", "application/yaml",
		"image/svg+xml" };
	struct slice type = { content_type, content_type ? strcspn(content_type, "; \t") : 0 };

	if (type.n > 5 && strncasecmp(type.p, "text/", 5) == 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (is_name(type, types[i]))
			return true;
	}
	return false;
}

static int inflate_all(z_stream *z, struct buffer *out)
{
	int status = Z_OK;

	while (status == Z_OK) {
		char *room = buffer_reserve(out, OUT_BYTES);

		if (!room)
			return buffer_error(out);
		z->next_out = (unsigned char *)room;
		z->avail_out = OUT_BYTES;
		status = inflate(z, Z_NO_FLUSH);
		out->len += OUT_BYTES - z->avail_out;
		/* It waits for more input. */
		if (status == Z_OK && z->avail_out)
			status = Z_BUF_ERROR;
	}
	if (status == Z_MEM_ERROR)
		return -ENOMEM;
	return status == Z_STREAM_END && !z->avail_in ? 0 : -EBADMSG;
}

struct gunzip {
	z_stream z;
	bool ended; /* at the end of a member */
};

struct gunzip *gunzip_new(void)
{
	struct gunzip *gz = calloc(1, sizeof(*gz));

	if (gz && inflateInit2(&gz->z, WINDOW_BITS + WITH_ANY_HEADER) != Z_OK) {
		free(gz);
		return NULL;
	}
	return gz;
}

void gunzip_free(struct gunzip *gz)
{
	if (!gz)
		return;
	inflateEnd(&gz->z);
	free(gz);
}

bool gunzip_is_whole(const struct gunzip *gz)
{
	return gz->ended || !gz->z.total_in; /* nothing at all is whole */
}

/* One piece of output. */
static int inflate_some(struct gunzip *gz, struct buffer *out)
{
	char *room = buffer_reserve(out, OUT_BYTES);
	int status;

	if (!room)
		return buffer_error(out);
	gz->z.next_out = (unsigned char *)room;
	gz->z.avail_out = OUT_BYTES;
	status = inflate(&gz->z, Z_NO_FLUSH);
	out->len += OUT_BYTES - gz->z.avail_out;
	out->data[out->len] = '\0';
	gz->ended = status == Z_STREAM_END;
	if (status == Z_MEM_ERROR)
		return -ENOMEM;
	return status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR ? 0 : -EBADMSG;
}

int gunzip_add(struct gunzip *gz, const void *data, size_t len, struct buffer *out)
{
	int r = 0;

	if (len > UINT_MAX)
		return -E2BIG;
	gz->z.next_in = (unsigned char *)data;
	gz->z.avail_in = (uInt)len;
	/* A full piece of output may not have been all. */
	while (r >= 0 && (gz->z.avail_in || (!gz->ended && gz->z.next_out && !gz->z.avail_out))) {
		if (gz->ended && inflateReset(&gz->z) != Z_OK)
			return -EBADMSG;
		r = inflate_some(gz, out);
	}
	return r;
}

int gzip_unpack(const void *data, size_t len, struct buffer *out)
{
	z_stream z = { .next_in = (unsigned char *)data, .avail_in = (uInt)len };
	int r;

	if (len > UINT_MAX)
		return -E2BIG;
	if (inflateInit2(&z, WINDOW_BITS + WITH_GZIP_HEADER) != Z_OK)
		return -ENOMEM;
	r = inflate_all(&z, out);
	inflateEnd(&z);
	return r;
}
