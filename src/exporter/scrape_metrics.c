// SPDX-License-Identifier: Apache-2.0
#include "exporter/scrape_metrics.h"

enum { DURATION, SUCCESS, SAMPLE_AGE, N_METRICS };

static const struct metric metrics[N_METRICS] = {
	[DURATION] = { "ceems_scrape_collector_duration_seconds",
		"How long a collector took in this scrape.", METRIC_GAUGE,
		{ "collector", "subcollector" } },
	[SUCCESS] = { "ceems_scrape_collector_success",
		"Whether a collector succeeded in this scrape.", METRIC_GAUGE, { "collector" } },
	[SAMPLE_AGE] = { "ceems_scrape_collector_sample_age_seconds",
		"How old the value is that a source polled in the background gave last.",
		METRIC_GAUGE, { "collector", "source" } },
};
const struct metric *const scrape_metrics[] = { &metrics[DURATION], &metrics[SUCCESS],
	&metrics[SAMPLE_AGE] };
const size_t n_scrape_metrics = N_METRICS;

int scrape_add_duration(
	struct scrape *s, const char *collector_name, const char *subcollector, int64_t ns)
{
	return scrape_add(s, &metrics[DURATION], (double)ns / 1e9, collector_name, subcollector);
}

int scrape_add_age(
	struct scrape *s, const char *collector_name, const char *source, int64_t sample_ns)
{
	int64_t age_ns = clock_monotonic_ns(s->env->clock) - sample_ns;

	return scrape_add(s, &metrics[SAMPLE_AGE], (double)age_ns / 1e9, collector_name, source);
}

int scrape_add_success(struct scrape *s, const char *collector_name, bool success)
{
	return scrape_add(s, &metrics[SUCCESS], success, collector_name);
}
