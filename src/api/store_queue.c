// SPDX-License-Identifier: Apache-2.0
#include "api/store_queue.h"

#include <errno.h>

#include "api/metric_map.h"
#include "api/store_merge.h"
#include "api/store_usage.h"

enum { ROW_ARENA_BYTES = 64 << 20 /* for the maps of one unit */, IDS_FIRST = 256, N_WEIGHTS = 4 };

static const int64_t ms_per_day = INT64_C(24) * 3600 * 1000;

struct unit_ids {
	int64_t unit, account;
};

struct store_queue_ids {
	struct unit_ids *v; /* one for each unit */
	size_t n, cap;
};

/* Keys of TOTAL_TIME_SECONDS in the order of the tables' columns. */
static const char *const weights[N_WEIGHTS] = { "alloc_cputime", "alloc_cpumemtime",
	"alloc_gputime", "alloc_gpumemtime" };

static double time_of(const struct unit *unit, const char *key)
{
	return metric_map_get(&unit->metrics[TOTAL_TIME_SECONDS], key);
}

int store_queue_begin(
	struct store *store, const struct store_step *step, int64_t *ret_window_id, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *window = db_stmt(store->writer, W_QUEUE_WINDOW);
	int64_t id;
	int r;

	stmt_bind_text(window, 1, step->cluster_id);
	stmt_bind_i64(window, 2, step->since_ms);
	stmt_bind_i64(window, 3, step->start_ms);
	stmt_bind_i64(window, 4, step->end_ms);
	stmt_bind_i64(window, 5, (int64_t)step->units->n);
	r = stmt_run(window, err);
	if (r < 0)
		return r;
	id = db_last_id(store->writer);
	for (size_t i = 0; i < step->queue_lanes->n; i++) {
		CLEANUP(stmt_resetp) struct stmt *q = db_stmt(store->writer, W_QUEUE_LANE);

		stmt_bind_i64(q, 1, id);
		stmt_bind_text(q, 2, step->queue_lanes->v[i]);
		r = stmt_run(q, err);
		if (r < 0)
			return r;
	}
	*ret_window_id = id;
	return 0;
}

struct waiting {
	const char *lane;
	enum missing_kind kind;
	int64_t row_id, day;
};

/* sign 1: the unit waits; -1: it waits no more. */
static int add_missing(struct store *store, const struct waiting *waiting, const struct unit *unit,
	int sign, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(store->writer, W_ADD_MISSING);
	int n = 1;

	stmt_bind_text(q, n++, waiting->lane);
	stmt_bind_i64(q, n++, waiting->kind);
	stmt_bind_i64(q, n++, waiting->row_id);
	stmt_bind_i64(q, n++, waiting->day);
	stmt_bind_i64(q, n++, sign);
	for (int i = 0; i < N_WEIGHTS; i++)
		stmt_bind_double(q, n++, sign * time_of(unit, weights[i]));
	return stmt_run(q, err);
}

/* In all rows that the unit counts in. */
static int add_all_missing(struct store *store, const char *lane, int64_t end_ms,
	const struct unit *unit, const struct unit_ids *ids, int sign, struct err *err)
{
	const struct waiting rows[] = {
		{ lane, MISSING_OF_UNIT, ids->unit, 0 },
		{ lane, MISSING_OF_USAGE, ids->account, 0 },
		{ lane, MISSING_OF_DAY, ids->account, end_ms / ms_per_day },
	};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(rows); i++)
		r = add_missing(store, &rows[i], unit, sign, err);
	return r;
}

int store_queue_unit(struct store *store, const struct store_step *step, int64_t window_id,
	int64_t seq, const struct unit *unit, int64_t unit_id, int64_t account, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(store->writer, W_QUEUE_UNIT);
	const struct unit_ids ids = { unit_id, account };
	int i = 1, r;

	stmt_bind_i64(q, i++, window_id);
	stmt_bind_i64(q, i++, seq);
	stmt_bind_i64(q, i++, unit_id);
	stmt_bind_i64(q, i++, account);
	stmt_bind_double(q, i++, time_of(unit, "walltime"));
	for (int w = 0; w < N_WEIGHTS; w++)
		stmt_bind_double(q, i++, time_of(unit, weights[w]));
	r = stmt_run(q, err);
	for (size_t l = 0; r >= 0 && l < step->queue_lanes->n; l++)
		r = add_all_missing(
			store, step->queue_lanes->v[l], step->end_ms, unit, &ids, 1, err);
	return r;
}

