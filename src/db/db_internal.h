// SPDX-License-Identifier: Apache-2.0
/* What the files of src/db share. Nobody else includes this. */
#ifndef CEEMS_DB_DB_INTERNAL_H
#define CEEMS_DB_DB_INTERNAL_H

#include <sqlite3.h>

#include "db/db.h"

/* SQLite's code as -errno, with a sentence that names the file and what to do. */
int db_error(const char *path, sqlite3 *handle, int code, struct err *err);

#endif
