// SPDX-License-Identifier: Apache-2.0
/* The series about the scrape itself: how long each collector took, and how old its values are. */
#ifndef CEEMS_EXPORTER_SCRAPE_METRICS_H
#define CEEMS_EXPORTER_SCRAPE_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "exporter/collector.h"

/* For the reference page. */
extern const struct metric *const scrape_metrics[];
extern const size_t n_scrape_metrics;

/*
 * Shows how old the value of a source is that is polled in the background ("" = the collector's
 * only one). sample_ns is of the monotonic clock; a source without a value yet has no age. 0 or
 * -ENOMEM.
 */
int scrape_add_age(
	struct scrape *s, const char *collector_name, const char *source, int64_t sample_ns);

/* How long a part of a collector took in this scrape. 0 or -ENOMEM. */
int scrape_add_duration(
	struct scrape *s, const char *collector_name, const char *subcollector, int64_t ns);

/* Whether a collector succeeded in this scrape. 0 or -ENOMEM. */
int scrape_add_success(struct scrape *s, const char *collector_name, bool success);

#endif
