// SPDX-License-Identifier: Apache-2.0
/* The queries of the HTTP API. Each takes a reading connection for as long as its rows last. */
#include "api/store_internal.h"

#include <errno.h>

#include "format/json_writer.h"

struct store_row {
	struct stmt *q;
};

struct slice store_row_text(const struct store_row *row, size_t column)
{
	return stmt_slice(row->q, (int)column);
}

struct slice store_row_bytes(const struct store_row *row, size_t column)
{
	return stmt_bytes(row->q, (int)column);
}

int64_t store_row_i64(const struct store_row *row, size_t column)
{
	return stmt_i64(row->q, (int)column);
}

#define METRIC_COLUMNS                                                                             \
	{ "total_time_seconds", STORE_METRICS, false }, { "avg_cpu_usage", STORE_METRICS, false }, \
		{ "avg_cpu_mem_usage", STORE_METRICS, false },                                     \
		{ "total_cpu_energy_usage_kwh", STORE_METRICS, false },                            \
		{ "total_cpu_emissions_gms", STORE_METRICS, false },                               \
		{ "avg_gpu_usage", STORE_METRICS, false },                                         \
		{ "avg_gpu_mem_usage", STORE_METRICS, false },                                     \
		{ "total_gpu_energy_usage_kwh", STORE_METRICS, false },                            \
		{ "total_gpu_emissions_gms", STORE_METRICS, false },                               \
		{ "total_io_write_stats", STORE_METRICS, false },                                  \
		{ "total_io_read_stats", STORE_METRICS, false },                                   \
		{ "total_ingress_stats", STORE_METRICS, false },                                   \
	{                                                                                          \
		"total_egress_stats", STORE_METRICS, false                                         \
	}

static const struct store_column unit_columns[] = {
	{ "cluster_id", STORE_TEXT, false },
	{ "resource_manager", STORE_TEXT, false },
	{ "uuid", STORE_TEXT, true },
	{ "name", STORE_TEXT, false },
	{ "project", STORE_TEXT, false },
	{ "groupname", STORE_TEXT, false },
	{ "username", STORE_TEXT, false },
	{ "created_at", STORE_TEXT, false },
	{ "started_at", STORE_TEXT, false },
	{ "ended_at", STORE_TEXT, false },
	{ "created_at_ts", STORE_INT, false },
	{ "started_at_ts", STORE_INT, false },
	{ "ended_at_ts", STORE_INT, false },
	{ "elapsed", STORE_TEXT, false },
	{ "state", STORE_TEXT, false },
	{ "allocation", STORE_OBJECT, false },
	METRIC_COLUMNS,
	{ "tags", STORE_OBJECT, false },
};

static const struct store_column usage_columns[] = {
	{ "cluster_id", STORE_TEXT, true },
	{ "resource_manager", STORE_TEXT, true },
	{ "num_units", STORE_INT, true },
	{ "project", STORE_TEXT, true },
	{ "groupname", STORE_TEXT, true },
	{ "username", STORE_TEXT, true },
	METRIC_COLUMNS,
};

static const struct store_column user_columns[] = {
	{ "uid", STORE_TEXT, false },
	{ "cluster_id", STORE_TEXT, true },
	{ "resource_manager", STORE_TEXT, false },
	{ "name", STORE_TEXT, true },
	{ "projects", STORE_LIST, false },
	{ "tags", STORE_LIST, false },
};

static const struct store_column project_columns[] = {
	{ "uid", STORE_TEXT, false },
	{ "cluster_id", STORE_TEXT, true },
	{ "resource_manager", STORE_TEXT, true },
	{ "name", STORE_TEXT, true },
	{ "users", STORE_LIST, true },
	{ "tags", STORE_LIST, false },
};

static const struct store_column cluster_columns[] = {
	{ "id", STORE_TEXT, true },
	{ "manager", STORE_TEXT, true },
};

static const struct store_column stats_columns[] = {
	{ "cluster_id", STORE_TEXT, true },
	{ "resource_manager", STORE_TEXT, true },
	{ "num_units", STORE_INT, true },
	{ "num_inactive_units", STORE_INT, true },
	{ "num_active_units", STORE_INT, true },
	{ "num_projects", STORE_INT, true },
	{ "num_users", STORE_INT, true },
};

#define TABLE(columns)                       \
	{                                    \
		columns, ARRAY_SIZE(columns) \
	}
