// SPDX-License-Identifier: Apache-2.0
/*
 * Everything that is kept, behind one door. SQLite is the engine (src/db); no SQL stands elsewhere.
 * A store has one writer (the collection loop) and a pool of read-only connections for requests.
 * Times: Unix seconds or milliseconds as named; *_at texts in the configured zone (spec
 * api-server.md 3.4).
 */
#ifndef CEEMS_API_STORE_H
#define CEEMS_API_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "api/model.h"
#include "api/timezone.h"
#include "basic/err.h"

struct store;

/* Opens or creates {data_dir}/ceems.db, migrates it (any version 0-9). err tells how to mend it. */
int store_open(const char *data_dir, const struct timezone_ *zone, struct store **ret_store,
	struct err *err);
void store_close(struct store *store);

/* 0 if the database answers. For /health. */
int store_ping(struct store *store);

/*
 * Watermarks: the end of the last window that was stored for a cluster, Unix ms, kept in a table of
 * our own beside the compatible usage.last_updated_at. ret_ms is 0 if there is none; a database
 * written by CEEMS 0.10.2 answers with max(usage.last_updated_at).
 */
int store_watermark(struct store *store, const char *cluster_id, int64_t *ret_ms, struct err *err);

/* One collection step of one cluster, in one transaction: all of it or nothing. */
struct store_step {
	const char *cluster_id;
	int64_t start_ms, end_ms; /* the window */
	const struct unit_list *units; /* those with an empty uuid are left out */
	const struct user_list *users;
	const struct project_list *projects;
	bool purge; /* apply retention first */
	int retention_days;
	int64_t now_ms;
};
struct store_step_result {
	size_t stored, failed; /* rows; a bad row is left out and counted, the rest goes on */
	size_t purged;
};
/* -EEXIST: this window was stored before (exactly-once). -ENOSPC, -EROFS, -EIO: nothing was
 * changed. */
int store_commit_step(struct store *store, const struct store_step *step,
	struct store_step_result *ret_result, struct err *err);

/* Makes the admin table equal to these names (ceems first; a name in both is tagged grafana). */
int store_set_admins(struct store *store, const struct strings *ceems,
	const struct strings *grafana, int64_t now_ms, struct err *err);

#endif
