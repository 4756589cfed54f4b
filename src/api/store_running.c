// SPDX-License-Identifier: Apache-2.0
/* What the database knows, for managers that start again. */
#include "api/store_internal.h"

/* Columns of R_RUNNING_UNITS. */
enum {
	UUID,
	NAME,
	PROJECT,
	USERNAME,
	CREATED_AT,
	STARTED_AT,
	CREATED_AT_TS,
	STARTED_AT_TS,
	ELAPSED,
	STATE,
	ALLOCATION,
	TAGS,
	LAST_UPDATED_AT,
};

static const char *text(struct stmt *q, int column)
{
	const char *value = stmt_text(q, column);

	return value ? value : "";
}

static int hand_out(const struct store *store, struct stmt *q, const char *cluster_id,
	store_unit_fn each, void *ctx)
{
	const struct unit unit = {
		.resource_manager = "",
		.cluster_id = cluster_id,
		.uuid = text(q, UUID),
		.name = text(q, NAME),
		.project = text(q, PROJECT),
		.groupname = "",
		.username = text(q, USERNAME),
		.created_at = text(q, CREATED_AT),
		.started_at = text(q, STARTED_AT),
		.ended_at = "",
		.created_at_ms = stmt_i64(q, CREATED_AT_TS),
		.started_at_ms = stmt_i64(q, STARTED_AT_TS),
		.elapsed = text(q, ELAPSED),
		.state = text(q, STATE),
		.allocation = text(q, ALLOCATION),
		.tags = text(q, TAGS),
	};
	int64_t seen_ms;

	/* Text of another program: it was seen when it began, at least. */
	if (time_parse_ldt(store->zone, slice_from(text(q, LAST_UPDATED_AT)), &seen_ms) < 0)
		seen_ms = MAX(unit.created_at_ms, unit.started_at_ms);
	return each(ctx, &unit, seen_ms);
}

int store_get_running(
	struct store *store, const char *cluster_id, store_unit_fn each, void *ctx, struct err *err)
{
	struct db *db = store_take_reader(store);
	struct stmt *q = db_stmt(db, R_RUNNING_UNITS);
	int r;

	stmt_bind_text(q, 1, cluster_id);
	while ((r = stmt_step(q, err)) == 1) {
		r = hand_out(store, q, cluster_id, each, ctx);
		if (r < 0) {
			err_errno(err, r, "units that run on cluster '%s'", cluster_id);
			break;
		}
	}
	stmt_reset(q);
	store_return_reader(store, db);
	return r < 0 ? r : 0;
}

int store_get_owners(struct store *store, const char *cluster_id, store_owner_fn each, void *ctx,
	struct err *err)
{
	struct db *db = store_take_reader(store);
	struct stmt *q = db_stmt(db, R_OWNERS);
	int r;

	stmt_bind_text(q, 1, cluster_id);
	while ((r = stmt_step(q, err)) == 1) {
		r = each(ctx, text(q, 0), text(q, 1));
		if (r < 0) {
			err_errno(err, r, "owners of units of cluster '%s'", cluster_id);
			break;
		}
	}
	stmt_reset(q);
	store_return_reader(store, db);
	return r < 0 ? r : 0;
}
