// SPDX-License-Identifier: Apache-2.0
#include "exporter/unit_processes.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "basic/file.h"
#include "host/cgroup_parse.h"

enum { PIECE_MIN_BYTES = 2048 };

struct search {
	struct unit_processes *p;
	uint64_t *pids; /* NULL: one is enough */
	size_t n, max;
	int witness_fd;
	int error; /* that may pass: what was found is not all */
};

static bool exists(const struct unit_processes *p, uint64_t pid)
{
	char name[24];

	if (p->listed_is_alive)
		return true;
	snprintf(name, sizeof(name), "%" PRIu64, pid);
	return faccessat(p->procfs_fd, name, F_OK, 0) == 0;
}

/*
 * The kernel hands out the list in pieces of about a page, so a piece of less than half of one is
 * the last. What doesn't fit the scratch is left out.
 */
static struct slice read_list(struct unit_processes *p, int fd)
{
	size_t len = 0;
	ssize_t n;

	do {
		n = pread(fd, p->text + len, p->text_cap - len, (off_t)len);
		len += n > 0 ? (size_t)n : 0;
	} while (len < p->text_cap && (n >= PIECE_MIN_BYTES || (n < 0 && errno == EINTR)));
	if (len == p->text_cap) {
		while (len && p->text[len - 1] != '\n')
			len--;
	}
	return (struct slice){ p->text, len };
}

static bool any_listed(struct unit_processes *p, int fd)
{
	struct slice rest = read_list(p, fd);
	uint64_t pid;

	while (cgroup_pid_next(&rest, &pid)) {
		if (exists(p, pid))
			return true;
	}
	return false;
}

static int open_list(int group_fd)
{
	return openat(group_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

/* Whether the search can end. */
static bool search_group(struct search *search, int parent_fd, const char *name)
{
	CLEANUP(file_closep)
	int group_fd = openat(parent_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(file_closep) int fd = group_fd < 0 ? -1 : open_list(group_fd);
	struct slice rest;
	uint64_t pid;

	if (fd < 0) {
		search->error = cgroup_failure_passes(-errno) ? -errno : search->error;
		return false;
	}
	if (!search->pids) {
		if (!any_listed(search->p, fd))
			return false;
		search->witness_fd = group_fd;
		group_fd = -1;
		return true;
	}
	rest = read_list(search->p, fd);
	while (search->n < search->max && cgroup_pid_next(&rest, &pid)) {
		if (exists(search->p, pid))
			search->pids[search->n++] = pid;
	}
	return search->n == search->max;
}

static int visit(void *ctx, const struct cgroup_dir *dir)
{
	return search_group(ctx, dir->parent_fd, dir->name) ? CGROUP_STOP : CGROUP_DESCEND;
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

	if (search_group(search, search->p->base_fd, path))
		return;
	r = cgroup_walk(search->p->walk, search->p->base_fd, path, &visitor);
	if (r < 0)
		failed(search, path, r);
}

static int still_shows_one(struct unit_processes *p, int group_fd)
{
	CLEANUP(file_closep) int fd = open_list(group_fd);

	if (fd < 0)
		return cgroup_failure_passes(-errno) ? -errno : 0;
	return any_listed(p, fd);
}

int unit_processes_any(struct unit_processes *p, const char *path, int *witness_fd)
{
	struct search search = { .p = p, .witness_fd = -1 };
	int r = *witness_fd >= 0 ? still_shows_one(p, *witness_fd) : 0;

	if (r != 0)
		return r;
	file_closep(witness_fd);
	search_all(&search, path);
	*witness_fd = search.witness_fd;
	if (*witness_fd >= 0)
		return 1;
	return search.error;
}

size_t unit_processes_list(struct unit_processes *p, const char *path, uint64_t *pids, size_t max)
{
	struct search search = { .p = p, .pids = pids, .max = max, .witness_fd = -1 };

	search_all(&search, path);
	return search.n;
}
