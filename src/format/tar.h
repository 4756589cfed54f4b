// SPDX-License-Identifier: Apache-2.0
/*
 * Tar archives in memory: POSIX ustar, with pax records for names that it has no room for
 * (IEEE Std 1003.1, pax). Only what an archive of text files needs: files, folders and symbolic
 * links. Owners and times are written as 0 and ignored when read.
 */
#ifndef CEEMS_FORMAT_TAR_H
#define CEEMS_FORMAT_TAR_H

#include <stdbool.h>

#include "basic/buffer.h"
#include "basic/str.h"

enum { TAR_BLOCK_BYTES = 512, TAR_NAME_MAX = 4095 };

enum tar_type { TAR_FILE = '0', TAR_SYMLINK = '2', TAR_DIR = '5' };

struct tar_entry {
	enum tar_type type;
	char name[TAR_NAME_MAX + 1]; /* without a slash at the end */
	char target[TAR_NAME_MAX + 1]; /* of a symbolic link, else "" */
	struct slice data; /* of a file */
};

/* Failures stick in the buffer; a name that is too long is -E2BIG. target: NULL but for links. */
int tar_append(struct buffer *out, enum tar_type type, const char *name, const char *target,
	struct slice data);
void tar_end(struct buffer *out); /* two blocks of zeros */

/*
 * Cuts the next entry off *rest. 1: there it is (data points into rest); 0: the archive ends;
 * -EBADMSG: it is not a tar archive, or is cut off (no end blocks: that is an end cut off, too);
 * -EOPNOTSUPP: an entry of another type. Names are as hostile as the archive.
 */
int tar_next(struct slice *rest, struct tar_entry *ret_entry);

/* Relative, no empty, "." or ".." component: can be made below a folder. */
bool tar_name_is_safe(const char *name);
/*
 * The link at name, with this target, leads to somewhere below the first component of name,
 * whatever other links there are, if all are such: ".." stands only in front, where it counts real
 * folders.
 */
bool tar_link_is_safe(const char *name, const char *target);

#endif
