// SPDX-License-Identifier: Apache-2.0
#include "api/managers/k8s_pods.h"

#include <errno.h>
#include <pthread.h>
#include <search.h>
#include <stdlib.h>

#include "api/managers/k8s_entry.h"
#include "api/managers/k8s_pairs.h"

enum { MS = 1000 };

struct k8s_pods {
	const struct k8s_naming *naming;
	pthread_mutex_t lock;
	void *entries; /* of tsearch(3), by uid */
	size_t n, bytes;
	struct k8s_pairs pairs;
	uint64_t list; /* number of the present or last list */
	int64_t list_began_ms;
	int64_t known_ms; /* up to here everything was known */
	bool complete; /* a list had an end */
	uint64_t window; /* number of the last one that was asked for; 0: it's stored */
	uint64_t windows;
	struct window asked;
};

int k8s_pods_new(const struct k8s_naming *naming, struct k8s_pods **ret_pods)
{
	struct k8s_pods *pods = calloc(1, sizeof(*pods));

	if (!pods)
		return -ENOMEM;
	pods->naming = naming;
	pthread_mutex_init(&pods->lock, NULL);
	*ret_pods = pods;
	return 0;
}

static void free_entry(void *entry)
{
	k8s_entry_free(entry);
}

void k8s_pods_free(struct k8s_pods *pods)
{
	if (!pods)
		return;
	tdestroy(pods->entries, free_entry);
	k8s_pairs_done(&pods->pairs);
	pthread_mutex_destroy(&pods->lock);
	free(pods);
}

static int by_uid(const void *a, const void *b)
{
	return strcmp(((const struct k8s_entry *)a)->uid, ((const struct k8s_entry *)b)->uid);
}

static size_t size_of(const struct k8s_entry *e)
{
	return sizeof(*e) + strlen(e->uid) + (e->pod ? e->pod->size_bytes : 0) +
		(e->owner ? e->owner->size_bytes : 0) + (e->started_at ? strlen(e->started_at) : 0);
}

/* The entry of a pod, a new one without a pod if there is none. */
static int find_locked(struct k8s_pods *pods, const char *uid, struct k8s_entry **ret_entry)
{
	struct k8s_entry *made, **place;
	int r = k8s_entry_new(uid, &made);

	if (r < 0)
		return r;
	place = tsearch(made, &pods->entries, by_uid);
	if (!place || *place != made) {
		k8s_entry_free(made);
		if (!place)
			return -ENOMEM;
		*ret_entry = *place;
		return 0;
	}
	pods->n++;
	*ret_entry = made;
	return 0;
}

static void drop_locked(struct k8s_pods *pods, struct k8s_entry *e)
{
	tdelete(e, &pods->entries, by_uid);
	pods->n--;
	pods->bytes -= e->pod ? size_of(e) : 0;
	k8s_entry_free(e);
}

/* Takes the pod. Whatever goes wrong, the tree holds no entry without one. */
static int keep_locked(struct k8s_pods *pods, const char *uid, struct k8s_pod *pod, int64_t now_ms,
	struct k8s_entry **ret_entry)
{
	struct k8s_entry *e;
	int r = find_locked(pods, uid, &e);

	if (r >= 0 && !e->pod &&
		(pods->n > K8S_PODS_MAX || pods->bytes + pod->size_bytes > K8S_PODS_MAX_BYTES)) {
		drop_locked(pods, e);
		r = -E2BIG;
	}
	if (r < 0) {
		free(pod);
		return r;
	}
	pods->bytes -= e->pod ? size_of(e) : 0;
	k8s_entry_put(e, pod, now_ms);
	pods->bytes += size_of(e);
	*ret_entry = e;
	return 0;
}

