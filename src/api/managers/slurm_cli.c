// SPDX-License-Identifier: Apache-2.0
#include "api/managers/slurm_cli.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/command.h"
#include "host/privilege.h"

enum {
	PROBE_TIMEOUT_MS = 5000,
	PROBE_MAX_BYTES = 1 << 20,
	ARGS_MAX = 24,
	ENV_MAX = 256,
	ENV_OWN = 2,
};

enum run_mode { RUN_AS_ROOT, RUN_BY_SUDO, RUN_AS_IS };

struct slurm_cli {
	struct manager_env env;
	char *directory; /* of sacct and sacctmgr */
	enum run_mode mode;
	int64_t timeout_ms;
	/* SLURM_TIME_FORMAT, TZ and the configured ones. */
	const char *job_env[ENV_MAX + 1];
	char *env_texts[ENV_MAX]; /* what job_env owns */
	size_t n_env;
	bool probed; /* whether this is Slurm's own sacct has been asked */
	bool genuine;
};

DEFINE_CLEANUP(struct slurm_cli *, slurm_cli_close);

void slurm_cli_close(struct slurm_cli *cli)
{
	if (!cli)
		return;
	for (size_t i = 0; i < cli->n_env; i++)
		free(cli->env_texts[i]);
	free(cli->directory);
	free(cli);
}

static const capability_set run_capabilities = CAPABILITY(CAP_SETUID) | CAPABILITY(CAP_SETGID);

static int run(struct slurm_cli *cli, const char *program, const char *const *args,
	int64_t timeout_ms, struct buffer *out, struct err *err)
{
	const char *argv[ARGS_MAX + 4];
	char path[4096];
	capability_set raised = 0;
	size_t n = 0;
	int r;

	if (snprintf(path, sizeof(path), "%s/%s", cli->directory, program) >= (int)sizeof(path))
		return err_set(err, -ENAMETOOLONG, "path of %s", program);
	if (cli->mode == RUN_BY_SUDO) {
		argv[n++] = "sudo";
		argv[n++] = "-E";
	}
	argv[n++] = path;
	for (size_t i = 0; i < ARGS_MAX && args[i]; i++)
		argv[n++] = args[i];
	argv[n] = NULL;

	struct command command = {
		.argv = argv,
		.env = cli->job_env,
		.timeout_ms = timeout_ms,
		.max_output_bytes = out->limit,
		.merge_stderr = true,
		.new_session = cli->mode == RUN_BY_SUDO,
		.as_root = cli->mode == RUN_AS_ROOT,
		.cancel_fd = cli->env.cancel_fd,
	};

	if (cli->mode == RUN_AS_ROOT)
		raised = privilege_raise(run_capabilities);
	r = command_run(&command, out, err);
	privilege_lower(raised);
	return r;
}

/* The directory of sacct on PATH. */
static int find_directory(char **ret_directory, struct err *err)
{
	const char *path = getenv("PATH");
	struct slice rest = slice_from(path ? path : ""), dir;

	while (slice_next(&rest, ':', &dir)) {
		char *file;
		bool found;

		if (!dir.n)
			continue;
		if (asprintf(&file, "%.*s/sacct", (int)dir.n, dir.p) < 0)
			return err_errno(err, -ENOMEM, "looking for sacct");
		found = access(file, X_OK) == 0;
		if (found) {
			file[dir.n] = '\0';
			*ret_directory = file;
			return 0;
		}
		free(file);
	}
	return err_set(err, -ENOENT,
		"sacct is in none of the directories of PATH; set cli.path of the cluster");
}

static int choose_directory(struct slurm_cli *cli, struct err *err)
{
	const char *path = cli->env.cluster->cli.path;
	struct stat st;

	if (!path || !*path)
		return find_directory(&cli->directory, err);
	if (stat(path, &st) < 0)
		return err_errno(err, -errno, "cli.path '%s'", path);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, -ENOTDIR, "cli.path '%s' is no directory", path);
	cli->directory = strdup(path);
	return cli->directory ? 0 : err_errno(err, -ENOMEM, "cli.path");
}

