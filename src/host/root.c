// SPDX-License-Identifier: Apache-2.0
#include "host/root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/path.h"

static char *cleaned(const char *path)
{
	char *clean = malloc(strlen(path) + 2);

	if (clean)
		path_clean(path, clean);
	return clean;
}

/* A directory in which there never is anything: nobody else can get at one that is removed. */
static int open_nothing(void)
{
	char path[] = "/tmp/ceems-nothing-XXXXXX";
	int fd;

	if (!mkdtemp(path))
		return -1;
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	rmdir(path);
	return fd;
}

static int open_dir(const char *path, int *ret_fd, int *ret_error, struct err *err)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		*ret_error = -errno;
		fd = open_nothing();
	}
	if (fd < 0)
		return err_errno(err, *ret_error, "opening directory '%s'", path);
	*ret_fd = fd;
	return 0;
}

int host_root_open(struct host_root *root, const char *procfs, const char *sysfs,
	const char *cgroupfs, struct err *err)
{
	int r = 0;

	*root = (struct host_root){
		.procfs_fd = -1,
		.sysfs_fd = -1,
		.cgroupfs_fd = -1,
		.procfs = cleaned(procfs),
		.sysfs = cleaned(sysfs),
		.cgroupfs = cleaned(cgroupfs),
	};
	if (!root->procfs || !root->sysfs || !root->cgroupfs)
		r = err_errno(err, -ENOMEM, "host paths");
	if (r >= 0)
		r = open_dir(root->procfs, &root->procfs_fd, &root->procfs_error, err);
	if (r >= 0)
		r = open_dir(root->sysfs, &root->sysfs_fd, &root->sysfs_error, err);
	if (r >= 0)
		root->cgroupfs_fd = open(root->cgroupfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
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
}