/* Of which a put only begins, and a removal is the end. */
static int tell(struct k8s_pods *pods, const struct kube_object *object, int64_t now_ms, bool gone)
{
	struct k8s_pod *pod;
	struct k8s_entry *e;
	int r = k8s_pod_new(object, pods->naming, &pod);

	if (r < 0)
		return r == -EBADMSG ? 0 : r;
	pthread_mutex_lock(&pods->lock);
	r = k8s_pairs_add(&pods->pairs, pod->project, pod->username);
	if (r < 0)
		free(pod);
	else
		r = keep_locked(pods, object->uid, pod, now_ms, &e);
	if (r >= 0) {
		e->list = pods->list;
		e->gone_ms = gone ? now_ms - now_ms % MS : 0;
	}
	pthread_mutex_unlock(&pods->lock);
	return r;
}

void k8s_pods_begin(struct k8s_pods *pods, int64_t now_ms)
{
	pthread_mutex_lock(&pods->lock);
	pods->list++;
	pods->list_began_ms = now_ms;
	pthread_mutex_unlock(&pods->lock);
}

int k8s_pods_put(struct k8s_pods *pods, const struct kube_object *pod, int64_t now_ms)
{
	return tell(pods, pod, now_ms, false);
}

int k8s_pods_remove(struct k8s_pods *pods, const struct kube_object *pod, int64_t now_ms)
{
	return tell(pods, pod, now_ms, true);
}

void k8s_pods_heard(struct k8s_pods *pods, int64_t now_ms)
{
	pthread_mutex_lock(&pods->lock);
	pods->known_ms = now_ms;
	pthread_mutex_unlock(&pods->lock);
}

static void end_missing(const void *node, VISIT order, void *ctx)
{
	struct k8s_entry *e = *(struct k8s_entry *const *)node;
	const struct k8s_pods *pods = ctx;
	int64_t known_ms;

	if ((order != postorder && order != leaf) || e->list == pods->list || e->gone_ms)
		return;
	known_ms = e->recalled_ms ? e->recalled_ms : pods->known_ms;
	e->gone_ms = known_ms - known_ms % MS;
}

void k8s_pods_end(struct k8s_pods *pods)
{
	pthread_mutex_lock(&pods->lock);
	twalk_r(pods->entries, end_missing, pods);
	pods->known_ms = pods->list_began_ms;
	pods->complete = true;
	pthread_mutex_unlock(&pods->lock);
}

/*
 * The list may be there already: then what it lacks is gone. Of two rows that CEEMS 0.10.2 left of
 * a pod the one with a start counts.
 */
static void remember_locked(struct k8s_pods *pods, struct k8s_entry *e, struct k8s_pod *pod,
	char *started_at, int64_t seen_ms)
{
	const int64_t created_ms = pod->created_ms;

	if (e->pod && e->stored.told_start && !started_at) {
		free(pod);
		return;
	}
	pods->bytes -= e->pod ? size_of(e) : 0;
	if (e->pod && !e->recalled_ms) {
		k8s_entry_own(e, pod);
	} else {
		free(e->pod);
		e->pod = pod;
		e->recalled_ms = seen_ms;
		e->gone_ms = pods->complete ? seen_ms - seen_ms % MS : 0;
	}
	free(e->started_at);
	e->started_at = started_at;
	pods->bytes += size_of(e);
	e->stored = (struct k8s_progress){
		/* What waits was counted nowhere. */
		.counted_ms = started_at ? seen_ms : created_ms,
		.told = true,
		.told_start = started_at != NULL,
	};
}

int k8s_pods_recall(struct k8s_pods *pods, const struct unit *unit, int64_t seen_ms)
{
	struct k8s_pod *pod = NULL;
	struct k8s_entry *e;
	char *started_at = NULL;
	int r = k8s_pod_recall(unit, &pod);

	if (r < 0)
		return r;
	if (unit->started_at_ms) {
		started_at = strdup(unit->started_at);
		r = started_at ? 0 : -ENOMEM;
	}
	pthread_mutex_lock(&pods->lock);
	if (r >= 0)
		r = k8s_pairs_add(&pods->pairs, pod->project, pod->username);
	if (r >= 0)
		r = find_locked(pods, unit->uuid, &e);
	if (r >= 0)
		remember_locked(pods, e, pod, started_at, seen_ms);
	pthread_mutex_unlock(&pods->lock);
	if (r < 0) {
		free(pod);
		free(started_at);
	}
	return r;
}

