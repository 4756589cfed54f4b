// SPDX-License-Identifier: Apache-2.0
/* Whole gzip files from and to memory, with a limit. */
#ifndef CEEMS_TOOL_CAPTURE_CAPTURE_GZIP_H
#define CEEMS_TOOL_CAPTURE_CAPTURE_GZIP_H

#include "basic/buffer.h"
#include "basic/err.h"
#include "basic/str.h"

/* Makes the file (0600), replacing none. */
int capture_gzip_write(const char *path, struct slice data, struct err *err);
/* -E2BIG: unpacked it is larger than limit; -EBADMSG: no gzip file, or cut off. */
int capture_gzip_read(const char *path, size_t limit, struct buffer *out, struct err *err);

#endif
