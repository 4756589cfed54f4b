// SPDX-License-Identifier: Apache-2.0
/*
 * A BMC out of a file (ipmi_recording.h) in place of the kernel's driver. The file is read anew for
 * each request, so that answers change with it; a request without an answer is met with silence.
 */
#ifndef CEEMS_HOST_IPMI_PLAYER_H
#define CEEMS_HOST_IPMI_PLAYER_H

#include "host/ipmi.h"

/* Takes the descriptor of the file over, also on failure. -ENOMEM, -EMFILE and others. */
int ipmi_player_open(int file_fd, struct ipmi **ret_ipmi);

#endif
