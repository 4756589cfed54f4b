// SPDX-License-Identifier: Apache-2.0
#include "host/root.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/path.h"
#include "host/place.h"
#include "host/privilege.h"

struct followed {
	struct place place; /* if error is 0 */
	_Atomic int error;
	_Atomic unsigned generation;
};

struct host_root_state {
	pthread_mutex_t lock; /* of looking; readers need none */
	struct followed v[N_HOST_ROOTS];
};

static char *cleaned(const char *path)
{
	char *clean = malloc(strlen(path) + 2);

	if (clean)
		path_clean(path, clean);
	return clean;
}

/*
 * A directory in which there never is anything: nobody else can get at one that is removed. Where
 * none can be made, something below which nothing can be.
 */
static int open_nothing(void)
{
	char path[] = "/tmp/ceems-nothing-XXXXXX";
	int fd = -1;

	if (mkdtemp(path)) {
		fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		rmdir(path);
	}
	return fd >= 0 ? fd : open("/dev/null", O_PATH | O_CLOEXEC);
}

/* The directory that is there now, and which it is. A descriptor or -errno. */
static int open_place(const char *path, struct place *ret_place)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	r = place_of(fd, "", ret_place);
	if (r < 0)
		close(fd);
	return r < 0 ? r : fd;
}

static int open_root(struct followed *followed, const char *path, int *ret_fd, struct err *err)
{
	int r = open_place(path, &followed->place);
	int fd = r < 0 ? open_nothing() : r;

	if (fd < 0)
		return err_errno(err, r, "opening directory '%s'", path);
	followed->error = MIN(r, 0);
	*ret_fd = fd;
	return 0;
}

int host_root_open(struct host_root *root, const char *procfs, const char *sysfs,
	const char *cgroupfs, struct err *err)
{
	struct host_root_state *state = calloc(1, sizeof(*state));
	int r = 0;

	*root = (struct host_root){
		.procfs_fd = -1,
		.sysfs_fd = -1,
		.cgroupfs_fd = -1,
		.procfs = cleaned(procfs),
		.sysfs = cleaned(sysfs),
		.cgroupfs = cleaned(cgroupfs),
		.state = state,
	};
	if (state)
		pthread_mutex_init(&state->lock, NULL);
	if (!state || !root->procfs || !root->sysfs || !root->cgroupfs)
		r = err_errno(err, -ENOMEM, "host paths");
	if (r >= 0)
		r = open_root(&state->v[HOST_PROCFS], root->procfs, &root->procfs_fd, err);
	if (r >= 0)
		r = open_root(&state->v[HOST_SYSFS], root->sysfs, &root->sysfs_fd, err);
	if (r >= 0)
		r = open_root(&state->v[HOST_CGROUPFS], root->cgroupfs, &root->cgroupfs_fd, err);
	if (r < 0)
		host_root_close(root);
	return r;
}

void host_root_close(struct host_root *root)
{
	file_closep(&root->procfs_fd);
	file_closep(&root->sysfs_fd);
	file_closep(&root->cgroupfs_fd);
	free((char *)root->procfs);
	free((char *)root->sysfs);
	free((char *)root->cgroupfs);
	root->procfs = root->sysfs = root->cgroupfs = NULL;
	if (root->state)
		pthread_mutex_destroy(&root->state->lock);
	free(root->state);
	root->state = NULL;
}

const char *host_root_path(const struct host_root *root, enum host_root_kind kind)
{
	return kind == HOST_PROCFS   ? root->procfs
		: kind == HOST_SYSFS ? root->sysfs
				     : root->cgroupfs;
}

static int fd_of(const struct host_root *root, enum host_root_kind kind)
{
	return kind == HOST_PROCFS   ? root->procfs_fd
		: kind == HOST_SYSFS ? root->sysfs_fd
				     : root->cgroupfs_fd;
}

int host_root_error(const struct host_root *root, enum host_root_kind kind)
{
	if (!root->state)
		return fd_of(root, kind) < 0 ? -ENOENT : 0;
	return root->state->v[kind].error;
}

unsigned host_root_generation(const struct host_root *root, enum host_root_kind kind)
{
	return root->state ? root->state->v[kind].generation : 0;
}

/* Whether that tells that there is no such directory, and not that nobody can say. */
static bool is_missing(int r)
{
	return r == -ENOENT || r == -ENOTDIR || r == -ELOOP;
}

/* What is there, or nothing, behind the descriptor that everybody has. */
static bool put_in_place(struct followed *followed, const char *path, int root_fd)
{
	struct place place = { 0 };
	int fd = open_place(path, &place), error = MIN(fd, 0);

	if (is_missing(error))
		fd = open_nothing();
	if (fd < 0)
		return false; /* no descriptor, no memory: the next look may have it */
	if (dup3(fd, root_fd, O_CLOEXEC) < 0) {
		close(fd);
		return false;
	}
	close(fd);
	followed->place = place;
	followed->error = error;
	followed->generation++;
	return true;
}

/* r is what place_of() said now. */
static bool is_another(const struct followed *followed, int r, const struct place *now)
{
	if (r < 0)
		return is_missing(r) && followed->error == 0;
	return followed->error < 0 || !place_equal(now, &followed->place);
}

static bool follow(struct followed *followed, const char *path, int root_fd)
{
	struct place now = { 0 };
	capability_set raised = 0;
	int r = place_of(AT_FDCWD, path, &now);
	bool changed;

	if (r == -EACCES) { /* a directory on the way is root's, who opened the path first */
		raised = privilege_raise(CAPABILITY(CAP_DAC_READ_SEARCH));
		r = place_of(AT_FDCWD, path, &now);
	}
	changed = is_another(followed, r, &now) && put_in_place(followed, path, root_fd);
	privilege_lower(raised);
	return changed;
}

unsigned host_root_follow(const struct host_root *root)
{
	unsigned changed = 0;

	if (!root->state)
		return 0;
	pthread_mutex_lock(&root->state->lock);
	for (int kind = 0; kind < N_HOST_ROOTS; kind++)
		if (follow(&root->state->v[kind], host_root_path(root, kind), fd_of(root, kind)))
			changed |= 1U << kind;
	pthread_mutex_unlock(&root->state->lock);
	return changed;
}
