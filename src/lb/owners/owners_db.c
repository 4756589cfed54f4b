// SPDX-License-Identifier: Apache-2.0
#include "lb/owners/owners_db.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "db/db.h"
#include "lb/owners/lives.h"
#include "lb/owners/user_list.h"

enum { CLUSTERS_MAX = 10000, PROJECTS_KEPT = 16, PATH_SUFFIX_MAX = 16 };

enum { DATA_VERSION, UNIT_ROWS, PROJECT_USERS, IS_ADMIN, CLUSTERS, N_STATEMENTS };

/* The index on units (cluster_id, uuid, started_at) and that on projects (cluster_id, name), which
 * the API server has made since its first version, serve the first two lookups. */
static const char *const statements[N_STATEMENTS] = {
	[DATA_VERSION] = "PRAGMA data_version",
	[UNIT_ROWS] = "SELECT project, created_at_ts, started_at_ts, ended_at_ts FROM units"
		      " WHERE cluster_id = ?1 AND uuid = ?2",
	[PROJECT_USERS] = "SELECT users FROM projects WHERE cluster_id = ?1 AND name = ?2",
	[IS_ADMIN] = "SELECT 1 FROM admin_users WHERE name = ?1 LIMIT 1",
	/* From each to the next by the index, for there are millions of units and few clusters. */
	[CLUSTERS] = "WITH RECURSIVE c(id) AS (SELECT min(cluster_id) FROM units UNION ALL"
		     " SELECT (SELECT min(cluster_id) FROM units WHERE cluster_id > c.id) FROM c"
		     " WHERE c.id IS NOT NULL) SELECT id FROM c WHERE id <> ''",
};

/* Which file it was, and whether it was written behind SQLite's back. */
struct signature {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec changed;
};

struct owners_db {
	char *path;
	struct db *db; /* NULL: not open */
	struct signature signature;
	int64_t data_version;
	bool immutable;
};

int owners_db_new(const char *path, struct owners_db **ret_db)
{
	struct owners_db *o = calloc(1, sizeof(*o));

	if (o)
		o->path = strdup(path);
	if (!o || !o->path) {
		free(o);
		return -ENOMEM;
	}
	*ret_db = o;
	return 0;
}

static void close_it(struct owners_db *o)
{
	db_close(o->db);
	o->db = NULL;
}

void owners_db_free(struct owners_db *o)
{
	if (!o)
		return;
	close_it(o);
	free(o->path);
	free(o);
}

static int look(const struct owners_db *o, struct signature *ret_signature, struct err *err)
{
	struct stat st;

	if (stat(o->path, &st) < 0)
		return err_errno(err, -errno, "database '%s'", o->path);
	*ret_signature = (struct signature){ st.st_dev, st.st_ino, st.st_size, st.st_mtim };
	return 0;
}

static bool same(const struct signature *a, const struct signature *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
		a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

/* Whether a writer is at work, or left something that belongs to the contents. */
static bool has_journal(const struct owners_db *o)
{
	static const char *const suffixes[] = { "-wal", "-journal" };
	char path[PATH_MAX];
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		int n = snprintf(path, sizeof(path), "%s%s", o->path, suffixes[i]);

		if (n < 0 || (size_t)n >= sizeof(path) || stat(path, &st) == 0 || errno != ENOENT)
			return true;
	}
	return false;
}

static int version_of(struct db *db, int64_t *ret_version, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(db, DATA_VERSION);
	int r = stmt_step(q, err);

	if (r == 1)
		*ret_version = stmt_i64(q, 0);
	return r < 0 ? r : 0;
}

