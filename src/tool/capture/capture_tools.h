// SPDX-License-Identifier: Apache-2.0
/*
 * The programs that the exporter runs, with the same command lines. An archive holds what they
 * printed and no program: the replayer makes small scripts for the names listed here.
 *
 *     tools/NAME/I.out      what the command line I of the table printed
 *     tools/NAME/I.status   "0\n", or "1\n" if it failed
 */
#ifndef CEEMS_TOOL_CAPTURE_CAPTURE_TOOLS_H
#define CEEMS_TOOL_CAPTURE_CAPTURE_TOOLS_H

#include "tool/capture/capture_tree.h"

/* Those found in PATH, one after the other, until stop_fd is readable. -ENOMEM. */
int capture_tools_run(struct capture_tree *tree, int stop_fd);

/* The shell script that stands for one of them and prints what lies in folder (absolute). The
 * name of number i, NULL beyond the last. */
const char *capture_tool_name(size_t i);
void capture_tool_script(size_t i, const char *folder, struct buffer *out);

#endif
