// SPDX-License-Identifier: Apache-2.0
#include "exporter/units/unit_processes.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/macros.h"
#include "host/cgroup_parse.h"

struct unit_process {
	uint64_t pid;
	size_t at; /* in the listing */
	size_t group;
};

#define LIST "cgroup.procs"

enum { PIECE_MIN_BYTES = 2048, FIRST_PIDS = 256, FIRST_GROUPS = 64 };

void unit_processes_init(struct unit_processes *p)
{
	p->pids = NULL;
	p->pids_cap = 0;
	p->by_pid = NULL;
	buffer_init(&p->groups, UNIT_GROUP_PATHS_MAX_BYTES);
	p->group_order = NULL;
	p->group_order_cap = 0;
}

void unit_processes_done(struct unit_processes *p)
{
	free(p->pids);
	free(p->by_pid);
	buffer_done(&p->groups);
	free(p->group_order);
}

static bool exists(const struct unit_processes *p, uint64_t pid)
{
	char name[24];

	if (p->listed_is_alive)
		return true;
	snprintf(name, sizeof(name), "%" PRIu64, pid);
	return faccessat(p->procfs_fd, name, F_OK, 0) == 0;
}

static int open_list(int dir_fd, const char *name)
{
	return openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

/* A cgroup.procs, read piece by piece. */
struct reading {
	int fd;
	off_t offset; /* behind what was given out */
	bool last;
};

/*
 * The next whole lines, or an empty slice at the end. The kernel hands out the list in pieces of
 * about a page, so a piece of less than half of one is the last.
 */
static struct slice read_lines(struct unit_processes *p, struct reading *reading)
{
	size_t len = 0;
	ssize_t n = 0;

	while (!reading->last && len < p->text_cap) {
		n = pread(reading->fd, p->text + len, p->text_cap - len,
			reading->offset + (off_t)len);
		if (n < 0 && errno == EINTR)
			continue;
		len += n > 0 ? (size_t)n : 0;
		reading->last = n < PIECE_MIN_BYTES && len < p->text_cap;
	}
	if (!reading->last) {
		while (len && p->text[len - 1] != '\n')
			len--;
		reading->last = !len; /* a line of 64 KiB is no process */
	}
	reading->offset += (off_t)len;
	return (struct slice){ p->text, len };
}

static bool any_listed(struct unit_processes *p, int fd)
{
	struct reading reading = { .fd = fd };
	struct slice rest;
	uint64_t pid;

	while ((rest = read_lines(p, &reading)).n) {
		while (cgroup_pid_next(&rest, &pid)) {
			if (exists(p, pid))
				return true;
		}
	}
	return false;
}

void unit_witness_init(struct unit_witness *witness)
{
	*witness = (struct unit_witness){ .fd = -1 };
}

void unit_witness_done(struct unit_witness *witness)
{
	file_closep(&witness->fd);
	free(witness->list);
	witness->list = NULL;
}

struct search {
	struct unit_processes *p;
	bool may_keep, found;
	struct unit_witness *witness;
	int error; /* that may pass: what was found is not all */
};

/* With no memory for its name, the next search is as long. */
static void keep_witness(struct search *search, int *group_fd, const char *path)
{
	search->found = true;
	if (search->may_keep) {
		search->witness->fd = *group_fd;
		*group_fd = -1;
	} else if (asprintf(&search->witness->list, "%s/" LIST, path) < 0) {
		search->witness->list = NULL;
	}
}

/* Whether the search can end. */
static bool search_group(struct search *search, int parent_fd, const char *name, const char *path)
{
	CLEANUP(file_closep)
	int group_fd = openat(parent_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(file_closep) int fd = group_fd < 0 ? -1 : open_list(group_fd, LIST);

	if (fd < 0) {
		search->error = cgroup_failure_passes(-errno) ? -errno : search->error;
		return false;
	}
	if (!any_listed(search->p, fd))
		return false;
	keep_witness(search, &group_fd, path);
	return true;
}

static int visit(void *ctx, const struct cgroup_dir *dir)
{
	return search_group(ctx, dir->parent_fd, dir->name, dir->path) ? CGROUP_STOP
								       : CGROUP_DESCEND;
}

static void failed(void *ctx, const char *path, int r)
{
	struct search *search = ctx;

	if (cgroup_failure_passes(r))
		search->error = r;
}

static void search_all(struct search *search, const char *path)
{
	const struct cgroup_visitor visitor = { visit, failed, search };
	int r;

	if (search_group(search, search->p->base_fd, path, path))
		return;
	r = cgroup_walk(search->p->walk, search->p->base_fd, path, &visitor);
	if (r < 0)
		failed(search, path, r);
}

static int still_shows_one(struct unit_processes *p, const struct unit_witness *witness)
{
	CLEANUP(file_closep)
	int fd = witness->fd >= 0 ? open_list(witness->fd, LIST)
				  : open_list(p->base_fd, witness->list);

	if (fd < 0)
		return cgroup_failure_passes(-errno) ? -errno : 0;
	return any_listed(p, fd);
}

int unit_processes_any(
	struct unit_processes *p, const char *path, bool may_keep, struct unit_witness *witness)
{
	struct search search = { .p = p, .may_keep = may_keep, .witness = witness };
	int r = witness->fd >= 0 || witness->list ? still_shows_one(p, witness) : 0;

	if (r != 0)
		return r;
	unit_witness_done(witness);
	search_all(&search, path);
	return search.found ? 1 : search.error;
}

static int note_group(void *ctx, const struct cgroup_dir *dir)
{
	struct unit_processes *p = ctx;

	buffer_append(&p->groups, dir->path, dir->path_len + 1);
	return CGROUP_DESCEND;
}

static int by_path(const void *a, const void *b)
{
	return cgroup_path_compare(*(const char *const *)a, *(const char *const *)b);
}

/* The groups below the path in their order. */
static size_t order_groups(struct unit_processes *p, const char *path)
{
	const struct cgroup_visitor visitor = { note_group, NULL, p };
	size_t n = 0;

	buffer_clear(&p->groups);
	(void)cgroup_walk(p->walk, p->base_fd, path, &visitor);
	for (size_t at = 0; at < p->groups.len; n++) {
		if (n == p->group_order_cap) {
			size_t cap = MAX(p->group_order_cap * 2, (size_t)FIRST_GROUPS);
			const char **order = reallocarray(p->group_order, cap, sizeof(*order));

			if (!order)
				break;
			p->group_order = order;
			p->group_order_cap = cap;
		}
		p->group_order[n] = p->groups.data + at;
		at += strlen(p->groups.data + at) + 1;
	}
	if (n)
		qsort(p->group_order, n, sizeof(*p->group_order), by_path);
	return n;
}

static bool room_for_one(struct unit_processes *p, size_t n)
{
	size_t cap = MAX(p->pids_cap * 2, (size_t)FIRST_PIDS);
	struct unit_process *by_pid;
	uint64_t *pids;

	if (n < p->pids_cap)
		return true;
	pids = reallocarray(p->pids, cap, sizeof(*pids));
	if (!pids)
		return false;
	p->pids = pids;
	by_pid = reallocarray(p->by_pid, cap, sizeof(*by_pid));
	if (!by_pid)
		return false;
	p->by_pid = by_pid;
	p->pids_cap = cap;
	return true;
}

/* Appends a group's to the n that there are; returns how many there are then. */
static size_t list_group(
	struct unit_processes *p, const char *path, size_t group, size_t n, size_t max)
{
	CLEANUP(file_closep)
	int group_fd = openat(p->base_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(file_closep) int fd = group_fd < 0 ? -1 : open_list(group_fd, LIST);
	struct reading reading = { .fd = fd };
	struct slice rest;
	uint64_t pid;

	while (fd >= 0 && (rest = read_lines(p, &reading)).n) {
		while (cgroup_pid_next(&rest, &pid)) {
			if (!exists(p, pid))
				continue;
			if (n == max || !room_for_one(p, n))
				return n;
			p->by_pid[n] = (struct unit_process){ pid, n, group };
			p->pids[n++] = pid;
		}
	}
	return n;
}

static int by_pid_then_place(const void *a, const void *b)
{
	const struct unit_process *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return (x->at > y->at) - (x->at < y->at);
}

/* Leaves what the first of several groups lists; how many are left. */
static size_t drop_repeated(struct unit_processes *p, size_t n)
{
	size_t first = 0, kept = 0;

	qsort(p->by_pid, n, sizeof(*p->by_pid), by_pid_then_place);
	for (size_t i = 1; i < n; i++) {
		if (p->by_pid[i].pid != p->by_pid[first].pid)
			first = i;
		if (p->by_pid[i].group != p->by_pid[first].group)
			p->pids[p->by_pid[i].at] = 0; /* no process has that */
	}
	for (size_t i = 0; i < n; i++) {
		if (p->pids[i])
			p->pids[kept++] = p->pids[i];
	}
	return kept;
}

size_t unit_processes_list(
	struct unit_processes *p, const char *path, size_t max, const uint64_t **ret_pids)
{
	const size_t limit = MIN(max, (size_t)UNIT_PIDS_MAX);
	size_t n_groups = order_groups(p, path);
	size_t n = list_group(p, path, 0, 0, limit), first = n;

	for (size_t i = 0; i < n_groups && n < limit; i++)
		n = list_group(p, p->group_order[i], i + 1, n, limit);
	if (n > first)
		n = drop_repeated(p, n);
	*ret_pids = p->pids;
	return n;
}