static int missing_of(struct store *store, const struct waiting *waiting,
	double values[static N_WEIGHTS], struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(store->writer, W_MISSING);
	int r;

	stmt_bind_text(q, 1, waiting->lane);
	stmt_bind_i64(q, 2, waiting->kind);
	stmt_bind_i64(q, 3, waiting->row_id);
	stmt_bind_i64(q, 4, waiting->day);
	r = stmt_step(q, err);
	for (int i = 0; i < N_WEIGHTS; i++)
		values[i] = r > 0 ? stmt_double(q, i) : 0;
	return r < 0 ? r : 0;
}

int store_queue_missing(struct store *store, const char *const *lanes, enum missing_kind kind,
	int64_t row_id, int64_t day, double ret_missing[static N_UNIT_METRICS], struct err *err)
{
	struct waiting waiting = { NULL, kind, row_id, day }; /* whose values are these */
	double values[N_WEIGHTS] = { 0 };

	for (int m = 0; m < N_UNIT_METRICS; m++) {
		const char *weight = unit_metric_weight((enum unit_metric)m);

		ret_missing[m] = 0;
		if (!weight || !lanes[m])
			continue;
		if (!waiting.lane || !str_eq(waiting.lane, lanes[m])) {
			int r;

			waiting.lane = lanes[m];
			r = missing_of(store, &waiting, values, err);
			if (r < 0)
				return r;
		}
		for (int i = 0; i < N_WEIGHTS; i++)
			if (str_eq(weights[i], weight))
				ret_missing[m] = values[i];
	}
	return 0;
}

static int run_statement(struct store *store, size_t statement, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(store->writer, statement);

	return stmt_run(q, err);
}

static int expire(struct store *store, int64_t before_ms, size_t *ret_n, struct err *err)
{
	static const size_t statements[] = { W_EXPIRE_UNITS, W_EXPIRE_WINDOWS, W_CLEAR_MISSING,
		W_COUNT_MISSING };
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(store->writer, W_EXPIRE_QUEUE);
	size_t n;
	int r;

	stmt_bind_i64(q, 1, before_ms);
	r = stmt_run(q, err);
	if (r < 0)
		return r;
	n = (size_t)db_changes(store->writer);
	for (size_t i = 0; n && r >= 0 && i < ARRAY_SIZE(statements); i++)
		r = run_statement(store, statements[i], err);
	if (r >= 0)
		*ret_n = n;
	return r;
}

int store_queue_expire(
	struct store *store, int64_t before_ms, size_t *ret_given_up, struct err *err)
{
	size_t n = 0;
	int r;

	r = db_begin(store->writer, err);
	if (r < 0)
		return r;
	r = expire(store, before_ms, &n, err);
	if (r < 0) {
		db_rollback(store->writer);
		return r;
	}
	r = db_commit(store->writer, err);
	if (r >= 0)
		*ret_given_up = n;
	return r;
}

static int read_lanes(struct db *db, const char *cluster_id, int64_t now_ms, struct arena *arena,
	struct store_queue_state *state, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(db, R_QUEUE_LANES);
	struct store_queue_lane *v = NULL;
	size_t n = 0, cap = 0;
	int r;

	stmt_bind_text(q, 1, cluster_id);
	stmt_bind_i64(q, 2, now_ms);
	while ((r = stmt_step(q, err)) > 0) {
		if (n == cap) {
			v = arena_grow(arena, v, cap, cap + 8, sizeof(*v));
			cap += 8;
		}
		if (v)
			v[n].name = arena_strdup(arena, stmt_text(q, 0));
		if (!v || !v[n].name)
			return err_errno(err, -ENOMEM, "queue of cluster '%s'", cluster_id);
		v[n].n = stmt_i64(q, 1);
		v[n].oldest_start_ms = stmt_i64(q, 2);
		v[n++].due = stmt_i64(q, 3);
	}
	state->lanes = v;
	state->n_lanes = n;
	return r;
}

