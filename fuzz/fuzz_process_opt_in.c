// SPDX-License-Identifier: Apache-2.0
/* /proc/PID/cmdline and /proc/PID/environ of hostile processes. */
#include <stdint.h>
#include <stdlib.h>

#include "exporter/units/process_opt_in.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *names[] = { "FOO", "LONG_NAME", "X=" };
	const struct strings all = { names, 3 }, none = { names, 0 };
	const struct slice text = { (const char *)data, size };

	if (cmdline_is_empty(text) && cmdline_is_of_slurm(text))
		abort();
	if (environ_begins_with(text, &none))
		abort();
	environ_begins_with(text, &all);
	return 0;
}
