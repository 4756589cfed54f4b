// SPDX-License-Identifier: Apache-2.0
/* What the node's CPUs did since the last reading, and its memory now: /proc/stat, /proc/meminfo.
 */
#ifndef CEEMS_EXPORTER_LEDGER_NODE_USAGE_H
#define CEEMS_EXPORTER_LEDGER_NODE_USAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "basic/err.h"
#include "host/procfs.h"
#include "host/root.h"

struct node_usage {
	const struct host_root *host;
	unsigned generation; /* of procfs */
	struct procfs_file stat, meminfo;
	bool known;
	uint64_t last_busy_us;
	int64_t last_ns;
};

struct node_usage_span {
	uint64_t elapsed_us; /* since the last reading that succeeded; 0 = it is the first */
	uint64_t busy_us; /* all modes but idle, iowait, steal */
	unsigned n_cpus;
	uint64_t memory_bytes, memory_used_bytes;
};

/* The host is borrowed. */
int node_usage_open(struct node_usage *node, const struct host_root *host, struct err *err);
void node_usage_close(struct node_usage *node);

/*
 * 0 or -errno; -ERANGE: the CPU counters went back, as when a CPU goes offline; -ESTALE: this is
 * the first reading of another procfs, whose counters need not go on from those before.
 */
int node_usage_read(struct node_usage *node, int64_t now_ns, struct node_usage_span *ret_span);

#endif
