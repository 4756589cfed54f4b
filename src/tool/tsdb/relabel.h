// SPDX-License-Identifier: Apache-2.0
/* metric_relabel_configs that give series of GPU exporters the labels of CEEMS: text only. */
#ifndef CEEMS_TOOL_TSDB_RELABEL_H
#define CEEMS_TOOL_TSDB_RELABEL_H

#include "basic/buffer.h"
#include "tool/tsdb/discover.h"

enum { RELABEL_MAX_BYTES = 1 << 20 };

/* Appends the YAML document for the jobs that have GPU power series. Returns their number, -ENOMEM
 * or -E2BIG. */
int relabel_write(const struct job_list *jobs, struct buffer *out);

#endif