int k8s_pods_recall_owner(struct k8s_pods *pods, const char *project, const char *user)
{
	int r;

	pthread_mutex_lock(&pods->lock);
	r = k8s_pairs_add(&pods->pairs, project, user);
	pthread_mutex_unlock(&pods->lock);
	return r;
}

/* What windows do with every entry. */
struct walk {
	struct k8s_pods *pods;
	const struct k8s_window *in;
	struct arena *arena;
	struct unit_list *units;
	struct k8s_entry **done; /* those that may go */
	size_t n_done;
	int error;
};

static void commit_entry(const void *node, VISIT order, void *ctx)
{
	struct k8s_entry *e = *(struct k8s_entry *const *)node;
	const struct k8s_pods *pods = ctx;

	if ((order == postorder || order == leaf) && e->window == pods->window)
		e->stored = e->next;
}

static void commit_locked(struct k8s_pods *pods)
{
	if (pods->window)
		twalk_r(pods->entries, commit_entry, pods);
	pods->window = 0;
}

static int push_unit(struct walk *w, struct k8s_entry *e, const struct k8s_times *times)
{
	const struct k8s_origin origin = {
		.cluster_id = w->in->cluster_id,
		.zone = w->in->zone,
		.window_end_ms = w->in->window->end_ms,
	};
	struct unit *unit = unit_list_push(w->units, w->arena);

	return unit ? k8s_entry_unit(e, times, &origin, w->arena, unit) : -ENOMEM;
}

static void visit(const void *node, VISIT order, void *ctx)
{
	struct k8s_entry *e = *(struct k8s_entry *const *)node;
	struct walk *w = ctx;
	struct k8s_times times;

	if (w->error < 0 || (order != postorder && order != leaf))
		return;
	if (k8s_entry_is_done(e, w->in->window, w->in->now_ms)) {
		w->done[w->n_done++] = e;
		return;
	}
	times = k8s_entry_in_window(e, w->in->window, w->in->now_ms);
	e->window = w->pods->window;
	if (times.listed)
		w->error = push_unit(w, e, &times);
}

int k8s_pods_units(struct k8s_pods *pods, const struct k8s_window *window, struct arena *arena,
	struct unit_list *units)
{
	struct walk w = { .pods = pods, .in = window, .arena = arena, .units = units };

	pthread_mutex_lock(&pods->lock);
	/* A window that begins later says that the one before was stored, though we weren't told.
	 */
	if (pods->window && window->window->start_ms >= pods->asked.end_ms)
		commit_locked(pods);
	pods->window = ++pods->windows;
	pods->asked = *window->window;
	w.done = arena_calloc(arena, pods->n + 1, sizeof(*w.done));
	if (w.done)
		twalk_r(pods->entries, visit, &w);
	else
		w.error = -ENOMEM;
	for (size_t i = 0; i < w.n_done; i++)
		drop_locked(pods, w.done[i]);
	pthread_mutex_unlock(&pods->lock);
	return w.error;
}

void k8s_pods_stored(struct k8s_pods *pods, const struct window *window)
{
	pthread_mutex_lock(&pods->lock);
	if (pods->window && window->end_ms == pods->asked.end_ms)
		commit_locked(pods);
	pthread_mutex_unlock(&pods->lock);
}

int k8s_pods_pairs(struct k8s_pods *pods, struct arena *arena, struct association_list *pairs)
{
	int r;

	pthread_mutex_lock(&pods->lock);
	r = k8s_pairs_list(&pods->pairs, arena, pairs);
	pthread_mutex_unlock(&pods->lock);
	return r;
}

size_t k8s_pods_count(struct k8s_pods *pods)
{
	size_t n;

	pthread_mutex_lock(&pods->lock);
	n = pods->n;
	pthread_mutex_unlock(&pods->lock);
	return n;
}
