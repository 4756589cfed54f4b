// SPDX-License-Identifier: Apache-2.0
/*
 * SIGINT and SIGTERM while a capture runs: the first asks for the end of the recording, the second
 * ends the program at once and takes the half-written archive away.
 */
#ifndef CEEMS_TOOL_CAPTURE_CAPTURE_STOP_H
#define CEEMS_TOOL_CAPTURE_CAPTURE_STOP_H

#include <stdbool.h>

/*
 * Installs the handlers, once in a process. Returns a descriptor that is readable from the first
 * signal on, which stays open, or -errno.
 */
int capture_stop_watch(void);
bool capture_stop_asked(void);

/* The file that a second signal removes, from when it is made until NULL is set. Borrowed. */
void capture_stop_partial(const char *path);

#endif
