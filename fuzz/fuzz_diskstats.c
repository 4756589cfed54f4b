// SPDX-License-Identifier: Apache-2.0
#include <assert.h>

#include "host/diskstats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = { (const char *)data, size };
	struct diskstats_line line;

	while (diskstats_next(&rest, &line)) {
		assert(line.name.n > 0 && line.name.n < DISKSTATS_NAME_MAX);
		assert(!memchr(line.name.p, '\0', line.name.n));
	}
	return 0;
}
