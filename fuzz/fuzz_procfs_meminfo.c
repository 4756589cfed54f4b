// SPDX-License-Identifier: Apache-2.0
#include "host/procfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = { (const char *)data, size }, rest = text;
	struct procfs_meminfo_field field;
	struct procfs_memory memory;

	while (procfs_meminfo_next(&rest, &field) > 0)
		if (field.name.n == 0)
			__builtin_trap();
	procfs_parse_memory(text, &memory);
	return 0;
}
