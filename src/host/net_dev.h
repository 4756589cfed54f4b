// SPDX-License-Identifier: Apache-2.0
/* /proc/net/dev: what network interfaces counted (man 5 proc). Pure. */
#ifndef CEEMS_HOST_NET_DEV_H
#define CEEMS_HOST_NET_DEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/str.h"

enum {
	NET_DEV_COLUMNS = 16, /* receive: bytes packets errs drop fifo frame compressed multicast,
				 transmit: bytes packets errs drop fifo colls carrier compressed */
	NET_DEV_MAX_BYTES = 16 << 20, /* of the whole file */
};

struct net_dev_line {
	struct slice name; /* not empty */
	uint64_t columns[NET_DEV_COLUMNS];
};

/* Cuts the two lines of the header off. */
void net_dev_skip_header(struct slice *rest);

/*
 * Cuts the next interface off *rest. Lines with fewer numbers are passed over, and what stands
 * behind the 16th number isn't looked at. False at the end.
 */
bool net_dev_next(struct slice *rest, struct net_dev_line *ret_line);

#endif