static int read_state(
	struct db *db, const char *cluster_id, struct store_queue_state *state, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(db, R_QUEUE_STATE);
	int r;

	stmt_bind_text(q, 1, cluster_id);
	r = stmt_step(q, err);
	if (r <= 0)
		return r;
	state->windows = stmt_i64(q, 0);
	state->units = stmt_i64(q, 1);
	state->oldest_start_ms = stmt_i64(q, 2);
	return 0;
}

int store_queue_state(struct store *store, const char *cluster_id, int64_t now_ms,
	struct arena *arena, struct store_queue_state *ret_state, struct err *err)
{
	struct store_queue_state state = { 0 };
	struct db *db = store_take_reader(store);
	int r;

	r = read_state(db, cluster_id, &state, err);
	if (r >= 0 && state.windows)
		r = read_lanes(db, cluster_id, now_ms, arena, &state, err);
	store_return_reader(store, db);
	if (r >= 0)
		*ret_state = state;
	return r;
}

int store_queue_next(struct store *store, const char *cluster_id, const char *lane,
	const struct store_queue_pick *pick, int64_t now_ms, struct store_queued *ret_window,
	struct err *err)
{
	static const size_t statements[] = {
		[STORE_QUEUE_OLDEST] = R_QUEUE_OLDEST,
		[STORE_QUEUE_NEWEST] = R_QUEUE_NEWEST,
		[STORE_QUEUE_AT] = R_QUEUE_AT,
	};
	struct db *db = store_take_reader(store);
	struct stmt *q = db_stmt(db, statements[pick->which]);
	int r;

	stmt_bind_text(q, 1, cluster_id);
	stmt_bind_text(q, 2, lane);
	stmt_bind_i64(q, 3, now_ms);
	if (pick->which == STORE_QUEUE_AT)
		stmt_bind_i64(q, 4, pick->start_ms);
	r = stmt_step(q, err);
	if (r > 0)
		*ret_window = (struct store_queued){ stmt_i64(q, 0), stmt_i64(q, 1), stmt_i64(q, 2),
			stmt_i64(q, 3), (int)stmt_i64(q, 4), stmt_i64(q, 5) };
	stmt_reset(q);
	store_return_reader(store, db);
	return r;
}

static const char *text_of(struct stmt *q, int column, struct arena *arena)
{
	const char *text = stmt_text(q, column);

	return text ? arena_strdup(arena, text) : "";
}

/* A row of R_QUEUE_LOAD. */
static int load_unit(struct stmt *q, const char *cluster_id, struct arena *arena,
	struct unit_list *units, struct unit_ids *ret_ids)
{
	struct unit *unit = unit_list_push(units, arena);
	struct metric_map *times;
	int column = 0, r;

	if (!unit)
		return -ENOMEM;
	ret_ids->unit = stmt_i64(q, column++);
	ret_ids->account = stmt_i64(q, column++);
	times = &unit->metrics[TOTAL_TIME_SECONDS];
	times->set = true;
	r = metric_map_put(times, arena, "walltime", stmt_double(q, column++));
	for (int i = 0; r >= 0 && i < N_WEIGHTS; i++)
		r = metric_map_put(times, arena, weights[i], stmt_double(q, column++));
	if (r < 0)
		return r;
	unit->cluster_id = cluster_id;
	unit->uuid = text_of(q, column++, arena);
	unit->started_at = text_of(q, column++, arena);
	unit->started_at_ms = stmt_i64(q, column++);
	unit->ended_at = text_of(q, column++, arena);
	unit->ended_at_ms = stmt_i64(q, column++);
	unit->resource_manager = text_of(q, column++, arena);
	unit->groupname = text_of(q, column++, arena);
	unit->username = text_of(q, column++, arena);
	unit->project = text_of(q, column++, arena);
	unit->ignore = stmt_i64(q, column++) != 0;
	return unit->uuid && unit->started_at && unit->ended_at && unit->resource_manager &&
			unit->groupname && unit->username && unit->project
		? 0
		: -ENOMEM;
}

