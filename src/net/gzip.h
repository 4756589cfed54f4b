// SPDX-License-Identifier: Apache-2.0
/* Compression of answers and the choice of it (RFC 9110 12.5.3). */
#ifndef CEEMS_NET_GZIP_H
#define CEEMS_NET_GZIP_H

#include <stdbool.h>
#include <stddef.h>

#include "basic/buffer.h"

struct gzip;

enum gzip_format { GZIP_NONE, GZIP_GZIP, GZIP_DEFLATE /* raw, without zlib's header */ };
enum { GZIP_LEVEL_MIN = -2, GZIP_LEVEL_MAX = 9 }; /* -2: Huffman codes only, -1: the usual */

/* NULL without memory. Levels beyond the limits are taken as these. */
struct gzip *gzip_new(int level, enum gzip_format format);
void gzip_free(struct gzip *gz);

/* Appends what comes out for these bytes, at the finish all that is left. The buffer's error tells.
 */
void gzip_add(struct gzip *gz, const void *data, size_t len, bool finish, struct buffer *out);

/*
 * Appends what a whole gzip stream (RFC 1952, one member) holds. -E2BIG: more than the buffer's
 * limit; -EBADMSG: it is none, is cut off, or something follows it; -ENOMEM.
 */
int gzip_unpack(const void *data, size_t len, struct buffer *out);

/*
 * Decodes the codings gzip and deflate (RFC 9110 8.4.1) as they stream by. Members of gzip that
 * follow each other are one.
 */
struct gunzip;
struct gunzip *gunzip_new(void); /* NULL without memory */
void gunzip_free(struct gunzip *gz); /* NULL is fine */
/*
 * Appends what comes out for these bytes, up to 1032 times as much. -EBADMSG: malformed; -E2BIG or
 * -ENOMEM of the buffer.
 */
int gunzip_add(struct gunzip *gz, const void *data, size_t len, struct buffer *out);
/* Whether what came so far is whole. */
bool gunzip_is_whole(const struct gunzip *gz);

/*
 * What an Accept-Encoding header asks for: gzip, else deflate where that is offered, named with a q
 * above zero and above that of identity if that is named too. "*" stands for identity. NULL: no
 * header.
 */
enum gzip_format gzip_wanted(const char *accept_encoding, bool offer_deflate);

/* Whether compressing this media type pays: text, JSON, XML, scripts. NULL: no. */
bool gzip_suits(const char *content_type);

#endif
