// SPDX-License-Identifier: Apache-2.0
/*
 * All that a configuration makes: clusters with their servers, and who owns what. A reload makes a
 * new one; requests that began with the old one end with it. Counted; any thread.
 */
#ifndef CEEMS_LB_STATE_H
#define CEEMS_LB_STATE_H

#include <stdatomic.h>

#include "lb/owners/owners.h"
#include "lb/pool.h"

struct state {
	struct settings *settings;
	struct gate_options gate;
	struct pools *pools[N_GATE_KINDS];
	struct owners *owners; /* NULL: access control is off */
	bool known; /* the clusters were found in the source of ownership */
	bool told; /* which were not */
	struct state *next; /* for whoever keeps a list of them */
	/* Private. */
	atomic_uint refs;
};

struct state_config {
	const struct clock *clock;
	const struct log *log;
	int cancel_fd;
};

/* Takes a reference of the settings. before: the state that it replaces, or NULL. */
int state_new(const struct state_config *config, struct settings *settings,
	const struct state *before, struct state **ret_state, struct err *err);
/* Starts the servers' threads. */
int state_start(struct state *state, struct err *err);

/* The path of ceems.db for this configuration; NULL: it names no directory. In the arena. */
const char *state_database(const struct settings *settings, struct arena *arena);

/*
 * Whether the clusters of the configuration are among those that have units; says once which are
 * not. May block.
 */
void state_check_clusters(struct state *state, const struct log *log);

/*
 * For one that another has replaced and that requests may use for long yet: gives back what they
 * can do without, the remembered answers and the servers' threads.
 */
void state_rest(struct state *state);

struct state *state_ref(struct state *state);
/* Whether the caller's reference is the only one. */
bool state_is_idle(const struct state *state);
/* The last one must not be put on an event loop, as it waits for nobody but closes files. */
void state_unref(struct state *state); /* NULL is fine */

#endif
