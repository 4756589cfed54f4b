// SPDX-License-Identifier: Apache-2.0
/* /proc/PID/io. */
#include <stdint.h>

#include "host/thread_usage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t calls, bytes;

	thread_usage_parse_io((struct slice){ (const char *)data, size }, &calls, &bytes);
	return 0;
}
