// SPDX-License-Identifier: Apache-2.0
#include "exporter/units/unit_roots.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

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

/* 0 or add()'s error. */
static int found(struct search *search, const char *path)
{
	for (size_t i = 0; i < search->roots->n; i++) {
		if (str_eq(search->roots->v[i].path, path)) {
			search->roots->v[i].found = true;
			return 0;
		}
	}
	search->error = add(search->roots, path);
	return search->error;
}

static int visit(void *ctx, const struct cgroup_dir *dir)
{
	struct search *search = ctx;
	int r;

	if (!search->manager->is_root(search->version, dir->path))
		return CGROUP_DESCEND;
	r = found(search, dir->path);
	return r < 0 ? r : CGROUP_SKIP;
}

static void failed(void *ctx, const char *path, int r)
{
	struct search *search = ctx;

	if (cgroup_failure_passes(r))
		search->error = -EAGAIN;
}

static void search_tree(struct search *search, struct cgroup_walk *walk, int base_fd)
{
	const struct cgroup_visitor visitor = { visit, failed, search };
	const struct unit_manager *m = search->manager;
	int r = cgroup_walk(walk, base_fd,
		search->version == CGROUP_V2 ? m->search_v2 : m->search_v1, &visitor);

	if (cgroup_failure_passes(r) && search->error == 0)
		search->error = -EAGAIN;
}

static void search_names(struct search *search, int base_fd)
{
	const struct unit_manager *m = search->manager;
	struct stat st;

	for (const char *const *name = m->root_names; *name && search->error == 0; name++) {
		if (fstatat(base_fd, *name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			if (cgroup_failure_passes(-errno))
				search->error = -EAGAIN;
			continue;
		}
		if (S_ISDIR(st.st_mode) && found(search, *name) >= 0 && m->first_root_only)
			return;
	}
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
	size_t kept = 0;

	for (size_t i = 0; i < roots->n; i++)
		roots->v[i].found = false;
	if (manager->root_names)
		search_names(&search, base_fd);
	else
		search_tree(&search, walk, base_fd);
	for (size_t i = 0; i < roots->n; i++) {
		if (roots->v[i].found || search.error < 0)
			roots->v[kept++] = roots->v[i];
		else
			forget(&roots->v[i], reader);
	}
	roots->n = kept;
	return search.error;
}

void unit_roots_forget(struct unit_roots *roots, struct unit_reader *reader)
{
	for (size_t i = 0; i < roots->n; i++)
		forget(&roots->v[i], reader);
	roots->n = 0;
	roots->count_from_here = true;
}

void unit_roots_done(struct unit_roots *roots, struct unit_reader *reader)
{
	unit_roots_forget(roots, reader);
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
		else if (!roots->count_from_here)
			roots->cpu_total_us += us;
		root->cpu_us = us;
		root->cpu_known = true;
		ret = 0;
	}
	if (ret >= 0 && roots->count_from_here) {
		roots->count_from_here = false;
		return -ENODATA;
	}
	return ret;
}
