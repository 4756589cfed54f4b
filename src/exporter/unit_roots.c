// SPDX-License-Identifier: Apache-2.0
#include "exporter/unit_roots.h"

#include <errno.h>
#include <stdlib.h>

#include "basic/macros.h"

struct search {
	struct unit_roots *roots;
	const struct unit_manager *manager;
	enum cgroup_version version;
	int error;
};

static int add(struct unit_roots *roots, const char *path)
{
	struct unit_root *root;

	if (roots->n == UNIT_ROOTS_MAX)
		return -E2BIG;
	if (roots->n == roots->cap) {
		size_t cap = MAX(roots->cap * 2, 4);
		struct unit_root *v = reallocarray(roots->v, cap, sizeof(*v));

		if (!v)
			return -ENOMEM;
		roots->v = v;
		roots->cap = cap;
	}
	root = &roots->v[roots->n];
	*root = (struct unit_root){ .path = strdup(path), .found = true };
	if (!root->path)
		return -ENOMEM;
	unit_files_init(&root->files);
	roots->n++;
	return 0;
}

static int visit(void *ctx, const struct cgroup_dir *dir)
{
	struct search *search = ctx;

	if (!search->manager->is_root(search->version, dir->path))
		return CGROUP_DESCEND;
	for (size_t i = 0; i < search->roots->n; i++) {
		if (str_eq(search->roots->v[i].path, dir->path)) {
			search->roots->v[i].found = true;
			return CGROUP_SKIP;
		}
	}
	search->error = add(search->roots, dir->path);
	return search->error < 0 ? search->error : CGROUP_SKIP;
}

static void failed(void *ctx, const char *path, int r)
{
	struct search *search = ctx;

	if (cgroup_failure_passes(r))
		search->error = -EAGAIN;
}

static void forget(struct unit_root *root, struct unit_reader *reader)
{
	unit_files_done(&root->files, reader);
	free(root->path);
}

int unit_roots_search(struct unit_roots *roots, const struct unit_manager *manager,
	struct cgroup_walk *walk, int base_fd, struct unit_reader *reader)
{
	struct search search = { roots, manager, reader->version, 0 };
	const struct cgroup_visitor visitor = { visit, failed, &search };
	size_t kept = 0;
	int r;

	for (size_t i = 0; i < roots->n; i++)
		roots->v[i].found = false;
	r = cgroup_walk(walk, base_fd,
		reader->version == CGROUP_V2 ? manager->search_v2 : manager->search_v1, &visitor);
	if (cgroup_failure_passes(r) && search.error == 0)
		search.error = -EAGAIN;
	for (size_t i = 0; i < roots->n; i++) {
		if (roots->v[i].found || search.error < 0)
			roots->v[kept++] = roots->v[i];
		else
			forget(&roots->v[i], reader);
	}
	roots->n = kept;
	return search.error;
}

void unit_roots_done(struct unit_roots *roots, struct unit_reader *reader)
{
	for (size_t i = 0; i < roots->n; i++)
		forget(&roots->v[i], reader);
	free(roots->v);
	*roots = (struct unit_roots){ 0 };
}

int unit_roots_read_cpu(struct unit_roots *roots, struct unit_reader *reader)
{
	int ret = -ENODATA;

	for (size_t i = 0; i < roots->n; i++) {
		struct unit_root *root = &roots->v[i];
		uint64_t us;

		if (!root->has_units)
			continue;
		if (unit_files_cpu_usage(reader, &root->files, root->path, &us) < 0) {
			unit_files_done(&root->files, reader);
			continue;
		}
		/* A root that was made anew counts from 0. */
		if (root->cpu_known && us >= root->cpu_us)
			roots->cpu_total_us += us - root->cpu_us;
		else
			roots->cpu_total_us += us;
		root->cpu_us = us;
		root->cpu_known = true;
		ret = 0;
	}
	return ret;
}
