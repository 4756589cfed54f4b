// SPDX-License-Identifier: Apache-2.0
/*
 * Looks for damage in a database that is in use (SQLite's quick_check): reads every page of every
 * table and index, but doesn't compare tables with their indexes. That takes minutes for a large
 * one, and the WAL isn't begun anew meanwhile, as with any long reading.
 */
#ifndef CEEMS_DB_DB_CHECK_H
#define CEEMS_DB_DB_CHECK_H

#include "db/db.h"

struct db_check;

int db_check_open(const char *path, struct db_check **ret_check, struct err *err);
/* -EUCLEAN: it is damaged, err says where and what to do. -ECANCELED. Otherwise as in db.h. */
int db_check_run(struct db_check *check, struct err *err);
/* Any thread: a run ends soon, also one that has not begun yet. */
void db_check_cancel(struct db_check *check);
void db_check_close(struct db_check *check); /* NULL is fine */

#endif
