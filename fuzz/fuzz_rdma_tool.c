// SPDX-License-Identifier: Apache-2.0
#include <assert.h>

#include "host/rdma_tool.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = { (const char *)data, size };
	struct rdma_row row;
	struct rdma_mode mode;
	uint64_t value;

	while (rdma_row_next(&rest, &row)) {
		assert(row.device.n > 0 && row.device.n < RDMA_NAME_MAX);
		assert(row.port.n < RDMA_NAME_MAX);
		(void)rdma_row_value(&row, "pid", &value);
		(void)rdma_row_value(&row, "mrlen", &value);
	}
	rest = (struct slice){ (const char *)data, size };
	while (rdma_mode_next(&rest, &mode))
		assert(mode.link.n > 0 && memchr(mode.link.p, '/', mode.link.n));
	return 0;
}
