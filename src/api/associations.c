// SPDX-License-Identifier: Apache-2.0
#include "api/associations.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/str.h"

enum { FIRST_PAIRS = 64 };

int association_list_push(
	struct association_list *list, struct arena *arena, const char *project, const char *user)
{
	if (list->n == list->cap) {
		const size_t more = list->cap ? 2 * list->cap : FIRST_PAIRS;
		struct association *v = arena_grow(
			arena, list->v, list->cap, more, sizeof(*list->v));

		if (!v)
			return -ENOMEM;
		list->v = v;
		list->cap = more;
	}
	list->v[list->n++] = (struct association){ project, user };
	return 0;
}

static int by_user(const void *a, const void *b)
{
	const struct association *x = a, *y = b;
	int r = strcmp(x->user, y->user);

	return r ? r : strcmp(x->project, y->project);
}

static int by_project(const void *a, const void *b)
{
	const struct association *x = a, *y = b;
	int r = strcmp(x->project, y->project);

	return r ? r : strcmp(x->user, y->user);
}

/* The distinct projects (or users) of n sorted pairs. */
static int distinct(const struct association *pairs, size_t n, bool of_projects,
	struct arena *arena, struct strings *ret_names)
{
	struct strings names = { .v = ARENA_ARRAY(arena, const char *, n) };

	if (!names.v)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const char *name = of_projects ? pairs[i].project : pairs[i].user;

		if (!names.n || !str_eq(names.v[names.n - 1], name))
			names.v[names.n++] = name;
	}
	*ret_names = names;
	return 0;
}

static int push_user(const struct association *pairs, size_t n,
	const struct association_origin *origin, struct arena *arena, struct user_list *users)
{
	struct user *user = user_list_push(users, arena);

	if (!user)
		return -ENOMEM;
	user->cluster_id = origin->cluster_id;
	user->resource_manager = origin->resource_manager;
	user->last_updated_at = origin->updated_at;
	user->name = pairs[0].user;
	return distinct(pairs, n, true, arena, &user->projects);
}

static int push_project(const struct association *pairs, size_t n,
	const struct association_origin *origin, struct arena *arena, struct project_list *projects)
{
	struct project *project = project_list_push(projects, arena);

	if (!project)
		return -ENOMEM;
	project->cluster_id = origin->cluster_id;
	project->resource_manager = origin->resource_manager;
	project->last_updated_at = origin->updated_at;
	project->name = pairs[0].project;
	return distinct(pairs, n, false, arena, &project->users);
}

int associations_to_lists(struct association_list *pairs, const struct association_origin *origin,
	struct arena *arena, struct user_list *users, struct project_list *projects)
{
	struct association *v = pairs->v;
	const size_t n = pairs->n;
	int r = 0;

	if (!n)
		return 0;
	qsort(v, n, sizeof(*v), by_user);
	for (size_t from = 0, to; r >= 0 && from < n; from = to) {
		for (to = from + 1; to < n && str_eq(v[to].user, v[from].user);)
			to++;
		r = push_user(&v[from], to - from, origin, arena, users);
	}
	qsort(v, n, sizeof(*v), by_project);
	for (size_t from = 0, to; r >= 0 && from < n; from = to) {
		for (to = from + 1; to < n && str_eq(v[to].project, v[from].project);)
			to++;
		r = push_project(&v[from], to - from, origin, arena, projects);
	}
	return r;
}
