// SPDX-License-Identifier: Apache-2.0
#include "api/managers/k8s_entry.h"

#include <errno.h>
#include <stdlib.h>

enum { MS = 1000, MILLI = 1000 };

/* Of times that aren't known. */
static const char NONE[] = "N/A";

int k8s_entry_new(const char *uid, struct k8s_entry **ret_entry)
{
	const size_t n = strlen(uid) + 1;
	struct k8s_entry *entry = calloc(1, sizeof(*entry) + n);

	if (!entry)
		return -ENOMEM;
	memcpy(entry->uid, uid, n);
	*ret_entry = entry;
	return 0;
}

void k8s_entry_free(struct k8s_entry *entry)
{
	if (!entry)
		return;
	free(entry->pod);
	free(entry->owner);
	free(entry->started_at);
	free(entry);
}

static int64_t whole_s(int64_t ms)
{
	return ms - ms % MS;
}

void k8s_entry_own(struct k8s_entry *entry, struct k8s_pod *before)
{
	const struct k8s_pod *now = entry->pod;

	if (entry->owner ||
		(str_eq(before->project, now->project) && str_eq(before->username, now->username)))
		free(before);
	else
		entry->owner = before;
}

/* A start, and the end of a pod that is over, stay, whatever happens to the object later. */
void k8s_entry_put(struct k8s_entry *entry, struct k8s_pod *pod, int64_t now_ms)
{
	struct k8s_pod *before = entry->pod;

	if (before && before->started_ms)
		pod->started_ms = before->started_ms;
	if (k8s_pod_is_over(pod) && !entry->over_ms)
		entry->over_ms = pod->end_ms ? pod->end_ms : whole_s(now_ms);
	entry->pod = pod;
	if (before && entry->stored.told)
		k8s_entry_own(entry, before);
	else
		free(before);
	entry->recalled_ms = 0;
	entry->gone_ms = 0;
}

static int64_t earlier(int64_t a_ms, int64_t b_ms)
{
	return !a_ms ? b_ms : !b_ms ? a_ms : MIN(a_ms, b_ms);
}

/* A row with a start keeps it, also while nothing is known of the pod. */
static int64_t start_of(const struct k8s_entry *e)
{
	return k8s_pod_has_run(e->pod) || e->stored.told_start ? e->pod->started_ms : 0;
}

/*
 * A pod that is gone can't run any more, whatever time was granted it; one that isn't over runs at
 * least until it has to be deleted. What was counted was counted.
 */
static int64_t end_of(const struct k8s_entry *e, int64_t start_ms, int64_t now_ms)
{
	int64_t end_ms = e->over_ms;

	if (!end_ms && e->pod->end_ms && (e->gone_ms || e->pod->end_ms <= now_ms))
		end_ms = e->pod->end_ms;
	if (!end_ms && e->gone_ms)
		end_ms = e->pod->finished_ms;
	end_ms = earlier(end_ms, e->gone_ms);
	if (!end_ms)
		return 0;
	if (start_ms)
		end_ms = MAX(end_ms, start_ms);
	return e->stored.told_start ? MAX(end_ms, e->stored.counted_ms) : end_ms;
}

/*
 * It has been in the database without an end, or it ended in or after the window's beginning. The
 * very first window also lists what ended before it, as long as the API server tells of it.
 */
static bool is_listed(const struct k8s_entry *e, const struct window *window, int64_t end_ms)
{
	/* The clock of the node may be behind the one of the API server. */
	if (earlier(e->pod->created_ms, e->pod->started_ms) >= window->end_ms)
		return false;
	return !end_ms || end_ms >= window->since_ms || (e->stored.told && !e->stored.told_end) ||
		(!e->stored.told && window->since_ms == window->start_ms);
}

struct k8s_times k8s_entry_in_window(
	struct k8s_entry *e, const struct window *window, int64_t now_ms)
{
	struct k8s_times t = { .start_ms = start_of(e) };
	int64_t from_ms, to_ms;

