// SPDX-License-Identifier: Apache-2.0
#include "exporter/ledger/node_usage.h"

#include <errno.h>

#include "basic/macros.h"

int node_usage_open(struct node_usage *node, int procfs_fd, struct err *err)
{
	int r;

	*node = (struct node_usage){ .stat = { .fd = -1 }, .meminfo = { .fd = -1 } };
	r = procfs_file_open(&node->stat, procfs_fd, "stat");
	if (r < 0)
		return err_errno(err, r, "ledger: stat");
	r = procfs_file_open(&node->meminfo, procfs_fd, "meminfo");
	if (r < 0)
		return err_errno(err, r, "ledger: meminfo");
	return 0;
}

void node_usage_close(struct node_usage *node)
{
	procfs_file_close(&node->stat);
	procfs_file_close(&node->meminfo);
}

int node_usage_read(struct node_usage *node, int64_t now_ns, struct node_usage_span *ret_span)
{
	struct procfs_cpu_times times;
	struct procfs_memory memory;
	struct node_usage_span span = { 0 };
	uint64_t busy_us;
	int r = procfs_read_stat(&node->stat, &times);

	if (r >= 0)
		r = procfs_read_memory(&node->meminfo, &memory);
	if (r < 0)
		return r;
	busy_us = procfs_cpu_busy_us(&times);
	if (node->known && busy_us < node->last_busy_us)
		r = -ERANGE;
	if (node->known && r >= 0) {
		span.busy_us = busy_us - node->last_busy_us;
		span.elapsed_us = (uint64_t)(now_ns - node->last_ns) / 1000;
	}
	node->known = true;
	node->last_busy_us = busy_us;
	node->last_ns = now_ns;
	span.n_cpus = times.n_cpus;
	span.memory_bytes = memory.total_bytes;
	span.memory_used_bytes = memory.total_bytes -
		MIN(memory.available_bytes, memory.total_bytes);
	if (r >= 0)
		*ret_span = span;
	return r;
}
