// SPDX-License-Identifier: Apache-2.0
/* What the tsdb commands have in common: the server, the time range, the deadline, the output. */
#ifndef CEEMS_TOOL_TSDB_TSDB_COMMAND_H
#define CEEMS_TOOL_TSDB_TSDB_COMMAND_H

#include "remote/tsdb.h"
#include "tool/tool.h"
#include "tool/tsdb/connect.h"
#include "tool/tsdb/discover.h"

struct tsdb_command {
	struct connection conn;
	struct tsdb *tsdb;
	struct arena arena; /* everything that the server answered */
	double start, end; /* Unix seconds */
	int64_t deadline_ns; /* monotonic */
};

/* Zero it first. -EINVAL: the options are wrong. */
int tsdb_command_init(
	struct tsdb_command *cmd, const struct tsdb_options *options, struct err *err);
void tsdb_command_done(struct tsdb_command *cmd);

/* Before each call: what is left of the two minutes. -ETIMEDOUT when nothing is. */
int tsdb_command_tick(struct tsdb_command *cmd, struct err *err);

/* All series with one of the names in the time range. */
int tsdb_command_series(struct tsdb_command *cmd, const char *const *names, size_t n_names,
	struct tsdb_series **ret_series, size_t *ret_n, struct err *err);

/* Sorts, and drops empty and repeated values. */
void tsdb_command_sort(struct strings *values);

/* Values of a label, sorted and distinct. */
int tsdb_command_values(struct tsdb_command *cmd, const char *label, const char *matcher,
	struct strings *ret_values, struct err *err);

/* To --output, else to stderr as always. */
int tsdb_command_print(
	struct tool *tool, const char *heading, const struct buffer *document, struct err *err);

#endif
