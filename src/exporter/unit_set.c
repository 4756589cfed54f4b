// SPDX-License-Identifier: Apache-2.0
#include "exporter/unit_set.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/file.h"
#include "basic/macros.h"

void unit_set_init(struct unit_set *set, struct unit_reader *reader)
{
	*set = (struct unit_set){ .reader = reader };
}

static void close_files(struct unit_set *set, struct unit *u)
{
	unit_files_done(&u->files, set->reader);
	if (u->witness_fd >= 0)
		set->reader->n_open--;
	file_closep(&u->witness_fd);
}

static void unit_free(struct unit_set *set, struct unit *u)
{
	close_files(set, u);
	free(u->identity);
	free(u);
}

void unit_set_free_dead(struct unit_set *set)
{
	while (set->dead) {
		struct unit *u = set->dead;

		set->dead = u->next_dead;
		unit_free(set, u);
	}
}

void unit_set_done(struct unit_set *set)
{
	unit_set_free_dead(set);
	for (size_t i = 0; i < set->n; i++)
		unit_free(set, set->v[i]);
	free(set->v);
	unit_index_done(&set->index);
}

struct unit *unit_set_find(const struct unit_set *set, const struct cgroup_dir *dir)
{
	return unit_index_find(
		&set->index, (struct unit_index_key){ dir->inode, dir->path, dir->path_len });
}

static int add_to_index(struct unit_set *set, struct unit *u)
{
	return unit_index_add(
		&set->index, (struct unit_index_key){ u->inode, u->path, u->path_len }, u);
}

static struct unit *unit_new(
	const char *manager, const struct cgroup_dir *dir, const struct unit_match *match)
{
	const size_t id_at = dir->path_len + 1, host_at = id_at + strlen(match->id) + 1;
	struct unit *u = calloc(1, sizeof(*u) + host_at + strlen(match->virtual_host) + 1);
	struct stat st;

	if (!u)
		return NULL;
	memcpy(u->path, dir->path, dir->path_len);
	strcpy(u->path + id_at, match->id);
	strcpy(u->path + host_at, match->virtual_host);
	u->path_len = dir->path_len;
	u->id = u->path + id_at;
	u->key = (struct unit_key){ manager, u->path + host_at, u->id };
	u->inode = dir->inode;
	u->identity_wanted = match->needs_identity;
	u->witness_fd = -1;
	unit_files_init(&u->files);
	if (fstatat(dir->parent_fd, dir->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		u->born_ns = (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec;
	return u;
}

int unit_set_add(struct unit_set *set, const char *manager, const struct cgroup_dir *dir,
	const struct unit_match *match, uint64_t scan)
{
	struct unit *u;

	if (set->n == UNITS_MAX)
		return -ENOSPC;
	if (set->n == set->cap) {
		size_t cap = MAX(set->cap * 2, 64);
		struct unit **v = reallocarray(set->v, cap, sizeof(*v));

		if (!v)
			return -ENOMEM;
		set->v = v;
		set->cap = cap;
	}
	u = unit_new(manager, dir, match);
	if (!u)
		return -ENOMEM;
	if (add_to_index(set, u) < 0) {
		unit_free(set, u);
		return -ENOMEM;
	}
	u->scan = scan;
	set->v[set->n++] = u;
	set->changed = true;
	return 0;
}

/* Descriptors go at once, the key only when the ledger has let go of it. */
static void drop(struct unit_set *set, struct unit *u)
{
	if (!u->sampled) {
		unit_free(set, u);
		return;
	}
	close_files(set, u);
	u->next_dead = set->dead;
	set->dead = u;
}

void unit_set_drop_unseen(struct unit_set *set, uint64_t scan)
{
	size_t kept = 0;

	for (size_t i = 0; i < set->n; i++) {
		if (set->v[i]->scan == scan)
			set->v[kept++] = set->v[i];
		else
			drop(set, set->v[i]);
	}
	if (kept == set->n)
		return;
	set->n = kept;
	set->changed = true;
	unit_index_clear(&set->index);
	for (size_t i = 0; i < set->n; i++)
		(void)add_to_index(set, set->v[i]); /* there is room: it held more before */
}

static int by_path(const void *a, const void *b)
{
	return strcmp((*(struct unit *const *)a)->path, (*(struct unit *const *)b)->path);
}

void unit_set_settle(struct unit_set *set)
{
	if (!set->changed)
		return;
	set->changed = false;
	qsort(set->v, set->n, sizeof(struct unit *), by_path);
	set->virtual_hosts = false;
	for (size_t i = 0; i < set->n; i++)
		set->virtual_hosts |= set->v[i]->key.cgrouphostname[0] != '\0';
}
