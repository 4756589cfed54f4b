// SPDX-License-Identifier: Apache-2.0
#include "api/managers/openstack_names.h"

#include <errno.h>
#include <stdlib.h>

static int by_id(const void *a, const void *b)
{
	const struct keystone_name *x = a, *y = b;

	return strcmp(x->id, y->id);
}

const char *openstack_names_find(const struct keystone_names *names, const char *id)
{
	const struct keystone_name key = { id, NULL }, *found;

	found = names->n ? bsearch(&key, names->v, names->n, sizeof(key), by_id) : NULL;
	return found ? found->name : NULL;
}

int openstack_names_add(struct keystone_names *names, const struct keystone_name *name, bool copy,
	struct arena *arena)
{
	struct keystone_name added = *name;

	if (copy) {
		added.id = arena_strdup(arena, name->id);
		added.name = arena_strdup(arena, name->name);
		if (!added.id || !added.name)
			return -ENOMEM;
	}
	return keystone_names_add(names, &added, arena);
}

void openstack_names_sort(struct keystone_names *names)
{
	size_t n = 0;

	if (names->n)
		qsort(names->v, names->n, sizeof(*names->v), by_id);
	for (size_t i = 0; i < names->n; i++)
		if (!n || !str_eq(names->v[n - 1].id, names->v[i].id))
			names->v[n++] = names->v[i];
	names->n = n;
}

int openstack_names_keep(
	struct keystone_names *names, const struct keystone_names *before, struct arena *arena)
{
	size_t n = names->n;

	for (size_t i = 0; before && i < before->n && names->n < KEYSTONE_NAMES_MAX; i++) {
		const struct keystone_names sorted = { names->v, n, n };

		if (openstack_names_find(&sorted, before->v[i].id))
			continue;
		if (openstack_names_add(names, &before->v[i], true, arena) < 0)
			return -ENOMEM;
	}
	openstack_names_sort(names);
	return 0;
}

int openstack_names_insert(
	struct keystone_names *names, const struct keystone_name *name, struct arena *arena)
{
	if (openstack_names_add(names, name, true, arena) < 0)
		return -ENOMEM;
	for (size_t i = names->n - 1; i > 0 && by_id(&names->v[i - 1], &names->v[i]) > 0; i--) {
		struct keystone_name swapped = names->v[i];

		names->v[i] = names->v[i - 1];
		names->v[i - 1] = swapped;
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct keystone_name *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	return r ? r : strcmp(x->id, y->id);
}

const char *openstack_names_find_id(const struct keystone_names *sorted, const char *name)
{
	size_t from = 0, to = sorted->n;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (strcmp(sorted->v[middle].name, name) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from < sorted->n && str_eq(sorted->v[from].name, name) ? sorted->v[from].id : "";
}

int openstack_names_by_name(
	const struct keystone_names *names, struct arena *arena, struct keystone_names *ret_sorted)
{
	struct keystone_names sorted = { ARENA_ARRAY(arena, struct keystone_name, names->n + 1),
		names->n, names->n };

	if (!sorted.v)
		return -ENOMEM;
	if (names->n) {
		memcpy(sorted.v, names->v, names->n * sizeof(*names->v));
		qsort(sorted.v, sorted.n, sizeof(*sorted.v), by_name);
	}
	*ret_sorted = sorted;
	return 0;
}
