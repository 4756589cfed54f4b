// SPDX-License-Identifier: Apache-2.0
#include "api/managers/openstack_runs.h"

#include <errno.h>
#include <stdlib.h>

enum { US_PER_S = 1000000, US_PER_MS = 1000, FIRST_RUNS = 64 };

enum state { ENDED, STOPPED, RUNNING };

static enum state state_of(const char *status)
{
	static const struct {
		const char *status;
		enum state state;
	} states[] = {
		{ "DELETED", ENDED },
		{ "SOFT_DELETED", ENDED },
		{ "SHUTOFF", STOPPED },
		{ "SUSPENDED", STOPPED },
		{ "SHELVED", STOPPED },
		{ "SHELVED_OFFLOADED", STOPPED },
		{ "ERROR", STOPPED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		if (str_eq(states[i].status, status))
			return states[i].state;
	return RUNNING;
}

/* A server and where it stood. */
struct listed {
	const struct nova_server *server;
	size_t at;
};

static int by_id(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;
	int r = strcmp(x->server->id, y->server->id);

	return r ? r : (x->at > y->at) - (x->at < y->at);
}

int openstack_servers_join(const struct nova_servers *lists, size_t n_lists, struct arena *arena,
	struct openstack_servers *ret_servers)
{
	struct openstack_servers servers = { 0 };
	struct listed *all;
	size_t n = 0;

	for (size_t l = 0; l < n_lists; l++)
		n += lists[l].n;
	all = malloc((n + 1) * sizeof(*all));
	servers.v = ARENA_ARRAY(arena, const struct nova_server *, n + 1);
	if (!all || !servers.v) {
		free(all);
		return -ENOMEM;
	}
	n = 0;
	for (size_t l = 0; l < n_lists; l++)
		for (size_t i = 0; i < lists[l].n; i++, n++)
			all[n] = (struct listed){ &lists[l].v[i], n };
	qsort(all, n, sizeof(*all), by_id);
	for (size_t i = 0; i < n; i++)
		if (i + 1 == n || !str_eq(all[i].server->id, all[i + 1].server->id))
			servers.v[servers.n++] = all[i].server;
	free(all);
	*ret_servers = servers;
	return 0;
}

static bool runs_now(const struct openstack_run *run)
{
	return run->n_spans && run->spans[run->n_spans - 1].to_us == INT64_MAX;
}

static void begin_span(struct openstack_run *run, int64_t from_us, int64_t to_us)
{
	struct openstack_span *last;

	if (run->n_spans == OPENSTACK_SPANS_MAX) {
		memmove(run->spans, run->spans + 1, sizeof(run->spans) - sizeof(run->spans[0]));
		run->n_spans--;
	}
	if (run->n_spans)
		from_us = MAX(from_us, run->spans[run->n_spans - 1].to_us);
	last = &run->spans[run->n_spans++];
	*last = (struct openstack_span){ from_us, MAX(from_us, to_us) };
}

static void end_span(struct openstack_run *run, int64_t to_us)
{
	struct openstack_span *last = &run->spans[run->n_spans - 1];

	last->to_us = MAX(last->from_us, to_us);
}

static int64_t ended_of(const struct nova_server *s)
{
	/* A server that waits to be reclaimed may have no time of termination yet. */
	return s->terminated_us ? s->terminated_us : s->updated_us;
}

/* Seen for the first time. */
static void guess(struct openstack_run *run, const struct nova_server *s)
{
	enum state state = state_of(s->status);

	if (state == RUNNING)
		begin_span(run, MAX(s->updated_us, MAX(s->launched_us, s->created_us)), INT64_MAX);
	else if (s->launched_us)
		begin_span(run, s->launched_us, state == ENDED ? ended_of(s) : s->updated_us);
}

/* Seen again, so that what it did until its last change is known. */
static void follow(struct openstack_run *run, const struct nova_server *s)
{
	enum state state = state_of(s->status);

	if (state == RUNNING && !runs_now(run))
		begin_span(run, s->updated_us, INT64_MAX);
	else if (state != RUNNING && runs_now(run))
		end_span(run, state == ENDED ? ended_of(s) : s->updated_us);
}

/*
 * A run that began while we were looking: what it does now it has done since it was launched. One
 * that was stopped before and is stopped now (resized meanwhile) never ran.
 */
static void begin(struct openstack_run *run, const struct nova_server *s, bool ran_before)
{
	enum state state = state_of(s->status);
	int64_t from_us = s->launched_us ? s->launched_us : s->updated_us;

	if (state == RUNNING)
		begin_span(run, from_us, INT64_MAX);
	else if (ran_before)
		begin_span(run, from_us, state == ENDED ? ended_of(s) : s->updated_us);
}

/* What the server says of itself now. */
static int describe(struct openstack_run *run, const struct nova_server *s,
	const struct openstack_names *names, struct arena *arena)
{
	const char *user = names->user(names->ctx, s->user_id);
	const char *project = names->project(names->ctx, s->project_id);

	run->id = s->id;
	run->status = s->status;
	run->name = s->name;
	/* A user may be gone from Keystone before the server is. */
	if (*user || !run->username)
		run->username = user;
	if (*project || !run->project)
		run->project = project;
	run->allocation = openstack_allocation(&s->flavor, arena);
	run->tags = openstack_tags(s, arena);
	run->amounts = (struct openstack_amounts){ s->flavor.vcpus, s->flavor.memory_mib,
		s->flavor.vgpus };
	run->created_us = s->created_us;
	run->launched_us = s->launched_us;
	run->ended_us = state_of(s->status) == ENDED ? ended_of(s) : 0;
	return run->allocation && run->tags ? 0 : -ENOMEM;
}

static int push(struct openstack_runs *runs, const struct openstack_run *run, struct arena *arena)
{
	const char **texts[] = { &runs->v[runs->n].id, &runs->v[runs->n].status,
		&runs->v[runs->n].name, &runs->v[runs->n].project, &runs->v[runs->n].username,
		&runs->v[runs->n].allocation, &runs->v[runs->n].tags };

	runs->v[runs->n++] = *run;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		*texts[i] = arena_strdup(arena, *texts[i]);
		if (!*texts[i])
			return -ENOMEM;
	}
	return 0;
}

/* The database knows milliseconds only. */
static int64_t launch_key(int64_t launched_us)
{
	return launched_us / US_PER_MS;
}

static int by_id_and_launch(const void *a, const void *b)
{
	const struct openstack_run *x = a, *y = b;
	int64_t k = launch_key(x->launched_us), l = launch_key(y->launched_us);
	int r = strcmp(x->id, y->id);

	return r ? r : (k > l) - (k < l);
}

/* The run that the server is in: the one with its launched_at, or one that waited to be launched.
 */
static const struct openstack_run *find_same(
	const struct openstack_run *known, size_t n, const struct nova_server *s)
{
	for (size_t i = n; i > 0; i--)
		if (launch_key(known[i - 1].launched_us) == launch_key(s->launched_us))
			return &known[i - 1];
	if (n == 1 && !known[0].launched_us && !known[0].ended_us)
		return &known[0];
	return NULL;
}

/* A past run of a server; next_us: when the next one began. False: it is known well enough. */
static bool end_run(struct openstack_run *run, int64_t next_us, int64_t since_us)
{
	if (run->ended_us)
		return run->ended_us > since_us;
	run->ended_us = MAX(next_us, run->launched_us);
	if (runs_now(run))
		end_span(run, run->ended_us);
	return true;
}

struct update {
	const struct openstack_names *names;
	int64_t since_us, end_us;
	struct arena *arena;
	struct openstack_runs runs; /* what comes out */
};

/* The runs of one server: known ones [0, n), which become older ones, and the present one. */
static int update_server(
	struct update *u, const struct openstack_run *known, size_t n, const struct nova_server *s)
{
	const struct openstack_run *same = find_same(known, n, s);
	struct openstack_run now = { 0 };
	bool ran_before = false;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i++) {
		struct openstack_run past = known[i];

		if (&known[i] == same)
			continue;
		ran_before = runs_now(&past);
		if (end_run(&past, i + 1 < n ? known[i + 1].launched_us : s->launched_us,
			    u->since_us))
			r = push(&u->runs, &past, u->arena);
	}
	if (r < 0)
		return r;
	if (same) {
		now = *same;
		follow(&now, s);
	} else if (n) {
		now.username = known[n - 1].username;
		now.project = known[n - 1].project;
		begin(&now, s, ran_before);
	} else {
		guess(&now, s);
	}
	now.seen_us = u->end_us;
	r = describe(&now, s, u->names, u->arena);
	return r < 0 ? r : push(&u->runs, &now, u->arena);
}