/* A later one of the same name replaces the earlier one. */
static int set_variable(struct slurm_cli *cli, const char *name, const char *text)
{
	size_t length = strlen(name), i = 0;
	char *made;

	while (i < cli->n_env &&
		(strncmp(cli->env_texts[i], name, length) != 0 || cli->env_texts[i][length] != '='))
		i++;
	if (i == ENV_MAX || asprintf(&made, "%s=%s", name, text) < 0)
		return -ENOMEM;
	free(cli->env_texts[i]);
	cli->env_texts[i] = made;
	cli->job_env[i] = made;
	cli->n_env = MAX(cli->n_env, i + 1);
	return 0;
}

/* --starttime and --endtime, and times without an offset, are wall time in our zone. */
static int make_env(struct slurm_cli *cli, struct err *err)
{
	const struct config_map *vars = &cli->env.cluster->cli.environment_variables;
	const char *zone = timezone_name(
		cli->env.zone); /* NULL: that of this process, and theirs */
	int r;

	if (vars->n > ENV_MAX - ENV_OWN)
		return err_set(
			err, -E2BIG, "more than %d environment_variables", ENV_MAX - ENV_OWN);
	r = set_variable(cli, "SLURM_TIME_FORMAT", "%Y-%m-%dT%H:%M:%S%z");
	if (r >= 0 && zone)
		r = set_variable(cli, "TZ", zone);
	for (size_t i = 0; r >= 0 && i < vars->n; i++)
		r = set_variable(cli, vars->names[i], vars->values[i]);

	return r < 0 ? err_errno(err, r, "environment_variables") : 0;
}

static void choose_mode(struct slurm_cli *cli)
{
	static const char *const help[] = { "--help", NULL };
	CLEANUP(buffer_done) struct buffer out = { .limit = PROBE_MAX_BYTES };
	capability_set raised = privilege_raise(run_capabilities);
	struct err err;

	privilege_lower(raised);
	cli->mode = RUN_AS_ROOT;
	if (geteuid() == 0 || raised == run_capabilities)
		return;
	cli->mode = RUN_BY_SUDO;
	if (run(cli, "sacct", help, PROBE_TIMEOUT_MS, &out, &err) >= 0)
		return;
	cli->mode = RUN_AS_IS;
	log_warn(cli->env.log,
		"sacct runs as the current user, who may see own jobs only; give CAP_SETUID and "
		"CAP_SETGID, or allow it in sudoers",
		LOG_STR("cluster_id", cli->env.cluster->id));
}

int slurm_cli_open(const struct manager_env *env, int64_t timeout_ms, struct slurm_cli **ret_cli,
	struct err *err)
{
	CLEANUP(slurm_cli_closep) struct slurm_cli *cli = calloc(1, sizeof(*cli));
	int r;

	if (!cli)
		return err_errno(err, -ENOMEM, "SLURM manager");
	cli->env = *env;
	cli->timeout_ms = timeout_ms;
	r = choose_directory(cli, err);
	if (r >= 0)
		r = make_env(cli, err);
	if (r < 0)
		return r;
	choose_mode(cli);
	*ret_cli = TAKE(cli);
	return 0;
}

int slurm_cli_run(struct slurm_cli *cli, const char *program, const char *const *args,
	struct buffer *out, struct err *err)
{
	return run(cli, program, args, cli->timeout_ms, out, err);
}

bool slurm_cli_is_genuine(struct slurm_cli *cli)
{
	static const char *const version[] = { "--version", NULL };
	CLEANUP(buffer_done) struct buffer out = { .limit = PROBE_MAX_BYTES };
	struct err err;

	if (cli->probed)
		return cli->genuine;
	cli->genuine = run(cli, "sacct", version, PROBE_TIMEOUT_MS, &out, &err) >= 0 &&
		str_starts(buffer_text(&out), "slurm");
	cli->probed = true;
	return cli->genuine;
}

bool slurm_cli_separator(struct slurm_cli *cli, char separator[static SLURM_SEPARATOR_MAX])
{
	uint64_t random;

	strcpy(separator, "|");
	if (!slurm_cli_is_genuine(cli) || getrandom(&random, sizeof(random), 0) != sizeof(random))
		return false;
	snprintf(separator, SLURM_SEPARATOR_MAX, "|%016llx|", (unsigned long long)random);
	return true;
}
