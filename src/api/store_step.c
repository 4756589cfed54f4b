// SPDX-License-Identifier: Apache-2.0
/*
 * Storing one collection step (spec api-server.md 3.6). Old rows are read, merged in C and
 * written back, all under the write lock of one transaction.
 */
#include <errno.h>
#include <stdio.h>

#include "api/store_backfill.h"
#include "api/store_merge.h"
#include "format/json_writer.h"

enum {
	UNIT_ARENA_BYTES = 64 << 20, /* for the maps of one unit */
	PARAM_AFTER_METRICS = N_UNIT_METRICS + 1,
	UUID_SHOWN_MAX = 128,
};

/* The text of started_at before there is a start (spec api-server.md 8, 9). */
static const char not_started[] = "N/A";

struct step {
	struct store *store;
	const struct store_step *in;
	struct store_step_result result;
	struct usage_step usage;
	struct backfill backfill;
	int64_t window_id, seq; /* of the queue; 0: the window is not queued */
	struct arena arena; /* reset for each row */
	struct buffer text; /* scratch */
};

static const char *object_or_empty(const char *json)
{
	return *json ? json : "{}";
}

static int write_unit(
	struct step *s, const struct unit *unit, const struct merged *merged, struct err *err)
{
	CLEANUP(stmt_resetp)
	struct stmt *q = db_stmt(s->store->writer, merged->id ? W_UPDATE_UNIT : W_INSERT_UNIT);
	int i = PARAM_AFTER_METRICS, r;

	r = merged_bind(merged, q, &s->text);
	if (r < 0)
		return err_errno(err, r, "unit '%s'", unit->uuid);
	stmt_bind_text(q, i++, unit->ended_at);
	stmt_bind_i64(q, i++, unit->ended_at_ms);
	stmt_bind_text(q, i++, unit->elapsed);
	stmt_bind_text(q, i++, unit->state);
	stmt_bind_text(q, i++, object_or_empty(unit->tags));
	stmt_bind_i64(q, i++, unit->ignore);
	stmt_bind_text(q, i++, s->usage.label);
	if (merged->id) {
		stmt_bind_i64(q, i++, merged->id);
		return stmt_run(q, err);
	}
	stmt_bind_text(q, i++, s->in->cluster_id);
	stmt_bind_text(q, i++, unit->uuid);
	stmt_bind_text(q, i++, unit->started_at);
	stmt_bind_i64(q, i++, unit->started_at_ms);
	stmt_bind_text(q, i++, unit->resource_manager);
	stmt_bind_text(q, i++, unit->name);
	stmt_bind_text(q, i++, unit->project);
	stmt_bind_text(q, i++, unit->groupname);
	stmt_bind_text(q, i++, unit->username);
	stmt_bind_text(q, i++, unit->created_at);
	stmt_bind_i64(q, i++, unit->created_at_ms);
	stmt_bind_text(q, i++, object_or_empty(unit->allocation));
	return stmt_run(q, err);
}

static int load_unit_row(struct step *s, const struct unit *unit, const char *started_at,
	struct merged *ret_merged, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(s->store->writer, W_UNIT);
	char what[UUID_SHOWN_MAX];

	snprintf(what, sizeof(what), "unit '%s'", unit->uuid);
	stmt_bind_text(q, 1, s->in->cluster_id);
	stmt_bind_text(q, 2, unit->uuid);
	stmt_bind_text(q, 3, started_at);
	return merged_load(q, what, &s->arena, ret_merged, err);
}

/*
 * While a unit waits its row has no start. That row becomes the one of the unit's run; where both
 * are there (CEEMS 0.10.2 makes two), the waiting one goes: it holds no time.
 */
static int end_waiting(
	struct step *s, const struct unit *unit, int64_t waiting_id, bool begins, struct err *err)
{
	CLEANUP(stmt_resetp)
	struct stmt *q = db_stmt(s->store->writer, begins ? W_BEGIN_UNIT : W_DELETE_UNIT);

	stmt_bind_i64(q, 1, waiting_id);
	if (begins) {
		stmt_bind_text(q, 2, unit->started_at);
		stmt_bind_i64(q, 3, unit->started_at_ms);
	}
	return stmt_run(q, err);
}

