// SPDX-License-Identifier: Apache-2.0
/*
 * Versions of a schema, kept in the table schema_migrations (version, dirty) as CEEMS 0.10.2 does,
 * so that either program can go on with the other's file.
 */
#ifndef CEEMS_DB_MIGRATE_H
#define CEEMS_DB_MIGRATE_H

#include "db/db.h"

struct migration {
	int version; /* 1, 2, ... without gaps */
	const char *name;
	const char *sql;
};

/*
 * Brings the schema to the last version, each step in one transaction together with its version:
 * a step that fails changes nothing, and the next start tries it again. Refused: a schema newer
 * than the last step (-ENOTSUP), and one that another program left half-way (dirty, -EUCLEAN).
 */
int db_migrate(struct db *db, const struct migration *steps, size_t n, struct err *err);

#endif
