// SPDX-License-Identifier: Apache-2.0
#include "api/store_backfill.h"

#include <errno.h>
#include <stdlib.h>

#include "api/metric_map.h"

enum {
	MS = 1000,
	UNIT_ARENA_BYTES = 64 << 20,
	SPAN_BYTES = 64 << 20, /* of usage that is not written yet; a unit is some 10 MB at most */
	PART_UNITS = 250,
	RUNS_MAX = 64,
};

static const int64_t longest_ms = INT64_C(3660) * 24 * 3600 * 1000; /* that a unit may run */
/* Less than this is missing in the times of a unit that was counted from its start on. */
static const int64_t tolerance_ms = 60 * 1000;
static const double counted_part = 0.998; /* as each window loses a part of a second */

/* Columns of W_BACKFILL_UNITS and W_BACKFILL_UNIT. */
enum {
	ID,
	CLUSTER,
	PROJECT,
	USERNAME,
	GROUPNAME,
	MANAGER,
	STARTED,
	CREATED,
	ENDED,
	UPDATED,
	METRICS,
};

struct backfill_span {
	struct backfill_span *next;
	int64_t run;
	char *cluster_id;
	int64_t from_ms, to_ms; /* from == to: the cluster has none */
	struct usage_step usage;
};

static int run(struct store *store, size_t statement, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(store->writer, statement);

	return stmt_run(q, err);
}

static int add_run(struct store *store, bool is_new, int64_t own_ms, int64_t to_ms, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = NULL;
	int r;

	r = run(store, W_ADD_BACKFILL, err);
	if (r < 0)
		return r;
	q = db_stmt(store->writer, W_ADD_ESTIMATES);
	stmt_bind_i64(q, 1, db_last_id(store->writer));
	stmt_bind_i64(q, 2, is_new);
	stmt_bind_i64(q, 3, own_ms);
	stmt_bind_i64(q, 4, to_ms);
	return stmt_run(q, err);
}

static int plan_run(struct store *store, bool is_new, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(store->writer, W_LATEST_LABELS);
	const char *usage, *own;
	int64_t to_ms, own_ms = 0;
	int r;

	r = stmt_step(q, err);
	if (r < 0)
		return r;
	usage = stmt_text(q, 0);
	own = stmt_text(q, 1);
	if (!usage || time_parse_ldt(store->zone, slice_from(usage), &to_ms) < 0)
		return 0;
	if (own && time_parse_ldt(store->zone, slice_from(own), &own_ms) < 0)
		own_ms = 0;
	return is_new || own_ms < to_ms ? add_run(store, is_new, own_ms, to_ms, err) : 0;
}

int backfill_plan(struct store *store, bool is_new, struct err *err)
{
	int64_t n;
	int r;

	r = plan_run(store, is_new, err);
	if (r >= 0)
		r = db_query_i64(store->writer,
			"SELECT count(*) FROM ceems_backfills WHERE next_id <= last_id", &n, err);
	if (r >= 0)
		store->backfills = n > 0;
	return r;
}

void backfill_init(struct backfill *b, struct store *store, int64_t now_ms)
{
	*b = (struct backfill){ .store = store, .now_ms = now_ms };
	arena_init(&b->arena, UNIT_ARENA_BYTES);
}

void backfill_done(struct backfill *b)
{
	while (b->spans) {
		struct backfill_span *span = b->spans;

		b->spans = span->next;
		usage_step_done(&span->usage);
		free(span->cluster_id);
		free(span);
	}
	arena_done(&b->arena);
}

static int start_usage(struct backfill *b, struct backfill_span *span)
{
	int r = usage_step_init(&span->usage, b->store, span->cluster_id, 0, 1, b->now_ms);

	span->usage.only_periods = true;
	return r;
}

static int write_span(struct backfill *b, struct backfill_span *span, struct err *err)
{
	int r = usage_step_write(&span->usage, err);

	b->n_failed += span->usage.n_failed;
	if (!b->first_failure.code)
		b->first_failure = span->usage.first_failure;
	span->usage.n_failed = 0;
	return r;
}

/* Memory is finite: what a span holds is written before the next unit. */
static int limit_span(struct backfill *b, struct backfill_span *span, struct err *err)
{
	int r;

	if (span->usage.arena.total_bytes < SPAN_BYTES)
		return 0;
	b->full = true;
	r = write_span(b, span, err);
	if (r < 0)
		return r;
	usage_step_done(&span->usage);
	r = start_usage(b, span);
	return r < 0 ? err_errno(err, r, "usage of stored units") : 0;
}

static int load_span(
	struct backfill *b, int64_t run_id, struct backfill_span *span, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(b->store->writer, W_ESTIMATE);
	int r;

	stmt_bind_i64(q, 1, run_id);
	stmt_bind_text(q, 2, span->cluster_id);
	r = stmt_step(q, err);
	if (r == 1) {
		span->from_ms = stmt_i64(q, 0);
		span->to_ms = stmt_i64(q, 1);
	}
	return r < 0 ? r : 0;
}

