// SPDX-License-Identifier: Apache-2.0
/*
 * Metrics about the exporter itself: its build, its metrics handler (promhttp_*, names as the Go
 * client library has them). Those of its process are in host/process_metrics.h; go_* has no meaning
 * here.
 */
#ifndef CEEMS_EXPORTER_SELF_METRICS_H
#define CEEMS_EXPORTER_SELF_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

#include "basic/clock.h"
#include "format/exposition.h"

/* Of the metrics handler. Any thread. */
struct handler_counters {
	atomic_uint_fast64_t ok, failed, refused; /* answers 200, 500, 503 */
	atomic_uint_fast64_t encoding_errors, gathering_errors;
	atomic_int_fast64_t in_flight;
};

/* All return 0 or -ENOMEM. */
int self_metrics_add_build(struct exposition *out);
int self_metrics_add_handler(struct exposition *out, const struct handler_counters *counters);

/* Every family, those of the process included, for the reference page. */
extern const struct metric *const self_metrics[];
extern const size_t n_self_metrics;

#endif
