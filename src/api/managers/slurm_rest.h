// SPDX-License-Identifier: Apache-2.0
/*
 * Jobs and associations from slurmrestd, for clusters with web.url. Whoever asks is named by the
 * headers of web.http_headers: X-SLURM-USER-TOKEN, a JSON Web Token of a user who may see all jobs
 * (and X-SLURM-USER-NAME, if the token is root's). Nothing runs on this machine for it, so no
 * capability is needed.
 */
#ifndef CEEMS_API_MANAGERS_SLURM_REST_H
#define CEEMS_API_MANAGERS_SLURM_REST_H

#include "api/manager.h"
#include "remote/slurmrest.h"

struct slurm_rest;

struct slurm_rest_options {
	const char *cluster; /* of the database that slurmrestd asks; "": all */
	const char *version; /* of the API, "v0.0.38"; "": the newest that the server has */
	int64_t timeout_ms; /* of one request */
};

/* Whether the cluster has a web.url. */
bool slurm_rest_is_wanted(const struct cluster_config *cluster);

/* The environment and the options are borrowed. Nothing is asked yet. */
int slurm_rest_open(const struct manager_env *env, const struct slurm_rest_options *options,
	struct slurm_rest **ret_rest, struct err *err);
void slurm_rest_close(struct slurm_rest *rest); /* NULL is fine */

/* All jobs that existed in [from, to], Unix seconds; each run once. */
int slurm_rest_jobs(struct slurm_rest *rest, int64_t from_s, int64_t to_s, struct arena *arena,
	struct sacct_record **ret_records, size_t *ret_n, struct err *err);
int slurm_rest_associations(struct slurm_rest *rest, struct arena *arena,
	struct slurmrest_pair **ret_pairs, size_t *ret_n, struct err *err);

#endif
