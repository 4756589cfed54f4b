// SPDX-License-Identifier: Apache-2.0
/*
 * Output of Slurm's sacct and sacctmgr (https://slurm.schedmd.com/sacct.html). Any byte may stand
 * in a job's name and working directory, the separator and line feeds included, because users
 * choose them. They are therefore the last fields; and where the separator is a random text that
 * no user can guess (see sacct_records_init), no name can pass for another job's record.
 */
#ifndef CEEMS_REMOTE_SACCT_H
#define CEEMS_REMOTE_SACCT_H

#include <stdbool.h>
#include <stdint.h>

#include "basic/str.h"

enum sacct_field {
	SACCT_JOBID,
	SACCT_PARTITION,
	SACCT_QOS,
	SACCT_ACCOUNT,
	SACCT_GROUP,
	SACCT_GID,
	SACCT_USER,
	SACCT_UID,
	SACCT_SUBMIT,
	SACCT_START,
	SACCT_END,
	SACCT_ELAPSED,
	SACCT_ELAPSED_RAW,
	SACCT_EXIT_CODE,
	SACCT_STATE,
	SACCT_ALLOC_TRES,
	SACCT_NODELIST,
	SACCT_JOB_NAME,
	SACCT_WORKDIR,
	N_SACCT_FIELDS
};

/* Argument of --format, and the states of --state. */
extern const char sacct_format[];
/* The same for Slurm's own sacct, which up to 22.05 cuts times to 19 characters without a width. */
extern const char sacct_format_wide[];
extern const char sacct_states[];
/*
 * For Slurm's own sacct: all states of jobs that have or had nodes. sacct 22.05 counts a job as
 * RUNNING that ran at some time of the window, whatever its end was called, so OUT_OF_MEMORY,
 * BOOT_FAIL and DEADLINE are mostly seen without being named; but a job that is suspended for all
 * of a window is not, nor is the earlier run of one that was queued again or resized. Only PENDING
 * jobs are left out.
 */
extern const char sacct_all_states[];

struct sacct_record {
	struct slice fields[N_SACCT_FIELDS]; /* into the output */
};

struct sacct_records {
	struct slice rest;
	const char *separator; /* of more than one byte, or "|" */
	size_t skipped; /* lines that are no record of a job */
};

/*
 * separator is what sacct was told by --delimiter. A program that stands in for sacct and doesn't
 * know that option writes '|': it is taken when the separator occurs nowhere in the output.
 */
void sacct_records_init(struct sacct_records *records, struct slice output, const char *separator);
/* The next job that was given nodes; job steps and short lines are skipped. False at the end. */
bool sacct_next(struct sacct_records *records, struct sacct_record *ret_record);

struct sacct_tres {
	int64_t billing, nodes, cpus, gpus;
	int64_t mem_bytes;
};
/* "billing=8,cpu=8,gres/gpu:h2=2,gres/gpu=2,mem=16G,node=1"; what is missing or malformed is 0. */
void sacct_parse_tres(struct slice text, struct sacct_tres *ret_tres);

/*
 * Seconds of [start_ms, end_ms) in which the job ran. since_ms <= start_ms is where sacct was asked
 * to begin: a job that ended before that (to the second) was in no earlier window and counts as a
 * whole; one that ended between the two was counted then and gives 0.
 */
int64_t sacct_window_seconds(int64_t job_start_ms, int64_t job_end_ms, int64_t since_ms,
	int64_t start_ms, int64_t end_ms);

/* A line "account|user" of sacctmgr list associations; false for one that is not of interest. */
bool sacctmgr_parse_association(
	struct slice line, struct slice *ret_account, struct slice *ret_user);

#endif