static int try_open(struct owners_db *o, enum db_mode mode, struct err *err)
{
	CLEANUP(db_closep) struct db *db = NULL;
	int r = db_open(o->path, mode, &db, err);

	if (r < 0)
		return r;
	db_set_busy_timeout(db, 0);
	/* A file that is cut short while it is mapped would end the process. */
	r = db_exec(db, "PRAGMA mmap_size = 0", err);
	if (r >= 0)
		r = db_prepare(db, statements, N_STATEMENTS, err);
	if (r >= 0)
		r = version_of(db, &o->data_version, err);
	if (r < 0)
		return r;
	o->db = TAKE(db);
	o->immutable = mode == DB_IMMUTABLE;
	return 0;
}

/*
 * SQLite needs two files beside a database in WAL mode, and makes them for the first reader. While
 * the API server doesn't run they are not there, and this process may not be able to make them.
 */
static int open_it(struct owners_db *o, struct err *err)
{
	struct err other;
	int r;

	close_it(o);
	r = look(o, &o->signature, err);
	if (r >= 0)
		r = try_open(o, DB_READ_ONLY, err);
	if (r >= 0 || r == -EBUSY || r == -ENOMEM || has_journal(o))
		return r;
	return try_open(o, DB_IMMUTABLE, &other) < 0 ? r : 0;
}

int owners_db_refresh(struct owners_db *o, struct err *err)
{
	struct signature now = { 0 };
	int64_t version = 0;
	int r = look(o, &now, err);

	if (r >= 0 && o->db && same(&now, &o->signature) && !(o->immutable && has_journal(o))) {
		r = version_of(o->db, &version, err);
		if (r >= 0) {
			bool changed = version != o->data_version;

			o->data_version = version;
			return changed;
		}
	} else if (r >= 0) {
		r = open_it(o, err);
		if (r >= 0)
			return 1;
	}
	if (r != -EBUSY)
		close_it(o);
	return r;
}

/* What was read of a file without locks counts only if it was not written meanwhile. */
static int still_valid(const struct owners_db *o, struct err *err)
{
	struct signature now = { 0 };
	int r;

	if (!o->immutable)
		return 0;
	r = look(o, &now, err);
	if (r >= 0 && (!same(&now, &o->signature) || has_journal(o)))
		r = err_set(err, -EBUSY, "database '%s' was written meanwhile", o->path);
	return r;
}

/* Memberships that were looked up for this question: its units are mostly of one project. */
struct member {
	struct owners_db *o;
	const struct owners_question *question;
	struct arena *arena;
	const char *projects[PROJECTS_KEPT];
	bool member[PROJECTS_KEPT];
	size_t n;
};

static int is_member(struct member *m, const char *project, bool *ret_member, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = NULL;
	size_t at = m->n % PROJECTS_KEPT;
	bool member;
	int r;

	for (size_t i = 0; i < MIN(m->n, (size_t)PROJECTS_KEPT); i++) {
		if (str_eq(m->projects[i], project)) {
			*ret_member = m->member[i];
			return 0;
		}
	}
	q = db_stmt(m->o->db, PROJECT_USERS);
	stmt_bind_text(q, 1, m->question->cluster);
	stmt_bind_text(q, 2, project);
	r = stmt_step(q, err);
	if (r < 0)
		return r;
	member = r == 1 && user_list_has(stmt_slice(q, 0), m->question->user);
	project = arena_strdup(m->arena, project);
	if (!project)
		return err_errno(err, -ENOMEM, "looking up a project");
	m->projects[at] = project;
	m->member[at] = member;
	m->n++;
	*ret_member = member;
	return 0;
}

/* Rows of a unit; the array serves one unit after the other. */
struct rows {
	struct lives_row *v;
	size_t n, cap;
};

static struct lives_row *next_row(struct rows *rows, struct arena *arena)
{
	if (rows->n == rows->cap) {
		size_t cap = rows->cap ? rows->cap * 2 : 16;

		rows->v = arena_grow(arena, rows->v, rows->n, cap, sizeof(*rows->v));
		rows->cap = rows->v ? cap : 0;
	}
	return rows->v ? &rows->v[rows->n++] : NULL;
}

