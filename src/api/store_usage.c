// SPDX-License-Identifier: Apache-2.0
#include "api/store_usage.h"

#include <errno.h>
#include <stdlib.h>

#include "api/metric_map.h"
#include "api/store_merge.h"

enum {
	STEP_MAX_BYTES = 1 << 30, /* of all accounts */
	FIRST_SLOTS = 1024,
	PARAM_AFTER_METRICS = N_UNIT_METRICS + 1,
};

static const int64_t ms_per_day = INT64_C(24) * 3600 * 1000;

struct account {
	const char *username, *project, *groupname, *resource_manager;
	struct merged total, day; /* rows of usage and daily_usage */
	int64_t id; /* in ceems_accounts; 0: not known yet */
	double missing[2][N_UNIT_METRICS]; /* of total and day; see merged_add() */
	int64_t n_new, n_updates; /* units of this step */
	int error; /* what is stored can't be read, says failure */
	struct err failure;
	struct usage_periods days, quarters;
};

int usage_step_init(struct usage_step *u, struct store *store, const char *cluster_id,
	int64_t start_ms, int64_t end_ms, int64_t now_ms)
{
	int64_t now_s = MAX(now_ms, end_ms) / 1000;

	*u = (struct usage_step){
		.store = store,
		.cluster_id = cluster_id,
		.start_ms = start_ms,
		.end_ms = end_ms,
		.metrics = ~0U,
		.days.zone = store->zone,
		.quarters.oldest_s = now_s - USAGE_QUARTERS_KEPT_S,
		.n_slots = FIRST_SLOTS,
	};
	arena_init(&u->arena, STEP_MAX_BYTES);
	buffer_init(&u->text, 0);
	store_label(store, end_ms, u->label);
	store_label(store, end_ms - end_ms % ms_per_day, u->day);
	u->slots = calloc(u->n_slots, sizeof(struct account *));
	return u->slots ? 0 : -ENOMEM;
}

void usage_step_done(struct usage_step *u)
{
	arena_done(&u->arena);
	buffer_done(&u->text);
	free(u->slots);
}

