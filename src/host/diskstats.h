// SPDX-License-Identifier: Apache-2.0
/* Lines of /proc/diskstats (Documentation/admin-guide/iostats.rst). Pure. */
#ifndef CEEMS_HOST_DISKSTATS_H
#define CEEMS_HOST_DISKSTATS_H

#include <stdbool.h>
#include <stdint.h>

#include "basic/str.h"

enum { DISKSTATS_NAME_MAX = 64 }; /* the kernel's DISK_NAME_LEN is 32; NUL included */

struct diskstats_line {
	uint32_t major, minor;
	struct slice name; /* shorter than DISKSTATS_NAME_MAX, without a NUL */
};

/* Cuts the next line off *rest; lines of another form are passed over. */
bool diskstats_next(struct slice *rest, struct diskstats_line *ret_line);

#endif
