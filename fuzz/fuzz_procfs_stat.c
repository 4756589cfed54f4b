// SPDX-License-Identifier: Apache-2.0
#include "host/procfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct procfs_cpu_times times;

	if (procfs_parse_stat((struct slice){ (const char *)data, size }, &times) >= 0)
		procfs_cpu_busy_us(&times);
	return 0;
}
