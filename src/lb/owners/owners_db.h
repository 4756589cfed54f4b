// SPDX-License-Identifier: Apache-2.0
/*
 * Ownership from the API server's database (docs/api-server.md; spec lb-and-proxies.md 2.10): only
 * read, never waited for. A file that was replaced, cut or restored is opened anew. One thread at a
 * time.
 */
#ifndef CEEMS_LB_OWNERS_OWNERS_DB_H
#define CEEMS_LB_OWNERS_OWNERS_DB_H

#include "lb/owners/owners.h"

struct owners_db;

/* Opens nothing yet. -ENOMEM. */
int owners_db_new(const char *path, struct owners_db **ret_db);
void owners_db_free(struct owners_db *db); /* NULL is fine */

/*
 * Makes the connection one of the file as it is now. 1: its contents may have changed since the
 * last time, 0: they have not. -EBUSY: locked, and the last state known is as good as before.
 * Others: it cannot be read.
 */
int owners_db_refresh(struct owners_db *db, struct err *err);

/* After owners_db_refresh(). -EBUSY, or that it cannot be read; -ENOMEM of the arena. */
int owners_db_lookup(struct owners_db *db, const struct owners_question *question,
	struct arena *arena, enum owners_verdict *ret_verdict,
	const struct gate_unit_lives **ret_lives, struct err *err);
int owners_db_is_admin(struct owners_db *db, const char *user, bool *ret_admin, struct err *err);
int owners_db_clusters(
	struct owners_db *db, struct arena *arena, struct strings *ret_clusters, struct err *err);

#endif