/* The runs of a server that isn't listed any more. */
static int end_server(struct update *u, const struct openstack_run *known, size_t n)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i++) {
		struct openstack_run past = known[i];

		if (!past.ended_us)
			past.status = "DELETED";
		if (end_run(&past, i + 1 < n ? known[i + 1].launched_us : past.seen_us,
			    u->since_us))
			r = push(&u->runs, &past, u->arena);
	}
	return r;
}

/* How many of the sorted runs [from, n) are of the same server. */
static size_t runs_of_one(const struct openstack_runs *runs, size_t from)
{
	size_t n = 1;

	while (from + n < runs->n && str_eq(runs->v[from + n].id, runs->v[from].id))
		n++;
	return n;
}

int openstack_runs_update(const struct openstack_runs *before,
	const struct openstack_servers *servers, const struct openstack_names *names,
	int64_t since_us, int64_t end_us, struct arena *arena, struct openstack_runs *ret_runs)
{
	struct update u = { names, since_us, end_us, arena, { 0 } };
	size_t k = 0, i = 0;

	u.runs.cap = before->n + servers->n;
	u.runs.v = ARENA_ARRAY(arena, struct openstack_run, u.runs.cap + 1);
	if (!u.runs.v)
		return -ENOMEM;
	while (k < before->n || i < servers->n) {
		size_t first = u.runs.n, n = k < before->n ? runs_of_one(before, k) : 0;
		int order = !n            ? 1
			: i == servers->n ? -1
					  : strcmp(before->v[k].id, servers->v[i]->id);
		int r = order < 0 ? end_server(&u, before->v + k, n)
				  : update_server(&u, before->v + k, order ? 0 : n, servers->v[i]);

		if (r < 0)
			return r;
		k += order <= 0 ? n : 0;
		i += order >= 0;
		qsort(u.runs.v + first, u.runs.n - first, sizeof(*u.runs.v), by_id_and_launch);
	}
	*ret_runs = u.runs;
	return 0;
}

