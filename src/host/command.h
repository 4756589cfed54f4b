// SPDX-License-Identifier: Apache-2.0
/* Running another program with limits on time and output; never through a shell. */
#ifndef CEEMS_HOST_COMMAND_H
#define CEEMS_HOST_COMMAND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "basic/buffer.h"
#include "basic/err.h"
#include "basic/str.h"

struct command {
	const char *const *argv; /* argv[0] with a '/' is run as is, else looked up in PATH */
	const char *const
		*env; /* NULL-terminated NAME=value, added to or replacing the process's own */
	/* > 0; the whole process group is killed after it. One that has become another user's, as
	 * by sudo, can't be, and is waited for until it ends or cancel_fd is readable. */
	int64_t timeout_ms;
	size_t max_output_bytes;
	bool merge_stderr; /* stderr goes into the output too, else its head is kept for the error
			      text */
	bool new_session; /* setsid, so that no prompt can be shown; else an own process group */
	bool as_root; /* child: setgid(0), setuid(0); the caller has raised the capabilities */
	int cancel_fd; /* readable = give up (-ECANCELED); -1 or 0 for none */
	/*
	 * Takes the output piece by piece instead, so that a program may run for long; of any
	 * length in all. A negative return ends the program (-ECANCELED).
	 */
	int (*output)(void *ctx, struct slice piece);
	void *output_ctx;
};

/*
 * 0: it ended with status 0 and out holds its output. -ETIMEDOUT, -E2BIG (output), -ECANCELED,
 * -ENOENT (no such program), -EIO (non-zero status or a signal: err says which, with the first
 * line of stderr). The child has no inherited descriptor above 2 and reads /dev/null.
 */
int command_run(const struct command *command, struct buffer *out, struct err *err);

#endif
