// SPDX-License-Identifier: Apache-2.0
/*
 * What the rdma command of iproute2 prints (rdma-resource(8), rdma-statistic(8)), as text and as
 * JSON. All pure. Names of processes stand in it, so any bytes may: in JSON, too, whose strings
 * have '"', '\\' and line ends escaped and all other bytes as they are, so that it is neither UTF-8
 * nor free of control characters. A name ends where its string does; in text it is one word, and
 * the words of one with blanks are taken for fields.
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
	bool is_json; /* members of an object: "ifname", "port" and the fields of the text */
};

/* Of a whole output: whether it is JSON, which begins with a bracket, as no row does. */
bool rdma_is_json(struct slice output);

/* Cuts the next row of a text off *rest; other lines are passed over. False at the end. */
bool rdma_row_next(struct slice *rest, struct rdma_row *ret_row);

/* The next object with a device off JSON, likewise. */
bool rdma_object_next(struct slice *rest, struct rdma_row *ret_row);

/* The first number behind a field of that name. False: there is none. */
bool rdma_row_value(const struct rdma_row *row, const char *name, uint64_t *ret_value);

struct rdma_mode {
	struct slice link; /* "mlx5_0/1" */
	bool is_on; /* counts are kept apart by process, or otherwise */
};

/* Cuts the next link of Mellanox off the output of 'rdma statistic qp mode'. False at the end. */
bool rdma_mode_next(struct slice *rest, struct rdma_mode *ret_mode);

#endif
