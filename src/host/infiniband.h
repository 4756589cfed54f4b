// SPDX-License-Identifier: Apache-2.0
/*
 * RDMA devices below /sys/class/infiniband (Documentation/ABI/stable/sysfs-class-infiniband). What
 * cannot be read, or is none of it, is left out; nothing else suffers.
 */
#ifndef CEEMS_HOST_INFINIBAND_H
#define CEEMS_HOST_INFINIBAND_H

#include <stddef.h>
#include <stdint.h>

#include "basic/arena.h"
#include "basic/str.h"

enum { INFINIBAND_WORDS_TO_BYTES = 4 }; /* port_xmit_data and port_rcv_data count 32-bit words */

/* Names are in the arena; descriptors end with the call. 0 or -errno, which ends the walk. */
struct infiniband_visitor {
	int (*device)(void *ctx, const char *device, int device_fd); /* may be NULL */
	int (*port)(void *ctx, const char *device, const char *port, int port_fd);
	void *ctx;
};

/*
 * Each device and after it its ports, sorted by name. -ENODATA: there is no class/infiniband, or
 * it can't be read.
 */
int infiniband_walk(int sysfs_fd, struct arena *arena, const struct infiniband_visitor *visitor);

/* Files of a port, whose texts are: "4: ACTIVE", "100 Gb/sec (4X EDR)", "12" or "N/A (no PMA)". */
int infiniband_read_state(int port_fd, const char *file, uint64_t *ret_id);
int infiniband_read_rate(int port_fd, double *ret_bytes_per_second);
int infiniband_read_counter(int port_fd, const char *file, uint64_t *ret_value);

/* Pure. -EBADMSG. */
int infiniband_parse_state(struct slice text, uint64_t *ret_id);
int infiniband_parse_rate(struct slice text, double *ret_bytes_per_second);

#endif
