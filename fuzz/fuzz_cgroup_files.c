// SPDX-License-Identifier: Apache-2.0
/* All parsers of control group files on the same bytes. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macros.h"
#include "host/cgroup_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const keys[] = { "usage_usec", "user_usec", "anon", "inactive_file",
		"oom", "populated", "total_rss", "user" };
	char *copy = malloc(size ? size : 1); /* exact, so that a read beyond it is seen */
	struct slice text = { copy, size }, rest = text;
	uint64_t values[ARRAY_SIZE(keys)], number, pid;
	struct cgroup_rdma line;
	struct cgroup_blkio row;
	struct cgroup_io io;
	uint32_t found;
	unsigned n;

	assert(copy);
	if (size)
		memcpy(copy, data, size);
	if (cgroup_parse_keyed(text, keys, ARRAY_SIZE(keys), values, &found) == 0) {
		for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
			assert(found & UINT32_C(1) << i || values[i] == 0);
	}
	(void)cgroup_parse_number(text, &number);
	(void)cgroup_parse_pressure(text, &number);
	if (cgroup_parse_cpus(text, &n) == 0)
		assert(n <= CGROUP_CPU_MAX);
	while (cgroup_rdma_next(&rest, &line))
		assert(line.device.n > 0 && line.device.p >= copy && line.device.p < copy + size);
	rest = text;
	while (cgroup_io_next(&rest, &io))
		assert(io.fields != 0);
	rest = text;
	while (cgroup_blkio_next(&rest, &row) > 0)
		assert(row.operation <= CGROUP_BLKIO_WRITE);
	rest = text;
	while (cgroup_pid_next(&rest, &pid))
		assert(pid != 0);
	free(copy);
	return 0;
}