static uint64_t hash_names(const char *username, const char *project)
{
	uint64_t hash = 14695981039346656037U;

	for (const char *p = username; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 1099511628211U;
	hash = (hash ^ 0xff) * 1099511628211U;
	for (const char *p = project; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 1099511628211U;
	return hash ^ hash >> 32;
}

static struct account **find_slot(
	struct account **slots, size_t n, const char *username, const char *project)
{
	size_t i = hash_names(username, project) % n;

	while (slots[i] &&
		!(str_eq(slots[i]->username, username) && str_eq(slots[i]->project, project)))
		i = (i + 1) % n;
	return &slots[i];
}

static int grow_slots(struct usage_step *u)
{
	size_t n = u->n_slots * 2;
	struct account **slots = calloc(n, sizeof(struct account *));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < u->n_slots; i++) {
		struct account *a = u->slots[i];

		if (a)
			*find_slot(slots, n, a->username, a->project) = a;
	}
	free(u->slots);
	u->slots = slots;
	u->n_slots = n;
	return 0;
}

static int load_row(struct usage_step *u, size_t statement, const char *what, struct account *a,
	struct merged *row)
{
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(u->store->writer, statement);

	stmt_bind_text(q, 1, u->cluster_id);
	stmt_bind_text(q, 2, a->username);
	stmt_bind_text(q, 3, a->project);
	if (statement == W_DAILY)
		stmt_bind_text(q, 4, u->day);
	return merged_load(q, what, &u->arena, row, &a->failure);
}

int usage_step_account_id(
	struct usage_step *u, struct account *account, int64_t *ret_id, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(u->store->writer, W_ACCOUNT);
	int r;

	if (!account->id) {
		stmt_bind_text(q, 1, u->cluster_id);
		stmt_bind_text(q, 2, account->project);
		stmt_bind_text(q, 3, account->username);
		stmt_bind_text(q, 4, account->groupname);
		stmt_bind_text(q, 5, account->resource_manager);
		r = stmt_step(q, err);
		if (r < 0)
			return r;
		account->id = stmt_i64(q, 0);
	}
	*ret_id = account->id;
	return 0;
}

static int load_missing(struct usage_step *u, struct account *a)
{
	int64_t id;
	int r;

	r = usage_step_account_id(u, a, &id, &a->failure);
	if (r >= 0)
		r = store_queue_missing(u->store, u->metric_lanes, MISSING_OF_USAGE, id, 0,
			a->missing[0], &a->failure);
	if (r >= 0)
		r = store_queue_missing(u->store, u->metric_lanes, MISSING_OF_DAY, id,
			u->end_ms / ms_per_day, a->missing[1], &a->failure);
	return r;
}

static struct account *account_new(struct usage_step *u, const struct unit *unit)
{
	struct account *a = ARENA_NEW(&u->arena, struct account);

	if (!a)
		return NULL;
	a->username = unit->username;
	a->project = unit->project;
	a->groupname = unit->groupname;
	a->resource_manager = unit->resource_manager;
	if (u->only_periods)
		return a;
	a->error = load_row(u, W_USAGE, "usage of its account", a, &a->total);
	if (a->error >= 0)
		a->error = load_row(u, W_DAILY, "usage of its account in a day", a, &a->day);
	if (a->error >= 0 && u->metric_lanes)
		a->error = load_missing(u, a);
	return a;
}

int usage_step_account(struct usage_step *u, const struct unit *unit, struct account **ret_account,
	struct err *err)
{
	struct account **slot;

	if (u->n * 2 >= u->n_slots && grow_slots(u) < 0)
		return err_errno(err, -ENOMEM, "usage");
	slot = find_slot(u->slots, u->n_slots, unit->username, unit->project);
	if (!*slot) {
		*slot = account_new(u, unit);
		if (!*slot)
			return err_errno(err, -ENOMEM, "usage");
		u->n++;
	}
	if ((*slot)->error < 0) {
		if (err)
			*err = (*slot)->failure;
		return err_prefix(err, (*slot)->error, "unit '%s'", unit->uuid);
	}
	*ret_account = *slot;
	return 0;
}

static bool is_late(const struct usage_step *u)
{
	return !(u->metrics & 1U << TOTAL_TIME_SECONDS);
}

/* A row that was purged since its window was stored gets nothing more. */
static int add_to_row(struct usage_step *u, struct account *a, struct merged *row, double *missing,
	const struct unit *unit)
{
	int r;

	if (is_late(u) && !row->id)
		return 0;
	r = merged_add(row, !row->id && !a->n_updates, unit, u->metrics,
		u->metric_lanes ? missing : NULL, &u->arena);
	for (int m = 0; is_late(u) && m < N_UNIT_METRICS; m++) {
		const char *weight = unit_metric_weight((enum unit_metric)m);

		if (weight && (u->metrics & 1U << m))
			missing[m] -= metric_map_get(&unit->metrics[TOTAL_TIME_SECONDS], weight);
	}
	return r;
}

static int add_to_periods(struct usage_step *u, struct account *a, const struct unit *unit,
	int64_t from_ms, int64_t to_ms, bool is_new)
{
	int r;

	r = usage_periods_add(
		&a->days, &u->days, unit, u->metrics, from_ms, to_ms, is_new, &u->arena);
	return r < 0 ? r
		     : usage_periods_add(&a->quarters, &u->quarters, unit, u->metrics, from_ms,
			       to_ms, is_new, &u->arena);
}

int usage_step_add_periods(struct usage_step *u, const struct unit *unit, int64_t from_ms,
	int64_t to_ms, bool is_new, struct err *err)
{
	struct account *account;
	int r;

	r = usage_step_account(u, unit, &account, err);
	if (r < 0)
		return r;
	r = add_to_periods(u, account, unit, from_ms, to_ms, is_new);
	if (r < 0)
		return err_errno(err, r, "usage of a stored unit");
	account->n_updates++;
	return 0;
}

int usage_step_add(struct usage_step *u, struct account *a, const struct unit *unit, bool is_new,
	struct err *err)
{
	int r;

	r = add_to_row(u, a, &a->total, a->missing[0], unit);
	if (r >= 0)
		r = add_to_row(u, a, &a->day, a->missing[1], unit);
	if (r >= 0)
		r = add_to_periods(u, a, unit, u->start_ms, u->end_ms, is_new);
	if (r < 0)
		return err_errno(err, r, "usage of unit '%s'", unit->uuid);
	a->n_updates++;
	a->n_new += is_new;
	return 0;
}

/* Nothing but its metrics. */
static int write_late_row(struct usage_step *u, const struct account *a, const struct merged *row,
	size_t update, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(u->store->writer, update);
	int r;

	if (!row->id)
		return 0;
	r = merged_bind(row, q, &u->text);
	if (r < 0)
		return err_errno(err, r, "usage of user '%s'", a->username);
	stmt_bind_i64(q, PARAM_AFTER_METRICS, row->id);
	return stmt_run(q, err);
}

static int write_row(struct usage_step *u, const struct account *a, const struct merged *row,
	size_t insert, size_t update, const char *label, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(u->store->writer, row->id ? update : insert);
	int i = PARAM_AFTER_METRICS, r;

	r = merged_bind(row, q, &u->text);
	if (r < 0)
		return err_errno(err, r, "usage of user '%s'", a->username);
	stmt_bind_text(q, i++, label);
	stmt_bind_i64(q, i++, a->n_new);
	stmt_bind_i64(q, i++, a->n_updates);
	if (row->id) {
		stmt_bind_i64(q, i++, row->id);
		return stmt_run(q, err);
	}
	stmt_bind_text(q, i++, u->cluster_id);
	stmt_bind_text(q, i++, a->username);
	stmt_bind_text(q, i++, a->project);
	stmt_bind_text(q, i++, a->resource_manager);
	stmt_bind_text(q, i++, a->groupname);
	return stmt_run(q, err);
}

/* Columns of W_DAY and W_QUARTER: the numbers of units, the metrics, the weights. */
enum { PERIOD_NEW, PERIOD_EARLIER, PERIOD_METRICS };

static int add_map(struct metric_map *map, const struct metric_map *more, struct arena *arena)
{
	return more->n ? metric_map_add(map, more, arena) : 0;
}

/* Adds what is stored of the period. */
static int load_period(struct usage_step *u, size_t select, int64_t account,
	struct usage_period *period, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(u->store->writer, select);
	int column = PERIOD_METRICS + N_UNIT_METRICS;
	int r;

	stmt_bind_i64(q, 1, account);
	stmt_bind_i64(q, 2, period->start_s);
	r = stmt_step(q, err);
	if (r <= 0)
		return r;
	period->n_new += stmt_i64(q, PERIOD_NEW);
	period->n_earlier += stmt_i64(q, PERIOD_EARLIER);
	for (int m = 0; r >= 0 && m < N_UNIT_METRICS; m++) {
		struct metric_map old;

		r = metric_map_parse(stmt_text(q, PERIOD_METRICS + m), &u->arena, &old);
		if (r >= 0)
			r = add_map(&period->sums[m], &old, &u->arena);
		if (r >= 0 && unit_metric_weight((enum unit_metric)m)) {
			r = metric_map_parse(stmt_text(q, column++), &u->arena, &old);
			if (r >= 0)
				r = add_map(&period->weights[m], &old, &u->arena);
		}
	}
	return r < 0 ? err_errno(err, r, "stored usage of account %lld", (long long)account) : 0;
}

static int bind_map(struct stmt *q, int index, const struct metric_map *map, struct buffer *scratch)
{
	if (!map->n)
		return 0; /* NULL */
	buffer_clear(scratch);
	metric_map_write_exact(map, scratch);
	stmt_bind_slice(q, index, (struct slice){ scratch->data, scratch->len });
	return buffer_error(scratch);
}

static int put_period(struct usage_step *u, size_t put, int64_t account,
	const struct usage_period *period, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(u->store->writer, put);
	int i = 1, weight, r = 0;

	stmt_bind_i64(q, i++, account);
	stmt_bind_i64(q, i++, period->start_s);
	stmt_bind_i64(q, i++, period->n_new);
	stmt_bind_i64(q, i++, period->n_earlier);
	weight = i + N_UNIT_METRICS;
	for (int m = 0; r >= 0 && m < N_UNIT_METRICS; m++) {
		r = bind_map(q, i++, &period->sums[m], &u->text);
		if (r >= 0 && unit_metric_weight((enum unit_metric)m))
			r = bind_map(q, weight++, &period->weights[m], &u->text);
	}
	if (r < 0)
		return err_errno(err, r, "usage of account %lld", (long long)account);
	return stmt_run(q, err);
}

static int write_periods(struct usage_step *u, size_t select, size_t put, int64_t account,
	const struct usage_periods *periods, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < periods->n; i++) {
		struct err failure = { 0 };

		r = load_period(u, select, account, periods->v[i], &failure);
		if (r == -EBADMSG || r == -E2BIG) {
			if (!u->n_failed++)
				u->first_failure = failure;
			r = 0;
			continue;
		}
		if (r >= 0)
			r = put_period(u, put, account, periods->v[i], err);
		else if (err)
			*err = failure;
	}
	return r;
}