static int load_units(struct stmt *q, const char *cluster_id, struct arena *arena,
	struct unit_list *units, struct store_queue_ids *ids, struct err *err)
{
	int r;

	while ((r = stmt_step(q, err)) > 0) {
		if (ids->n == ids->cap) {
			size_t more = ids->cap ? 2 * ids->cap : IDS_FIRST;

			ids->v = arena_grow(arena, ids->v, ids->cap, more, sizeof(*ids->v));
			ids->cap = more;
		}
		r = ids->v ? load_unit(q, cluster_id, arena, units, &ids->v[ids->n++]) : -ENOMEM;
		if (r < 0)
			return err_errno(err, r, "units of a queued window");
	}
	return r;
}

int store_queue_load(struct store *store, const char *cluster_id, const struct store_queued *window,
	struct arena *arena, struct unit_list *units, struct store_queue_ids **ret_ids,
	struct err *err)
{
	struct store_queue_ids *ids = ARENA_NEW(arena, struct store_queue_ids);
	struct stmt *q;
	struct db *db;
	int r;

	if (!ids)
		return err_errno(err, -ENOMEM, "units of a queued window");
	db = store_take_reader(store);
	q = db_stmt(db, R_QUEUE_LOAD);
	stmt_bind_i64(q, 1, window->id);
	r = load_units(q, cluster_id, arena, units, ids, err);
	stmt_reset(q);
	store_return_reader(store, db);
	if (r >= 0)
		*ret_ids = ids;
	return r;
}

/* A window that is being finished. */
struct finish {
	struct store *store;
	const struct store_queued *window;
	const char *lane;
	const char *lanes[N_UNIT_METRICS]; /* the lane for each metric of it */
	unsigned metrics;
	struct usage_step usage;
	struct arena arena; /* reset for each unit */
	struct buffer text; /* scratch */
	struct store_step_result result;
};

static int load_unit_row(struct finish *f, int64_t id, const struct unit *unit,
	struct merged *ret_row, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(f->store->writer, W_UNIT_BY_ID);
	const char *what = arena_printf(&f->arena, "unit '%s'", unit->uuid);

	stmt_bind_i64(q, 1, id);
	return merged_load(q, what ? what : "unit", &f->arena, ret_row, err);
}

static int write_unit_row(
	struct finish *f, const struct unit *unit, const struct merged *row, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(f->store->writer, W_UNIT_METRICS);
	int r;

	r = merged_bind(row, q, &f->text);
	if (r < 0)
		return err_errno(err, r, "unit '%s'", unit->uuid);
	stmt_bind_i64(q, N_UNIT_METRICS + 1, row->id);
	return stmt_run(q, err);
}

/* As in a step: what is stored is read before anything is written. */
static int add_unit(
	struct finish *f, const struct unit *unit, const struct unit_ids *ids, struct err *err)
{
	double missing[N_UNIT_METRICS];
	struct account *account = NULL;
	struct merged row;
	int r;

	r = load_unit_row(f, ids->unit, unit, &row, err);
	if (r >= 0)
		r = usage_step_account(&f->usage, unit, &account, err);
	if (r >= 0)
		r = store_queue_missing(
			f->store, f->lanes, MISSING_OF_UNIT, ids->unit, 0, missing, err);
	if (r < 0)
		return r;
	if (row.id) {
		r = merged_add(&row, false, unit, f->metrics, missing, &f->arena);
		r = r < 0 ? err_errno(err, r, "unit '%s'", unit->uuid)
			  : write_unit_row(f, unit, &row, err);
	}
	return r < 0 ? r : usage_step_add(&f->usage, account, unit, false, err);
}

static int finish_unit(
	struct finish *f, const struct unit *unit, const struct unit_ids *ids, struct err *err)
{
	struct err failure = { 0 };
	int r;

	arena_reset(&f->arena);
	r = add_unit(f, unit, ids, &failure);
	if (r == -EBADMSG || r == -E2BIG) {
		/* What is stored there is the row's own fault, as in a step. */
		if (!f->result.failed++)
			f->result.first_failure = failure;
	} else if (r < 0) {
		if (err)
			*err = failure;
		return r;
	} else {
		f->result.stored++;
	}
	return add_all_missing(f->store, f->lane, f->window->end_ms, unit, ids, -1, err);
}

