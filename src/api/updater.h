// SPDX-License-Identifier: Apache-2.0
/* An updater adds metrics to units that a manager fetched. Rows: updaters/NAME.c. */
#ifndef CEEMS_API_UPDATER_H
#define CEEMS_API_UPDATER_H

#include "api/manager.h" /* struct window */
#include "api/model.h"
#include "basic/clock.h"
#include "basic/log.h"
#include "format/config.h"

struct updater_config {
	const char *id, *updater;
	const struct config_node *web;
	const struct config_node *extra_config;
};

struct updater_env {
	const struct updater_config *config;
	const struct clock *clock;
	const struct log *log;
	const char *config_name,
		*config_dir; /* configuration file, for errors and relative paths */
	int cancel_fd;
};

/* What the answers of an updater's server need in order to be complete. */
struct updater_timing {
	int64_t settle_ms; /* a window must have ended this long ago */
	int64_t min_window_ms; /* a shorter window would get no metrics */
};

struct updater {
	const char *name; /* "tsdb" */
	const struct config_table *extra_config; /* its keys */
	int (*open)(const struct updater_env *env, void **ret_state, struct err *err);
	/* The metrics that it may fill, as bits of enum unit_metric; the same as long as it is
	 * open. */
	unsigned (*metrics)(void *state);
	/* Sets ignore of the units that are too short to be listed. Asks nobody. NULL: none are. */
	void (*mark)(void *state, struct unit_list *units);
	/*
	 * Fills metrics of the units. -errno if the window should be tried again later
	 * (the server was unreachable); a single bad query is logged and leaves its sub-key out.
	 * Nothing changes at the server, so that it may be asked again.
	 */
	int (*update)(void *state, const struct window *window, struct unit_list *units,
		struct arena *arena, struct err *err);
	/*
	 * Windows that follow each other are in the database with all metrics, and no older one
	 * waits for any: what they don't need any more may be deleted. units: uuid and times of
	 * those that mark() ignored. NULL: nothing is.
	 */
	void (*stored)(void *state, const struct window *window, const struct unit_list *units,
		struct arena *arena);
	void (*timing)(void *state, struct updater_timing *ret_timing);
	void (*close)(void *state);
};

extern const struct updater updater_tsdb;

#endif
