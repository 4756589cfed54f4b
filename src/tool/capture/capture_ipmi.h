// SPDX-License-Identifier: Apache-2.0
/*
 * What the BMC answers to the exporter's request for the node's power, through the kernel's device:
 *
 *     ipmi/answers    a recording of host/ipmi_recording.h
 *
 * There is nothing in it that names a machine.
 */
#ifndef CEEMS_TOOL_CAPTURE_CAPTURE_IPMI_H
#define CEEMS_TOOL_CAPTURE_CAPTURE_IPMI_H

#include <stdint.h>

#include "host/ipmi.h"
#include "tool/capture/capture_tree.h"

#define CAPTURE_IPMI_FILE "ipmi/answers"

enum { CAPTURE_IPMI_PERIOD_S = 5 /* as the exporter asks */ };

/* Zero it and set device: "" is /dev/ipmi0 and its other names. */
struct capture_ipmi {
	const char *device;
	struct ipmi *ipmi;
	int64_t next_ns; /* when to ask again, monotonic */
	struct buffer text; /* the latest; empty: there is no device */
};

/*
 * Adds the answer to the tree, asking the BMC first if it is time; no device is no failure, others
 * are the tree's. cancel_fd: gives up. -ENOMEM.
 */
int capture_ipmi_read(struct capture_ipmi *c, int cancel_fd, struct capture_tree *tree);
void capture_ipmi_done(struct capture_ipmi *c);

#endif