	t.end_ms = end_of(e, t.start_ms, now_ms);
	t.listed = is_listed(e, window, t.end_ms);
	e->next = e->stored;
	if (!t.listed)
		return t;
	if (!e->next.counted_ms)
		e->next.counted_ms = earlier(t.end_ms, window->start_ms);
	from_ms = MAX(t.start_ms, e->next.counted_ms);
	to_ms = t.end_ms ? MIN(t.end_ms, window->end_ms) : window->end_ms;
	/* Nobody knows whether it runs: its time is counted when that is known again. */
	if (t.start_ms && (t.end_ms || k8s_pod_has_run(e->pod)) && to_ms > from_ms) {
		t.seconds = (to_ms - from_ms) / MS;
		e->next.counted_ms = to_ms;
	}
	e->next.told = true;
	e->next.told_start |= t.start_ms != 0;
	e->next.told_end = t.end_ms != 0;
	return t;
}

bool k8s_entry_is_done(const struct k8s_entry *e, const struct window *window, int64_t now_ms)
{
	const int64_t end_ms = end_of(e, start_of(e), now_ms);

	return e->gone_ms && end_ms < window->since_ms && (!e->stored.told || e->stored.told_end);
}

static const char *zoned(const struct timezone_ *zone, int64_t ms, struct arena *arena)
{
	char text[TIME_TEXT_MAX];

	if (!ms)
		return NONE;
	time_format_zdt(zone, ms, text);
	return arena_strdup(arena, text);
}

static int put_times(
	struct unit *unit, const struct k8s_pod *pod, int64_t seconds, struct arena *arena)
{
	struct metric_map *map = &unit->metrics[TOTAL_TIME_SECONDS];
	const double s = (double)seconds;
	const double gpus = (double)pod->gpus * s;
	int r;

	r = metric_map_put(map, arena, "walltime", s);
	if (r >= 0)
		r = metric_map_put(map, arena, "alloc_cputime", (double)pod->cpu_milli / MILLI * s);
	if (r >= 0)
		r = metric_map_put(map, arena, "alloc_cpumemtime", (double)pod->memory_bytes * s);
	if (r >= 0)
		r = metric_map_put(map, arena, "alloc_gputime", gpus);
	if (r >= 0)
		r = metric_map_put(map, arena, "alloc_gpumemtime", gpus);
	return r;
}

/* How long it has been there, of a pod that was more than waiting. */
static const char *elapsed(
	const struct k8s_entry *e, const struct k8s_times *t, int64_t now_ms, struct arena *arena)
{
	char text[TIME_TEXT_MAX];

	if (!t->start_ms && !k8s_pod_is_over(e->pod))
		return NONE;
	time_format_span(((t->end_ms ? t->end_ms : now_ms) - e->pod->created_ms) / MS, text);
	return arena_strdup(arena, text);
}

int k8s_entry_unit(const struct k8s_entry *e, const struct k8s_times *t,
	const struct k8s_origin *origin, struct arena *arena, struct unit *unit)
{
	const struct k8s_pod *pod = e->pod, *owner = e->owner ? e->owner : pod;

	unit->resource_manager = "k8s";
	unit->cluster_id = origin->cluster_id;
	unit->uuid = arena_strdup(arena, e->uid);
	unit->name = arena_strdup(arena, pod->name);
	unit->project = arena_strdup(arena, owner->project);
	unit->username = arena_strdup(arena, owner->username);
	unit->created_at_ms = pod->created_ms;
	unit->created_at = zoned(origin->zone, pod->created_ms, arena);
	unit->started_at_ms = t->start_ms;
	/* The text is a key of the row, which another zone must not change. */
	unit->started_at = t->start_ms && e->started_at ? arena_strdup(arena, e->started_at)
							: zoned(origin->zone, t->start_ms, arena);
	unit->ended_at_ms = t->end_ms;
	unit->ended_at = zoned(origin->zone, t->end_ms, arena);
	unit->elapsed = elapsed(e, t, origin->window_end_ms, arena);
	unit->state = arena_strdup(arena, pod->state);
	unit->allocation = arena_strdup(arena, pod->allocation);
	unit->tags = arena_strdup(arena, pod->tags);
	if (!unit->uuid || !unit->name || !unit->project || !unit->username || !unit->created_at ||
		!unit->started_at || !unit->ended_at || !unit->elapsed || !unit->state ||
		!unit->allocation || !unit->tags)
		return -ENOMEM;
	return put_times(unit, pod, t->seconds, arena);
}
