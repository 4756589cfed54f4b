// SPDX-License-Identifier: Apache-2.0
/*
 * Running sacct and sacctmgr (spec api-server.md 7). Both show everything to root only, so they run
 * as root where we may, else through sudo, else as we are.
 */
#ifndef CEEMS_API_MANAGERS_SLURM_CLI_H
#define CEEMS_API_MANAGERS_SLURM_CLI_H

#include "api/manager.h"
#include "basic/buffer.h"

enum { SLURM_OUTPUT_MAX_BYTES = 256 << 20, SLURM_SEPARATOR_MAX = 24 };

struct slurm_cli;

/* Finds the commands and how to run them. The environment is borrowed. */
int slurm_cli_open(const struct manager_env *env, int64_t timeout_ms, struct slurm_cli **ret_cli,
	struct err *err);
void slurm_cli_close(struct slurm_cli *cli); /* NULL is fine */

/* As command_run(), with at most 24 arguments. What the program writes on stderr is output too. */
int slurm_cli_run(struct slurm_cli *cli, const char *program, const char *const *args,
	struct buffer *out, struct err *err);

/*
 * Slurm's own sacct ("slurm 24.05.4"; Debian: "slurm-wlm 22.05.8") can be told a separator that no
 * job name contains, and the width of its fields. Scripts that stand in for it are told neither.
 * Asked once.
 */
bool slurm_cli_is_genuine(struct slurm_cli *cli);

/*
 * A separator for the fields of sacct's next answer, to be given by --delimiter: a new one each
 * time, which no user can guess. False and "|" if this is no sacct of Slurm, which
 * knows neither that option nor widths in --format.
 */
bool slurm_cli_separator(struct slurm_cli *cli, char separator[static SLURM_SEPARATOR_MAX]);

#endif
