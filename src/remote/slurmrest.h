// SPDX-License-Identifier: Apache-2.0
/*
 * Replies of Slurm's REST API (https://slurm.schedmd.com/rest_api.html), versions 0.0.38 of Slurm
 * 22.05 and later ones: bytes in, structs in an arena out. Jobs come out as the records that sacct
 * prints for them, so that both sources give the same units. Later versions write a number as
 * {"set": true, "infinite": false, "number": 5} and states as lists; both are read in any version.
 * -EBADMSG with a sentence for what is no such reply or states an error, -E2BIG, -ENOMEM.
 */
#ifndef CEEMS_REMOTE_SLURMREST_H
#define CEEMS_REMOTE_SLURMREST_H

#include "basic/arena.h"
#include "basic/err.h"
#include "remote/sacct.h"

enum {
	SLURMREST_JOBS_MAX = 1 << 20, /* of one reply */
	SLURMREST_PAIRS_MAX = 1 << 20, /* likewise of associations */
	SLURMREST_VERSION_MAX = 32,
};

/* What GET /openapi/v3 tells of the server. */
struct slurmrest_server {
	char version[SLURMREST_VERSION_MAX]; /* the newest of slurmdb/VERSION/jobs: "v0.0.38" */
	bool show_duplicates; /* its jobs have this parameter; without it all runs of a job come */
};
int slurmrest_parse_server(struct slice json, struct slurmrest_server *ret_server, struct err *err);

/*
 * Users choose bytes that are no UTF-8, and slurmrestd passes them on: each becomes a '?', since
 * one job's name must not make all jobs unreadable.
 */
void slurmrest_repair(char *json, size_t n);

/*
 * The jobs that were given nodes, in the reply's order: fields as sacct writes them, times with the
 * offset "+0000" or "Unknown". The API tells no uid and no gid: p of these is NULL. An empty list
 * where Slurm says that it found nothing.
 */
int slurmrest_parse_jobs(struct slice json, struct arena *arena, struct sacct_record **ret_records,
	size_t *ret_n, struct err *err);

/* Accounts with users, as sacctmgr_parse_association() gives them. */
struct slurmrest_pair {
	const char *account, *user;
};
/* cluster: only its own; NULL: all. */
int slurmrest_parse_associations(struct slice json, const char *cluster, struct arena *arena,
	struct slurmrest_pair **ret_pairs, size_t *ret_n, struct err *err);

#endif
