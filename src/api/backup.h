// SPDX-License-Identifier: Apache-2.0
/*
 * Backups of the database (spec api-server.md 3.1): a copy of one moment, made while everything
 * goes on, named ceems-YYYYMMDDhhmm.db. It is written beside its place under another name, synced
 * and then renamed, so that what has the name is whole; no second file system is involved.
 */
#ifndef CEEMS_API_BACKUP_H
#define CEEMS_API_BACKUP_H

#include <stdatomic.h>
#include <stdint.h>

#include "api/timezone.h"
#include "basic/clock.h"
#include "basic/err.h"
#include "basic/log.h"

struct backup_config {
	const char *data_dir, *backup_dir;
	const struct timezone_ *zone; /* of the names */
	const struct clock *clock;
	const struct log *log;
	int cancel_fd; /* readable: give up */
	int64_t interval_ms;
	int64_t kept; /* older backups are removed; 0: all stay */
	const atomic_bool *damaged; /* the database is: none are removed. May be NULL */
};

enum { BACKUP_NAME_MAX = 32 };

/* One backup, now. -ECANCELED. Another failure to remove old ones doesn't make it one. */
int backup_make(
	const struct backup_config *config, char ret_name[static BACKUP_NAME_MAX], struct err *err);

struct backup;

/*
 * Makes one after each interval, in a thread; what fails is tried again after BACKUP_RETRY_MS, or
 * an interval if that is shorter. Everything is borrowed until backup_stop().
 */
enum { BACKUP_RETRY_MS = 15 * 60 * 1000 };
int backup_start(const struct backup_config *config, struct backup **ret_backup, struct err *err);
/* Waits for the thread, for which cancel_fd must be readable. NULL is fine. */
void backup_stop(struct backup *backup);

#endif
