// SPDX-License-Identifier: Apache-2.0
/* Metrics of the process itself, by the names that the Go client library gives them (process_*). */
#ifndef CEEMS_HOST_PROCESS_METRICS_H
#define CEEMS_HOST_PROCESS_METRICS_H

#include "format/exposition.h"

/* 0 or -ENOMEM; what cannot be read is left out. */
int process_metrics_add(struct exposition *out, double start_time_seconds);

/* Every family, for reference pages. */
enum { N_PROCESS_METRICS = 9 };
extern const struct metric process_metrics[N_PROCESS_METRICS];

#endif