/* With what of the row's times waits in the queue. */
static int add_to_unit_row(
	struct step *s, const struct unit *unit, struct merged *row, struct err *err)
{
	double missing[N_UNIT_METRICS];
	bool waits = s->in->metric_lanes && row->id;
	int r = 0;

	if (waits)
		r = store_queue_missing(
			s->store, s->in->metric_lanes, MISSING_OF_UNIT, row->id, 0, missing, err);
	if (r < 0)
		return r;
	r = merged_add(row, !row->id, unit, ~0U, waits ? missing : NULL, &s->arena);
	return r < 0 ? err_errno(err, r, "unit '%s'", unit->uuid) : 0;
}

static int queue_unit(struct step *s, const struct unit *unit, int64_t unit_id,
	struct account *account, struct err *err)
{
	int64_t account_id = 0;
	int r;

	if (!s->window_id)
		return 0;
	r = usage_step_account_id(&s->usage, account, &account_id, err);
	if (r < 0)
		return r;
	return store_queue_unit(
		s->store, s->in, s->window_id, s->seq++, unit, unit_id, account_id, err);
}

/*
 * What is stored is read before anything is written, so that a bad row leaves no half. A unit
 * counts in num_units when it is stored for the first time. The reference asks whether it started
 * in the window instead, and so misses a unit that starts in the very second in which a window
 * ends.
 */
static int store_unit(struct step *s, const struct unit *unit, struct err *err)
{
	struct merged row, waiting = { 0 };
	struct account *account = NULL;
	bool begins;
	int r;

	arena_reset(&s->arena);
	r = load_unit_row(s, unit, unit->started_at, &row, err);
	if (r >= 0 && unit->started_at_ms > 0)
		r = load_unit_row(s, unit, not_started, &waiting, err);
	begins = r >= 0 && waiting.id && !row.id;
	if (begins)
		row = waiting;
	if (r >= 0)
		r = usage_step_account(&s->usage, unit, &account, err);
	if (r >= 0 && row.id)
		r = backfill_touch(&s->backfill, row.id, false, err);
	if (r >= 0)
		r = add_to_unit_row(s, unit, &row, err);
	if (r >= 0 && waiting.id)
		r = end_waiting(s, unit, waiting.id, begins, err);
	if (r >= 0)
		r = write_unit(s, unit, &row, err);
	if (r >= 0 && !row.id)
		r = backfill_touch(&s->backfill, db_last_id(s->store->writer), true, err);
	if (r >= 0)
		r = queue_unit(
			s, unit, row.id ? row.id : db_last_id(s->store->writer), account, err);
	if (r >= 0)
		r = usage_step_add(&s->usage, account, unit, row.id == 0, err);
	return r;
}

/* A row's own fault is counted, not the disk's or the file's. */
static int judge_row(struct step *s, int r, const struct err *failure, struct err *err)
{
	if (r >= 0) {
		s->result.stored++;
		return 0;
	}
	if (r != -EBADMSG && r != -E2BIG) {
		if (err)
			*err = *failure;
		return r;
	}
	if (!s->result.failed++)
		s->result.first_failure = *failure;
	return 0;
}

