// SPDX-License-Identifier: Apache-2.0
#include "exporter/units/unit_hierarchies.h"

#include <errno.h>
#include <fcntl.h>

#include "basic/file.h"
#include "basic/macros.h"

/* Names of a v1 hierarchy's directory; two controllers in one mount have a link each, if at all. */
static const char *const v1_names[UNIT_HIERARCHIES][3] = {
	[V1_CPUACCT] = { "cpuacct", "cpu,cpuacct", "cpuacct,cpu" },
	[V1_MEMORY] = { "memory" },
	[V1_CPUSET] = { "cpuset" },
	[V1_RDMA] = { "rdma" },
	[V1_BLKIO] = { "blkio" },
	[V1_UNIFIED] = { "unified" },
};

void unit_hierarchies_init(
	struct unit_hierarchies *h, const struct host_root *host, enum cgroup_version version)
{
	*h = (struct unit_hierarchies){
		.host = host,
		.version = version,
		.base = version == CGROUP_V2 ? V2_ONLY : V1_ACTIVE,
		.generation = host_root_generation(host, HOST_CGROUPFS),
	};
	for (size_t i = 0; i < UNIT_HIERARCHIES; i++)
		h->fd[i] = -1;
	unit_hierarchies_find(h);
}

void unit_hierarchies_done(struct unit_hierarchies *h)
{
	for (size_t i = 0; i < UNIT_HIERARCHIES; i++)
		file_closep(&h->fd[i]);
}

/* Takes the descriptor. */
static int keep(struct unit_hierarchies *h, size_t i, int fd, const char *name)
{
	struct place place;
	int r = place_of(fd, "", &place);

	if (r < 0) {
		close(fd);
		return r;
	}
	file_closep(&h->fd[i]);
	h->fd[i] = fd;
	h->name[i] = name;
	h->place[i] = place;
	return fd;
}

static int open_at(struct unit_hierarchies *h, size_t i, const char *name)
{
	int fd = openat(h->host->cgroupfs_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : keep(h, i, fd, name);
}

void unit_hierarchies_find(struct unit_hierarchies *h)
{
	if (host_root_error(h->host, HOST_CGROUPFS) < 0)
		return;
	if (h->version == CGROUP_V2) {
		if (h->fd[V2_ONLY] < 0)
			(void)open_at(h, V2_ONLY, ".");
		return;
	}
	for (size_t i = 0; i < UNIT_HIERARCHIES; i++)
		for (size_t k = 0; k < ARRAY_SIZE(v1_names[i]); k++)
			if (h->fd[i] < 0 && v1_names[i][k])
				(void)open_at(h, i, v1_names[i][k]);
}

int unit_hierarchies_use(struct unit_hierarchies *h, const char *controller)
{
	const char *name;
	int fd;

	if (h->version == CGROUP_V2) {
		unit_hierarchies_find(h);
		return h->fd[V2_ONLY] < 0 ? -ENODATA : h->fd[V2_ONLY];
	}
	fd = cgroup_open_hierarchy(h->host->cgroupfs_fd, controller, &name);
	return fd < 0 ? fd : keep(h, V1_ACTIVE, fd, name);
}

/* What can't be told now is as it was. */
static bool is_another(const struct unit_hierarchies *h, size_t i)
{
	struct place now;
	int r = place_of(h->host->cgroupfs_fd, h->name[i], &now);

	return r < 0 ? r == -ENOENT || r == -ENOTDIR : !place_equal(&now, &h->place[i]);
}

bool unit_hierarchies_follow(struct unit_hierarchies *h)
{
	const unsigned generation = host_root_generation(h->host, HOST_CGROUPFS);
	bool changed = false;

	if (generation != h->generation) {
		h->generation = generation;
		unit_hierarchies_done(h);
		return true;
	}
	for (size_t i = 0; h->version == CGROUP_V1 && i < UNIT_HIERARCHIES; i++) {
		if (h->fd[i] < 0 || !is_another(h, i))
			continue;
		file_closep(&h->fd[i]);
		changed = true;
	}
	return changed;
}