static struct openstack_run *room_for_one(struct openstack_runs *runs, struct arena *arena)
{
	size_t cap = runs->cap ? 2 * runs->cap : FIRST_RUNS;
	struct openstack_run *v = runs->v;

	if (runs->n == runs->cap) {
		v = arena_grow(arena, v, runs->n, cap, sizeof(*v));
		if (!v)
			return NULL;
		runs->v = v;
		runs->cap = cap;
	}
	return v;
}

int openstack_runs_recall(
	struct openstack_runs *runs, const struct unit *unit, int64_t seen_ms, struct arena *arena)
{
	struct openstack_run run = {
		.id = unit->uuid,
		.status = unit->state,
		.name = unit->name,
		.project = unit->project,
		.username = unit->username,
		.allocation = unit->allocation,
		.tags = unit->tags,
		.created_us = unit->created_at_ms * US_PER_MS,
		/* CEEMS 0.10.2 writes year 1 for what isn't launched. */
		.launched_us = MAX(unit->started_at_ms, 0) * US_PER_MS,
		.seen_us = seen_ms * US_PER_MS,
	};

	openstack_allocation_amounts(unit->allocation, &run.amounts);
	if (state_of(unit->state) == RUNNING)
		begin_span(&run, run.launched_us, INT64_MAX);
	return room_for_one(runs, arena) ? push(runs, &run, arena) : -ENOMEM;
}

void openstack_runs_sort(struct openstack_runs *runs)
{
	size_t n = 0;

	if (runs->n)
		qsort(runs->v, runs->n, sizeof(*runs->v), by_id_and_launch);
	for (size_t i = 0; i < runs->n; i++)
		if (!n || by_id_and_launch(&runs->v[n - 1], &runs->v[i]) != 0)
			runs->v[n++] = runs->v[i];
	runs->n = n;
}

double openstack_run_seconds(const struct openstack_run *run, int64_t start_us, int64_t end_us)
{
	int64_t us = 0;

	for (size_t i = 0; i < run->n_spans; i++) {
		int64_t from = MAX(run->spans[i].from_us, start_us);
		int64_t to = MIN(run->spans[i].to_us, end_us);

		us += MAX(to - from, 0);
	}
	return (double)us / US_PER_S;
}
