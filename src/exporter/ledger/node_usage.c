// SPDX-License-Identifier: Apache-2.0
#include "exporter/ledger/node_usage.h"

#include <errno.h>

#include "basic/macros.h"

static int open_files(struct node_usage *node, struct err *err)
{
	int r;

	node->generation = host_root_generation(node->host, HOST_PROCFS);
	r = procfs_file_open(&node->stat, node->host->procfs_fd, "stat");
	if (r < 0)
		return err_errno(err, r, "ledger: stat");
	r = procfs_file_open(&node->meminfo, node->host->procfs_fd, "meminfo");
	return r < 0 ? err_errno(err, r, "ledger: meminfo") : 0;
}

int node_usage_open(struct node_usage *node, const struct host_root *host, struct err *err)
{
	*node = (struct node_usage){ .host = host, .stat = { .fd = -1 }, .meminfo = { .fd = -1 } };
	return open_files(node, err);
}

void node_usage_close(struct node_usage *node)
{
	procfs_file_close(&node->stat);
	procfs_file_close(&node->meminfo);
}

/* 0, 1: they are files of another procfs than before; -errno: of none yet. */
static int follow_procfs(struct node_usage *node)
{
	int r;

	if (node->meminfo.fd >= 0 &&
		node->generation == host_root_generation(node->host, HOST_PROCFS))
		return 0;
	node_usage_close(node);
	r = open_files(node, NULL);
	if (r < 0)
		node_usage_close(node);
	return r < 0 ? r : 1;
}

int node_usage_read(struct node_usage *node, int64_t now_ns, struct node_usage_span *ret_span)
{
	struct procfs_cpu_times times;
	struct procfs_memory memory;
	struct node_usage_span span = { 0 };
	uint64_t busy_us;
	const int followed = follow_procfs(node);
	int r = followed < 0 ? followed : procfs_read_stat(&node->stat, &times);

	if (r >= 0)
		r = procfs_read_memory(&node->meminfo, &memory);
	if (r < 0)
		return r;
	busy_us = procfs_cpu_busy_us(&times);
	if (followed > 0)
		r = -ESTALE;
	else if (node->known && busy_us < node->last_busy_us)
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