static int unit_lives(struct member *m, const char *uuid, struct rows *rows,
	struct gate_unit_lives *ret_lives, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(m->o->db, UNIT_ROWS);
	int r;

	rows->n = 0;
	stmt_bind_text(q, 1, m->question->cluster);
	stmt_bind_text(q, 2, uuid);
	while ((r = stmt_step(q, err)) == 1) {
		struct slice project = stmt_slice(q, 0);
		struct lives_row *row;

		if (rows->n == LIVES_ROWS_MAX)
			return err_set(err, -E2BIG, "unit '%s' has more than %d rows", uuid,
				LIVES_ROWS_MAX);
		row = next_row(rows, m->arena);
		if (!row)
			return err_errno(err, -ENOMEM, "unit '%s'", uuid);
		*row = (struct lives_row){ stmt_i64(q, 1), stmt_i64(q, 2), stmt_i64(q, 3), false };
		if (project.n && !memchr(project.p, '\0', project.n))
			r = is_member(m, project.p, &row->own, err);
		if (r < 0)
			return r;
	}
	if (r >= 0 && lives_make(rows->v, rows->n, m->arena, ret_lives) < 0)
		r = err_errno(err, -ENOMEM, "unit '%s'", uuid);
	return r;
}

static int lookup(struct member *m, enum owners_verdict *ret_verdict,
	const struct gate_unit_lives **ret_lives, struct err *err)
{
	const struct strings *units = m->question->units;
	struct gate_unit_lives *lives = ARENA_ARRAY(m->arena, struct gate_unit_lives, units->n);
	struct rows rows = { 0 };
	int r;

	if (!lives)
		return err_errno(err, -ENOMEM, "looking up units");
	for (size_t i = 0; i < units->n; i++) {
		r = unit_lives(m, units->v[i], &rows, &lives[i], err);
		if (r < 0)
			return r;
		if (!lives[i].n) {
			*ret_verdict = OWNERS_DENY;
			return 0;
		}
	}
	*ret_verdict = OWNERS_ALLOW;
	*ret_lives = lives;
	return 0;
}

int owners_db_lookup(struct owners_db *o, const struct owners_question *question,
	struct arena *arena, enum owners_verdict *ret_verdict,
	const struct gate_unit_lives **ret_lives, struct err *err)
{
	struct member m = { .o = o, .question = question, .arena = arena };
	/* One state of the database for all that is read. */
	int r = db_begin_read(o->db, err);

	if (r < 0)
		return r;
	r = lookup(&m, ret_verdict, ret_lives, err);
	db_rollback(o->db);
	return r < 0 ? r : still_valid(o, err);
}

int owners_db_is_admin(struct owners_db *o, const char *user, bool *ret_admin, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(o->db, IS_ADMIN);
	bool admin;
	int r;

	stmt_bind_text(q, 1, user);
	r = stmt_step(q, err);
	admin = r == 1;
	if (r >= 0)
		r = still_valid(o, err);
	if (r >= 0)
		*ret_admin = admin;
	return r < 0 ? r : 0;
}

int owners_db_clusters(
	struct owners_db *o, struct arena *arena, struct strings *ret_clusters, struct err *err)
{
	CLEANUP(stmt_resetp) struct stmt *q = db_stmt(o->db, CLUSTERS);
	struct strings list = { ARENA_ARRAY(arena, const char *, CLUSTERS_MAX), 0 };
	int r = list.v ? 0 : -ENOMEM;

	while (r >= 0 && list.n < CLUSTERS_MAX && (r = stmt_step(q, err)) == 1) {
		const char *id = arena_strdup(arena, stmt_text(q, 0));

		r = id ? 0 : -ENOMEM;
		if (id)
			list.v[list.n++] = id;
	}
	if (r == -ENOMEM)
		return err_errno(err, r, "listing clusters");
	if (r >= 0)
		r = still_valid(o, err);
	if (r >= 0)
		*ret_clusters = list;
	return r < 0 ? r : 0;
}
