// SPDX-License-Identifier: Apache-2.0
/* The files of src/api/sql, embedded by tools/embed_sql.sh. */
#ifndef CEEMS_API_MIGRATIONS_H
#define CEEMS_API_MIGRATIONS_H

#include "db/migrate.h"

extern const struct migration api_migrations[];
extern const size_t api_migrations_count;
extern const char api_own_tables[]; /* idempotent */

#endif
