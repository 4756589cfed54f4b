// SPDX-License-Identifier: Apache-2.0
/*
 * Whatever text stands in the JSON columns of the database, answers stay JSON: the input is stored
 * in all of them.
 */
#include <sqlite3.h>
#include <stdint.h>

#include "api_store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static sqlite3_stmt *updates[3];

static void open_file(void)
{
	static const char *const sql[] = {
		"UPDATE units SET allocation = ?1, tags = ?1, total_time_seconds = ?1, avg_cpu_usage = ?1",
		"UPDATE projects SET tags = ?1, users = CASE WHEN cluster_id = 'a' THEN users ELSE ?1 END",
		"UPDATE usage SET avg_cpu_usage = ?1",
	};
	struct fuzz_api *f;
	sqlite3 *db = NULL;

	setenv("CEEMS_FUZZ_KEEP", "1", 1);
	f = fuzz_api();
	fuzz_check(sqlite3_open(f->path, &db) == SQLITE_OK);
	fuzz_check(sqlite3_exec(db, "PRAGMA synchronous = OFF", NULL, NULL, NULL) == SQLITE_OK);
	for (int i = 0; i < 3; i++)
		fuzz_check(sqlite3_prepare_v2(db, sql[i], -1, &updates[i], NULL) == SQLITE_OK);
}

static void remove_file(void)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	struct fuzz_api *f = fuzz_api();
	char file[80];

	for (int i = 0; i < 3; i++) {
		snprintf(file, sizeof(file), "%s%s", f->path, suffixes[i]);
		unlink(file);
	}
	*strrchr(f->path, '/') = '\0';
	rmdir(f->path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const targets[] = { "/api/v1/units?uuid=1", "/api/v1/projects",
		"/api/v1/usage/global", "/api/v1/usage/current" };
	struct fuzz_api *f;
	struct buffer body;

	if (!updates[0]) {
		open_file();
		atexit(remove_file);
	}
	f = fuzz_api();
	for (int i = 0; i < 3; i++) {
		sqlite3_bind_text(updates[i], 1, (const char *)data, (int)size, SQLITE_STATIC);
		fuzz_check(sqlite3_step(updates[i]) == SQLITE_DONE);
		sqlite3_reset(updates[i]);
	}
	buffer_init(&body, 64 << 20);
	for (int i = 0; i < 4; i++) {
		buffer_clear(&body);
		fuzz_check(fuzz_ask(f, targets[i], &body) == 200);
	}
	buffer_done(&body);
	return 0;
}
