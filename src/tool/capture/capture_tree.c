// SPDX-License-Identifier: Apache-2.0
#include "tool/capture/capture_tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "basic/macros.h"

void capture_tree_init(
	struct capture_tree *tree, size_t limit_bytes, const struct anonymiser *anonymiser)
{
	*tree = (struct capture_tree){ .limit_bytes = limit_bytes, .anonymiser = anonymiser };
	/* Paths and rows come on top of the data. */
	arena_init(&tree->arena, limit_bytes + ((size_t)CAPTURE_ITEMS_MAX * 1024));
}

void capture_tree_done(struct capture_tree *tree)
{
	arena_done(&tree->arena);
	free(tree->v);
	free(tree->failures);
	*tree = (struct capture_tree){ 0 };
}

static int grow(struct capture_tree *tree)
{
	size_t cap = tree->cap ? tree->cap * 2 : 256;
	struct capture_item *v = reallocarray(tree->v, cap, sizeof(*v));

	if (!v)
		return -ENOMEM;
	tree->v = v;
	tree->cap = cap;
	return 0;
}

int capture_tree_add(struct capture_tree *tree, enum tar_type type, const char *path,
	const char *target, struct slice data)
{
	struct capture_item item = { .type = type };
	char *copy;

	if (tree->n == CAPTURE_ITEMS_MAX || data.n > tree->limit_bytes - tree->bytes ||
		!tar_name_is_safe(path)) {
		tree->cut = true;
		return 0;
	}
	if (tree->n == tree->cap && grow(tree) < 0)
		return -ENOMEM;
	item.path = arena_strdup(&tree->arena, path);
	item.target = arena_strdup(&tree->arena, target ? target : "");
	copy = arena_alloc(&tree->arena, data.n + 1);
	if (!item.path || !item.target || !copy)
		return -ENOMEM;
	if (data.n)
		memcpy(copy, data.p, data.n);
	copy[data.n] = '\0';
	item.data = (struct slice){ copy, data.n };
	tree->bytes += data.n;
	tree->v[tree->n++] = item;
	return 0;
}

void capture_tree_failed(struct capture_tree *tree, const char *path, int error)
{
	CLEANUP(buffer_done) struct buffer text = { 0 };

	if (!tree->failures)
		tree->failures = calloc(CAPTURE_FAILURES_MAX, sizeof(*tree->failures));
	anonymise(tree->anonymiser, slice_from(path), &text);
	/* Several patterns come by the same place. */
	for (size_t i = 0; i < tree->n_failures; i++) {
		if (str_eq(tree->failures[i].path, buffer_text(&text)))
			return;
	}
	if (tree->failures && tree->n_failures < CAPTURE_FAILURES_MAX && !buffer_error(&text)) {
		const char *copy = arena_strdup(&tree->arena, buffer_text(&text));

		if (copy)
			tree->failures[tree->n_failures++] = (struct capture_failure){ copy,
				error };
	}
}

static int by_path(const void *a, const void *b)
{
	const struct capture_item *x = a, *y = b;

	return strcmp(x->path, y->path);
}

void capture_tree_sort(struct capture_tree *tree)
{
	size_t kept = 0;

	if (tree->n)
		qsort(tree->v, tree->n, sizeof(*tree->v), by_path);
	for (size_t i = 0; i < tree->n; i++) {
		if (!kept || !str_eq(tree->v[kept - 1].path, tree->v[i].path))
			tree->v[kept++] = tree->v[i];
	}
	tree->n = kept;
}

static bool same(const struct capture_item *a, const struct capture_item *b)
{
	return a->type == b->type && str_eq(a->target, b->target) && a->data.n == b->data.n &&
		memcmp(a->data.p, b->data.p, a->data.n) == 0;
}

int capture_tree_diff(const struct capture_tree *before, const struct capture_tree *after,
	const char *folder, struct buffer *archive)
{
	CLEANUP(buffer_done) struct buffer gone = { 0 };
	char name[TAR_NAME_MAX + 1];
	size_t i = 0, j = 0;
	int changed = 0;

	while (i < before->n || j < after->n) {
		const struct capture_item *old = i < before->n ? &before->v[i] : NULL;
		const struct capture_item *new = j < after->n ? &after->v[j] : NULL;
		int order = !old ? 1 : !new ? -1 : strcmp(old->path, new->path);

		i += order <= 0;
		j += order >= 0;
		if (order < 0) {
			buffer_append(&gone, old->path, strlen(old->path) + 1);
		} else if (order > 0 || !same(old, new)) {
			if (snprintf(name, sizeof(name), "%s/%s", folder, new->path) >=
				(int)sizeof(name))
				continue;
			changed = 1;
			tar_append(archive, new->type, name, new->target, new->data);
		}
	}
	if (gone.len > 0) {
		changed = 1;
		snprintf(name, sizeof(name), "%s.gone", folder);
		tar_append(archive, TAR_FILE, name, NULL, (struct slice){ gone.data, gone.len });
	}
	return buffer_error(&gone) ? -ENOMEM : changed;
}
