// SPDX-License-Identifier: Apache-2.0
#include "lb/access/gate.h"

#include <assert.h>
#include <errno.h>

#include "lb/access/pyroscope.h"
#include "lb/access/route.h"
#include "lb/access/tsdb.h"

static const struct {
	const char *name;
	int status;
} reasons[N_GATE_REASONS] = {
	[GATE_RESOURCE] = { "resource", 403 },
	[GATE_UNBOUND] = { "unbound", 403 },
	[GATE_SYNTAX] = { "syntax", 403 },
	[GATE_HIDDEN] = { "hidden", 403 },
	[GATE_LIFETIME] = { "lifetime", 403 },
	[GATE_MALFORMED] = { "malformed", 400 },
	[GATE_TOO_LARGE] = { "too_large", 413 },
};

int gate_status(enum gate_reason reason)
{
	assert(reason < N_GATE_REASONS);
	return reasons[reason].status;
}

const char *gate_reason_name(enum gate_reason reason)
{
	assert(reason < N_GATE_REASONS);
	return reasons[reason].name;
}

int gate_read(const struct gate_options *options, const struct gate_request *request,
	struct arena *arena, struct gate_plan *ret_plan)
{
	return (request->kind == GATE_TSDB ? tsdb_read : pyroscope_read)(
		options, request, arena, ret_plan);
}

int gate_write(const struct gate_options *options, const struct gate_request *request,
	const struct gate_plan *plan, const struct gate_unit_lives *lives,
	const struct gate_cluster *cluster, struct arena *arena, struct gate_forward *ret_forward,
	struct gate_refusal *ret_refusal)
{
	assert(plan->outcome != GATE_REFUSED);
	return (request->kind == GATE_TSDB ? tsdb_write : pyroscope_write)(
		options, request, plan, lives, cluster, arena, ret_forward, ret_refusal);
}

int gate_judge_hidden(const struct gate_plan *plan, struct slice path,
	const struct gate_cluster *cluster, struct arena *arena, struct gate_refusal *ret_refusal)
{
	return plan->parsed ? tsdb_judge_hidden(plan, path, cluster, arena, ret_refusal) : 0;
}

static enum gate_filter by_last_segment(struct slice last)
{
	if (slice_eq(last, "query") || slice_eq(last, "query_range"))
		return GATE_FILTER_METRICS;
	if (slice_eq(last, "series"))
		return GATE_FILTER_SERIES;
	if (slice_eq(last, "labels"))
		return GATE_FILTER_LABEL_NAMES;
	if (slice_eq(last, "query_exemplars"))
		return GATE_FILTER_EXEMPLARS;
	return GATE_FILTER_NONE;
}

int gate_filter_of_path(struct slice path, struct arena *arena, enum gate_filter *ret_filter,
	const char **ret_label)
{
	struct slice rest, segment, last[3] = { { NULL, 0 }, { NULL, 0 }, { NULL, 0 } };
	const char *reason;
	int r = route_decode_path(path, arena, &rest, &reason);

	if (r < 0)
		return r;
	*ret_label = NULL;
	while (slice_next(&rest, '/', &segment)) {
		if (!segment.n)
			continue;
		last[0] = last[1];
		last[1] = last[2];
		last[2] = segment;
	}
	*ret_filter = by_last_segment(last[2]);
	if (!slice_eq(last[2], "values") || !slice_eq(last[0], "label"))
		return 0;
	r = route_unescape_label(last[1], arena, &last[1]);
	if (r < 0)
		return r;
	*ret_label = arena_strndup(arena, last[1].p, last[1].n);
	if (!*ret_label)
		return -ENOMEM;
	*ret_filter = GATE_FILTER_LABEL_VALUES;
	return 0;
}
