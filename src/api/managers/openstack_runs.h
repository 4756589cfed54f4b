// SPDX-License-Identifier: Apache-2.0
/*
 * Which server ran when, and with what (spec api-server.md 8, item 4). Nova tells only the present
 * state of a server and when it last changed:
 *
 *     DELETED, SOFT_DELETED                                  ran from launched to terminated
 *     SHUTOFF, SUSPENDED, SHELVED, SHELVED_OFFLOADED, ERROR  ran from launched to updated
 *     any other                                              runs since updated
 *
 * That is all that is known of a server that is seen for the first time. Of one that was seen
 * before, the time before its last change is known as well: a server that was running then and is
 * running now has been running, though 'updated' has moved.
 *
 * Nova sets launched_at anew when a server is resized (or that is undone), rebuilt, evacuated,
 * rescued or unshelved (nova/compute/manager.py). What was before is a run of its own, which
 * ended then and keeps the flavor that it had. Pure.
 */
#ifndef CEEMS_API_MANAGERS_OPENSTACK_RUNS_H
#define CEEMS_API_MANAGERS_OPENSTACK_RUNS_H

#include "api/managers/openstack_texts.h"
#include "api/model.h"

enum { OPENSTACK_SPANS_MAX = 8 };

struct openstack_span {
	int64_t from_us, to_us; /* to: INT64_MAX = still running */
};

/* One for each value of launched_at of a server; a row of the table of units. */
struct openstack_run {
	const char *id, *status, *name;
	const char *project, *username; /* names, "" if they aren't known */
	const char *allocation, *tags; /* JSON */
	struct openstack_amounts amounts;
	int64_t created_us;
	int64_t launched_us; /* 0: not launched yet */
	int64_t ended_us; /* 0: not ended */
	int64_t seen_us; /* until when it is accounted for */
	struct openstack_span spans[OPENSTACK_SPANS_MAX]; /* oldest first; more: the oldest goes */
	size_t n_spans;
};

struct openstack_runs { /* sorted by id, then by launched */
	struct openstack_run *v;
	size_t n, cap;
};

/* Sorted by id, each once. */
struct openstack_servers {
	const struct nova_server **v;
	size_t n;
};

/* All servers of the lists; one that stands in several is taken from the last of them. The lists
 * are borrowed, the array is the arena's. -ENOMEM. */
int openstack_servers_join(const struct nova_servers *lists, size_t n_lists, struct arena *arena,
	struct openstack_servers *ret_servers);

/* Names of ids, "" for unknown ones; borrowed for the call. */
struct openstack_names {
	void *ctx;
	const char *(*user)(void *ctx, const char *id);
	const char *(*project)(void *ctx, const char *id);
};

/*
 * Adds a unit that has no end in the database and was seen last at seen_ms. To be followed by
 * openstack_runs_sort(). -ENOMEM.
 */
int openstack_runs_recall(
	struct openstack_runs *runs, const struct unit *unit, int64_t seen_ms, struct arena *arena);
void openstack_runs_sort(struct openstack_runs *runs); /* and drops what is there twice */

/*
 * What is known after the servers were listed for a window from since_us to end_us: their runs, and
 * others that have just ended or ended after since_us. A run whose server isn't listed any more has
 * ended (state DELETED), at a time that nobody knows, so that nothing is counted after it was last
 * seen. Strings are copied to the arena. -ENOMEM.
 */
int openstack_runs_update(const struct openstack_runs *before,
	const struct openstack_servers *servers, const struct openstack_names *names,
	int64_t since_us, int64_t end_us, struct arena *arena, struct openstack_runs *ret_runs);

/* Seconds in [start, end) that it ran. */
double openstack_run_seconds(const struct openstack_run *run, int64_t start_us, int64_t end_us);

#endif
