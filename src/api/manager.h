// SPDX-License-Identifier: Apache-2.0
/* A resource manager: where units, users and projects come from. Rows: managers/NAME.c. */
#ifndef CEEMS_API_MANAGER_H
#define CEEMS_API_MANAGER_H

#include "api/model.h"
#include "api/timezone.h"
#include "basic/clock.h"
#include "basic/log.h"
#include "format/config.h"

struct cluster_config {
	const char *id, *manager;
	struct strings updaters;
	struct {
		const char *path;
		struct config_map environment_variables;
	} cli;
	const struct config_node *web; /* url and client keys, decoded by the manager */
	const struct config_node *extra_config;
};

struct manager_env {
	const struct cluster_config *cluster;
	const struct timezone_ *zone;
	const struct clock *clock;
	const struct log *log;
	const char *config_dir; /* of the configuration file, for relative paths */
	int cancel_fd; /* readable when the program stops */
};

struct manager {
	const char *name; /* "slurm" */
	int (*open)(const struct manager_env *env, void **ret_state, struct err *err);
	/* Units that existed in [start, end), with TOTAL_TIME_SECONDS of this window only. */
	int (*fetch_units)(void *state, int64_t start_ms, int64_t end_ms, struct arena *arena,
		struct unit_list *units, struct err *err);
	int (*fetch_accounts)(void *state, int64_t now_ms, struct arena *arena,
		struct user_list *users, struct project_list *projects, struct err *err);
	void (*close)(void *state);
};

extern const struct manager manager_slurm;

#endif