static int take_out(struct store *store, int64_t window_id, const char *lane, struct err *err)
{
	static const size_t sweeps[] = { W_QUEUE_SWEEP_UNITS, W_QUEUE_SWEEP_WINDOW };
	CLEANUP(stmt_resetp) struct stmt *done = db_stmt(store->writer, W_QUEUE_DONE);
	int r;

	stmt_bind_i64(done, 1, window_id);
	stmt_bind_text(done, 2, lane);
	r = stmt_run(done, err);
	if (r >= 0 && db_changes(store->writer) == 0)
		r = err_set(err, -ENOENT, "the window doesn't wait for %s any more", lane);
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(sweeps); i++) {
		CLEANUP(stmt_resetp) struct stmt *q = db_stmt(store->writer, sweeps[i]);

		stmt_bind_i64(q, 1, window_id);
		r = stmt_run(q, err);
	}
	return r < 0 ? r : run_statement(store, W_SWEEP_MISSING, err);
}

static int finish_units(struct finish *f, const struct unit_list *units,
	const struct store_queue_ids *ids, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < units->n; i++)
		r = finish_unit(f, &units->v[i], &ids->v[i], err);
	if (r >= 0)
		r = usage_step_write(&f->usage, err);
	return r < 0 ? r : take_out(f->store, f->window->id, f->lane, err);
}

static void add_result(struct store_step_result *sum, const struct finish *f)
{
	sum->stored += f->result.stored;
	store_add_failed(sum, f->result.failed, &f->result.first_failure);
	store_add_failed(sum, f->usage.n_failed, &f->usage.first_failure);
}

/* Within the transaction. */
static int finish_window(struct store *store, const struct store_late *late,
	struct store_step_result *result, struct err *err)
{
	const struct store_queued *window = late->window;
	struct finish f = { .store = store,
		.window = window,
		.lane = late->lane,
		.metrics = late->metrics & ~(1U << TOTAL_TIME_SECONDS) };
	int r;

	for (int m = 0; m < N_UNIT_METRICS; m++)
		f.lanes[m] = f.metrics & 1U << m ? f.lane : NULL;
	arena_init(&f.arena, ROW_ARENA_BYTES);
	buffer_init(&f.text, 0);
	r = usage_step_init(
		&f.usage, store, late->cluster_id, window->start_ms, window->end_ms, late->now_ms);
	f.usage.metrics = f.metrics;
	f.usage.metric_lanes = f.lanes;
	if (r < 0)
		err_errno(err, r, "cluster '%s'", late->cluster_id);
	else
		r = finish_units(&f, late->units, late->ids, err);
	add_result(result, &f);
	usage_step_done(&f.usage);
	arena_done(&f.arena);
	buffer_done(&f.text);
	return r;
}

static int finish_all(struct store *store, const struct store_late *late, size_t n,
	struct store_step_result *result, struct err *err)
{
	int r;

	r = db_begin(store->writer, err);
	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = finish_window(store, &late[i], result, err);
	if (r < 0) {
		db_rollback(store->writer);
		return r;
	}
	return db_commit(store->writer, err);
}

int store_queue_commit(struct store *store, const struct store_late *late, size_t n,
	struct store_step_result *ret_result, struct err *err)
{
	struct store_step_result result = { 0 };
	int r;

	store_lock_writer(store);
	r = finish_all(store, late, n, &result, err);
	store_unlock_writer(store);
	if (r >= 0)
		*ret_result = result;
	return r;
}

int store_queue_delay(struct store *store, const struct store_queued *window, const char *lane,
	int attempts, int64_t not_before_ms, struct err *err)
{
	struct stmt *q;
	int r;

	store_lock_writer(store);
	q = db_stmt(store->writer, W_QUEUE_DELAY);
	stmt_bind_i64(q, 1, window->id);
	stmt_bind_text(q, 2, lane);
	stmt_bind_i64(q, 3, attempts);
	stmt_bind_i64(q, 4, not_before_ms);
	r = stmt_run(q, err);
	stmt_reset(q);
	store_unlock_writer(store);
	return r;
}