static int find_span(struct backfill *b, int64_t run_id, const char *cluster_id,
	struct backfill_span **ret_span, struct err *err)
{
	struct backfill_span *span = NULL;
	int r;

	for (span = b->spans; span; span = span->next) {
		if (span->run == run_id && str_eq(span->cluster_id, cluster_id)) {
			*ret_span = span;
			return 0;
		}
	}
	span = calloc(1, sizeof(*span));
	if (!span)
		return err_errno(err, -ENOMEM, "usage of stored units");
	span->run = run_id;
	span->cluster_id = strdup(cluster_id);
	r = span->cluster_id ? start_usage(b, span) : -ENOMEM;
	span->next = b->spans;
	b->spans = span;
	if (r < 0)
		return err_errno(err, r, "usage of stored units");
	r = load_span(b, run_id, span, err);
	if (r >= 0)
		*ret_span = span;
	return r;
}

static const char *text(struct stmt *q, int column, struct arena *arena)
{
	const char *value = stmt_text(q, column);

	return value ? arena_strdup(arena, value) : "";
}

/* Names live as long as the accounts that they make, totals until the next unit. */
static int read_unit(
	struct backfill *b, struct stmt *q, struct arena *names, struct unit *unit, struct err *err)
{
	unit->uuid = "";
	unit->project = text(q, PROJECT, names);
	unit->username = text(q, USERNAME, names);
	unit->groupname = text(q, GROUPNAME, names);
	unit->resource_manager = text(q, MANAGER, names);
	if (!unit->project || !unit->username || !unit->groupname || !unit->resource_manager)
		return err_errno(err, -ENOMEM, "usage of stored units");
	for (int m = 0; m < N_UNIT_METRICS; m++) {
		int r = metric_map_parse(stmt_text(q, METRICS + m), &b->arena, &unit->metrics[m]);

		if (r < 0)
			return err_errno(err, r, "stored unit %lld", (long long)stmt_i64(q, ID));
	}
	return 0;
}

/*
 * When the unit ran. Of one that ran before units were collected only the last part is in its
 * totals; servers of OpenStack are stopped in between, so that their times don't tell.
 */
static void find_life(const struct backfill *b, struct stmt *q, const struct unit *unit,
	int64_t *ret_from_ms, int64_t *ret_to_ms)
{
	const struct metric_map *time = &unit->metrics[TOTAL_TIME_SECONDS];
	double counted_ms = metric_map_get(time, "walltime") * MS;
	int64_t from = stmt_i64(q, STARTED), to = stmt_i64(q, ENDED), updated;
	const char *label = stmt_text(q, UPDATED);

	if (from <= 0)
		from = stmt_i64(q, CREATED);
	if (!label || time_parse_ldt(b->store->zone, slice_from(label), &updated) < 0)
		updated = from;
	if (to <= 0)
		to = updated;
	to = MIN(to, b->now_ms);
	if (from <= 0 || from >= to)
		from = to - 1;
	from = MAX(from, to - longest_ms);
	if (!str_eq(unit->resource_manager, "openstack") && counted_ms > 0 &&
		(double)(to - from) * counted_part - (double)tolerance_ms > counted_ms)
		from = to - (int64_t)counted_ms;
	*ret_from_ms = from;
	*ret_to_ms = to;
}

static void scale(struct unit *unit, double part)
{
	for (int m = 0; m < N_UNIT_METRICS; m++) {
		if (unit_metric_weight((enum unit_metric)m))
			continue;
		for (size_t i = 0; i < unit->metrics[m].n; i++)
			unit->metrics[m].values[i] *= part;
	}
}

/* The row of a unit, for one backfill. */
static int add_unit(struct backfill *b, int64_t run_id, struct stmt *q, struct err *err)
{
	const char *cluster_id = stmt_text(q, CLUSTER);
	struct backfill_span *span = NULL;
	int64_t from, to, part_from, part_to;
	struct unit unit = { 0 };
	struct err why = { 0 };
	int r;

	arena_reset(&b->arena);
	r = find_span(b, run_id, cluster_id ? cluster_id : "", &span, err);
	if (r < 0)
		return r;
	r = read_unit(b, q, &span->usage.arena, &unit, &why);
	if (r == -EBADMSG || r == -E2BIG) {
		if (!b->n_failed++)
			b->first_failure = why;
		return 0;
	}
	if (r < 0) {
		if (err)
			*err = why;
		return r;
	}
	find_life(b, q, &unit, &from, &to);
	part_from = MAX(from, span->from_ms);
	part_to = MIN(to, span->to_ms);
	if (part_from >= part_to)
		return 0;
	scale(&unit, (double)(part_to - part_from) / (double)(to - from));
	unit.started_at_ms = part_from;
	unit.ended_at_ms = part_to;
	r = usage_step_add_periods(
		&span->usage, &unit, part_from, part_to, from >= span->from_ms, err);
	return r < 0 ? r : limit_span(b, span, err);
}

