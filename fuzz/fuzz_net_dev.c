// SPDX-License-Identifier: Apache-2.0
#include <assert.h>

#include "host/net_dev.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = { (const char *)data, size };
	struct net_dev_line line;

	net_dev_skip_header(&rest);
	while (net_dev_next(&rest, &line)) {
		assert(line.name.n > 0);
		assert(!memchr(line.name.p, '\0', line.name.n));
		assert(!memchr(line.name.p, '\n', line.name.n));
	}
	return 0;
}
