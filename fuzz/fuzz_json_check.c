// SPDX-License-Identifier: Apache-2.0
/* What is JSON, beside what SQLite takes for it. */
#include <assert.h>
#include <sqlite3.h>
#include <stdint.h>
#include <string.h>

#include "format/json_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t brackets(struct slice text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == '[' || text.p[i] == '{';
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static sqlite3_stmt *q;
	/* SQLite takes what stands before a NUL for the whole. */
	const struct slice text = { (const char *)data,
		size ? strnlen((const char *)data, size) : 0 };
	const bool valid = json_is_valid(text);

	if (!q) {
		sqlite3 *db;

		assert(sqlite3_open(":memory:", &db) == SQLITE_OK);
		assert(sqlite3_prepare_v2(db, "SELECT json_valid(?1)", -1, &q, NULL) == SQLITE_OK);
	}
	if (!text.n || brackets(text) > JSON_CHECK_DEPTH_MAX)
		return 0;
	sqlite3_bind_text(q, 1, text.p, (int)text.n, SQLITE_STATIC);
	assert(sqlite3_step(q) == SQLITE_ROW);
	assert(sqlite3_column_int(q, 0) == valid);
	sqlite3_reset(q);
	return 0;
}
