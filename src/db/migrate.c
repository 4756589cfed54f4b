// SPDX-License-Identifier: Apache-2.0
#include "db/migrate.h"

#include <errno.h>
#include <stdio.h>

static int read_version(struct db *db, int64_t *ret_version, struct err *err)
{
	int64_t version, dirty;
	int r;

	r = db_exec(db,
		"CREATE TABLE IF NOT EXISTS schema_migrations (version uint64, dirty bool);"
		"CREATE UNIQUE INDEX IF NOT EXISTS version_unique ON schema_migrations (version)",
		err);
	if (r < 0)
		return r;
	r = db_query_i64(
		db, "SELECT coalesce(max(version), 0) FROM schema_migrations", &version, err);
	if (r < 0)
		return r;
	r = db_query_i64(db, "SELECT coalesce(max(dirty), 0) FROM schema_migrations", &dirty, err);
	if (r < 0)
		return r;
	if (dirty)
		return err_set(err, -EUCLEAN,
			"the database is marked dirty: its migration to version %lld failed before; "
			"restore a backup, or, as a failed step changes nothing, let it be tried again "
			"with: UPDATE schema_migrations SET version = %lld, dirty = 0",
			(long long)version, (long long)version - 1);
	*ret_version = version;
	return 0;
}

static int run_step(struct db *db, const struct migration *step, struct err *err)
{
	char version[160];
	int r;

	snprintf(version, sizeof(version),
		"DELETE FROM schema_migrations;"
		"INSERT INTO schema_migrations (version, dirty) VALUES (%d, 0)",
		step->version);
	r = db_exec(db, step->sql, err);
	if (r >= 0)
		r = db_exec(db, version, err);
	return r < 0 ? err_prefix(err, r, "migration %d (%s)", step->version, step->name) : 0;
}

int db_migrate(struct db *db, const struct migration *steps, size_t n, struct err *err)
{
	int64_t version = 0;
	int r;

	for (;;) {
		/* The version is read under the write lock: another process may be migrating. */
		r = db_begin(db, err);
		if (r < 0)
			return r;
		r = read_version(db, &version, err);
		if (r >= 0 && (version < 0 || (uint64_t)version > n))
			r = err_set(err, -ENOTSUP,
				"the database has schema version %lld, but this program knows only 0 to "
				"%zu; use a newer program or restore an older backup",
				(long long)version, n);
		if (r >= 0 && (uint64_t)version < n)
			r = run_step(db, &steps[version], err);
		if (r < 0) {
			db_rollback(db);
			return r;
		}
		r = db_commit(db, err);
		if (r < 0 || (uint64_t)version >= n)
			return r;
	}
}
