// SPDX-License-Identifier: Apache-2.0
/*
 * Replies of Prometheus's HTTP API v1 (https://prometheus.io/docs/prometheus/latest/querying/api/):
 * bytes in, structs in an arena out. -EBADMSG with a sentence for what is no such reply or states
 * an error, -E2BIG, -ENOMEM.
 */
#ifndef CEEMS_REMOTE_TSDB_REPLY_H
#define CEEMS_REMOTE_TSDB_REPLY_H

#include "basic/str.h"
#include "remote/tsdb.h"

enum {
	TSDB_REPLY_MAX_BYTES = 64 << 20,
	TSDB_REPLY_MAX_ITEMS = 4 << 20, /* samples, series, values, targets */
	TSDB_REPLY_MAX_LABELS = 512, /* of one series */
};

/* The 'error' text of a reply, "" if it has none. */
const char *tsdb_reply_error(struct slice json, struct arena *arena);

/* Result type "vector" only. */
int tsdb_reply_vector(struct slice json, struct arena *arena, struct tsdb_sample **ret_samples,
	size_t *ret_n, struct err *err);
/* Result type "matrix" only. */
int tsdb_reply_matrix(struct slice json, struct arena *arena, struct tsdb_range **ret_ranges,
	size_t *ret_n, struct err *err);
int tsdb_reply_series(struct slice json, struct arena *arena, struct tsdb_series **ret_series,
	size_t *ret_n, struct err *err);
int tsdb_reply_strings(
	struct slice json, struct arena *arena, struct strings *ret_values, struct err *err);
int tsdb_reply_targets(struct slice json, struct arena *arena, struct tsdb_target **ret_targets,
	size_t *ret_n, struct err *err);
/* Recording rules only. */
int tsdb_reply_rules(struct slice json, struct arena *arena, struct tsdb_rule **ret_rules,
	size_t *ret_n, struct err *err);

/* Each fills its own fields of settings; what the reply doesn't tell stays as it is. */
int tsdb_reply_config(
	struct slice json, struct arena *arena, struct tsdb_settings *settings, struct err *err);
int tsdb_reply_flags(struct slice json, struct tsdb_settings *settings, struct err *err);
int tsdb_reply_runtimeinfo(struct slice json, struct tsdb_settings *settings, struct err *err);

#endif