static int write_rows(struct usage_step *u, const struct account *a, struct err *err)
{
	int r;

	if (is_late(u)) {
		r = write_late_row(u, a, &a->total, W_USAGE_METRICS, err);
		return r < 0 ? r : write_late_row(u, a, &a->day, W_DAILY_METRICS, err);
	}
	r = write_row(u, a, &a->total, W_INSERT_USAGE, W_UPDATE_USAGE, u->label, err);
	if (r >= 0)
		r = write_row(u, a, &a->day, W_INSERT_DAILY, W_UPDATE_DAILY, u->day, err);
	return r;
}

static int write_account(struct usage_step *u, struct account *a, struct err *err)
{
	int64_t id = 0;
	int r;

	r = u->only_periods ? 0 : write_rows(u, a, err);
	if (r >= 0)
		r = usage_step_account_id(u, a, &id, err);
	if (r >= 0)
		r = write_periods(u, W_DAY, W_PUT_DAY, id, &a->days, err);
	if (r >= 0)
		r = write_periods(u, W_QUARTER, W_PUT_QUARTER, id, &a->quarters, err);
	return r;
}

int usage_step_write(struct usage_step *u, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < u->n_slots; i++) {
		if (u->slots[i] && u->slots[i]->n_updates)
			r = write_account(u, u->slots[i], err);
	}
	return r;
}