int backfill_write(struct backfill *b, struct err *err)
{
	int r = 0;

	for (struct backfill_span *span = b->spans; r >= 0 && span; span = span->next)
		r = write_span(b, span, err);
	return r;
}

/* 1: it was done before. */
static int is_done(struct store *store, int64_t run_id, int64_t unit_id, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(store->writer, W_IS_BACKFILLED);

	stmt_bind_i64(q, 1, run_id);
	stmt_bind_i64(q, 2, unit_id);
	return stmt_step(q, err);
}

static int mark(struct store *store, int64_t run_id, int64_t unit_id, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(store->writer, W_SET_BACKFILLED);

	stmt_bind_i64(q, 1, run_id);
	stmt_bind_i64(q, 2, unit_id);
	return stmt_run(q, err);
}

static int touch_in_run(
	struct backfill *b, int64_t run_id, int64_t unit_id, bool made_now, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = NULL;
	int r;

	r = is_done(b->store, run_id, unit_id, err);
	if (r != 0)
		return r;
	if (!made_now) {
		q = db_stmt(b->store->writer, W_BACKFILL_UNIT);
		stmt_bind_i64(q, 1, unit_id);
		r = stmt_step(q, err);
		if (r == 1)
			r = add_unit(b, run_id, q, err);
	}
	return r < 0 ? r : mark(b->store, run_id, unit_id, err);
}

int backfill_touch(struct backfill *b, int64_t unit_id, bool made_now, struct err *err)
{
	int64_t runs[RUNS_MAX];
	size_t n = 0;
	int r = 0;

	if (b->store->backfills) {
		CLEANUP(stmt_resetp)
		struct stmt *q = db_stmt(b->store->writer, W_BACKFILLS_OF_UNIT);

		stmt_bind_i64(q, 1, unit_id);
		while (n < RUNS_MAX && (r = stmt_step(q, err)) == 1)
			runs[n++] = stmt_i64(q, 0);
	}
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = touch_in_run(b, runs[i], unit_id, made_now, err);
	return r < 0 ? r : 0;
}

struct part {
	int64_t run, next_id, last_id;
	size_t n;
};

static int add_part(struct backfill *b, struct part *part, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(b->store->writer, W_BACKFILL_UNITS);
	int r = 0;

	stmt_bind_i64(q, 1, part->next_id);
	stmt_bind_i64(q, 2, part->last_id);
	stmt_bind_i64(q, 3, PART_UNITS);
	while (!b->full && (r = stmt_step(q, err)) == 1) {
		int64_t id = stmt_i64(q, ID);

		r = is_done(b->store, part->run, id, err);
		if (r == 0)
			r = add_unit(b, part->run, q, err);
		if (r < 0)
			return r;
		part->next_id = id + 1;
		part->n++;
	}
	if (r >= 0 && !b->full && part->n < PART_UNITS)
		part->next_id = part->last_id + 1;
	return r < 0 ? r : backfill_write(b, err);
}

static int end_part(struct store *store, const struct part *part, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(store->writer, W_ADVANCE_BACKFILL);
	int r;

	stmt_bind_i64(q, 1, part->run);
	stmt_bind_i64(q, 2, part->next_id);
	r = stmt_run(q, err);
	if (r >= 0 && part->next_id > part->last_id)
		r = run(store, W_SWEEP_BACKFILLED, err);
	return r;
}

/* 1: there was something to do. */
static int find_part(struct store *store, struct part *ret_part, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(store->writer, W_NEXT_BACKFILL);
	int r = stmt_step(q, err);

	if (r == 1)
		*ret_part = (struct part){ stmt_i64(q, 0), stmt_i64(q, 1), stmt_i64(q, 2), 0 };
	return r;
}

static int run_part(struct backfill *b, struct store_backfill_result *result, struct err *err)
{
	struct store *store = b->store;
	struct part part;
	int r;

	r = db_begin(store->writer, err);
	if (r < 0)
		return r;
	r = find_part(store, &part, err);
	result->more = r == 1;
	if (r == 1)
		r = add_part(b, &part, err);
	if (r >= 0 && result->more)
		r = end_part(store, &part, err);
	if (r < 0) {
		db_rollback(store->writer);
		return r;
	}
	result->units = result->more ? part.n : 0;
	result->failed = b->n_failed;
	return db_commit(store->writer, err);
}

int store_backfill(struct store *store, int64_t now_ms, struct store_backfill_result *ret_result,
	struct err *err)
{
	struct store_backfill_result result = { 0 };
	struct backfill b;
	int r = 0;

	backfill_init(&b, store, now_ms);
	store_lock_writer(store);
	if (store->backfills)
		r = run_part(&b, &result, err);
	if (r >= 0)
		store->backfills = result.more;
	store_unlock_writer(store);
	backfill_done(&b);
	if (r >= 0)
		*ret_result = result;
	return r;
}
