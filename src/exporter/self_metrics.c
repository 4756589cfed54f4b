// SPDX-License-Identifier: Apache-2.0
#include "exporter/self_metrics.h"

#include "basic/macros.h"
#include "basic/version.h"
#include "host/process_metrics.h"

enum { BUILD_INFO, REQUESTS, IN_FLIGHT, ERRORS, N_METRICS };

static const struct metric metrics[N_METRICS] = {
	[BUILD_INFO] = { "ceems_exporter_build_info",
		"Always 1; the labels tell how the exporter was built.", METRIC_GAUGE,
		{ "branch", "goarch", "goos", "goversion", "revision", "tags", "version" } },
	[REQUESTS] = { "promhttp_metric_handler_requests_total", "Scrapes by HTTP status code.",
		METRIC_COUNTER, { "code" } },
	[IN_FLIGHT] = { "promhttp_metric_handler_requests_in_flight",
		"Scrapes that are being served.", METRIC_GAUGE, { NULL } },
	[ERRORS] = { "promhttp_metric_handler_errors_total", "Scrapes in which a part went wrong.",
		METRIC_COUNTER, { "cause" } },
};

const struct metric *const self_metrics[] = {
	&metrics[BUILD_INFO],
	&metrics[REQUESTS],
	&metrics[IN_FLIGHT],
	&metrics[ERRORS],
	&process_metrics[0],
	&process_metrics[1],
	&process_metrics[2],
	&process_metrics[3],
	&process_metrics[4],
	&process_metrics[5],
	&process_metrics[6],
	&process_metrics[7],
	&process_metrics[8],
};
const size_t n_self_metrics = ARRAY_SIZE(self_metrics);

#define ADD(out, id, value, ...) \
	exposition_add((out), &metrics[id], (value), (const char *const[]){ __VA_ARGS__ })

int self_metrics_add_build(struct exposition *out)
{
	const struct version *v = version_info();

	return ADD(out, BUILD_INFO, 1, v->branch, v->arch, v->os, v->compiler, v->revision, v->tags,
		v->version);
}

int self_metrics_add_handler(struct exposition *out, const struct handler_counters *c)
{
	const struct {
		int metric;
		double value;
		const char *label;
	} rows[] = {
		{ REQUESTS, (double)atomic_load(&c->ok), "200" },
		{ REQUESTS, (double)atomic_load(&c->failed), "500" },
		{ REQUESTS, (double)atomic_load(&c->refused), "503" },
		{ ERRORS, (double)atomic_load(&c->encoding_errors), "encoding" },
		{ ERRORS, (double)atomic_load(&c->gathering_errors), "gathering" },
		{ IN_FLIGHT, (double)atomic_load(&c->in_flight), NULL },
	};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(rows); i++)
		r = ADD(out, rows[i].metric, rows[i].value, rows[i].label);
	return r;
}
