// SPDX-License-Identifier: Apache-2.0
/*
 * A copy of a database while it is in use (SQLite's online backup). It is of one moment: it reads
 * a snapshot, so that writers go on meanwhile and don't make it begin anew. Until it is done the
 * WAL keeps what they write. The file isn't compacted or checkpointed, and nothing is written to
 * it, so that replication by Litestream goes on.
 */
#ifndef CEEMS_DB_DB_COPY_H
#define CEEMS_DB_DB_COPY_H

#include <stdbool.h>

#include "basic/err.h"

struct db_copy_pace {
	int pages; /* copied at once */
	int pause_ms; /* between */
	/* Pauses; true: give up (-ECANCELED). */
	bool (*sleep)(void *ctx, int ms);
	void *ctx;
};

/*
 * Makes 'to', which must not exist, a copy of the database 'from', on the disk when it returns.
 * On failure no file is left. Errors as in db.h.
 */
int db_copy(const char *from, const char *to, const struct db_copy_pace *pace, struct err *err);

#endif
