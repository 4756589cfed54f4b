// SPDX-License-Identifier: Apache-2.0
/*
 * Which processes of a unit ask to be looked at (spec exporter-units.md 6.4): readers of
 * /proc/PID/cmdline and /proc/PID/environ as the kernel shows them, with NULs between the texts.
 */
#ifndef CEEMS_EXPORTER_UNITS_PROCESS_OPT_IN_H
#define CEEMS_EXPORTER_UNITS_PROCESS_OPT_IN_H

#include <stdbool.h>

#include "basic/options.h"
#include "basic/str.h"

/* Nothing but NULs: a kernel thread, or a process that ended. */
bool cmdline_is_empty(struct slice cmdline);

/*
 * Slurm's own part of a job: a step's daemon, the batch script's shell, or a sleep that holds a
 * step. Arguments count as if there were blanks between them.
 */
bool cmdline_is_of_slurm(struct slice cmdline);

/* Whether an entry begins with one of the names; so FOO stands for FOOBAR as well. */
bool environ_begins_with(struct slice text, const struct strings *names);

#endif
