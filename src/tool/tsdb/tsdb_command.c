// SPDX-License-Identifier: Apache-2.0
#include "tool/tsdb/tsdb_command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/clock.h"
#include "basic/file.h"
#include "basic/macros.h"
#include "basic/str.h"
#include "tool/tsdb/timestamp.h"

enum { DEADLINE_S = 120, DEFAULT_RANGE_S = 3 * 3600, REPLY_ARENA_MAX_BYTES = 1 << 30 };

#define NS_PER_S 1000000000LL

static int parse_time(
	const char *flag, const char *text, double fallback, double *ret, struct err *err)
{
	if (!*text) {
		*ret = fallback;
		return 0;
	}
	if (timestamp_parse(slice_from(text), ret) < 0)
		return err_set(err, -EINVAL,
			"--%s '%s' is neither an RFC 3339 time nor Unix seconds", flag, text);
	return 0;
}

static int parse_range(
	struct tsdb_command *cmd, const struct tsdb_options *options, struct err *err)
{
	const double now = (double)clock_realtime_ns(clock_system()) / NS_PER_S;
	int r;

	r = parse_time("start", options->start, now - DEFAULT_RANGE_S, &cmd->start, err);
	if (r >= 0)
		r = parse_time("end", options->end, now, &cmd->end, err);
	if (r >= 0 && cmd->start >= cmd->end)
		r = err_set(err, -EINVAL, "--start must be before --end");
	return r;
}

int tsdb_command_init(struct tsdb_command *cmd, const struct tsdb_options *options, struct err *err)
{
	int r;

	arena_init(&cmd->arena, REPLY_ARENA_MAX_BYTES);
	cmd->deadline_ns = clock_monotonic_ns(clock_system()) + DEADLINE_S * NS_PER_S;
	r = connection_init(&cmd->conn, &options->server, true, err);
	if (r >= 0)
		r = parse_range(cmd, options, err);
	if (r >= 0)
		r = tsdb_new(buffer_text(&cmd->conn.url), cmd->conn.config, CONNECTION_USER_AGENT,
			&cmd->tsdb, err);
	return r < 0 ? -EINVAL : 0;
}

void tsdb_command_done(struct tsdb_command *cmd)
{
	tsdb_free(cmd->tsdb);
	connection_done(&cmd->conn);
	arena_done(&cmd->arena);
}

int tsdb_command_tick(struct tsdb_command *cmd, struct err *err)
{
	const int64_t left_ms = (cmd->deadline_ns - clock_monotonic_ns(clock_system())) /
		(NS_PER_S / 1000);

	if (left_ms <= 0)
		return err_set(
			err, -ETIMEDOUT, "the server did not answer within %d s", DEADLINE_S);
	tsdb_set_timeout(cmd->tsdb, left_ms);
	return 0;
}

int tsdb_command_series(struct tsdb_command *cmd, const char *const *names, size_t n_names,
	struct tsdb_series **ret_series, size_t *ret_n, struct err *err)
{
	int r = tsdb_command_tick(cmd, err);

	if (r < 0)
		return r;
	return tsdb_series_find(cmd->tsdb, names, n_names, cmd->start, cmd->end, &cmd->arena,
		ret_series, ret_n, err);
}

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void tsdb_command_sort(struct strings *values)
{
	size_t n = 0;

	if (values->n > 0)
		qsort(values->v, values->n, sizeof(*values->v), compare_strings);
	for (size_t i = 0; i < values->n; i++) {
		if (*values->v[i] && (n == 0 || !str_eq(values->v[n - 1], values->v[i])))
			values->v[n++] = values->v[i];
	}
	values->n = n;
}

int tsdb_command_values(struct tsdb_command *cmd, const char *label, const char *matcher,
	struct strings *ret_values, struct err *err)
{
	struct strings values = { 0 };
	int r;

	r = tsdb_command_tick(cmd, err);
	if (r >= 0)
		r = tsdb_label_values(
			cmd->tsdb, label, matcher, cmd->start, cmd->end, &cmd->arena, &values, err);
	if (r < 0)
		return r;
	tsdb_command_sort(&values);
	*ret_values = values;
	return 0;
}

int tsdb_command_print(
	struct tool *tool, const char *heading, const struct buffer *document, struct err *err)
{
	const char *to = tool->tsdb.output;
	FILE *stream = str_eq(to, "-") ? tool->out : tool->messages;

	if (*to && !str_eq(to, "-")) {
		if (file_replace(to, 0644, buffer_text(document), document->len, err) < 0)
			return err->code;
		fprintf(tool->messages, "%s written to %s\n", heading, to);
		return 0;
	}
	fprintf(tool->messages, "%s:\n", heading);
	if (fwrite(buffer_text(document), 1, document->len, stream) != document->len ||
		fflush(stream) != 0)
		return err_errno(err, -errno, "writing the document");
	return 0;
}
