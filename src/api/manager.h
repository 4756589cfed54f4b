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
	const char *config_name,
		*config_dir; /* configuration file, for errors and relative paths */
	int cancel_fd; /* readable when the program stops */
};

/*
 * Half-open, in Unix ms, on whole seconds. Energy of a unit may be seen a while after its end, so
 * units that ended in [since, start) are listed once more, with 0 seconds in this window.
 */
struct window {
	int64_t since_ms, start_ms, end_ms;
};

struct manager {
	const char *name; /* "slurm" */
	const struct config_table *extra_config; /* its keys */
	int (*open)(const struct manager_env *env, void **ret_state, struct err *err);
	/*
	 * Called for each unit that has no end in the database, before the first window (and again
	 * if that is tried again): it was seen last at seen_ms. For managers whose source forgets
	 * units; what isn't there any more must be given an end. NULL: not wanted.
	 */
	int (*recall)(void *state, const struct unit *unit, int64_t seen_ms);
	/* Then for each project and user that own units in the database; NULL: not wanted. */
	int (*recall_owner)(void *state, const char *project, const char *user);
	/* Whether units that ended before a window can be asked for; else since is start. NULL:
	 * yes.
	 */
	bool (*lists_late)(void *state);
	/* Units that existed in [since, end), with TOTAL_TIME_SECONDS of [start, end) only. */
	int (*fetch_units)(void *state, const struct window *window, struct arena *arena,
		struct unit_list *units, struct err *err);
	/*
	 * 1: the lists name all there are. Who isn't in them has lost their rights, unless a list
	 * is empty, which is more likely a fault. 0: there may be more.
	 */
	int (*fetch_accounts)(void *state, int64_t now_ms, struct arena *arena,
		struct user_list *users, struct project_list *projects, struct err *err);
	/*
	 * The window is in the database now. Until this is called, the same window may be asked for
	 * again, and the answer must not lack anything: what a source tells once only (events) is
	 * kept until then. NULL: nothing is kept.
	 */
	void (*stored)(void *state, const struct window *window);
	void (*close)(void *state);
};

extern const struct manager manager_k8s, manager_openstack, manager_slurm;

#endif
