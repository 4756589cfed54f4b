// SPDX-License-Identifier: Apache-2.0
/*
 * One pod and how far its time is counted: what it is in a window. Pure. All times are Unix ms on
 * whole seconds; 0: there is none.
 */
#ifndef CEEMS_API_MANAGERS_K8S_ENTRY_H
#define CEEMS_API_MANAGERS_K8S_ENTRY_H

#include "api/manager.h"
#include "api/managers/k8s_pod.h"

struct k8s_progress {
	int64_t counted_ms; /* its time is counted up to here; 0: it was in no window */
	bool told; /* the database has it */
	bool told_start, told_end; /* with these */
};

struct k8s_entry {
	struct k8s_pod *pod; /* as it was told last */
	/* As the database has it, if its user or project were others then; NULL: they are the same.
	 */
	struct k8s_pod *owner;
	/* Of a unit that the database knew before we did, until the API server tells of it. */
	int64_t recalled_ms; /* when it was known last */
	char *started_at; /* the text there; NULL: not from the database */
	uint64_t list; /* the last list that it was in */
	int64_t over_ms; /* when it ended; known of those that were told to be over */
	int64_t gone_ms; /* when it was gone; 0: it's there */
	struct k8s_progress stored, next; /* now, and when the window is stored */
	uint64_t window; /* that next belongs to */
	char uid[];
};

/* -ENOMEM */
int k8s_entry_new(const char *uid, struct k8s_entry **ret_entry);
void k8s_entry_free(struct k8s_entry *entry); /* NULL is fine */

/* Takes what was told of the pod; it is there. */
void k8s_entry_put(struct k8s_entry *entry, struct k8s_pod *pod, int64_t now_ms);

/*
 * Takes what the database says of it: the unit stays with who had it first, as its row does,
 * whatever annotations become.
 */
void k8s_entry_own(struct k8s_entry *entry, struct k8s_pod *before);

struct k8s_times {
	int64_t start_ms, end_ms; /* of the pod */
	int64_t seconds; /* of the window that it ran */
	bool listed; /* the window has something to say of it */
};

/* Sets next, too; the entry keeps it until it becomes stored. */
struct k8s_times k8s_entry_in_window(
	struct k8s_entry *entry, const struct window *window, int64_t now_ms);

/* It is gone, and all windows that have something to say of it are stored. */
bool k8s_entry_is_done(const struct k8s_entry *entry, const struct window *window, int64_t now_ms);

struct k8s_origin {
	const char *cluster_id;
	const struct timezone_ *zone;
	int64_t window_end_ms;
};
/* -ENOMEM */
int k8s_entry_unit(const struct k8s_entry *entry, const struct k8s_times *times,
	const struct k8s_origin *origin, struct arena *arena, struct unit *unit);

#endif
