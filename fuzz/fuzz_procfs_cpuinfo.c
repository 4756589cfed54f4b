// SPDX-License-Identifier: Apache-2.0
#include "host/procfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct procfs_topology topology;

	procfs_parse_cpuinfo((struct slice){ (const char *)data, size }, &topology);
	return 0;
}
