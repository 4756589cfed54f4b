// SPDX-License-Identifier: Apache-2.0
/*
 * What the rdma command of iproute2 prints (rdma-resource(8), rdma-statistic(8)). All pure. Names
 * of processes stand in it, so any bytes may.
 */
#ifndef CEEMS_HOST_RDMA_TOOL_H
#define CEEMS_HOST_RDMA_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/str.h"

enum { RDMA_NAME_MAX = 64 };

/* "dev mlx5_2 mrn 7 ..." or "link mlx5_2/1 lqpn 4 ...", with the indented lines below it. */
struct rdma_row {
	struct slice device; /* lower-case letters, digits and '_' */
	struct slice port; /* digits, or empty */
	struct slice fields;
};

/* Cuts the next row off *rest; other lines are passed over. False at the end. */
bool rdma_row_next(struct slice *rest, struct rdma_row *ret_row);

/* The number behind the first field of that name. False: there is none. */
bool rdma_row_value(const struct rdma_row *row, const char *name, uint64_t *ret_value);

struct rdma_mode {
	struct slice link; /* "mlx5_0/1" */
	bool is_on; /* counts are kept apart by process, or otherwise */
};

/* Cuts the next link of Mellanox off the output of 'rdma statistic qp mode'. False at the end. */
bool rdma_mode_next(struct slice *rest, struct rdma_mode *ret_mode);

#endif