const struct store_table store_units = TABLE(unit_columns);
const struct store_table store_usage = TABLE(usage_columns);
const struct store_table store_users = TABLE(user_columns);
const struct store_table store_projects = TABLE(project_columns);
const struct store_table store_clusters = TABLE(cluster_columns);
const struct store_table store_stats = TABLE(stats_columns);

/* Parameters of all queries: see store_sql.c. */
enum {
	P_CALLER = 1,
	P_USERS,
	P_PROJECTS,
	P_CLUSTERS,
	P_UUIDS,
	P_FROM,
	P_TO,
	P_FLAG,
	P_PLAN, /* six limits and the beginning */
};

/* Statements differ in which parameters they have; SQLite calls the others out of range. */
static int bind_list(struct stmt *q, int index, const struct strings *list, struct buffer *scratch)
{
	if (!stmt_has_parameter(q, index) || !list || !list->n)
		return 0;
	buffer_clear(scratch);
	store_json_list(scratch, list);
	if (buffer_error(scratch))
		return buffer_error(scratch);
	stmt_bind_slice(q, index, (struct slice){ scratch->data, scratch->len });
	return 0;
}

static void quote(struct buffer *out, const char *text)
{
	json_writer_quote(out, text, strlen(text));
}

/*
 * The caller and the service users ('X:svc') of the projects that are asked for. Whether those may
 * be seen is for the statement to say, which knows the memberships.
 */
static int bind_users(struct stmt *q, const struct store_query *query, struct buffer *scratch)
{
	const struct strings *users = query->users, *projects = query->projects;
	const char *separator = "";

	if (!stmt_has_parameter(q, P_USERS) || (!query->caller && (!users || !users->n)))
		return 0;
	buffer_clear(scratch);
	buffer_putc(scratch, '[');
	if (query->caller) {
		quote(scratch, query->caller);
		separator = ",";
	}
	for (size_t i = 0; !query->caller && i < users->n; i++) {
		buffer_puts(scratch, separator);
		quote(scratch, users->v[i]);
		separator = ",";
	}
	for (size_t i = 0; projects && i < projects->n; i++) {
		buffer_puts(scratch, separator);
		quote(scratch, projects->v[i]);
		scratch->len -= !buffer_error(scratch); /* the closing quote moves */
		buffer_puts(scratch, ":svc\"");
	}
	buffer_putc(scratch, ']');
	if (buffer_error(scratch))
		return buffer_error(scratch);
	stmt_bind_slice(q, P_USERS, (struct slice){ scratch->data, scratch->len });
	return 0;
}

static int bind_query(const struct store *store, struct stmt *q, const struct store_query *query,
	bool flag, struct buffer *scratch)
{
	char label[TIME_TEXT_MAX];
	int r;

	if (query->caller)
		stmt_bind_text(q, P_CALLER, query->caller);
	r = bind_users(q, query, scratch);
	if (r >= 0)
		r = bind_list(q, P_PROJECTS, query->projects, scratch);
	if (r >= 0)
		r = bind_list(q, P_CLUSTERS, query->clusters, scratch);
	if (r >= 0)
		r = bind_list(q, P_UUIDS, query->uuids, scratch);
	if (stmt_has_parameter(q, P_FROM)) {
		store_label(store, query->from_s * 1000, label);
		stmt_bind_text(q, P_FROM, label);
		store_label(store, query->to_s * 1000, label);
		stmt_bind_text(q, P_TO, label);
	}
	if (stmt_has_parameter(q, P_FLAG))
		stmt_bind_i64(q, P_FLAG, flag);
	return r;
}

/* A query in progress. */
struct reading {
	struct store *store;
	struct db *db;
	struct stmt *q;
};

static void reading_done(struct reading *r)
{
	stmt_reset(r->q);
	store_return_reader(r->store, r->db);
}

static int reading_start(struct store *store, size_t statement, const struct store_query *query,
	bool flag, struct reading *ret_reading, struct err *err)
{
	struct reading reading = { .store = store, .db = store_take_reader(store) };
	struct buffer scratch;
	int r;

	buffer_init(&scratch, 0);
	reading.q = db_stmt(reading.db, statement);
	r = bind_query(store, reading.q, query, flag, &scratch);
	buffer_done(&scratch);
	if (r < 0) {
		reading_done(&reading);
		return err_errno(err, r, "preparing a query");
	}
	*ret_reading = reading;
	return 0;
}

