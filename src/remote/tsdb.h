// SPDX-License-Identifier: Apache-2.0
/* A Prometheus-compatible server over its HTTP API v1: what the updater and ceems_tool ask of it.
 */
#ifndef CEEMS_REMOTE_TSDB_H
#define CEEMS_REMOTE_TSDB_H

#include <stdint.h>

#include "basic/arena.h"
#include "net/http_client.h"

struct tsdb;

int tsdb_new(const char *url, const struct http_client_config *client, const char *user_agent,
	struct tsdb **ret_tsdb, struct err *err);
void tsdb_free(struct tsdb *tsdb);
void tsdb_set_cancel_fd(struct tsdb *tsdb, int fd);
void tsdb_set_timeout(struct tsdb *tsdb, int64_t timeout_ms); /* per call */

/*
 * status/config, status/flags, status/runtimeinfo; a value that could not be had is 0. All three or
 * nothing, but that the server need not have the latter two.
 */
struct tsdb_settings {
	int64_t scrape_interval_ms, evaluation_interval_ms;
	int64_t query_timeout_ms, lookback_delta_ms, retention_ms;
	int64_t max_samples;
};
int tsdb_global_intervals(struct tsdb *tsdb, struct tsdb_settings *settings, struct err *err);
int tsdb_settings(struct tsdb *tsdb, struct tsdb_settings *settings, struct err *err);

struct tsdb_label {
	const char *name, *value;
};
struct tsdb_series {
	struct tsdb_label *labels; /* sorted by name, __name__ included */
	size_t n_labels;
};
struct tsdb_sample {
	struct tsdb_series series;
	double timestamp_s, value;
};
const char *tsdb_series_label(
	const struct tsdb_series *series, const char *name); /* "" if absent */

/* Times are Unix seconds. All results live in the arena. */
int tsdb_series_find(struct tsdb *tsdb, const char *const *matchers, size_t n_matchers,
	double start, double end, struct arena *arena, struct tsdb_series **ret_series,
	size_t *ret_n, struct err *err);
int tsdb_label_values(struct tsdb *tsdb, const char *label, const char *matcher, double start,
	double end, struct arena *arena, struct strings *ret_values, struct err *err);

/* Active targets: discovered labels 'job' and '__scrape_interval__'. */
struct tsdb_target {
	const char *job;
	int64_t scrape_interval_ms; /* 0 if unparsable */
};
int tsdb_targets(struct tsdb *tsdb, struct arena *arena, struct tsdb_target **ret_targets,
	size_t *ret_n, struct err *err);

/* The recording rules that the server has loaded. */
struct tsdb_rule {
	const char *group, *name;
	const char *provider; /* label 'provider' that the rule sets, "" for none */
};
int tsdb_recording_rules(struct tsdb *tsdb, struct arena *arena, struct tsdb_rule **ret_rules,
	size_t *ret_n, struct err *err);

/*
 * Instant query: POST, GET on 403, 405, 501. lookback_ms 0 = the server's; it is the resolution of
 * subqueries, too, for VictoriaMetrics. The result must be a vector.
 * -EINVAL: the server refuses the query, or it gives something else. -EIO: also an answer that is
 * said to be partial.
 */
int tsdb_query(struct tsdb *tsdb, const char *query, double time, int64_t lookback_ms,
	struct arena *arena, struct tsdb_sample **ret_samples, size_t *ret_n, struct err *err);

/*
 * Range query, sent in the same way. The points of a series are in the order of their times, a
 * step apart at least. The result must be a matrix.
 */
struct tsdb_point {
	double timestamp_s, value;
};
struct tsdb_range {
	struct tsdb_series series;
	struct tsdb_point *points;
	size_t n_points;
};
struct tsdb_span {
	double start, end; /* Unix seconds, both inclusive */
	int64_t step_ms;
};
int tsdb_query_range(struct tsdb *tsdb, const char *query, const struct tsdb_span *span,
	int64_t lookback_ms, struct arena *arena, struct tsdb_range **ret_ranges, size_t *ret_n,
	struct err *err);

/*
 * admin/tsdb/delete_series. Refuses (-EINVAL) a matcher that also matches series without the label.
 * The server may refuse with it, too, as VictoriaMetrics does where a time is given.
 */
#define TSDB_ANY_TIME (-1.0) /* as start or end */
int tsdb_delete_series(struct tsdb *tsdb, const char *const *matchers, size_t n_matchers,
	double start, double end, struct err *err);

#endif
