// SPDX-License-Identifier: Apache-2.0
#include "sample_store.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/migrations.h"
#include "basic/file.h"
#include "unit_test.h"

static void open_it(struct sample_store *s)
{
	struct err err = { 0 };

	if (store_open(s->dir, s->zone, &s->store, &err) < 0)
		fail_msg("%s", err.text);
}

void sample_store_open(struct sample_store *s)
{
	*s = (struct sample_store){ .dir = "/tmp/ceems-store-XXXXXX" };
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->path, sizeof(s->path), "%s/ceems.db", s->dir);
	arena_init(&s->arena, 64 << 20);
	assert_int_equal(timezone_new("Europe/Berlin", &s->zone, NULL), 0);
	open_it(s);
}

void sample_store_reopen(struct sample_store *s)
{
	store_close(s->store);
	s->store = NULL;
	open_it(s);
}

void sample_store_forget(struct sample_store *s)
{
	char statements[8192];

	snprintf(statements, sizeof(statements), "%s",
		sample_query(s->path,
			"SELECT 'DROP ' || type || ' ' || name || ';' FROM sqlite_schema "
			"WHERE name LIKE 'ceems\\_%' ESCAPE '\\' ORDER BY type = 'table'"));
	sample_sql(s->path, statements);
}

void sample_store_age(struct sample_store *s, int version)
{
	struct db *db = NULL;
	struct err err;

	store_close(s->store);
	s->store = NULL;
	sample_sql(s->path, "DROP TABLE IF EXISTS ceems_watermarks");
	sample_sql(s->path,
		"PRAGMA writable_schema = 1; DELETE FROM sqlite_schema; "
		"PRAGMA writable_schema = 0; VACUUM");
	if (db_open(s->path, DB_READ_WRITE, &db, &err) < 0 ||
		(version > 0 && db_migrate(db, api_migrations, (size_t)version, &err) < 0))
		fail_msg("%s", err.text);
	db_close(db);
}

void sample_store_close(struct sample_store *s)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };
	char path[sizeof(s->path) + 16];

	store_close(s->store);
	timezone_free(s->zone);
	arena_done(&s->arena);
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		snprintf(path, sizeof(path), "%s%s", s->path, suffixes[i]);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(s->dir), 0);
	*s = (struct sample_store){ 0 };
}

void sample_metric(struct sample_store *s, struct unit *unit, enum unit_metric metric,
	const char *key, double value)
{
	assert_int_equal(metric_map_put(&unit->metrics[metric], &s->arena, key, value), 0);
}

static const char *zdt(struct sample_store *s, int64_t unix_s)
{
	char text[TIME_TEXT_MAX];

	time_format_zdt(s->zone, unix_s * 1000, text);
	return arena_strdup(&s->arena, text);
}

struct unit *sample_unit(struct sample_store *s, struct unit_list *list, const char *manager,
	const char *uuid, const char *user, const char *project, int64_t start_s, int64_t end_s)
{
	struct unit *u = unit_list_push(list, &s->arena);

	assert_non_null(u);
	u->resource_manager = manager;
	u->uuid = uuid;
	u->name = "sim <a&b>";
	u->project = project;
	u->groupname = "staff";
	u->username = user;
	u->created_at = u->started_at = zdt(s, start_s);
	u->created_at_ms = u->started_at_ms = start_s * 1000;
	u->ended_at = end_s ? zdt(s, end_s) : "Unknown";
	u->ended_at_ms = end_s * 1000;
	u->elapsed = "00:15:00";
	u->state = end_s ? "COMPLETED" : "RUNNING";
	u->allocation = "{\"cpus\":1,\"mem\":1073741824}";
	u->tags = "{\"qos\":\"normal\"}";
	sample_metric(s, u, TOTAL_TIME_SECONDS, "walltime", SAMPLE_WINDOW_S);
	sample_metric(s, u, TOTAL_TIME_SECONDS, "alloc_cputime", SAMPLE_WINDOW_S);
	sample_metric(s, u, TOTAL_TIME_SECONDS, "alloc_cpumemtime", 1024 * SAMPLE_WINDOW_S);
	sample_metric(s, u, TOTAL_TIME_SECONDS, "alloc_gputime", 0);
	sample_metric(s, u, TOTAL_TIME_SECONDS, "alloc_gpumemtime", 0);
	sample_metric(s, u, AVG_CPU_USAGE, "global", 40);
	sample_metric(s, u, TOTAL_CPU_ENERGY_USAGE_KWH, "total", 0.25);
	return u;
}

static const struct strings *one(struct sample_store *s, const char *text)
{
	struct strings *list = ARENA_NEW(&s->arena, struct strings);

	list->v = ARENA_ARRAY(&s->arena, const char *, 1);
	list->v[0] = text;
	list->n = 1;
	return list;
}