static int reading_rows(const struct reading *reading, store_row_fn fn, void *ctx, struct err *err)
{
	struct store_row row = { reading->q };
	int r;

	while ((r = stmt_step(reading->q, err)) == 1) {
		r = fn(ctx, &row);
		if (r < 0) {
			err_errno(err, r, "answering a query");
			break;
		}
	}
	return r < 0 ? r : 0;
}

static int read_rows(struct store *store, size_t statement, const struct store_query *query,
	bool flag, store_row_fn fn, void *ctx, struct err *err)
{
	struct reading reading;
	int r;

	r = reading_start(store, statement, query, flag, &reading, err);
	if (r < 0)
		return r;
	r = reading_rows(&reading, fn, ctx, err);
	reading_done(&reading);
	return r;
}

static int append_id(void *ctx, const struct store_row *row)
{
	int64_t id = store_row_i64(row, 0);
	struct buffer *ids = ctx;

	buffer_append(ids, &id, sizeof(id));
	return buffer_error(ids);
}

int store_find_units(
	struct store *store, const struct store_query *query, struct buffer *ids, struct err *err)
{
	size_t statement = R_FIND_UNITS_OF_ALL;

	if (query->uuids && query->uuids->n)
		statement = R_FIND_UNITS_BY_UUID;
	else if (query->caller || (query->users && query->users->n))
		statement = R_FIND_UNITS_OF_USERS;
	return read_rows(store, statement, query, query->running, append_id, ids, err);
}

int store_get_units(struct store *store, const int64_t *ids, size_t n, store_row_fn fn, void *ctx,
	struct err *err)
{
	struct db *db = store_take_reader(store);
	struct store_row row = { 0 };
	int r;

	r = db_begin_read(db, err);
	for (size_t i = 0; r >= 0 && i < n; i++) {
		row.q = db_stmt(db, R_UNIT);
		stmt_bind_i64(row.q, 1, ids[i]);
		r = stmt_step(row.q, err);
		if (r == 1 && (r = fn(ctx, &row)) < 0)
			err_errno(err, r, "answering a query");
	}
	stmt_reset(row.q);
	db_rollback(db);
	store_return_reader(store, db);
	return r < 0 ? r : 0;
}

int store_get_usage(struct store *store, const struct store_query *query, store_row_fn fn,
	void *ctx, struct err *err)
{
	return read_rows(store, query->caller ? R_USAGE_OF_MEMBER : R_USAGE_OF_ALL, query, false,
		fn, ctx, err);
}

int store_get_usage_sources(struct store *store, const struct store_query *query, store_row_fn fn,
	void *ctx, struct err *err)
{
	size_t statement;

	if (query->daily)
		statement = query->caller ? R_DAILY_SOURCES_OF_MEMBER : R_DAILY_SOURCES_OF_ALL;
	else
		statement = query->caller ? R_UNIT_SOURCES_OF_MEMBER : R_UNIT_SOURCES_OF_ALL;
	return read_rows(store, statement, query, query->terminated, fn, ctx, err);
}

