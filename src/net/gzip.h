// SPDX-License-Identifier: Apache-2.0
/* Compression of answers and the choice of it (RFC 9110 12.5.3). */
#ifndef CEEMS_NET_GZIP_H
#define CEEMS_NET_GZIP_H

#include <stdbool.h>
#include <stddef.h>

#include "basic/buffer.h"

struct gzip;

/* level 1..9; NULL without memory. */
struct gzip *gzip_new(int level);
void gzip_free(struct gzip *gz);

/* Appends what comes out for these bytes, at the finish all that is left. The buffer's error tells.
 */
void gzip_add(struct gzip *gz, const void *data, size_t len, bool finish, struct buffer *out);

/*
 * Whether an Accept-Encoding header asks for gzip: named with a q above zero and above that of
 * identity if that is named too. "*" stands for identity, not for gzip. NULL: no header.
 */
bool gzip_is_wanted(const char *accept_encoding);

/* Whether compressing this media type pays: text, JSON, XML, scripts. NULL: no. */
bool gzip_suits(const char *content_type);

#endif
