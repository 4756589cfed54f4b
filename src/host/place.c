// SPDX-License-Identifier: Apache-2.0
#include "host/place.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

int place_of(int dir_fd, const char *path, struct place *ret_place)
{
	struct statx st;

	if (statx(dir_fd, path, AT_NO_AUTOMOUNT | (*path ? 0 : AT_EMPTY_PATH),
		    STATX_TYPE | STATX_INO | STATX_MNT_ID, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.stx_mode))
		return -ENOTDIR;
	*ret_place = (struct place){
		.device = (uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor,
		.inode = st.stx_ino,
		.mount = st.stx_mask & STATX_MNT_ID ? st.stx_mnt_id : 0,
	};
	return 0;
}

bool place_equal(const struct place *a, const struct place *b)
{
	return a->device == b->device && a->inode == b->inode && a->mount == b->mount;
}