static void extend(struct sample_store *s, struct strings *list, const char *text)
{
	list->v = arena_grow(&s->arena, list->v, list->n, list->n + 1, sizeof(*list->v));
	list->v[list->n++] = text;
}

void sample_account(struct sample_store *s, struct user_list *users, struct project_list *projects,
	const char *user, const char *project)
{
	struct user *u = NULL;
	struct project *p = NULL;

	for (size_t i = 0; i < users->n; i++) {
		if (str_eq(users->v[i].name, user))
			u = &users->v[i];
	}
	for (size_t i = 0; i < projects->n; i++) {
		if (str_eq(projects->v[i].name, project))
			p = &projects->v[i];
	}
	if (!u) {
		u = user_list_push(users, &s->arena);
		u->name = user;
		u->resource_manager = "slurm";
	}
	if (!p) {
		p = project_list_push(projects, &s->arena);
		p->name = project;
		p->resource_manager = "slurm";
	}
	extend(s, &u->projects, project);
	extend(s, &p->users, user);
}

static void fill_window(struct sample_store *s, const char *cluster, int window)
{
	int64_t start = SAMPLE_T0_S + window * SAMPLE_WINDOW_S, end = start + SAMPLE_WINDOW_S;
	struct unit_list units = { 0 };
	struct user_list users = { 0 };
	struct project_list projects = { 0 };
	struct store_step_result result;
	struct err err = { 0 };
	struct store_step step = { .cluster_id = cluster,
		.start_ms = start * 1000,
		.end_ms = end * 1000,
		.units = &units,
		.users = &users,
		.projects = &projects,
		.now_ms = end * 1000 };

	if (str_eq(cluster, "hpc-a")) {
		sample_unit(s, &units, "slurm", "101", "mira", "astro", SAMPLE_T0_S, 0);
		sample_unit(s, &units, "slurm", "102", "otto", "astro", SAMPLE_T0_S,
			window == 2 ? end - 60 : 0);
		if (window == 1)
			sample_unit(
				s, &units, "slurm", "103", "mira", "astro", start + 30, start + 90);
		if (window == 2)
			sample_unit(
				s, &units, "slurm", "104", "mira", "astro", start + 5, start + 9)
				->ignore = true;
		sample_account(s, &users, &projects, "mira", "astro");
		sample_account(s, &users, &projects, "otto", "astro");
	} else if (str_eq(cluster, "hpc-b")) {
		sample_unit(s, &units, "slurm", "101", "eve", "astro", SAMPLE_T0_S, 0);
		sample_unit(s, &units, "slurm", "201", "mira", "bio", SAMPLE_T0_S, 0);
		sample_account(s, &users, &projects, "mira", "bio");
		sample_account(s, &users, &projects, "eve", "astro");
	} else {
		sample_unit(s, &units, "k8s", "pod-1", "ns1:svc", "ns1", SAMPLE_T0_S, 0);
		sample_unit(s, &units, "k8s", "pod-2", "ns2:svc", "ns2", SAMPLE_T0_S, 0);
		sample_account(s, &users, &projects, "mira", "ns1");
		sample_account(s, &users, &projects, "ns1:svc", "ns1");
		sample_account(s, &users, &projects, "eve", "ns2");
		sample_account(s, &users, &projects, "ns2:svc", "ns2");
	}
	if (store_commit_step(s->store, &step, &result, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(result.failed, 0);
}

void sample_store_fill(struct sample_store *s)
{
	static const char *const clusters[] = { "hpc-a", "hpc-b", "kube" };
	struct err err = { 0 };

	for (size_t c = 0; c < ARRAY_SIZE(clusters); c++) {
		for (int window = 0; window < 3; window++)
			fill_window(s, clusters[c], window);
	}
	if (store_set_admins(s->store, one(s, "boss"), one(s, "gwen"), SAMPLE_T0_S * 1000, &err) <
		0)
		fail_msg("%s", err.text);
}

void sample_sql(const char *path, const char *sql)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
}

const char *sample_query(const char *path, const char *sql)
{
	static struct buffer out;
	static char text[65536];
	sqlite3 *db = NULL;
	sqlite3_stmt *q = NULL;
	int code;

	buffer_init(&out, sizeof(text) - 1);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	while ((code = sqlite3_step(q)) == SQLITE_ROW) {
		const char *value = (const char *)sqlite3_column_text(q, 0);

		buffer_printf(&out, "%s%s", out.len ? "\n" : "", value ? value : "NULL");
	}
	if (code != SQLITE_DONE)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_finalize(q);
	sqlite3_close(db);
	assert_int_equal(buffer_error(&out), 0);
	snprintf(text, sizeof(text), "%s", buffer_text(&out));
	buffer_done(&out);
	return text;
}
