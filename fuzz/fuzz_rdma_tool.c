// SPDX-License-Identifier: Apache-2.0
#include <assert.h>

#include "host/rdma_tool.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct rdma_row *row, bool is_json)
{
	uint64_t value;

	assert(row->device.n > 0 && row->device.n < RDMA_NAME_MAX);
	assert(row->port.n < RDMA_NAME_MAX);
	assert(row->is_json == is_json);
	(void)rdma_row_value(row, "pid", &value);
	(void)rdma_row_value(row, "mrlen", &value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct slice output = { (const char *)data, size };
	struct slice rest = output;
	struct rdma_row row;
	struct rdma_mode mode;

	while (rdma_row_next(&rest, &row))
		check(&row, false);
	rest = output;
	while (rdma_object_next(&rest, &row))
		check(&row, true);
	(void)rdma_is_json(output);
	rest = output;
	while (rdma_mode_next(&rest, &mode))
		assert(mode.link.n > 0 && memchr(mode.link.p, '/', mode.link.n));
	return 0;
}
