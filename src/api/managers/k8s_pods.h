// SPDX-License-Identifier: Apache-2.0
/*
 * The pods of a cluster as units: what the watch tells of them comes in on one side, the units of
 * windows of time go out on the other (spec api-server.md 9). Locks itself; the functions of the
 * watch belong to one thread, those of windows to another.
 *
 * The API server tells an end only once, and forgets pods. So a pod is kept until a window is
 * stored that has its end:
 *   - Its time is counted from where the last stored window left off, so that windows sum up to
 *     [start, end) exactly, whenever its start became known.
 *   - An end that becomes known only after windows have counted beyond it is where these left off:
 *     what is stored is never taken back.
 *   - A pod that is gone without a word (missing in a new list, or in the first one after a start)
 *     ended when it was last known to be there.
 */
#ifndef CEEMS_API_MANAGERS_K8S_PODS_H
#define CEEMS_API_MANAGERS_K8S_PODS_H

#include "api/associations.h"
#include "api/manager.h"
#include "api/managers/k8s_pod.h"

enum { K8S_PODS_MAX = 1 << 19 }; /* with those that are gone and not stored yet */
#define K8S_PODS_MAX_BYTES ((size_t)2 << 30)

struct k8s_pods;

/* naming is borrowed. -ENOMEM. */
int k8s_pods_new(const struct k8s_naming *naming, struct k8s_pods **ret_pods);
void k8s_pods_free(struct k8s_pods *pods); /* NULL is fine */

/*
 * The watch: see struct kube_watch_config; now_ms is when it happens. -E2BIG: over a limit above,
 * -ENOMEM; a pod that can't be read is left out.
 */
void k8s_pods_begin(struct k8s_pods *pods, int64_t now_ms);
int k8s_pods_put(struct k8s_pods *pods, const struct kube_object *pod, int64_t now_ms);
int k8s_pods_remove(struct k8s_pods *pods, const struct kube_object *pod, int64_t now_ms);
void k8s_pods_heard(struct k8s_pods *pods, int64_t now_ms);
void k8s_pods_end(struct k8s_pods *pods);

/* What ran when windows were stored last; see struct manager. */
int k8s_pods_recall(struct k8s_pods *pods, const struct unit *unit, int64_t seen_ms);

/* Who had pods before; see struct manager. -E2BIG, -ENOMEM. */
int k8s_pods_recall_owner(struct k8s_pods *pods, const char *project, const char *user);

struct k8s_window {
	const struct window *window;
	const struct timezone_ *zone;
	const char *cluster_id;
	int64_t now_ms;
};
/* -ENOMEM */
int k8s_pods_units(struct k8s_pods *pods, const struct k8s_window *window, struct arena *arena,
	struct unit_list *units);
/* The units of that window are in the database. */
void k8s_pods_stored(struct k8s_pods *pods, const struct window *window);

/* Adds the pairs of all pods that were seen since k8s_pods_new(), and of recalled owners. -ENOMEM.
 */
int k8s_pods_pairs(struct k8s_pods *pods, struct arena *arena, struct association_list *pairs);

/* How many are kept. */
size_t k8s_pods_count(struct k8s_pods *pods);

#endif
