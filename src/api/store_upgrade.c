// SPDX-License-Identifier: Apache-2.0
/*
 * What the start does with a file that another program, or an older one, wrote last. Each step is a
 * transaction, so that a start that ends in between loses no more than the step it was at: the file
 * is one for either program at any time, and the next start goes on.
 */
#include <stdio.h>
#include <string.h>

#include "api/migrations.h"
#include "api/store_backfill.h"

enum { STEP_NAME_MAX = 64 };

struct upgrade {
	struct store *store;
	const struct store_watch *watch;
	struct store_upgrade_step step; /* that is worked on */
	char name[STEP_NAME_MAX];
};

static bool is_cancelled(void *ctx)
{
	const struct upgrade *u = ctx;

	return u->watch->cancelled(u->watch->ctx, &u->step);
}

/*
 * If CEEMS 0.10.2 was the last to write (usage has a later label than our watermarks), the window
 * that it reached counts for every cluster that is known: it steps through all of them together.
 */
static int adopt_watermarks(struct store *store, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(store->writer, W_LATEST_LABELS), *put = NULL;
	const char *usage, *own;
	int64_t end_ms;
	int r;

	r = stmt_step(q, err);
	if (r < 0)
		return r;
	usage = stmt_text(q, 0);
	own = stmt_text(q, 1);
	if (!usage || (own && strcmp(usage, own) <= 0))
		return 0;
	/* What is no time says nothing about the window. */
	if (time_parse_ldt(store->zone, slice_from(usage), &end_ms) < 0)
		return 0;
	put = db_stmt(store->writer, W_ADOPT_WATERMARKS);
	stmt_bind_i64(put, 1, end_ms);
	stmt_bind_text(put, 2, usage);
	return stmt_run(put, err);
}

/* What CEEMS 0.10.2 stored becomes ours: at once, as triggers keep it so from then on. */
static int make_own_tables(struct store *store, struct err *err)
{
	int64_t known = 0;
	int r;

	r = db_query_i64(store->writer,
		"SELECT count(*) FROM sqlite_schema WHERE name = 'ceems_backfills'", &known, err);
	if (r >= 0)
		r = db_exec(store->writer, api_own_tables, err);
	if (r >= 0)
		r = db_prepare(store->writer, store_writer_sql, N_WRITER_STATEMENTS, err);
	if (r >= 0)
		r = backfill_plan(store, !known, err);
	if (r >= 0)
		r = adopt_watermarks(store, err);
	return r < 0 ? r : store_fill_members(store, err);
}

static int run_own_tables(struct store *store, struct err *err)
{
	int r;

	r = db_begin(store->writer, err);
	if (r < 0)
		return r;
	r = make_own_tables(store, err);
	if (r < 0) {
		db_rollback(store->writer);
		return r;
	}
	return db_commit(store->writer, err);
}

static int run_indexes(struct upgrade *u, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < store_index_sql_count; i++) {
		snprintf(
			u->name, sizeof(u->name), "index %zu of %zu", i + 1, store_index_sql_count);
		u->step.done++;
		r = db_exec(u->store->writer, store_index_sql[i], err);
	}
	return r;
}

static int run_all(struct upgrade *u, struct err *err)
{
	struct db *db = u->store->writer;
	int r;

	r = db_migrate(db, api_migrations, api_migrations_count, err);
	if (r >= 0)
		r = run_indexes(u, err);
	if (r < 0)
		return r;
	snprintf(u->name, sizeof(u->name), "own tables");
	u->step.done++;
	return run_own_tables(u->store, err);
}

int store_upgrade(struct store *store, const struct store_watch *watch, struct err *err)
{
	/* Before them the migrations, after them our own tables. */
	struct upgrade u = { .store = store,
		.watch = watch,
		.step = { .n = store_index_sql_count + 2 },
		.name = "migrations" };
	int r;

	u.step.name = u.name;
	if (watch)
		db_set_watch(store->writer, is_cancelled, &u);
	r = run_all(&u, err);
	db_set_watch(store->writer, NULL, NULL);
	return r;
}