int store_get_usage_shares(struct store *store, const struct store_query *query,
	const struct usage_plan *plan, store_row_fn fn, void *ctx, struct err *err)
{
	const int64_t limits[] = { plan->days_from_s, plan->days_to_s, plan->quarters[0].from_s,
		plan->quarters[0].to_s, plan->quarters[1].from_s, plan->quarters[1].to_s,
		plan->from_s };
	struct reading reading;
	int r;

	r = reading_start(store, query->caller ? R_SHARES_OF_MEMBER : R_SHARES_OF_ALL, query, false,
		&reading, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		stmt_bind_i64(reading.q, P_PLAN + (int)i, limits[i]);
	r = reading_rows(&reading, fn, ctx, err);
	reading_done(&reading);
	return r;
}

int store_get_estimate(struct store *store, const struct strings *clusters, int64_t from_s,
	int64_t to_s, struct store_estimate *ret_estimate, struct err *err)
{
	const struct store_query query = { .clusters = clusters };
	struct reading reading;
	int r;

	r = reading_start(store, R_ESTIMATES, &query, false, &reading, err);
	if (r < 0)
		return r;
	stmt_bind_i64(reading.q, P_FROM, from_s * 1000);
	stmt_bind_i64(reading.q, P_TO, to_s * 1000);
	r = stmt_step(reading.q, err);
	if (r == 1)
		*ret_estimate = (struct store_estimate){ stmt_i64(reading.q, 0),
			stmt_i64(reading.q, 1) };
	reading_done(&reading);
	return r < 0 ? r : 0;
}

int store_get_users(struct store *store, const struct store_query *query, store_row_fn fn,
	void *ctx, struct err *err)
{
	return read_rows(
		store, query->caller ? R_USERS_OF_CALLER : R_USERS, query, false, fn, ctx, err);
}

int store_get_admins(struct store *store, store_row_fn fn, void *ctx, struct err *err)
{
	return read_rows(store, R_ADMINS, &(struct store_query){ 0 }, false, fn, ctx, err);
}

int store_get_projects(struct store *store, const struct store_query *query, store_row_fn fn,
	void *ctx, struct err *err)
{
	return read_rows(store, R_PROJECTS, query, false, fn, ctx, err);
}

int store_get_clusters(struct store *store, store_row_fn fn, void *ctx, struct err *err)
{
	return read_rows(store, R_CLUSTERS, &(struct store_query){ 0 }, false, fn, ctx, err);
}

int store_get_stats(struct store *store, const struct store_query *query, bool current,
	store_row_fn fn, void *ctx, struct err *err)
{
	return read_rows(store, current ? R_STATS_CURRENT : R_STATS_ALL, query, true, fn, ctx, err);
}

struct watermarks {
	store_watermark_fn fn;
	void *ctx;
};

static int hand_out_watermark(void *ctx, const struct store_row *row)
{
	const struct watermarks *w = ctx;
	/* Texts of columns end with a NUL. */
	struct slice cluster_id = store_row_text(row, 0);

	return w->fn(w->ctx, cluster_id.p ? cluster_id.p : "", store_row_i64(row, 1));
}

int store_get_watermarks(struct store *store, store_watermark_fn fn, void *ctx, struct err *err)
{
	return read_rows(store, R_WATERMARKS, &(struct store_query){ 0 }, false, hand_out_watermark,
		&(struct watermarks){ fn, ctx }, err);
}

struct backlogs {
	store_backlog_fn fn;
	void *ctx;
};

static int hand_out_backlog(void *ctx, const struct store_row *row)
{
	const struct backlogs *b = ctx;
	struct slice cluster_id = store_row_text(row, 0), lane = store_row_text(row, 1);
	const struct store_backlog backlog = { cluster_id.p ? cluster_id.p : "",
		lane.p ? lane.p : "", store_row_i64(row, 2), store_row_i64(row, 3) };

	return b->fn(b->ctx, &backlog);
}

int store_get_backlogs(struct store *store, store_backlog_fn fn, void *ctx, struct err *err)
{
	return read_rows(store, R_BACKLOGS, &(struct store_query){ 0 }, false, hand_out_backlog,
		&(struct backlogs){ fn, ctx }, err);
}

int store_is_admin(struct store *store, const char *name, bool *ret_admin, struct err *err)
{
	struct reading reading;
	int r;

	r = reading_start(
		store, R_IS_ADMIN, &(struct store_query){ .caller = name }, false, &reading, err);
	if (r < 0)
		return r;
	r = stmt_step(reading.q, err);
	reading_done(&reading);
	if (r < 0)
		return r;
	*ret_admin = r == 1;
	return 0;
}

static int64_t count_distinct(const struct strings *list)
{
	int64_t n = 0;

	for (size_t i = 0; i < list->n; i++) {
		size_t j = 0;

		while (j < i && !str_eq(list->v[i], list->v[j]))
			j++;
		n += j == i;
	}
	return n;
}

int store_owns_units(struct store *store, const char *caller, const struct strings *clusters,
	const struct strings *uuids, bool *ret_owns, struct err *err)
{
	struct reading reading;
	int r;

	/* An empty list would be "any" elsewhere; nobody owns nothing. */
	if (!clusters->n || !uuids->n) {
		*ret_owns = false;
		return 0;
	}
	r = reading_start(store, R_OWNS_UNITS,
		&(struct store_query){ .caller = caller, .clusters = clusters, .uuids = uuids },
		false, &reading, err);
	if (r < 0)
		return r;
	r = stmt_step(reading.q, err);
	if (r >= 0)
		*ret_owns = r == 1 && stmt_i64(reading.q, 0) == count_distinct(uuids) &&
			stmt_i64(reading.q, 1) == 1;
	reading_done(&reading);
	return r < 0 ? r : 0;
}