static int store_units_of_step(struct step *s, struct err *err)
{
	const struct unit_list *units = s->in->units;
	struct err failure = { 0 };
	int r;

	if (units && s->in->queue_lanes && s->in->queue_lanes->n) {
		r = store_queue_begin(s->store, s->in, &s->window_id, err);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; units && i < units->n; i++) {
		if (!*units->v[i].uuid)
			continue;
		r = judge_row(s, store_unit(s, &units->v[i], &failure), &failure, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* What users and projects have in common. */
struct account {
	const char *uid, *resource_manager, *name, *last_updated_at;
	const struct strings *members, *tags;
};

static void bind_list(struct step *s, struct stmt *q, int index, const struct strings *list)
{
	buffer_clear(&s->text);
	store_json_list(&s->text, list);
	stmt_bind_slice(q, index, (struct slice){ s->text.data, s->text.len });
}

static int store_account(struct step *s, size_t statement, const struct account *a, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(s->store->writer, statement);

	stmt_bind_text(q, 1, s->in->cluster_id);
	stmt_bind_text(q, 2, a->name);
	stmt_bind_text(q, 3, a->uid);
	stmt_bind_text(q, 4, a->resource_manager);
	bind_list(s, q, 5, a->members);
	bind_list(s, q, 6, a->tags);
	stmt_bind_text(q, 7, *a->last_updated_at ? a->last_updated_at : s->usage.label);
	if (buffer_error(&s->text))
		return err_errno(err, buffer_error(&s->text), "account '%s'", a->name);
	return stmt_run(q, err);
}

/* s->text has the JSON list of the names that stay. */
static int revoke_others(struct step *s, size_t statement, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(s->store->writer, statement);

	if (buffer_error(&s->text))
		return err_errno(err, buffer_error(&s->text), "list of accounts");
	stmt_bind_text(q, 1, s->in->cluster_id);
	stmt_bind_slice(q, 2, (struct slice){ s->text.data, s->text.len });
	return stmt_run(q, err);
}

static int revoke_users(struct step *s, const struct user_list *users, struct err *err)
{
	struct json_writer w;

	if (!users || !users->n)
		return 0;
	buffer_clear(&s->text);
	w = json_writer(&s->text);
	json_writer_open_array(&w);
	for (size_t i = 0; i < users->n; i++)
		json_writer_string(&w, users->v[i].name);
	json_writer_close_array(&w);
	return revoke_others(s, W_REVOKE_USERS, err);
}

static int revoke_projects(struct step *s, const struct project_list *projects, struct err *err)
{
	struct json_writer w;

	if (!projects || !projects->n)
		return 0;
	buffer_clear(&s->text);
	w = json_writer(&s->text);
	json_writer_open_array(&w);
	for (size_t i = 0; i < projects->n; i++)
		json_writer_string(&w, projects->v[i].name);
	json_writer_close_array(&w);
	return revoke_others(s, W_REVOKE_PROJECTS, err);
}

static int store_accounts(struct step *s, struct err *err)
{
	const struct user_list *users = s->in->users;
	const struct project_list *projects = s->in->projects;
	struct err failure = { 0 };
	int r = 0;

	for (size_t i = 0; r >= 0 && users && i < users->n; i++) {
		const struct user *u = &users->v[i];

		r = store_account(s, W_PUT_USER,
			&(struct account){ u->uid, u->resource_manager, u->name, u->last_updated_at,
				&u->projects, &u->tags },
			&failure);
		r = judge_row(s, r, &failure, err);
	}
	for (size_t i = 0; r >= 0 && projects && i < projects->n; i++) {
		const struct project *p = &projects->v[i];

		r = store_account(s, W_PUT_PROJECT,
			&(struct account){ p->uid, p->resource_manager, p->name, p->last_updated_at,
				&p->users, &p->tags },
			&failure);
		r = judge_row(s, r, &failure, err);
	}
	if (r >= 0 && s->in->all_accounts)
		r = revoke_users(s, users, err);
	if (r >= 0 && s->in->all_accounts)
		r = revoke_projects(s, projects, err);
	return r;
}

static int check_watermark(struct step *s, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *mark = db_stmt(s->store->writer, W_WATERMARK);
	char stored[TIME_TEXT_MAX];
	int r;

	stmt_bind_text(mark, 1, s->in->cluster_id);
	r = stmt_step(mark, err);
	if (r < 0)
		return r;
	if (r == 1) {
		if (s->in->start_ms >= stmt_i64(mark, 0))
			return 0;
		store_label(s->store, stmt_i64(mark, 0), stored);
		return err_set(err, -EEXIST,
			"cluster '%s': the window up to %s overlaps what was stored up to %s",
			s->in->cluster_id, s->usage.label, stored);
	}
	return 0;
}

static int set_watermark(struct step *s, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(s->store->writer, W_SET_WATERMARK);

	stmt_bind_text(q, 1, s->in->cluster_id);
	stmt_bind_i64(q, 2, s->in->end_ms);
	stmt_bind_text(q, 3, s->usage.label);
	return stmt_run(q, err);
}

static int run_step(struct step *s, struct err *err)
{
	struct db *db = s->store->writer;
	int r;

	r = db_begin(db, err);
	if (r < 0)
		return r;
	r = check_watermark(s, err);
	if (r >= 0)
		r = store_units_of_step(s, err);
	if (r >= 0)
		r = backfill_write(&s->backfill, err);
	if (r >= 0)
		r = usage_step_write(&s->usage, err);
	if (r >= 0)
		r = store_accounts(s, err);
	if (r >= 0)
		r = store_fill_members(s->store, err);
	if (r >= 0)
		r = set_watermark(s, err);
	if (r < 0) {
		db_rollback(db);
		return r;
	}
	return db_commit(db, err);
}

int store_commit_step(struct store *store, const struct store_step *step,
	struct store_step_result *ret_result, struct err *err)
{
	struct step s = { .store = store, .in = step };
	int r;

	if (step->end_ms <= step->start_ms)
		return err_set(err, -EINVAL, "cluster '%s': the window ends before it begins",
			step->cluster_id);
	arena_init(&s.arena, UNIT_ARENA_BYTES);
	buffer_init(&s.text, 0);
	r = usage_step_init(
		&s.usage, store, step->cluster_id, step->start_ms, step->end_ms, step->now_ms);
	s.usage.metric_lanes = step->metric_lanes;
	backfill_init(&s.backfill, store, MAX(step->now_ms, step->end_ms));
	if (r < 0)
		err_errno(err, r, "cluster '%s'", step->cluster_id);
	store_lock_writer(store);
	if (r >= 0)
		r = run_step(&s, err);
	store_unlock_writer(store);
	store_add_failed(&s.result, s.usage.n_failed, &s.usage.first_failure);
	store_add_failed(&s.result, s.backfill.n_failed, &s.backfill.first_failure);
	usage_step_done(&s.usage);
	backfill_done(&s.backfill);
	arena_done(&s.arena);
	buffer_done(&s.text);
	if (r >= 0)
		*ret_result = s.result;
	return r;
}

static int put_admins(struct db *db, const struct strings *names, const char *tags,
	const char *label, struct err *err)
{
	for (size_t i = 0; names && i < names->n; i++) {
		CLEANUP(stmt_resetp) struct stmt *q = db_stmt(db, W_PUT_ADMIN);
		int r;

		if (!*names->v[i])
			continue;
		stmt_bind_text(q, 1, names->v[i]);
		stmt_bind_text(q, 2, tags);
		stmt_bind_text(q, 3, label);
		r = stmt_run(q, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int delete_other_admins(struct db *db, const struct strings *ceems,
	const struct strings *grafana, const char *kept_tags, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(db, W_DELETE_ADMINS);
	const struct strings none = { 0 };
	struct buffer names;
	int r;

	buffer_init(&names, 0);
	store_json_list(&names, ceems);
	stmt_bind_slice(q, 1, (struct slice){ names.data, names.len });
	r = buffer_error(&names);
	buffer_clear(&names);
	store_json_list(&names, grafana ? grafana : &none);
	stmt_bind_slice(q, 2, (struct slice){ names.data, names.len });
	if (r >= 0)
		r = buffer_error(&names);
	buffer_done(&names);
	if (r < 0)
		return err_errno(err, r, "storing administrators");
	stmt_bind_text(q, 3, kept_tags);
	return stmt_run(q, err);
}

int store_set_admins(struct store *store, const struct strings *ceems,
	const struct strings *grafana, int64_t now_ms, struct err *err)
{
	static const char ceems_tags[] = "[\"ceems\"]", grafana_tags[] = "[\"grafana\"]";
	struct db *db = store->writer;
	char label[TIME_TEXT_MAX];
	int r;

	store_label(store, now_ms, label);
	store_lock_writer(store);
	r = db_begin(db, err);
	if (r >= 0)
		r = delete_other_admins(db, ceems, grafana, grafana ? "" : grafana_tags, err);
	if (r >= 0)
		r = put_admins(db, ceems, ceems_tags, label, err);
	if (r >= 0)
		r = put_admins(db, grafana, grafana_tags, label, err);
	if (r >= 0)
		r = db_commit(db, err);
	else
		db_rollback(db);
	store_unlock_writer(store);
	return r;
}
